"""An exception at each line of the package, as a signal handler may raise one: where it can come, what it leaves.

A *place* is a line before it runs, or the return of a function; of the outermost function of the package, which the
test itself calls, the return is left out: what comes behind the last line nobody can know. Nor is there a place where a
coroutine awaits: what comes then comes out of the event loop.
"""

from __future__ import annotations

import dis
import gc
import inspect
import os
import platform
import shutil
import sys
import traceback
from collections import Counter

import inotify_cffi
from inotify_cffi import Mask, Watcher
from inotify_cffi.kernel.poller import Poller
from inotify_cffi.watching import loops
from tests.stress import oracles

PACKAGE = os.path.dirname(inotify_cffi.__file__) + os.sep

# Tracing is slow there, and old: each so many-th place will do.
OFTEN = platform.python_implementation() == "CPython" and sys.version_info >= (3, 11)
SPARSELY = int(os.environ.get("EACH_SO_MANYTH_PLACE", "1" if OFTEN else "7"))

# Of a collector: on PyPy each object with an end of its own takes one, and those that it refers to the next.
ROUNDS = 10 if platform.python_implementation() == "PyPy" else 1

# Where it waits for events.
WAITS = (Poller.wait.__code__, loops.readable.__code__)

# Longer than anything here takes: only what never ends waits for so long.
PATIENCE_S = 20


class Interrupted(KeyboardInterrupt):
    """What the handler raises. As of Ctrl-C, for asyncio lets no other through."""


class Tracer:
    """Counts the places that are passed, and raises at one of them.

    ``at``: a place and which time it is passed; None to count only. ``while_waiting`` is called at the first wait.
    """

    def __init__(self, at=None, *, while_waiting=None):
        self.at = at
        self.while_waiting = while_waiting
        self.passed = Counter()
        self.raised = None

    def __call__(self, frame, what, _):
        code = frame.f_code
        if not code.co_filename.startswith(PACKAGE):
            return None
        if self.while_waiting is not None and code in WAITS and frame.f_locals["timeout"] != 0:
            change, self.while_waiting = self.while_waiting, None
            change()
        if what == "line" or (what == "return" and not is_outermost(frame) and not waits(frame)):
            place = f"{code.co_filename[len(PACKAGE) :]}:{frame.f_lineno} {what}"
            self.passed[place] += 1
            if self.at == (place, self.passed[place]) and self.raised is None:
                self.reach()
        return self

    def reach(self):
        """It is there."""
        self.raised = Interrupted(*self.at)
        raise self.raised

    def trace(self, call):
        """Call it with this as the tracer. No collector comes in between: what it calls is of other trials."""
        before = sys.gettrace()
        gc.disable()
        sys.settrace(self)
        try:
            return call()
        finally:
            sys.settrace(before)
            gc.enable()


def is_outermost(frame):
    """True for a function of the package that something else has called."""
    return frame.f_back is None or not frame.f_back.f_code.co_filename.startswith(PACKAGE)


def waits(frame):
    """True for a coroutine that is left because it awaits something: no handler of its own is asked there."""
    if not frame.f_code.co_flags & inspect.CO_COROUTINE:
        return False
    return not dis.opname[frame.f_code.co_code[frame.f_lasti]].startswith(("RETURN_VALUE", "RETURN_CONST"))


def open_fds():
    """Return what is open, by descriptor."""
    return {fd: what for fd in os.listdir("/proc/self/fd") if (what := link(fd)) is not None}


def link(fd):
    try:
        return os.readlink(f"/proc/self/fd/{fd}")
    except FileNotFoundError:
        # The one of the listing.
        return None


class World:
    """A tree with a watcher, and a consumer that replays what is handed out; each trial has a directory of its own.

    A case adds what is handed out to ``told`` while it runs.
    """

    def __init__(self, root, *, mask=Mask.CHANGES, **options):
        self.root = root
        self.watcher = Watcher(root, mask=mask, **options)
        self.replayer = None
        if self.watcher.track == "entries":
            self.replayer = oracles.Replayer(root, snapshot=self.watcher.snapshot())
        # What is made at the first wait: a pipe, and what the descriptor is shared by.
        self.watcher.read(0.001)
        self.watcher.fileno()
        self.trials = 0
        self.told = []

    def close(self):
        self.watcher.close()

    def begin(self):
        """Make the directory of the next trial."""
        self.trials += 1
        self.top = f"{self.root}/{self.trials}"
        plant(self.top)
        self.replay(self.watcher.sync(PATIENCE_S))
        self.told = []

    def finish(self):
        """Take what was not handed out yet."""
        self.told += self.watcher.sync(PATIENCE_S)

    def check(self):
        """Nothing is lost, nothing came twice, all is watched, and the watches are those of the ledger."""
        self.replay(self.told)
        if self.replayer is not None:
            assert oracles.complaints_at_rest(self.watcher, self.replayer) == []
        else:
            there = {f"{directory}/{name}" for directory, names, _ in os.walk(self.root) for name in names}
            assert set(self.watcher.snapshot()) == there
        assert self.watcher.stats()["watches"] == len(self.watcher._instance.watched())

    def clear(self):
        shutil.rmtree(self.top)
        self.replay(self.watcher.sync(PATIENCE_S))

    def replay(self, events):
        if self.replayer is not None:
            self.replayer.apply(events)

    def change(self):
        """Of each kind that is applied in its own way: files, directories, moves within, and over another."""
        top = self.top
        for name in ("one", "two"):
            with open(f"{top}/{name}", "w") as file:
                file.write(name)
        os.mkdir(f"{top}/d")
        with open(f"{top}/d/x", "w") as file:
            file.write("x")
        os.rename(f"{top}/a", f"{top}/c")
        os.rename(f"{top}/f", f"{top}/c/f")
        os.rename(f"{top}/c/b/k", f"{top}/two")
        os.unlink(f"{top}/g")
        os.rmdir(f"{top}/e")

    def change_files(self):
        for name in ("one", "two", "three"):
            os.close(os.open(f"{self.top}/{name}", os.O_CREAT))

    def brief(self):
        """What was told of names, in any order."""
        kinds = Mask.CREATE | Mask.DELETE | Mask.MOVED_FROM | Mask.MOVED_TO
        return sorted(
            (
                str(Mask(event.mask & (kinds | Mask.ISDIR))),
                event.path[len(self.top) :],
                event.moved_from is not None,
            )
            for event in self.told
            if event.mask & kinds
        )


def plant(top):
    """Make what a trial begins with."""
    for path in ("a/b", "e"):
        os.makedirs(f"{top}/{path}")
    for path in ("f", "g", "a/b/k"):
        os.close(os.open(f"{top}/{path}", os.O_CREAT))


class EachPlace:
    """Runs a case once for each place that it passes.

    ``make()`` makes a world; ``run(world)`` is what is interrupted; ``change`` is the name of the world's method that
    is called before it, or while it waits. *fresh*: no world serves for two trials, and none leaves a descriptor.
    """

    sparsely = SPARSELY

    def __init__(self, make, run, *, change=None, while_waiting=False, fresh=False):
        self.make = make
        self.run = run
        self.change = change
        self.while_waiting = while_waiting
        self.fresh = fresh
        self.world = None

    def close(self):
        if self.world is not None:
            self.world.close()
            self.world = None

    def trial(self, tracer):
        """Run it once, and see that all is well; what was told."""
        before = open_fds() if self.fresh else None
        if self.world is None:
            self.world = self.make()
        world = self.world
        world.begin()
        before = open_fds() if before is None else before
        if self.while_waiting:
            tracer.while_waiting = getattr(world, self.change)
        elif self.change is not None:
            getattr(world, self.change)()
        self._interrupt(world, tracer)
        if tracer.while_waiting is not None:
            # It was interrupted before.
            tracer.while_waiting()
        world.finish()
        world.check()
        brief = world.brief()
        if self.fresh:
            self.close()
            del world
        for _ in range(ROUNDS):
            if open_fds() == before:
                break
            gc.collect()
        after = open_fds()
        left, gone = set(after.items()) - set(before.items()), set(before.items()) - set(after.items())
        assert not left and not gone, f"left open: {left}, closed: {gone}"
        if not self.fresh:
            world.clear()
        return brief

    def _interrupt(self, world, tracer):
        came = None
        try:
            tracer.trace(lambda: self.run(world))
        except BaseException as error:
            came = error
        if came is not tracer.raised:
            raise AssertionError(f"what came out is {came!r}, and not {tracer.raised!r}") from came
        if came is not None:
            # As who has caught it leaves it.
            traceback.clear_frames(came.__traceback__)
            tracer.raised = None

    def places(self):
        """All places, each for the first time that it is passed, and what is told if nothing comes in between."""
        # What is imported or made once is by now, and what others have left is gone.
        gc.collect()
        self.trial(Tracer())
        tracer = Tracer()
        brief = self.trial(tracer)
        return sorted(tracer.passed), brief

    def at_each(self, *, accept=None):
        """Raise at each place; what is told has to be the same whatever comes, or what *accept* takes for right."""
        places, brief = self.places()
        failures = []
        for place in places[:: self.sparsely]:
            try:
                told = self.trial(Tracer((place, 1)))
                if told != brief and not (accept is not None and accept(told)):
                    failures.append(f"{place}: {difference(brief, told)}")
            except Exception as error:
                failures.append(f"{place}: {type(error).__name__}: {error}"[:900])
                self.close()
        self.close()
        assert not failures, f"{len(failures)} of {len(places)}:\n" + "\n".join(failures[:15])
        return len(places)


def difference(wanted, told):
    more, less = Counter(told), Counter(wanted)
    return f"too many: {sorted((more - less).elements())}, missing: {sorted((less - more).elements())}"
