"""Try one file system: what its mount reports, what is behind it, and what the watcher makes of that."""

from __future__ import annotations

import contextlib
import mmap
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from typing import NamedTuple

from inotify_cffi import Mask, Watcher
from inotify_cffi.cli.places import look
from inotify_cffi.kernel.mounts import mounts
from tests.filesystems import recipes
from tests.filesystems.recipes import Filled, Recipe, shell
from tests.helpers.consumer import Consumer, Forked, write
from tests.stress.oracles import complaints_at_rest
from tests.stress.writers import Writer

__all__ = ["Outcome", "why_not"]

CHANGES, WRITERS = 60, 2
LIMIT_S = 120


class Outcome(NamedTuple):
    """What one file system did; ``why_not`` if it could not be tried."""

    name: str
    note: str
    why_not: str = ""
    kind: str = ""
    sees: str = ""
    # How many random worlds were right, how many more behind a resync(), what was wrong with the first of the others.
    right: int | None = None
    repaired: int = 0
    wrong: str = ""
    # What was reported when it was changed behind the mount, or by the kernel; None if that can not be.
    changed: str = ""
    reported: list[str] | None = None
    # Whether a mount shows what was done behind it, in the end.
    shows: bool | None = None
    # What resync() told of it then: of a file that went, and of one that was written.
    resync_names: bool | None = None
    resync_contents: bool | None = None
    maps: str = ""
    folds: bool = False
    # What is reported of a file that is removed while it is open, if it is listed under another name then.
    hides: str = ""


class TooLong(Exception):
    pass


def why_not(needs: tuple[str, ...]) -> str:
    """Which programs are missing."""
    missing = [need for need in needs if shutil.which(need, path=os.environ["PATH"] + ":/usr/sbin:/sbin") is None]
    return f"not installed: {', '.join(missing)}" if missing else ""


@contextlib.contextmanager
def mounted(recipe: Recipe | Filled):
    """Mount it in a directory of its own, below this process's mount namespace; that directory."""
    work = tempfile.mkdtemp(prefix="filesystem-")
    signal.signal(signal.SIGALRM, _too_long)
    signal.alarm(LIMIT_S)
    try:
        shell(recipe.script, work)
        yield work
    finally:
        signal.alarm(0)
        # A control group stays where it is, whatever is unmounted.
        with contextlib.suppress(OSError):
            os.rmdir(f"{work}/m/tried")
        unmount(work)
        devices = subprocess.run(
            ["losetup", "-j", f"{work}/i"], check=False, capture_output=True, text=True
        ).stdout
        for line in devices.splitlines():
            subprocess.run(["losetup", "-d", line.partition(":")[0]], check=False, capture_output=True)
        shutil.rmtree(work, ignore_errors=True)


def unmount(directory: str) -> None:
    """Unmount all that is mounted below a directory."""
    points = [mount.point for mount in mounts() if mount.point.startswith(directory + "/")]
    for point in reversed(points):
        subprocess.run(["umount", "-l", point], check=False, capture_output=True)


def _too_long(_number, _frame):
    raise TooLong(f"it took more than {LIMIT_S} s")


def try_one(one: Recipe | Filled) -> Outcome:
    """Mount it, and try what there is to try."""
    missing = why_not(one.needs)
    if missing:
        return Outcome(one.name, one.note, missing)
    try:
        with mounted(one) as work:
            return _try_filled(one, work) if isinstance(one, Filled) else _try_disk(one, work)
    except OSError as error:
        return Outcome(one.name, one.note, f"{error.strerror}: {os.path.basename(error.filename or '')}")
    except (RuntimeError, TooLong, subprocess.TimeoutExpired) as error:
        return Outcome(one.name, one.note, str(error))


def _try_disk(recipe: Recipe, work: str) -> Outcome:
    """Random worlds through the mount; and where there is a directory behind, a change there."""
    top = os.path.realpath(f"{work}/m")
    place = look(top)
    outcome = Outcome(recipe.name, recipe.note, kind=place.kind, sees=place.sight.sees)
    if place.failure:
        return outcome._replace(why_not=place.failure)
    if os.path.isdir(f"{work}/b"):
        outcome = _behind(outcome, top, f"{work}/b")
    if can_be_written(top):
        right, repaired, wrong = worlds(top)
        outcome = outcome._replace(
            right=right, repaired=repaired, wrong=wrong, maps=stored(top), folds=folds(top), hides=hides(top)
        )
    return outcome


def can_be_written(top: str) -> bool:
    try:
        os.mkdir(f"{top}/tried")
    except OSError:
        return False
    os.rmdir(f"{top}/tried")
    return True


def worlds(top: str) -> tuple[int, int, str]:
    """Let writers change a tree at random; how many times all is right, how many behind a resync(), what was not."""
    right, repaired, wrong = 0, 0, ""
    for seed in range(recipes.WORLDS):
        root, outside = f"{top}/w{seed}", f"{top}/o{seed}"
        os.mkdir(root)
        os.mkdir(outside)
        Writer(seed, root, outside).populate(30)
        try:
            with Consumer(root, early=True) as consumer:
                writers = [Writer(seed * 100 + number, root, outside) for number in range(WRITERS)]
                consumer.follow(*[Forked(writer.run, CHANGES) for writer in writers])
                complaints = complaints_of(consumer)
                if not complaints:
                    right += 1
                else:
                    print(f"world {seed}: {complaints}", file=sys.stderr)
                    consumer.watcher.resync()
                    complaints = complaints_of(consumer)
                    repaired += not complaints
        except Exception as error:  # whatever it is, the others are tried
            complaints = [f"{type(error).__name__}: {error}"]
        if complaints:
            wrong = wrong or complaints[0].replace(top, "")
        shutil.rmtree(root, ignore_errors=True)
        shutil.rmtree(outside, ignore_errors=True)
    return right, repaired, wrong


def complaints_of(consumer: Consumer) -> list[str]:
    for _ in range(3):
        consumer.sync()
    return complaints_at_rest(consumer, consumer.replayer)


def _behind(outcome: Outcome, top: str, behind: str) -> Outcome:
    """Remove a file and write another where the mount has them from."""
    directory = f"{top}/t"
    if not os.path.isdir(directory):
        os.mkdir(directory)
        before = files(behind)
        write(f"{directory}/goes", "some text")
        gone = settled(behind, before)
        before = files(behind)
        write(f"{directory}/changes", "some text")
        changed = settled(behind, before)
    else:
        gone, changed = f"{behind}/t/behind", None
    with Watcher(directory) as watcher:
        watcher.sync()
        os.unlink(gone)
        if changed is not None:
            with open(changed, "r+b") as stream:
                stream.seek(0, os.SEEK_END)
                stream.write(b"more")
        reported = [str(event) for event in watcher.read(0.3)]
        # What the mount remembers for a second or so, it forgets in this time.
        patience = 30
        while patience and not shows_it(directory):
            watcher.read(0.2)
            patience -= 1
        shows = shows_it(directory)
        listed = set(os.listdir(directory))
        # One that lists nothing any more is broken.
        shows = shows and (changed is None or "changes" in listed)
        watcher.resync()
        told = watcher.sync()
        names = (
            None
            if not shows
            else {os.path.basename(path) for path in watcher.snapshot()} == listed
            and any(event.mask & Mask.DELETE for event in told)
        )
        contents = any(event.mask & (Mask.MODIFY | Mask.CLOSE_WRITE) for event in told)
    return outcome._replace(
        changed="a file is removed and another written in the directory behind it",
        reported=reported,
        shows=shows,
        resync_names=names,
        resync_contents=contents if changed is not None else None,
    )


def shows_it(directory: str) -> bool:
    """Whether the mount lists what there is, now that a file behind it is gone."""
    return set(os.listdir(directory)) - {"changes"} == set()


def files(top: str) -> set[str]:
    return {os.path.join(where, name) for where, _, names in os.walk(top) for name in names}


def settled(behind: str, before: set[str]) -> str:
    """The file that has come to be behind the mount, once it is there: some write late."""
    until = time.monotonic() + 15
    while True:
        new = [path for path in files(behind) - before if not path.endswith(".partial")]
        if len(new) == 1 and os.path.getsize(new[0]):
            return new[0]
        if time.monotonic() > until:
            raise RuntimeError(f"what is behind it did not come to be: {new}")
        time.sleep(0.05)


def stored(top: str) -> str:
    """What is reported of a store through mmap, and until the file is closed."""
    path = f"{top}/mapped"
    try:
        write(path, "x" * 4096)
        with Watcher(path) as watcher:
            watcher.sync()
            with open(path, "r+b") as stream:
                mapped = mmap.mmap(stream.fileno(), 4096)
                watcher.sync()
                mapped[0] = 89
                mapped.flush()
                told = [str(event) for event in watcher.sync()]
                mapped.close()
    except (OSError, ValueError) as error:
        return f"no mmap ({error})"
    return ", ".join(told) or "nothing"


def folds(top: str) -> bool:
    """Whether a name is found in another spelling."""
    write(f"{top}/Folds")
    found = os.path.exists(f"{top}/fOLDS")
    os.unlink(f"{top}/Folds")
    return found


def hides(top: str) -> str:
    """What is reported of a file that is removed while it is open, where it stays under another name until then."""
    os.mkdir(f"{top}/h")
    with Watcher(f"{top}/h") as watcher, open(f"{top}/h/open", "w"):
        watcher.sync()
        os.unlink(f"{top}/h/open")
        told = watcher.sync()
        hidden = os.listdir(f"{top}/h")
        if not hidden:
            return ""
        return ", ".join(str(event).replace(f"{top}/h/", "") for event in told)


def _try_filled(filled: Filled, work: str) -> Outcome:
    """What is reported when the kernel changes something."""
    top = f"{work}/{filled.top}"
    place = look(top)
    outcome = Outcome(filled.name, filled.note, kind=place.kind, sees=place.sight.sees, changed=filled.what)
    with Watcher(top, recursive=False) as watcher:
        watcher.sync()
        act = filled.act(top)
        reported = []
        if act is not None:
            with act:
                reported += watcher.read(0.2)
        reported += watcher.read(0.5)
        told = sorted({str(event).replace(top, "") for event in reported})
    return outcome._replace(reported=told)
