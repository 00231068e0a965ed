"""What a name stands for among the entry points of what is installed, without ``importlib.metadata``.

To import that takes longer than all else that a start of the command line needs: it brings email, zipfile, csv and
pathlib. Less is asked here: what the first distribution on ``sys.path`` with a plugin of a name says of it.
That is in ``entry_points.txt``, in a directory beside the packages. Whatever is not as plain as that, an archive
on the path, a finder with distributions of its own, is left to ``importlib.metadata``, as all else is.
"""

from __future__ import annotations

import os
import sys
from typing import Iterator, Tuple

__all__ = ["UnusualError", "quickly"]

# How the directory is named that has what is known of a distribution.
DIRECTORIES = (".dist-info", ".egg-info")


class UnusualError(Exception):
    """It can not be known by this."""


def quickly(group: str, name: str) -> str | None:
    """Return what an entry point of a group stands for, ``module:attr``; None if there is none of that name.

    Raises UnusualError where ``importlib.metadata`` is to be asked.
    """
    if any(_has_its_own(finder) for finder in sys.meta_path):
        raise UnusualError
    for directory in sys.path:
        for text in _texts(directory or "."):
            if group in text:
                for found, value in _points(text, group):
                    if found == name:
                        return _checked(value)
    return None


def _has_its_own(finder: object) -> bool:
    """Return True for a finder that knows of distributions which are not directories on ``sys.path``."""
    find = getattr(finder, "find_distributions", None)
    return find is not None and getattr(finder, "__module__", "") != "_frozen_importlib_external"


def _texts(directory: str) -> Iterator[str]:
    """Yield what each distribution in a directory says of its entry points."""
    try:
        names = os.listdir(directory)
    except FileNotFoundError:
        return
    except OSError as error:
        # An archive, most likely.
        raise UnusualError from error
    for name in names:
        if name.endswith(".egg"):
            raise UnusualError
        if name.lower().endswith(DIRECTORIES):
            try:
                with open(os.path.join(directory, name, "entry_points.txt"), encoding="utf-8") as stream:
                    text = stream.read()
            except (FileNotFoundError, NotADirectoryError):
                continue
            except (OSError, ValueError) as error:
                raise UnusualError from error
            # Behind the file: whoever asks may ask for no more.
            yield text


def _points(text: str, group: str) -> Iterator[Tuple[str, str]]:
    section = ""
    for line in map(str.strip, text.splitlines()):
        if line.startswith("[") and line.endswith("]"):
            section = line[1:-1]
        elif section == group and line and not line.startswith("#"):
            name, equals, value = line.partition("=")
            if not equals:
                raise UnusualError
            yield name.strip(), value.strip()


def _checked(value: str) -> str:
    """Return it, if it is a module and an attribute, and nothing besides."""
    module, _, attribute = value.partition(":")
    if not all(part.isidentifier() for part in (*module.split("."), *(attribute or "x").split("."))):
        raise UnusualError
    return value
