"""Events as CloudEvents 1.0 in JSON: an envelope that brokers and functions of many makers understand.

``source`` and ``id`` together are unique. With a journal they are the host and the journal, the generation and the
number; without one the host, and the boot of the machine, the process and a counter.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import socket
from datetime import datetime, timezone
from functools import lru_cache
from typing import TYPE_CHECKING, Dict, cast
from urllib.parse import quote, quote_from_bytes

from inotify_cffi.flags import Mask
from inotify_cffi.jsonlines import event_to_json

if TYPE_CHECKING:
    from inotify_cffi.events import AnyEvent
    from inotify_cffi.jsonlines import Stamp

__all__ = ["TYPES", "event_to_cloudevent"]

# The type of an event, by its flag. A name with another number at its end means that its data are to be read in
# another way.
TYPES: Dict[int, str] = {
    int(flag): f"inotify-cffi.{name}.v1"
    for flag, name in (
        (Mask.CREATE, "created"),
        (Mask.DELETE, "deleted"),
        (Mask.MOVED_FROM, "moved-from"),
        (Mask.MOVED_TO, "moved-to"),
        (Mask.MODIFY, "modified"),
        (Mask.CLOSE_WRITE, "closed"),
        (Mask.ATTRIB, "attributes-changed"),
        (Mask.OPEN, "opened"),
        (Mask.ACCESS, "accessed"),
        (Mask.CLOSE_NOWRITE, "closed-unwritten"),
        (Mask.DELETE_SELF, "root-deleted"),
        (Mask.MOVE_SELF, "root-moved"),
        (Mask.UNMOUNT, "unmounted"),
        (Mask.Q_OVERFLOW, "overflow"),
        (Mask.IN_SYNC, "in-sync"),
        (Mask.UNWATCHED, "unwatched"),
        (Mask.WATCHED, "watched"),
        (Mask.RESCAN, "rescan"),
        (Mask.RESTART, "restart"),
        (Mask.IGNORED, "ignored"),
    )
}

SCHEMA = "urn:inotify-cffi:schema:event:v1"

# All that is made in this process has one counter, for it is one source.
_counter = itertools.count(1)


def event_to_cloudevent(
    event: AnyEvent, stamp: Stamp | None = None, *, host: str | None = None
) -> Dict[str, object]:
    """Return an event as a CloudEvent, for ``json.dumps``; its ``data`` is what ``event_to_json`` returns.

    Args:
        event: the event; a :class:`~inotify_cffi.JournalEvent` brings its own stamp.
        stamp: when it was told; None for now.
        host: where it happened; None for this host.

    """
    data = event_to_json(event, stamp)
    moment, number, journal = data["time"], data.get("number"), data.get("journal")
    authority = f"inotify-cffi://{quote(socket.gethostname() if host is None else host, safe='')}"
    row: Dict[str, object] = {
        "specversion": "1.0",
        "id": f"{_process(os.getpid())}-{next(_counter)}" if number is None else f"{data['generation']}-{number}",
        "source": authority if journal is None else f"{authority}/{journal}",
        "type": next((name for flag, name in TYPES.items() if event.mask & flag), "inotify-cffi.other.v1"),
        "time": datetime.fromtimestamp(cast("float", moment), timezone.utc).isoformat(timespec="microseconds"),
        "datacontenttype": "application/json",
        "dataschema": SCHEMA,
    }
    if event.path:
        row["subject"] = quote_from_bytes(os.path.abspath(os.fsencode(event.path)), safe="/")
    row["data"] = data
    return row


@lru_cache(maxsize=1)
def _process(pid: int) -> str:
    """Return what tells this process from all others of this host, also from those that had its number before."""
    boot, started = "unknown", "0"
    with contextlib.suppress(OSError):
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as stream:
            boot = stream.read().strip()
        with open("/proc/self/stat", "rb") as stream:
            # The name of the program may hold blanks and parentheses; the 22nd field is when it was started.
            started = stream.read().rpartition(b")")[2].split()[19].decode("ascii")
    return f"{boot}-{pid}-{started}"
