"""Keep the ledger true: read, apply, compare, settle, a slice of it in each step.

What was read is applied in the order of the stream (``tree/apply.py``); what is in doubt is looked at again
when the queue is empty (``tree/reconcile.py``). Whatever there was no time for in one step waits for the next,
and raw events are applied in between.
"""

from __future__ import annotations

import errno

from inotify_cffi.base import causes
from inotify_cffi.tree.assembly import a_step
from inotify_cffi.tree.intake import MOST_WAITING
from inotify_cffi.tree.rooting import Rooting
from inotify_cffi.tree.turns import HALF, SLICE_S, WHOLE
from inotify_cffi.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Collection, Dict, TypeVar

    from typing_extensions import ParamSpec

    from inotify_cffi.events import AnyEvent
    from inotify_cffi.ledger.nodes import Node, Root

    P = ParamSpec("P")
    Result = TypeVar("Result")

__all__ = ["Tree"]

# More raw events than there can be.
ALL = 1 << 62


class Tree(Rooting):
    """The directories below some roots, and what happens in them."""

    @a_step
    def mounts_changed(self) -> None:
        """Something was mounted or unmounted somewhere, of which inotify says nothing."""
        self._disk.mark("mounts_changed")
        self._disk.mounts_changed()
        self._mounts.look()
        self._files.doubt_all()

    def blind(self) -> Dict[Node, OSError]:
        """Return the directories that are not covered, each with its reason."""
        return self._places.blind()

    def unwatched(self) -> Dict[str | bytes, OSError]:
        """Return the paths that are not covered, or not as a whole, each with its reason."""
        place = self.ledger.place
        blind = {place(node).path: error for node, error in self._places.blind().items()}
        return {**blind, **self._files.errors()}

    @a_step
    def retry(self, silent: Dict[str, str] | None = None, refused: Collection[str] = ()) -> None:
        """Look again at all that is not covered, and at what no watch reports: where roots and links lead.

        *silent*: roots that are not looked at, for nobody answers there, by their path, each with the reason.
        *refused*: those that can not be opened, which a watch need not say.
        """
        self._disk.mark("retry", silent, refused)
        for node in self._places.blind():
            root = self.ledger.root(node)
            if root is None or root.top not in (silent or ()):
                self._doubts.doubt(node, relist=True)
        for root in self._those_that_answer(silent):
            self._mounts.regard(root)
            self._doubts.doubt(root, relist=root.rules.follows_links or root.top in refused)

    def resync(self, silent: Dict[str, str] | None = None) -> None:
        """Have all that is tracked compared with the disk by the next steps; *silent* as :meth:`retry`.

        It is not a step: it may be called within one, and from any thread.
        """
        self._disk.mark("resync", silent)
        self._silent = silent
        self._is_resync_due = True

    def poll(self) -> None:
        """Have all that is polled compared with the disk by the next steps; as :meth:`resync`."""
        self._disk.mark("poll")
        if self._ground.polls is not None:
            self._ground.polls.ask()

    @property
    def next_poll(self) -> float | None:
        """The moment of the next poll, by the steady clock; None if there will be none, or not before others."""
        polls = self._ground.polls
        return None if polls is None or self._begun or self._crawls else polls.due

    def _begin_resync(self) -> None:
        """Begin to compare each root; most of it is left to the crawls that are under way then."""
        # In this order: who is interrupted has all compared in any case.
        for root in self._those_that_answer(self._silent):
            self._crawls.scan(root, cause=causes.RESYNC)
        self._is_resync_due = False

    def paths_to_open(self) -> list[str]:
        """Return the paths of the roots that can be opened for a look: not to mount something by that."""
        tops = [root.top for root in list(self.ledger.roots)]
        return [top for top in tops if self._mounts.automount(top) is None]

    def _those_that_answer(self, silent: Dict[str, str] | None) -> list[Root]:
        """Return the roots but for the silent ones, of which it is told that they are."""
        answering: list[Root] = []
        for root in list(self.ledger.roots):
            reason = (silent or {}).get(root.top)
            if reason is None:
                answering.append(root)
            else:
                self._files.unanswered(root, OSError(errno.ETIMEDOUT, reason, root.given))
        return answering

    def counts(self) -> Dict[str, int]:
        """Return what was counted so far."""
        return {
            "raw_events": self._intake.raw_events,
            "overflows": self._losses.overflows,
            **self._applier.counts,
            **self._entries.counts,
            **self._moments.counts,
            "putting_off": self._moments.waiting,
            "listed": self.crawler.listed,
            "watches": self.ledger.bound + len(self._files.wds) - self._disk.identified,
            "not_watched": self._disk.identified,
            "unwatched": len(self.unwatched()),
            "by_path": int(self._disk.by_path),
        }

    @property
    def has_told(self) -> bool:
        """True if there is something to take."""
        return bool(self._teller)

    def hand_over(self, ready: list[AnyEvent]) -> None:
        """Put what is to be told in front of what is *ready*: a list from the end of which events are taken."""
        if not self.is_whole:
            self.make_good()
        self._plain.tell()
        teller, told = self._teller, self._teller.told
        nothing: list[AnyEvent] = []
        # One line, see handout.py.
        ready[:0] = told[::-1]; teller.told = nothing  # noqa: E702  # fmt: skip

    def forget_handed_over(self, ready: list[AnyEvent]) -> None:
        """Tell nothing that is *ready*: an interpreter may have looked for signals within that line."""
        told = self._teller.told
        if ready and told:
            last = ready[0]
            moved = next((index + 1 for index in reversed(range(len(told))) if told[index] is last), 0)
            self._teller.told = told[moved:]

    def take(self) -> list[AnyEvent]:
        """Return what is to be told, to who is never interrupted."""
        ready: list[AnyEvent] = []
        self.hand_over(ready)
        ready.reverse()
        return ready

    # --- reading ---

    @a_step
    def advance(self, seconds: float = SLICE_S) -> bool:
        """Read and apply what came, and settle doubts if nothing more is queued; False if all is quiet.

        It takes some *seconds*, if nothing takes longer that can not be divided; what there was no time for is
        left to the next step. While a root is being added nothing is applied, for the ledger has not all of it.
        """
        self._disk.mark("advance", seconds)
        self._turn.begin(seconds)
        if self._begun:
            self._intake.read_to(self._intake.fence(), self._turn)
            return False
        try:
            goes_on = self._advance()
            if self._ground.stamps is not None and self._ground.stamps.are_due:
                self._ground.stamps.take()
            return goes_on
        finally:
            self._places.rest()

    def _advance(self) -> bool:
        if self._losses.is_due:
            self._losses.compare()
            self._read_on()
            return True
        if self._crawls.keep_many and not self._applier.is_busy:
            self._read_on()
            self._crawls.go_on()
            return True
        waited = self._follow()
        if self._losses.is_due or self._applier.is_busy:
            return True
        self._turn.share(WHOLE)
        if self._is_resync_due and not self._crawls:
            # One that is under way comes to its end before.
            self._begin_resync()
        elif self._ground.polls and not self._crawls and self._ground.polls.begin(self._files, self.rounds):
            waited = True
        elif self._crawls:
            self._crawls.go_on()
            # What was listed to its end by that needs to be remembered no more, and nothing may come that says so.
            self._pass_fences()
        if self._places.freed:
            self._files.freed()
        self._places.retry_freed()
        self._files.links.tidy()
        self._files.rearm(self._losses.since)
        is_calm = not waited and not self._crawls
        if is_calm and not self._losses.is_gap:
            self._intake.note_calm()
        if self._settle():
            return True
        if is_calm and self._losses.is_gap:
            self._losses.end_gap()
        return waited

    def _follow(self) -> bool:
        """Read and apply, if there is more to do for half of the turn at most; True if there was something."""
        queue = self._intake.waiting
        waited = bool(queue.records.waiting) or self._applier.is_busy
        is_settling = bool(self._doubts) and (self._reconciler.is_under_way or self._is_settling_due())
        is_behind = is_settling or bool(self._crawls)
        if is_behind and not self._applier.is_busy:
            self._turn.share(HALF)
        if waited and (is_behind or self._applier.is_busy):
            self._read_on()
        if not waited and not self._intake.read():
            self._pass_fences()
            return False
        while self._applier.apply(queue) and self._intake.was_full and is_behind and not self._turn.is_over():
            if not self._intake.read():
                break
        self._pass_fences()
        return True

    def _read_on(self) -> None:
        """Read what is queued, lest it runs over, though it is not its turn."""
        if self._intake.waiting.records.count < MOST_WAITING:
            self._intake.read()

    def _is_settling_due(self) -> bool:
        return self._steps_in_doubt > self._patience

    def _settle(self) -> bool:
        """Look at what is in doubt, if it is time for that; True if there was something in doubt."""
        is_in_doubt = bool(self._doubts)
        if not is_in_doubt:
            self._steps_in_doubt = 0
            self.rounds += 1
            return bool(self._crawls) or self._fences.is_late or self._moments.is_waiting
        self._steps_in_doubt += 1
        is_due = self._is_settling_due()
        if is_due or self._reconciler.is_under_way or self._is_drained():
            self._anchors.rearm()
            # What is below a directory that is crawled may be listed by that.
            lists = is_due or not self._crawls.is_active
            if self._reconciler.settle(since=self._losses.since, lists=lists) and lists:
                self._steps_in_doubt = 0
                self.rounds += 1
            self._pass_fences()
        return True

    def hurry(self) -> None:
        """Settle doubts in each step from now on, whatever is queued."""
        self._disk.mark("hurry")
        self._patience = 0

    def _is_drained(self) -> bool:
        # To say how much is queued the kernel goes through all of it (fs/notify/inotify/inotify_user.c
        # inotify_ioctl), so while reads come back full it is not asked: that would take longer the more there is.
        return not (self._intake.waiting.records.waiting or self._intake.was_full or self._disk.queued())

    @a_step
    def read_plain(self) -> bool | None:
        """Read once and tell what came; False if there is more to do, and :meth:`advance` goes on.

        It is the short way of :meth:`advance` for who knows that nothing waits, is in doubt or is to be told.
        None: nothing came.
        """
        self._disk.mark("read_plain")
        if self._begun:
            return False
        if not self._intake.read_on():
            if self._fences.waits or self._moments.waits:
                return False
            self._intake.look_if_calm()
            return None
        records = self._intake.waiting.records
        self._plain.apply(records, ALL)
        return not records.waiting

    @property
    def read(self) -> int:
        """How many raw events were read."""
        return self._intake.raw_events

    @property
    def applied(self) -> int:
        """How many of them were applied."""
        return self._intake.raw_events - len(self._intake.waiting) - (self._applier.is_busy)

    @property
    def crawls(self) -> int:
        """How many crawls were begun."""
        return self._crawls.begun

    def has_crawled(self, number: int) -> bool:
        """Return True if as many crawls are done as were begun when their number was *number*."""
        return self._crawls.are_done(number)

    @property
    def in_doubt(self) -> bool:
        """True while something waits to be looked at, or to be told of a gap, though nothing may be queued."""
        if self._begun:
            # It will be looked at when the root is there.
            return False
        waiting = self._intake.waiting.records.waiting
        if waiting or self._applier.is_busy or self._crawls or self._doubts or not self.is_whole:
            return True
        losses, places = self._losses, self._places
        polls = self._ground.polls
        if (
            self._is_resync_due
            or (polls is not None and polls.is_asked)
            or self._fences.is_late
            or self._moments.is_waiting
        ):
            return True
        if self._files.due or (places.freed and self._files.waits_for_watches):
            return True
        return losses.is_due or losses.is_gap or places.has_room

    def distrust(self) -> None:
        """Events may be lost: compare everything with the disk before going on."""
        self._disk.mark("distrust")
        self.make_good()
        self._losses.distrust()

    def make_good(self) -> None:
        """If a step was interrupted, make good what is half-done, and have all compared with the disk.

        No event is lost: what was told is told, and a raw event that was taken and not told is applied again. So
        the comparison finds what was to be done besides: to list, to watch.
        """
        if self.is_whole:
            return
        self._disk.mark("make_good")
        self._plain.tell()
        self.ledger.refresh()
        self._files.refresh()
        self._applier.make_good(self._intake.waiting)
        self._crawls.forget()
        self._losses.begin_anew()
        self._places.begin_anew()
        self._places.rest()
        self._disk.close_all(*(fd for begun in self._begun.values() for fd in self._crawls.kept(begun.crawl)))
        self._take_back_unfinished()
        self._sweep()
        for root in self.ledger.roots:
            self._doubts.doubt(root, relist=True)
        self._anchors.doubt_all()
        self._files.doubt_all()
        self.is_whole = True

    def _sweep(self) -> None:
        """Remove the watches that nobody has: they were added and not bound when an exception came."""
        known = self.ledger.wds()
        for wd in self._disk.watched():
            if wd not in known and wd not in self._anchors and wd not in self._files:
                self._disk.unwatch(wd)

    def fence(self) -> int:
        """Return the place in the queue behind all that has happened by now, for :meth:`has_passed`."""
        self._disk.mark("fence")
        return self._intake.fence()

    def has_read(self, fence: int) -> bool:
        """Return True if all up to a fence was read."""
        return self._intake.has_read(fence)

    def read_ahead(self) -> None:
        """Read what is queued and apply it later: lest the queue runs over while a large tree is listed.

        It is not a step: it may be called within one.
        """
        self._disk.mark("read_ahead")
        self._intake.read_to(self._intake.fence(), self._turn)

    def _pass_fences(self) -> None:
        """Forget what was only remembered until what was queued then had been applied."""
        if self._applier.is_busy:
            return
        if self._moments.waits:
            self._moments.pass_by()
        if not self._intake.waiting.records.waiting:
            self._fences.pass_by(self._intake.bytes, self._disk.queued)
