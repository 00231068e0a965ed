"""The journals of many hosts in one stream, on a broker that exists.

The journal is the outbox, and what was sent is asked of the broker: ``message`` is what goes over the wire,
``outbox`` reads a journal in batches, ``forwarding`` sends them and ``following`` takes them, ``feeding`` hands
them to hooks, ``settings`` says what a server may lose. ``broker`` is the seam: what an engine has to be able to
do. ``nats`` and ``jetstream`` know NATS, ``redis`` and ``streams`` Redis and Valkey.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from inotify_cffi.fleet.arguments import access_of, add_access, add_sending
    from inotify_cffi.fleet.background import Background
    from inotify_cffi.fleet.broker import BrokerError
    from inotify_cffi.fleet.feeding import RemoteTree, feed
    from inotify_cffi.fleet.following import afollow, follow
    from inotify_cffi.fleet.forwarding import Forwarder
    from inotify_cffi.fleet.notices import Notice
    from inotify_cffi.fleet.opening import Access, open_inlet, open_outlet
    from inotify_cffi.fleet.outbox import Outbox

__all__ = [
    "Access",
    "Background",
    "BrokerError",
    "Forwarder",
    "Notice",
    "Outbox",
    "RemoteTree",
    "access_of",
    "add_access",
    "add_sending",
    "afollow",
    "feed",
    "follow",
    "open_inlet",
    "open_outlet",
]

# Who parses a command line needs the options only.
_LATE = {
    "Access": "inotify_cffi.fleet.opening",
    "Background": "inotify_cffi.fleet.background",
    "BrokerError": "inotify_cffi.fleet.broker",
    "Forwarder": "inotify_cffi.fleet.forwarding",
    "Notice": "inotify_cffi.fleet.notices",
    "Outbox": "inotify_cffi.fleet.outbox",
    "RemoteTree": "inotify_cffi.fleet.feeding",
    "access_of": "inotify_cffi.fleet.arguments",
    "add_access": "inotify_cffi.fleet.arguments",
    "add_sending": "inotify_cffi.fleet.arguments",
    "afollow": "inotify_cffi.fleet.following",
    "feed": "inotify_cffi.fleet.feeding",
    "follow": "inotify_cffi.fleet.following",
    "open_inlet": "inotify_cffi.fleet.opening",
    "open_outlet": "inotify_cffi.fleet.opening",
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
