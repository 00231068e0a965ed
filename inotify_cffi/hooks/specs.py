"""The hooks: what a plugin can implement, and when each is called.

A plugin is a module or an object with functions of these names, marked with :data:`hookimpl`. A function takes
any of the arguments below, in any order, and leaves out the others; what it returns is ignored.

One that raises harms nobody else: the exception is reported once for each hook and type of exception, by
:func:`inotify_plugin_error` and the logger ``inotify_cffi.dispatch``, and the next plugin is called. A plugin that
fails many times in a row is unregistered; if it has the attribute ``inotify_required = True``, the program ends.
KeyboardInterrupt and SystemExit pass: they end the program.

Hooks that tell of one event are called in the order of the stream, and within one hook in pluggy's order:
``tryfirst``, then the plugin registered last, ..., ``trylast``. Wrappers are refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Callable, Sequence, Union

import pluggy

if TYPE_CHECKING:
    import argparse

    from inotify_cffi.events import AnyEvent
    from inotify_cffi.hooks.columns import Columns
    from inotify_cffi.watcher import Watcher

    AnyWatcher = Union[Watcher[str], Watcher[bytes]]

__all__ = ["PROJECT", "hookimpl", "hookspec"]

# pluggy's project name, the markers and the group of entry points are one name.
PROJECT = "inotify_cffi"

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


# --- the command line ---


@hookspec
def inotify_add_options(parser: argparse.ArgumentParser) -> None:
    """Add options to the command line, before it is parsed.

    Only called by the command line. A ``type=`` function that raises ValueError or argparse.ArgumentTypeError
    makes a usage error. A plugin that raises here is reported and unregistered.

    Args:
        parser: where to add them, best in a group of their own (``parser.add_argument_group``).

    .. versionadded:: 0.1

    """


@hookspec
def inotify_configure(options: argparse.Namespace, watcher: AnyWatcher) -> None:
    """Take the options, after the command line was parsed and before anything is watched.

    Only called by the command line. A plugin that raises here is reported and unregistered, for it is not
    set up; SystemExit with a text ends the program with that text and exit code 1.

    Args:
        options: the values of all options.
        watcher: the watcher, without a path yet.

    .. versionadded:: 0.1

    """


# --- start and end ---


@hookspec
def inotify_start(unfinished: Callable[[str | bytes], None], watcher: AnyWatcher) -> None:
    """Get ready: all watches are in place, and events are about to come.

    Args:
        unfinished: call it with the path of a file that is known to be unfinished, from an earlier run maybe:
            :func:`inotify_settled` is called for it as for a file that is written at this moment, also if nothing
            more happens to it, and not at all if it is gone by then. The event is a MODIFY, its cause RESTART.
        watcher: the watcher; its ``snapshot()`` is what the events change.

    .. versionadded:: 0.1

    """


@hookspec
def inotify_stop(watcher: AnyWatcher) -> None:
    """Finish: called once at the end, also after an error, while the watcher is still open.

    Args:
        watcher: the watcher.

    .. versionadded:: 0.1

    """


# --- every event ---


@hookspec
def inotify_event(event: AnyEvent, watcher: AnyWatcher) -> None:
    """Handle one event; called for every event, in order.

    Args:
        event: the event.
        watcher: the watcher that told it.

    .. versionadded:: 0.1

    """


@hookspec
def inotify_events(events: Sequence[AnyEvent], columns: Columns, watcher: AnyWatcher) -> None:
    """Handle a batch of events: all that were ready together, in order. The fast way for many.

    Called for every batch, after the hooks that tell of its events one by one.

    Args:
        events: the events, at least one; not to be changed.
        columns: the same as a list for each field, ``columns.paths``, ``columns.masks`` and so on: what is done to
            each event can be one call of C for a whole column then. A column that nobody asks for costs nothing.
        watcher: the watcher that told them.

    .. versionadded:: 0.1

    """


# --- by kind ---


@hookspec
def inotify_created(path: str | bytes, event: AnyEvent, watcher: AnyWatcher) -> None:
    """Handle a new entry: created, found by a listing, or moved in from a place that is not watched.

    Args:
        path: its full path.
        event: a CREATE, or a MOVED_TO whose other half is not known.
        watcher: the watcher that told it.

    .. versionadded:: 0.1

    """


@hookspec
def inotify_modified(path: str | bytes, event: AnyEvent, watcher: AnyWatcher) -> None:
    """Handle a write to a file, or its truncation; many may come for one file.

    A program that only sets the time of a file's last change looks the same (fs/attr.c: that is IN_MODIFY). Not
    called for directories, of which the kernel says that, too.

    Args:
        path: the full path of the file.
        event: a MODIFY.
        watcher: the watcher that told it.

    .. versionadded:: 0.1

    """


@hookspec
def inotify_closed(path: str | bytes, event: AnyEvent, watcher: AnyWatcher) -> None:
    """Handle the closing of a file that was open for writing.

    It may be empty still, have a temporary name, or be opened again right away; ``inotify_settled`` waits for its
    end.

    Args:
        path: the full path of the file.
        event: a CLOSE_WRITE.
        watcher: the watcher that told it.

    .. versionadded:: 0.1

    """


@hookspec
def inotify_attrib(path: str | bytes, event: AnyEvent, watcher: AnyWatcher) -> None:
    """Handle a change of permissions, owner, times, links or extended attributes.

    Args:
        path: the full path of the entry.
        event: an ATTRIB.
        watcher: the watcher that told it.

    .. versionadded:: 0.1

    """


@hookspec
def inotify_deleted(path: str | bytes, event: AnyEvent, watcher: AnyWatcher) -> None:
    """Handle the end of an entry: deleted, or moved to a place that is not watched.

    Args:
        path: the full path that it had.
        event: a DELETE, a MOVED_FROM whose other half is not told, or the DELETE_SELF of a root. A root that is a
            file is told by both where both were asked for; then this is the DELETE, and is called once.
        watcher: the watcher that told it.

    .. versionadded:: 0.1

    """


@hookspec
def inotify_moved(src: str | bytes, dst: str | bytes, event: AnyEvent, watcher: AnyWatcher) -> None:
    """Handle a move within what is watched; called once, when both halves are known.

    All below a directory has moved with it.

    Args:
        src: the full path before.
        dst: the full path now.
        event: the MOVED_TO.
        watcher: the watcher that told it.

    .. versionadded:: 0.1

    """


@hookspec
def inotify_settled(path: str | bytes, event: AnyEvent, evidence: str, watcher: AnyWatcher) -> None:
    """Handle a finished file: it has been quiet for some seconds (``settle``), and nobody has it open for writing.

    It was written, or came under this name with all of it: by a rename, a link, or before it could be watched.
    It is followed through renames, its own and those of directories above it. One that is written again, or gets
    another name, is told again; one that is deleted is not. Nothing is told of links and other entries that are no
    regular files. All this holds whatever the watcher's mask is.

    Args:
        path: the full path that the file has now.
        event: the last event that told of it; of a rename, its ``moved_from`` is the name before. The path of the
            event may be an older one.
        evidence: how it is known: ``"unopened"``: nobody had it open for writing at this moment. ``"closed"``:
            that can not be known here, and a close stands behind the last write. ``"quiet"``: nor that; it came
            complete, or was written and then quiet for a minute, or for ten times as long as asked for.
        watcher: the watcher that told it.

    .. versionadded:: 0.1

    """


# --- what must not be hidden ---


@hookspec
def inotify_overflow(event: AnyEvent, watcher: AnyWatcher) -> None:
    """Know that the kernel's queue was full and events were lost.

    What was missed is told by the events that follow, up to one with IN_SYNC.

    Args:
        event: the Q_OVERFLOW; its path is empty.
        watcher: the watcher that told it.

    .. versionadded:: 0.1

    """


@hookspec
def inotify_unwatched(path: str | bytes, error: OSError, watcher: AnyWatcher) -> None:
    """Know that a directory is not covered: nothing below it will be told; or a file, and not all of it will.

    Args:
        path: the full path of the directory, of the root that is a file, or of the link to a file.
        error: why: PermissionError, WatchLimitError, ...; its text says what to do.
        watcher: the watcher that told it.

    .. versionadded:: 0.1

    """


@hookspec
def inotify_idle(watcher: AnyWatcher) -> None:
    """Do what can wait: a cycle ended with nothing left to hand out.

    Called when all that was queued has been handed out, and after each ``block_duration_s`` in which nothing
    came, where one is set.

    Args:
        watcher: the watcher.

    .. versionadded:: 0.1

    """


@hookspec
def inotify_plugin_error(plugin: object, hook_name: str, event: AnyEvent | None, error: Exception) -> None:
    """Know that another plugin raised; called once for each plugin, hook and type of exception.

    Args:
        plugin: the plugin that raised; it is not asked itself.
        hook_name: the hook that it was in.
        event: the event it was about (the first of a batch); None where there is none.
        error: what it raised.

    .. versionadded:: 0.1

    """
