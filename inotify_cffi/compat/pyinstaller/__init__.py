"""For PyInstaller, which asks by the entry point ``pyinstaller40`` where the hook is: beside this file."""

from __future__ import annotations

import os

__all__ = ["hook_directories"]


def hook_directories() -> list[str]:
    """Return the directories with hooks."""
    return [os.path.dirname(__file__)]
