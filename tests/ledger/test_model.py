"""A stateful model of the tree: random operations, read at random; replay, ledger and listing stay the same."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from inotify_cffi import Watcher
from inotify_cffi.kernel import buffers
from tests.stress import oracles, writers

names = st.sampled_from(["a", "b", "c"])
places = st.lists(names, min_size=1, max_size=3).map("/".join)
outside = st.sampled_from(["x", "y"])


class Worlds(RuleBasedStateMachine):
    """One writer; the reader reads when hypothesis says so."""

    @initialize(small_buffer=st.booleans(), read_ahead=st.sampled_from([None, 65536]))
    def begin(self, small_buffer, read_ahead):
        self.base = tempfile.mkdtemp(prefix="model-")
        self.root, self.outside = self.base + "/root", self.base + "/outside"
        os.makedirs(self.root + "/a/b")
        os.makedirs(self.outside + "/x/c")
        writers.write(self.root + "/a/f")
        self.watcher = Watcher(self.root, read_ahead=read_ahead)
        if small_buffer:
            self.watcher._instance._buffer = buffers.ReadBuffer(buffers.LARGEST_RECORD)
        self.replayer = oracles.Replayer(self.root, snapshot=self.watcher.snapshot())
        self.events = []

    def teardown(self):
        if hasattr(self, "watcher"):
            self.watcher.close()
            shutil.rmtree(self.base)

    def path(self, place):
        return f"{self.root}/{place}"

    def out(self, place):
        return f"{self.outside}/{place}"

    @rule(place=places)
    def mkdir(self, place):
        with contextlib.suppress(OSError):
            os.makedirs(self.path(place))

    @rule(place=places)
    def write(self, place):
        with contextlib.suppress(OSError):
            writers.write(self.path(place))

    @rule(place=places)
    def remove(self, place):
        with contextlib.suppress(OSError):
            if os.path.isdir(self.path(place)):
                shutil.rmtree(self.path(place))
            else:
                os.unlink(self.path(place))

    @rule(source=places, new=places)
    def rename(self, source, new):
        with contextlib.suppress(OSError):
            os.rename(self.path(source), self.path(new))

    @rule(source=places, new=places)
    def exchange(self, source, new):
        with contextlib.suppress(OSError):
            writers.exchange(self.path(source), self.path(new))

    @rule(source=places, new=outside)
    def move_out(self, source, new):
        with contextlib.suppress(OSError):
            os.rename(self.path(source), self.out(new))

    @rule(source=outside, new=places)
    def move_in(self, source, new):
        with contextlib.suppress(OSError):
            os.rename(self.out(source), self.path(new))

    @rule(source=outside, new=places)
    def exchange_with_outside(self, source, new):
        with contextlib.suppress(OSError):
            writers.exchange(self.out(source), self.path(new))

    @rule()
    def read(self):
        self.events += self.watcher.read(0)

    @rule()
    def compare(self):
        self.events += self.watcher.sync()
        self.replayer.apply(self.events)
        self.events = []
        assert oracles.complaints_at_rest(self.watcher, self.replayer) == []

    @rule()
    def probe(self):
        self.compare()
        probes = [self.root, *(path for path, is_dir in self.replayer.state.items() if is_dir)]
        assert oracles.complaints_of_probes(self.watcher, self.replayer) == []
        for directory in probes:
            os.unlink(directory + "/probe")
        self.watcher.sync()

    @invariant()
    def is_covered(self):
        if hasattr(self, "watcher"):
            assert self.watcher.unwatched() == {}


Worlds.TestCase.settings = settings(max_examples=60, stateful_step_count=40)
TestWorlds = Worlds.TestCase
