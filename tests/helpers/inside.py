"""What a test's code has at hand in a process of its own: ``from inside import *``. Its first argument is ROOT."""

import errno
import gc
import os
import resource
import select
import shutil
import subprocess
import sys
import textwrap

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.dirname(__file__))))

from consumer import ENTRIES, Consumer, after, before, brief, write, write_all

from inotify_cffi import Cause, InstanceLimitError, Mask, Watcher, WatchLimitError
from tests.stress.writers import exchange

__all__ = [
    "CHANGES",
    "COVERAGE",
    "ENTRIES",
    "ROOT",
    "Cause",
    "Consumer",
    "InstanceLimitError",
    "Mask",
    "WatchLimitError",
    "Watcher",
    "after",
    "before",
    "brief",
    "errno",
    "exchange",
    "gc",
    "limit",
    "mount",
    "open_fds",
    "os",
    "resource",
    "select",
    "shutil",
    "subprocess",
    "told",
    "write",
    "write_all",
]

COVERAGE = Mask.UNWATCHED | Mask.WATCHED
CHANGES = ENTRIES | COVERAGE | Mask.UNMOUNT
ROOT = sys.argv[1] if len(sys.argv) > 1 else ""


def code(text):
    """Code that has these names, for a fresh interpreter."""
    return (
        f"import sys; sys.path.insert(0, {os.path.dirname(__file__)!r})\nfrom inside import *\n"
        + textwrap.dedent(text)
    )


def told(watcher, mask=CHANGES):
    """What was said of these kinds up to now, in brief."""
    return brief(event for event in watcher.sync() if event.mask & mask)


def open_fds():
    """The numbers of the open descriptors."""
    return sorted(os.listdir("/proc/self/fd"))


def limit(number):
    """Let this user namespace have so many watches."""
    with open("/proc/sys/user/max_inotify_watches", "w") as file:
        file.write(str(number))


def mount(*words):
    """Run the command ``mount``, or ``umount`` if that is the first word. Raises OSError with what it says."""
    command = list(words) if words[0] == "umount" else ["mount", *words]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        raise OSError(f"{' '.join(command)}: {done.stderr}")
