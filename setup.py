"""Compile the cffi module; everything else is declared in pyproject.toml."""

import sys
import sysconfig

from setuptools import setup

# One wheel serves every CPython from 3.9 on; PyPy and free-threaded builds
# have no stable ABI and keep their own tags.
abi3 = sys.implementation.name == "cpython" and not sysconfig.get_config_var("Py_GIL_DISABLED")

setup(
    cffi_modules=["build_ffi.py:ffibuilder"],
    options={"bdist_wheel": {"py_limited_api": "cp39"}} if abi3 else {},
)
