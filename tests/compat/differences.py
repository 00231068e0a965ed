"""The peers' tests that may go otherwise with a watcher of ours behind, each with its reason; any other one may not.

Where a test needs something that is private to the peer's own backend, the reason says what.
"""

from __future__ import annotations

__all__ = ["APART", "LEFT_OUT", "MAY_DIFFER"]

EMITTER = "tests/test_inotify_emitter.py::"
NO_CALLBACKS = "it puts a function of its own in the place of InotifyFD.add_callback, and there is no InotifyFD"

MAY_DIFFER = {
    "watchdog": {
        "tests/test_emitter.py::test_chmod_dir": "it wants one chmod of a directory told twice",
        "tests/test_inotify_c.py::test_late_double_deletion": (
            "it plays the kernel for the functions that watchdog calls by ctypes"
        ),
        EMITTER + "test_observers_have_independent_inotify_fds": (
            "it reads the number of the descriptor in the InotifyFD of an observer, and wants its thread without "
            "anything to watch"
        ),
        EMITTER + "test_new_directory_filled_while_its_watches_are_added": (
            "it fills the directory out of InotifyWatchGroup._add_all_callbacks, which is not called"
        ),
        EMITTER + "test_recursive_watch_ignores_subdirectory_errors[True-2]": NO_CALLBACKS,
        EMITTER + "test_recursive_watch_ignores_subdirectory_errors[True-13]": NO_CALLBACKS,
        EMITTER + "test_recursive_watch_ignores_subdirectory_errors[False-2]": NO_CALLBACKS,
        EMITTER + "test_recursive_watch_ignores_subdirectory_errors[False-13]": NO_CALLBACKS,
    },
    "watchfiles": {},
}

# Tests that make an instance of the peer's by themselves, besides the observer that they start.
APART = {
    "watchdog": {
        "tests/test_inotify_c.py::test_select_fd": "it makes an InotifyFD with a high descriptor and closes it",
    },
    "watchfiles": {},
}

# Tests that are run with neither backend.
LEFT_OUT = {
    "watchdog": {},
    "watchfiles": {
        "tests/test_rust_notify.py::test_ignore_permission_denied": (
            "it watches /, with all that is mounted there, and root is refused nothing there"
        ),
    },
}
