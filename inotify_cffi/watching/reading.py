"""How a watcher reads: wait, let the tree go on, and have ready what is to be handed out."""

from __future__ import annotations

import errno
import time

from inotify_cffi.errors import BusyError
from inotify_cffi.tree.turns import SLICE_S
from inotify_cffi.typed import FOREVER, TYPE_CHECKING, AnyStr, Generic, cast
from inotify_cffi.watching.asynchronous import TURN_S, Asynchronous
from inotify_cffi.watching.ending import Ending

if TYPE_CHECKING:
    from typing import Callable, Tuple, TypeVar

    from inotify_cffi.events import AnyEvent
    from inotify_cffi.tree.tree import Tree
    from inotify_cffi.watching.claim import Iteration, Reader

    Result = TypeVar("Result")

__all__ = ["ReadingOn"]

# A read of a busy tree goes on at most so long before it hands out what it has.
MOST_READS = 16


class ReadingOn(Asynchronous[AnyStr], Generic[AnyStr]):
    """What reads, for every call that a watcher has for that."""

    _tree: Tree

    def __init__(self) -> None:
        super().__init__()
        # What is ready, for the tree, which knows no type of paths.
        self._to_hand_out = cast("list[AnyEvent]", self._ready)
        self._stopped = False
        # Once it was stopped.
        self._ending: Ending | None = None
        self._ended = False

    # --- one step of the tree ---

    def _step(self, work: Callable[..., Result], *arguments: object) -> Result:
        """Let the tree do something, while no other thread does. Raises BusyError in the middle of a step."""
        return self._steps.run(lambda: self._whole_step(work, *arguments))

    def _whole_step(self, work: Callable[..., Result], *arguments: object) -> Result:
        self._check_open()
        self._tree.make_good()
        try:
            return work(*arguments)
        except BaseException:
            self._tree.make_good()
            raise
        finally:
            self._stay_readable()

    def _stay_readable(self) -> None:
        """Keep the descriptor readable: what is in doubt, or was told by another call, would wake nobody."""
        if self._tree.in_doubt or self._tree.has_told:
            self._owes_wake = True
            self._poller.wake()
        self._poller.wake_at(self._tree.next_poll)

    # --- wait and read ---

    def _next(self, iteration: Iteration, timeout: float | None) -> None:
        """Have the next events of an iteration ready."""
        try:
            self._go_on_reading(iteration)
            self._await_some(iteration, timeout)
            self._reading.end(iteration)
        except BaseException:
            self._break_off(iteration)
            raise

    def _await_some(self, reader: Reader, timeout: float | None) -> None:
        """Wait until something is ready; nothing is at the end of the time, or of it all."""
        # Before it is looked whether it is closed: who closes says so first, and looks at this then.
        reader.waits = True
        self._await_more(timeout, 0)
        reader.waits = False
        if self._closed:
            self._leave_descriptors(reader)

    def _await_more(self, timeout: float | None, beyond: int) -> None:
        """Wait until more than *beyond* events are ready, or for so many seconds, or nothing more will be."""
        begun = time.monotonic()
        deadline = None if timeout is None else begun + timeout
        # Nor does what is in doubt keep it from returning.
        ends = FOREVER if deadline is None else max(deadline, begun + SLICE_S)
        # Where nothing is owed to anybody there is nothing to do but to read; and where nothing came, to wait.
        found = self._steps.run_in_turn(self._read_or_collect, ends, beyond)
        while not found:
            # Whoever stops or closes sets the mark first and wakes then, so it is seen here or wakes the wait.
            if self._ended or self._closed:
                break
            left = None if deadline is None else max(deadline - time.monotonic(), 0.0)
            ready = self._poller.wait(left)
            if self._closed:
                break
            if self._mounts.came(ready):
                self._steps.run_in_turn(self._look_at_mounts)
            elif ready:
                if self._steps.run_in_turn(self._read_plain) or time.monotonic() >= ends:
                    break
            elif deadline is not None and time.monotonic() >= deadline:
                break
            found = self._steps.run_in_turn(self._collect_if_open, ends, beyond)

    def _read_or_collect(self, ends: float, beyond: int) -> bool | None:
        """Read, and do what there is to do besides; True if that is enough, None if nothing came."""
        found = self._read_plain()
        if found is None or (found and not beyond):
            return found
        return self._collect_if_open(ends, beyond)

    def _collect_if_open(self, ends: float, beyond: int) -> bool:
        if self._closed:
            # That came while it was read: nothing more will.
            self._check_not_forked()
            return False
        if not self._ended:
            self._collect(min(SLICE_S, ends - time.monotonic()))
        return len(self._ready) > beyond

    def _await_all(self, reader: Reader, timeout: float | None) -> None:
        """Have all ready that there is up to now."""
        deadline = FOREVER if timeout is None else time.monotonic() + timeout
        fence = self._steps.run(self._begin_to_sync)
        while not self._steps.run_in_turn(self._advance_to, fence):
            if time.monotonic() > deadline:
                raise TimeoutError(errno.ETIMEDOUT, "the tree changes faster than it can be followed; sync again")
        self._leave_descriptors(reader)

    def _begin_to_sync(self) -> int:
        """Return the place in the queue up to which all is to be told."""
        self._check_open()
        if self._mounts.came(self._poller.wait(0)):
            self._look_at_mounts()
        self._tree.poll()
        return self._tree.fence()

    def _advance_to(self, fence: int) -> bool:
        """Do one step, and have ready what is told; True if all up to there is, and nothing is in doubt."""
        self._check_open()
        if self._tree.is_adding:
            raise BusyError("aadd() is listing a directory, and what happens is told behind; await it first")
        try:
            self._tree.advance()
            return self._tree.has_read(fence) and not self._tree.in_doubt
        except BaseException:
            self._tree.make_good()
            raise
        finally:
            self._hand_over()
            self._stay_readable()

    def _collect(self, turn_s: float) -> None:
        """Read and apply until something is to be told, or nothing is queued or in doubt, or time is over."""
        # What happened before it was stopped is told: so this is asked before it is read.
        stopped, is_settled = self._stopped, False
        if self._owes_wake and not self._stopped:
            self._owes_wake = False
            self._poller.rest()
            if self._stopped or self._closed:
                self._poller.wake()
        try:
            if stopped:
                turn_s = min(turn_s, TURN_S)
                if self._ending is None:
                    self._begin_to_end()
            calm, is_settled = self._advance_for(turn_s)
            if self._ending is not None:
                self._ended = calm or self._ending.has_come()
        except BaseException:
            is_settled = False
            self._tree.make_good()
            raise
        finally:
            self._hand_over()
            if is_settled:
                self._poller.wake_at(self._tree.next_poll)
            else:
                self._stay_readable()

    def _advance_for(self, seconds: float) -> Tuple[bool, bool]:
        """Advance the tree until it has told something, or for so long; True if all is quiet.

        And True if nothing is left but to hand out what was told.
        """
        ends = time.monotonic() + seconds
        left = seconds
        for _ in range(MOST_READS):
            # To read again before what came is handed out would only find the queue empty, most often.
            if not self._tree.advance(max(left, 0.0)):
                return True, False
            if self._tree.has_told and not self._tree.in_doubt:
                return False, True
            left = ends - time.monotonic()
            if left <= 0:
                break
        return False, False

    def _begin_to_end(self) -> None:
        """It was stopped: what has come is told, mounts too."""
        if self._mounts.came(self._poller.wait(0)):
            self._look_at_mounts()
        self._tree.poll()
        self._ending = Ending(self._tree)

    def _read_plain(self) -> bool | None:
        """Read, if that is all that there is to do, and :meth:`_collect` does not have to; True if some are ready.

        What is in doubt or told already leaves the descriptor readable, and there is more to do than that. Most
        often there is not, and then as little as possible stands between the event and who waits for it. None:
        that was all that there was to do, and nothing came.
        """
        if self._ready or self._owes_wake or self._stopped or self._closed:
            return False
        try:
            found = self._tree.read_plain()
            if found:
                self._tree.hand_over(self._to_hand_out)
        except BaseException:
            self._tree.make_good()
            self._stay_readable()
            raise
        return None if found is None else bool(self._ready)

    def _read_once(self) -> bool:
        """Read without waiting, for who waits by other means; True if there is something to hand out."""
        return self._steps.run_in_turn(self._collect_a_turn)

    def _collect_a_turn(self) -> bool:
        if self._closed:
            # As above.
            self._check_not_forked()
            return False
        if self._mounts.came(self._poller.wait(0)):
            self._look_at_mounts()
        self._collect(TURN_S)
        return bool(self._ready)

    def _look_at_mounts(self) -> None:
        self._tree.mounts_changed()
        self._mounts.heeded()
        self._stay_readable()

    # --- what is ready ---

    def _hand_over(self) -> None:
        self._tree.hand_over(self._to_hand_out)

    def _forget_handed_over(self) -> None:
        if self._ready and not self._closed:
            self._steps.run(self._tree.forget_handed_over, self._to_hand_out)
