"""Have all collected that nothing refers to, with any interpreter."""

import gc
import sys


def collect():
    # On PyPy each object with an end of its own takes a round, and those that it refers to the next.
    for _ in range(10 if sys.implementation.name == "pypy" else 2):
        gc.collect()
