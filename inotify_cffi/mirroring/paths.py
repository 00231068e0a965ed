"""Parts of paths, of str and of bytes; nothing is normalised, for a root may be given as ``a/./b``."""

from __future__ import annotations

from typing import TYPE_CHECKING, FrozenSet

if TYPE_CHECKING:
    from typing import AnyStr

__all__ = ["is_below", "name_of", "parent_of", "slash_of", "trimmed"]

NO_NAMES: FrozenSet[str | bytes] = frozenset(("", ".", "..", b"", b".", b".."))


def slash_of(path: AnyStr) -> AnyStr:
    """Return a slash of the path's type."""
    return "/" if isinstance(path, str) else b"/"


def trimmed(path: AnyStr) -> AnyStr:
    """Return a path without one slash at its end; the root directory becomes the empty path."""
    return path.removesuffix(slash_of(path))


def parent_of(path: AnyStr) -> AnyStr | None:
    """Return the path of the directory that an entry is in; None for a name alone."""
    cut = path.rfind(slash_of(path))
    return None if cut < 0 else path[:cut]


def name_of(path: AnyStr) -> AnyStr:
    """Return the last part of a path."""
    return path[path.rfind(slash_of(path)) + 1 :]


def is_below(path: AnyStr, root: AnyStr) -> bool:
    """Return True if a path is told by a root, which is trimmed: as the root was given, then names.

    So ``a/./b`` is not below ``a``, but below a root that was given as ``a/.``.
    """
    start = root + slash_of(root)
    return path.startswith(start) and NO_NAMES.isdisjoint(path[len(start) :].split(slash_of(root)))
