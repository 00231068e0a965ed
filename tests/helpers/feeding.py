"""What a process does that feeds a queue; a module of its own, for a spawned process imports it by its name."""

from inotify_cffi import Watcher


def feed(path, events, ready):
    with Watcher(path) as watcher:
        ready.set()
        for event in watcher:
            events.put((event.path, event.mask, event.moved_from))
            if event.name == "last":
                return
