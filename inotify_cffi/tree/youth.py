"""Stamps that were taken so soon that a later change may leave them as they are.

A file system takes the time of a change from a clock that goes in steps: of a tick of the kernel, of 2 s on FAT.
What is written twice in one step, and is as long as before, has one stamp; so a stamp that is no older than a step
may be that of another content when the step is over. Such a file is told once more.

Whether it is so old is known by this machine's clock, if the file system's is that. Of another one it is known
that it has come to the latest time that was seen there, and has gone on since then.
"""

from __future__ import annotations

from inotify_cffi.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Dict, Iterable, Tuple

    from inotify_cffi.ledger.nodes import Node
    from inotify_cffi.tree.disk import Moment
    from inotify_cffi.tree.ground import Ground

    Key = Tuple[int, str]

__all__ = ["Youth"]

NS = 1_000_000_000
# The longest step of a clock that has more than milliseconds (HZ=100), and some for the call; and of others.
TICK_NS = 20_000_000
COARSEST_NS = 2_100_000_000


def step_ns(changed_ns: int) -> int:
    """Return how long a step of the clock may be that gave a time."""
    return TICK_NS if changed_ns % 1_000_000 else COARSEST_NS


class Youth:
    """The files whose stamps are young."""

    def __init__(self, ground: Ground) -> None:
        self._disk = ground.disk
        self._intake = ground.intake
        # Of what is compared again and again: until when, by the steady clock.
        self._young: Dict[Key, int] = {}
        # Of what events tell: a later change has an event of its own, so it counts only where events were lost.
        # Two parts, each up to a moment, so that the older one can be forgotten as a whole.
        self._fresh: Dict[Key, None] = {}
        self._older: Dict[Key, None] = {}
        self._fresh_until = self._older_until = 0
        # Of a clock that is not ours, by its file system: the latest time that was seen, and when.
        self._latest: Dict[int, Tuple[int, int]] = {}

    def due(self, node: Node, names: Iterable[str], *, is_lost: bool) -> set[str]:
        """Return those of some files that may have another content, though they have the stamp that they had."""
        number = node.number
        due: set[str] = set()
        if self._young:
            now = _ns(self._disk.now().steady)
            due.update(name for name in names if self._young.get((number, name), now) < now)
        if is_lost and _ns(self._intake.calm.steady) <= self._fresh_until:
            due.update(name for name in names if (number, name) in self._fresh or (number, name) in self._older)
        return due

    def in_doubt(self) -> Dict[int, set[str]]:
        """Return the files, by the number of their directory, that may be another than their stamp says later.

        It is so of those that may be changed again, or were since all was calm, within the step of their stamp.
        """
        found: Dict[int, set[str]] = {}
        is_fresh = _ns(self._intake.calm.steady) <= self._fresh_until
        for keys in (self._young, *((self._fresh, self._older) if is_fresh else ())):
            for number, name in keys:
                found.setdefault(number, set()).add(name)
        return found

    def told(self, node: Node, names: Iterable[str]) -> None:
        """Files were told that were due."""
        for name in names:
            self._young.pop((node.number, name), None)

    def compared(self, node: Node, fd: int, times: Dict[str, int], *, polls: bool) -> None:
        """Files of a directory, which is open as *fd*, are told with stamps that have these times, in ns.

        *polls*: it will be compared again, whatever events say.
        """
        clock = self._disk.foreign_clock(fd)
        now = self._disk.now()
        newest = max(times.values())
        wall = self._wall(clock, now, newest) if clock else _ns(now.wall)
        if wall - newest > COARSEST_NS:
            return
        young = {name: changed for name, changed in times.items() if wall - changed < step_ns(changed)}
        if polls:
            steady = _ns(now.steady)
            self._young.update({(node.number, name): steady + step_ns(time) for name, time in young.items()})
        elif young:
            self.heard(node, young)

    def _wall(self, clock: int, now: Moment, newest: int) -> int:
        """Return what a foreign clock says at the least."""
        steady = _ns(now.steady)
        latest, seen = self._latest.get(clock, (newest, steady))
        wall = max(latest + steady - seen, newest)
        self._latest[clock] = (wall, steady)
        return wall

    def heard(self, node: Node, names: Iterable[str]) -> None:
        """Files were told as an event had it."""
        calm, now = _ns(self._intake.calm.steady), _ns(self._disk.now().steady)
        if calm > self._older_until and (self._older or self._fresh):
            self._older, self._fresh = self._fresh, {}
            self._older_until = self._fresh_until
        self._fresh.update(dict.fromkeys([(node.number, name) for name in names]))
        self._fresh_until = now + COARSEST_NS


def _ns(seconds: float) -> int:
    return int(seconds * NS)
