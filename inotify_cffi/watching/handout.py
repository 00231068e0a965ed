"""Hand events out so that no exception loses one, and nothing is handed out twice.

A signal handler may raise an exception at any moment: Ctrl-C does. So what was taken is put where it stays
(``ready``, the next one last), and a call that is interrupted leaves it there for the next call. Only the last
line before the outermost call returns or yields takes it out:

    ``del ready[:]; del holder[0]; return events``
    ``while ready and not closed: event = ready[-1]; del ready[-1]; yield event``

That is *one line with no call in it*. A tracer gets in between lines. Python looks for signals where a function
begins, behind a call and at the end of a loop, and there only: CPython from 3.10 on has nothing of that in such a
line, up to where the caller has the events. CPython 3.9 and PyPy look between any two instructions. There a signal
that comes in this line, which takes some ten nanoseconds, finds events that are neither here nor there, and
if its handler raises an exception nobody has them. What comes behind the ``return`` nobody can know.

``del holder[0]`` ends the reading in the same moment (see ``watching/claim.py``), or another call could have
the same.
"""

from __future__ import annotations

from inotify_cffi.base.locks import StepLock
from inotify_cffi.errors import BusyError, ClosedError, ForkError
from inotify_cffi.typed import TYPE_CHECKING, AnyStr, Generic
from inotify_cffi.watching.claim import READ_BY_ANOTHER, Claim, Iteration, Reader, Reading

if TYPE_CHECKING:
    from typing import NoReturn

    from inotify_cffi.events import Event
    from inotify_cffi.kernel.mountinfo import MountNews
    from inotify_cffi.kernel.poller import Poller

__all__ = ["HandingOut"]


class HandingOut(Generic[AnyStr]):
    """What is ready to be handed out by a watcher, and who may have it."""

    _mounts: MountNews
    _poller: Poller

    def __init__(self) -> None:
        self._closed = True
        self._forked = False
        self._owes_wake = False
        # What was taken and is not handed out, the next one last.
        self._ready: list[Event[AnyStr]] = []
        self._reading = Reading()
        self._claim = Claim()
        # Guards the tree; never held while blocked.
        self._steps = StepLock()

    def __reduce__(self) -> NoReturn:
        """Refuse to be copied or pickled, with a TypeError: what it holds is closed once, by this process."""
        raise TypeError(
            f"a {type(self).__name__} can not be copied or pickled, for its descriptors are this process's; "
            "hand the paths over and make one there"
        )

    def _free(self) -> None:
        """Free the descriptors and all watches."""
        raise NotImplementedError

    def _forget_handed_over(self) -> None:
        """Have nothing told twice, where it was interrupted while it was made ready."""
        raise NotImplementedError

    def _check_open(self) -> None:
        self._check_not_forked()
        if self._closed:
            raise ClosedError("the watcher is closed")

    def _check_not_forked(self) -> None:
        if self._forked:
            raise ForkError("the watcher belongs to the parent process; make one after the fork")

    def _check_not_reading(self) -> None:
        self._steps.check()
        if self._reading.is_held:
            # Whoever closes does not wait for who reads.
            self._check_open()
            raise BusyError(READ_BY_ANOTHER)

    # --- a call that reads ---

    def _begin_reading(self, reader: Reader) -> None:
        """Let a call read; it ends with the line that hands out, or :meth:`_break_off`."""
        if self._closed:
            self._check_open()
        self._go_on_reading(reader)

    def _go_on_reading(self, reader: Reader) -> None:
        """Let an iteration read; if the watcher is closed by then, that is its end, and no error."""
        # Who may not read is not to be in the way of one who may: so it is marked last.
        if self._forked or self._reading.holder or self._steps.is_mine:
            self._check_not_forked()
            self._check_not_reading()
        if isinstance(reader, Iteration):
            self._claim.take(reader)
        elif self._claim.iteration is not None:
            self._claim.check()
        if not self._reading.begin(reader):
            self._check_open()
            raise BusyError(READ_BY_ANOTHER)

    def _leave_descriptors(self, reader: Reader) -> None:
        """All is read: what is left is to hand it out, and to close does not wait for that."""
        reader.waits = False
        if self._closed:
            self._free()

    def _break_off(self, reader: Reader) -> None:
        """A call that reads did not come to its end: what it took is for the next one."""
        if self._reading.is_mine(reader):
            self._forget_handed_over()
            self._reading.end(reader)
            self._mounts.suspect()
            self._wake_for_the_rest()
            self._leave_descriptors(reader)

    def _wake_for_the_rest(self) -> None:
        """Who waits for the descriptor is to hear of what is ready and was not handed out."""
        self._owes_wake = True
        self._poller.wake()

    def _leave_iteration(self, iteration: Iteration) -> None:
        """An iteration is over; it may have left some."""
        if self._claim.release(iteration) and self._ready and not self._closed:
            self._wake_for_the_rest()

    def _end_reading(self, iteration: Iteration) -> None:
        """What has read all the time reads no more; it may have left some."""
        self._reading.end(iteration)
        self._leave_iteration(iteration)
