"""A recursive inotify watcher whose event stream is the file system, with plugins; for CPython and PyPy.

What stands here is what users import: the watcher (``watcher``; for event loops ``aio``), its events
(``events``), why each is told (``causes``), the flags of inotify as an enumeration (``flags``, made of
``base/bits.py``), errors (``errors``), durations and sizes (``quantities``), when a burst is over (``burst``), a
consumer that follows the events (``mirror``), what is known otherwise as a state (``states``), events as JSON
(``jsonlines``, ``cloudevents``). The drop-in for the package ``inotify`` is ``adapters``, with
``constants`` and ``calls`` for the names that its users import. ``typed`` spares everybody the import of
:mod:`typing`. ``testing`` is for the tests of others. The folders are rooms, one on top of the other; each says
what it is for.

PYTEST_DONT_REWRITE: nothing in here asserts, and pytest, whose plugin is shipped beside, would else warn of
whoever has imported this before.
"""

from __future__ import annotations

from inotify_cffi.base.bits import flag_names
from inotify_cffi.errors import (
    BusyError,
    ClosedError,
    DecodeError,
    ForgottenError,
    ForkError,
    GenerationError,
    InotifyError,
    InstanceLimitError,
    LedgerError,
    MirrorError,
    PathError,
    PluginError,
    StateError,
    WatchLimitError,
)
from inotify_cffi.events import Event, RawEvent, decode
from inotify_cffi.kernel.instance import Instance
from inotify_cffi.typed import TYPE_CHECKING
from inotify_cffi.watcher import Watcher, watch

if TYPE_CHECKING:
    from inotify_cffi.aio import awatch
    from inotify_cffi.base.printing import printable
    from inotify_cffi.burst import Burst
    from inotify_cffi.causes import Cause
    from inotify_cffi.cloudevents import event_to_cloudevent
    from inotify_cffi.flags import Mask, parse_mask
    from inotify_cffi.hooks.adispatch import Dispatcher
    from inotify_cffi.hooks.columns import Columns
    from inotify_cffi.hooks.specs import hookimpl
    from inotify_cffi.hooks.workers import Worker
    from inotify_cffi.jsonlines import JournalEvent, Stamp, event_from_json, event_to_json
    from inotify_cffi.mirror import Mirror
    from inotify_cffi.quantities import parse_duration, parse_size
    from inotify_cffi.states import make_state

__all__ = [
    "Burst",
    "BusyError",
    "Cause",
    "ClosedError",
    "Columns",
    "DecodeError",
    "Dispatcher",
    "Event",
    "ForgottenError",
    "ForkError",
    "GenerationError",
    "InotifyError",
    "Instance",
    "InstanceLimitError",
    "JournalEvent",
    "LedgerError",
    "Mask",
    "Mirror",
    "MirrorError",
    "PathError",
    "PluginError",
    "RawEvent",
    "Stamp",
    "StateError",
    "WatchLimitError",
    "Watcher",
    "Worker",
    "awatch",
    "decode",
    "event_from_json",
    "event_to_cloudevent",
    "event_to_json",
    "flag_names",
    "hookimpl",
    "make_state",
    "parse_duration",
    "parse_mask",
    "parse_size",
    "printable",
    "watch",
]

# Where the names are that not everybody needs, and pluggy or enum with some: who does without does not pay for it.
_LATE = {
    "Burst": "inotify_cffi.burst",
    "Cause": "inotify_cffi.causes",
    "Columns": "inotify_cffi.hooks.columns",
    "Dispatcher": "inotify_cffi.hooks.adispatch",
    "JournalEvent": "inotify_cffi.jsonlines",
    "Mask": "inotify_cffi.flags",
    "Mirror": "inotify_cffi.mirror",
    "Stamp": "inotify_cffi.jsonlines",
    "Worker": "inotify_cffi.hooks.workers",
    "awatch": "inotify_cffi.aio",
    "event_from_json": "inotify_cffi.jsonlines",
    "event_to_cloudevent": "inotify_cffi.cloudevents",
    "event_to_json": "inotify_cffi.jsonlines",
    "hookimpl": "inotify_cffi.hooks.specs",
    "make_state": "inotify_cffi.states",
    "parse_duration": "inotify_cffi.quantities",
    "parse_mask": "inotify_cffi.flags",
    "parse_size": "inotify_cffi.quantities",
    "printable": "inotify_cffi.base.printing",
}

if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        """Import a name when it is first asked for."""
        if name not in _LATE:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from importlib import import_module

        value = getattr(import_module(_LATE[name]), name)
        globals()[name] = value
        return value

    def __dir__() -> list[str]:
        """Return the names, those that were not yet asked for as well."""
        return sorted({*globals(), *__all__})
