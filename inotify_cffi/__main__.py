"""``python -m inotify_cffi`` is the command ``inotify-cffi``."""

from __future__ import annotations

import sys

from inotify_cffi.cli.program import main

if __name__ == "__main__":
    sys.exit(main())
