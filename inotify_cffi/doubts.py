"""What is in doubt: names and directories that are to be looked at again when the queue is empty. Pure.

Whatever goes wrong (a race, a watch that failed, lost events, an unmount) has this one remedy.
"""

from __future__ import annotations

from inotify_cffi.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Dict, Tuple

    from inotify_cffi.nodes import Node

__all__ = ["Doubts"]


class Doubts:
    """Marks, each once, in the order in which they were made."""

    def __init__(self) -> None:
        self._suspects: Dict[Tuple[Node, str], None] = {}
        self._stale: Dict[Node, bool] = {}

    def suspect(self, parent: Node, name: str) -> None:
        """Mark a name: does the directory hold it, and as what?"""
        self._suspects[parent, name] = None

    def doubt(self, node: Node, *, relist: bool) -> None:
        """Mark a directory as stale: is it still where it is said to be, and (*relist*) what does it hold?"""
        self._stale[node] = relist or self._stale.get(node, False)

    def clear_node(self, node: Node) -> None:
        """Take the mark off a directory that was just watched and listed."""
        self._stale.pop(node, None)

    def __bool__(self) -> bool:
        return bool(self._suspects or self._stale)

    def take_suspects(self, most: int | None = None) -> list[tuple[Node, str]]:
        """Return the marked names, *most* of them at most, and forget those."""
        suspects = list(self._suspects)
        self._suspects = {} if most is None else dict.fromkeys(suspects[most:])
        return suspects[:most]

    def take_stale(self) -> Dict[Node, bool]:
        """Return the marked directories, with True for those to be listed, and forget them."""
        stale, self._stale = self._stale, {}
        return stale
