"""The kernel's threads and their locks, also where gevent or eventlet have put green ones in their place.

Green threads share one thread of the kernel, and go on when one of them waits by what the library has put in the
place of the functions that wait. A wait in C is not among those: it holds up all of them. So what waits there has
to have a thread of the kernel for itself.
"""

from __future__ import annotations

import sys

from inotify_cffi.typed import TYPE_CHECKING, cast

if TYPE_CHECKING:
    import select
    import threading
    from typing import Any, Callable

__all__ = ["begin_thread", "new_lock", "new_poll", "new_thread", "threads_are_green"]


def new_lock() -> threading.Lock:
    """Return a lock that threads of the kernel wait for."""
    return cast("Callable[[], threading.Lock]", _original("_thread", "allocate_lock"))()


def new_poll() -> select.poll:
    """Return a poll object, which eventlet takes away."""
    return cast("Callable[[], select.poll]", _original("select", "poll"))()


def begin_thread(work: Callable[[], object]) -> None:
    """Begin a thread of the kernel that does *work*, which raises nothing.

    Raises RuntimeError where no thread is to be had.
    """
    cast("Callable[[Callable[[], object], tuple[()]], int]", _original("_thread", "start_new_thread"))(work, ())


def new_thread(work: Callable[[], object], name: str) -> threading.Thread:
    """Return a thread of the kernel that is to do *work*; the interpreter does not wait for its end."""
    import threading

    if not threads_are_green():
        return threading.Thread(target=work, name=name, daemon=True)
    from inotify_cffi.base.green import NativeThread

    return NativeThread(work, name, begin_thread, new_lock())


def threads_are_green() -> bool:
    """Return True if ``threading.Thread`` is no thread of the kernel."""
    name = "start_new_thread"
    return _original("_thread", name) is not getattr(__import__("_thread"), name)


def _original(module: str, name: str) -> object:
    """Return what a name of a module stood for before it was patched."""
    gevent: Any = sys.modules.get("gevent.monkey")
    if gevent is not None and gevent.is_module_patched(module):
        return gevent.get_original(module, name)
    eventlet: Any = sys.modules.get("eventlet.patcher")
    if eventlet is not None and eventlet.is_monkey_patched("thread" if module == "_thread" else module):
        return getattr(eventlet.original(module), name)
    return getattr(__import__(module), name)
