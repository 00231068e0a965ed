"""The words of pyinotify: its flags, its events, and what they are handed to."""

from __future__ import annotations

import logging
import os
import sys
from typing import TYPE_CHECKING, Any, Callable, ClassVar, Dict

from inotify_cffi.base import bits

if TYPE_CHECKING:
    from typing import IO

__all__ = [
    "ALL_EVENTS",
    "FLAGS",
    "ChainIfTrue",
    "Event",
    "EventsCodes",
    "PrintAllEvents",
    "ProcessEvent",
    "ProcessEventError",
    "PyinotifyError",
    "log",
]

log = logging.getLogger("pyinotify")

OPERATIONS = (
    "ACCESS",
    "MODIFY",
    "ATTRIB",
    "CLOSE_WRITE",
    "CLOSE_NOWRITE",
    "OPEN",
    "MOVED_FROM",
    "MOVED_TO",
    "CREATE",
    "DELETE",
    "DELETE_SELF",
    "MOVE_SELF",
)
NEWS = ("UNMOUNT", "Q_OVERFLOW", "IGNORED")
SPECIAL = ("ONLYDIR", "DONT_FOLLOW", "EXCL_UNLINK", "MASK_ADD", "ISDIR", "ONESHOT")


def _named(names: tuple[str, ...]) -> Dict[str, int]:
    return {f"IN_{name}": int(getattr(bits, name)) for name in names}


ALL_EVENTS = bits.ALL

# Every flag that is a name of the module.
FLAGS = {**_named(OPERATIONS), **_named(NEWS), **_named(SPECIAL)}


class EventsCodes:
    """The flags, by name and by number."""

    OP_FLAGS: ClassVar = _named(OPERATIONS)
    EVENT_FLAGS: ClassVar = _named(NEWS)
    SPECIAL_FLAGS: ClassVar = _named(SPECIAL)
    FLAG_COLLECTIONS: ClassVar = {"OP_FLAGS": OP_FLAGS, "EVENT_FLAGS": EVENT_FLAGS, "SPECIAL_FLAGS": SPECIAL_FLAGS}
    ALL_FLAGS: ClassVar = {**FLAGS, "ALL_EVENTS": ALL_EVENTS}
    ALL_VALUES: ClassVar = {value: name for name, value in ALL_FLAGS.items()}

    @staticmethod
    def maskname(mask: int) -> str:
        """Return the name of an event, with ``|IN_ISDIR`` for one of a directory."""
        name = EventsCodes.ALL_VALUES[mask & ~bits.ISDIR]
        return f"{name}|IN_ISDIR" if mask & bits.ISDIR else name


class PyinotifyError(Exception):
    """What errors of this interface have in common."""


class ProcessEventError(PyinotifyError):
    """There is no such event."""


class Event:
    """One event: ``wd``, ``mask``, ``maskname``, ``path``, ``name``, ``pathname``, ``dir``.

    Both halves of a move have ``cookie``; the second one has ``src_pathname`` if the first one was watched. An
    overflow has ``mask`` and ``maskname`` only.
    """

    def __init__(self, fields: Dict[str, Any]) -> None:
        vars(self).update(fields)
        self.maskname = EventsCodes.maskname(fields["mask"])
        if "path" in fields:
            self.pathname = os.path.abspath(os.path.join(fields["path"], fields.get("name") or ""))

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"an event {vars(self).get('maskname', '')} has no {name!r}")

    def __repr__(self) -> str:
        fields = []
        for name, value in sorted(vars(self).items()):
            text = hex(value) if name == "mask" else value if value != "" else "''"
            fields.append(f"{name}={text}")
        return f"<Event {' '.join(fields)} >"


class ProcessEvent:
    """Takes events: by ``process_IN_CREATE`` and the like, ``process_IN_CLOSE`` for a family, ``process_default``.

    Args:
        pevent: called before; if it returns something true this one is not.
        options: handed to :meth:`my_init`.

    """

    pevent: Callable[[Event], object] | None = None

    def __init__(self, pevent: Callable[[Event], object] | None = None, **options: Any) -> None:
        self.pevent = pevent
        self.my_init(**options)

    def my_init(self, **options: Any) -> None:
        """Take what the constructor was given; for classes that are derived."""

    def __call__(self, event: Event) -> object:
        """Hand an event to the method that is for it. Raises ProcessEventError where there is no such event."""
        if self.pevent is not None and self.pevent(event):
            return None
        name = EventsCodes.ALL_VALUES.get(event.mask & ~bits.ISDIR)
        if name is None:
            raise ProcessEventError(f"the mask {event.mask:#x} is no event")
        family = "_".join(name.split("_")[:2])
        for each in (f"process_{name}", f"process_{family}"):
            method = getattr(self, each, None)
            if method is not None:
                return method(event)
        return self.process_default(event)

    def nested_pevent(self) -> Callable[[Event], object] | None:
        """Return what is called before."""
        return self.pevent

    def process_IN_Q_OVERFLOW(self, event: Event) -> object:  # noqa: N802, ARG002  # pyinotify's name
        """Events were lost: say so in the log."""
        log.warning("Event queue overflowed.")
        return None

    def process_default(self, event: Event) -> object:
        """Take what no other method is for."""

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"


class PrintAllEvents(ProcessEvent):
    """Prints each event, to standard output unless *out* is given."""

    def my_init(self, out: IO[str] | None = None) -> None:  # type: ignore[override]
        """Take the file."""
        self._out = out

    def process_default(self, event: Event) -> object:
        """Print it."""
        out = self._out or sys.stdout
        out.write(f"{event!r}\n")
        out.flush()
        return None


class ChainIfTrue(ProcessEvent):
    """Stops the chain where *func*, called with the event, returns something false."""

    def my_init(self, func: Callable[[Event], object]) -> None:  # type: ignore[override]
        """Take the function."""
        self._func = func

    def process_default(self, event: Event) -> object:
        """Ask it."""
        return not self._func(event)
