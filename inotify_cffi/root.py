"""What the user added: a path, and what was asked for it."""

from __future__ import annotations

import os

from inotify_cffi._storage import NONE
from inotify_cffi.nodes import NO_WD, Node
from inotify_cffi.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Tuple

    from inotify_cffi.nodes import Nodes
    from inotify_cffi.rules import Rules

__all__ = ["Root"]


class Root(Node):
    """A path that the user added, and what was asked for it.

    ``given`` is the path as the user wrote it, str or bytes, and ``name`` the same as str; ``location`` is
    where it is, whatever the working directory will be.
    """

    __slots__ = (
        "_asked",
        "_rules",
        "also",
        "attached",
        "device",
        "given",
        "kernel_mask",
        "location",
        "raised",
        "raw",
        "shown",
        "top",
        "waits",
        "wanted",
    )

    def __init__(self, given: str | bytes, location: str, *, asked: int, kernel_mask: int, rules: Rules) -> None:
        # It is not in a ledger yet, and then it is no handle of what is elsewhere.
        self.number = NONE
        self.name = os.fsdecode(given)
        self.parent = None
        self.wd = NO_WD
        self._link = False
        self.place = None
        self.given = given
        self.location = location
        # The directory that is watched, and the path it is told by: those of the location, or of where a file is.
        self.top = location
        self.shown = given
        self._asked = asked
        # What is told of it besides, for a reader that hides it.
        self.also = 0
        self.kernel_mask = kernel_mask
        self._rules = rules
        self.wanted = rules
        self.attached = True
        # True if it may be missing, and is waited for.
        self.waits = False
        # Of the file system that the root was last seen on.
        self.device = 0
        # True for the drop-in: tell also what a watched directory says of itself, and who reads directories.
        self.raw = False
        # What a directory reports besides once it is listed, with all below it: not the listing itself, then.
        self.raised = 0

    def become_file(self) -> None:
        """What is at the location is no directory: watch the directory that it is in, for its name only."""
        self.top, name = os.path.split(self.location)
        rules = self.wanted._replace(
            only=frozenset([name]), max_depth=1, exclude=(), include=(), gitignore=False, tracks_files=True
        )
        self._become(os.path.dirname(self.given), rules)

    def become_directory(self) -> None:
        """What is at the location is a directory, or to be one."""
        self.top = self.location
        self._become(self.given, self.wanted)

    def _become(self, shown: str | bytes, rules: Rules) -> None:
        self.shown = shown
        self.name = os.fsdecode(shown)
        self._rules = rules
        self.place = None
        self.say()

    def join(self, nodes: Nodes) -> None:
        """Be a node of a ledger."""
        self._nodes = nodes
        name, rules = os.fsencode(self.shown), self._rules
        self.number = nodes.memory.add_root(
            name, asked=self.asked, is_plain=rules.is_plain, passes=not rules.tracks_files
        )
        nodes.hold(self)

    def say(self) -> None:
        """Let the memory have what is here."""
        if self.number != NONE:
            name, rules = os.fsencode(self.shown), self._rules
            self._nodes.memory.set_root(
                self.number, name, asked=self.asked, is_plain=rules.is_plain, passes=not rules.tracks_files
            )

    @property
    def asked(self) -> int:
        """What is told of it, and of all below it: a mask."""
        return self._asked | self.also

    @property
    def own(self) -> int:
        """What the user asked for."""
        return self._asked

    def first(self, flags: Tuple[int, ...]) -> int:
        """Return the first of some flags that the user asked for, else the first that is told; 0 if none is."""
        return next((flag for asked in (self._asked, self.also) for flag in flags if asked & flag), 0)

    def ask_also(self, mask: int) -> None:
        """Have these kinds of events told, whatever the user asked for."""
        self.also = mask
        self.say()

    @property
    def rules(self) -> Rules:
        """What is watched of it now."""
        return self._rules
