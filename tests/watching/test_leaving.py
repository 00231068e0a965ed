"""Leaving: whoever closes, forgets or ends gets it all freed, once, and in silence where it is no fault."""

import ctypes
import gc
import os
import queue
import subprocess
import sys
import textwrap
import threading
import time

import pytest
from collecting import collect
from conftest import HELPERS, PATIENCE_S, open_fds

from inotify_cffi import Instance, InstanceLimitError, Watcher, awatch
from inotify_cffi.kernel import forks

MANY = 10_000
ROUNDS = 10
# The kernel frees an instance some time after it is closed, and others on this machine want some, too.
THREADS = 4


# --- nothing leaks ---


def in_use():
    """The inotify instances and the memory of this process, without what the allocator keeps for later."""
    collect()
    getattr(ctypes.CDLL(None), "malloc_trim", lambda _: 0)(0)
    with open("/proc/self/statm", encoding="ascii") as file:
        pages = int(file.read().split()[1])
    instances = sum("inotify" in link for link in open_fds().values())
    return instances, pages * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.timeout(600)
def test_to_open_and_close_ten_thousand_watchers_leaks_nothing(tmp_path, no_fd_left, background):
    """In several threads, for the kernel takes its time to free an instance."""
    for name in ("a", "b/c"):
        (tmp_path / name).mkdir(parents=True)
    made = queue.SimpleQueue()

    def patient():
        """Make a watcher as soon as the kernel has freed an instance; one that leaks is never freed."""
        end = time.monotonic() + PATIENCE_S
        while True:
            try:
                return Watcher(tmp_path)
            except InstanceLimitError:
                if time.monotonic() > end:
                    raise
                os.sched_yield()

    def make(count):
        for number in range(count):
            watcher = patient()
            (tmp_path / "a" / f"f{threading.get_ident()}").touch()
            watcher.read(0)
            watcher.close()
            if number == count - 1:
                made.put(count)

    def make_in_threads(count):
        for thread in [background(make, count // THREADS) for _ in range(THREADS)]:
            while thread.is_running:
                thread._thread.join(1)
            thread.result()

    sizes, things = [], 0
    for _ in range(ROUNDS):
        make_in_threads(MANY // ROUNDS)
        instances, size = in_use()
        sizes.append(size)
        assert instances == 0
        things = things or len(forks._things)
    # A watcher has 200 KB, most of it buffers. What grows now and then is the allocator's, and code of the JIT.
    growth = sorted(after - before for before, after in zip(sizes, sizes[1:]))[ROUNDS // 2 - 1]
    assert growth < MANY // ROUNDS * (1024 if sys.implementation.name == "cpython" else 16384)
    assert len(forks._things) <= things
    assert sum(made.get() for _ in range(THREADS * ROUNDS)) == MANY


def test_all_objects_of_a_closed_watcher_are_freed_without_the_collector(tmp_path):
    """Where references are counted; a cycle would keep the ledger of a large tree until somebody looks."""
    if sys.implementation.name != "cpython":
        pytest.skip("references are not counted here")
    (tmp_path / "a").mkdir()
    freed = []

    class Noticed(Watcher):
        def __del__(self):
            freed.append(1)
            super().__del__()

    gc.disable()
    try:
        with Noticed(tmp_path) as watcher:
            watcher.read(0)
            next(watcher.event_gen(block_duration_s=0))
        del watcher
        assert freed
    finally:
        gc.enable()


# --- forgotten ---


def test_a_forgotten_watcher_warns_and_frees_its_descriptors(tmp_path, no_fd_left):
    watcher = Watcher(tmp_path)
    watcher.read(0.001)
    watcher.fileno()
    with pytest.warns(ResourceWarning, match="unclosed .*Watcher"):
        del watcher
        collect()


def test_a_forgotten_watcher_in_a_cycle_warns_and_frees_its_descriptors(tmp_path, no_fd_left):
    watcher = Watcher(tmp_path)
    watcher.itself = watcher
    with pytest.warns(ResourceWarning, match="unclosed .*Watcher"):
        del watcher
        collect()


def test_a_forgotten_watcher_is_closed_where_warnings_are_errors(tmp_path, no_fd_left, monkeypatch):
    """Who is told of the error keeps all of it, and with it the watcher."""
    kept = []
    monkeypatch.setattr(sys, "unraisablehook", lambda told: kept.append(told.exc_value))
    watcher = Watcher(tmp_path)
    del watcher
    collect()
    assert [type(error) for error in kept] == [ResourceWarning]
    open_now = open_fds()
    kept.clear()
    collect()
    assert open_fds() == open_now


def test_a_constructor_that_fails_warns_of_nothing(tmp_path, no_fd_left, recwarn):
    with pytest.raises(FileNotFoundError):
        Watcher(tmp_path, tmp_path / "none")
    with pytest.raises(ValueError, match="mask"):
        Watcher(tmp_path, mask=0)
    with pytest.raises(ValueError, match="mask"):
        awatch(tmp_path, mask=0)
    collect()
    assert not recwarn.list


def test_a_constructor_that_fails_for_want_of_an_instance_frees_the_rest(limited):
    told = limited(
        """
        import os
        from inotify_cffi import InstanceLimitError, Watcher
        before = len(os.listdir("/proc/self/fd"))
        try:
            Watcher("/")
        except InstanceLimitError as error:
            print(type(error).__name__)
        print(len(os.listdir("/proc/self/fd")) - before)
        """,
        max_inotify_instances=0,
    )
    assert told == "InstanceLimitError\n0\n"


def test_close_is_idempotent_for_each_part(tmp_path, no_fd_left):
    for thing in (Watcher(tmp_path), Instance()):
        thing.close()
        reused = os.open("/", os.O_RDONLY)
        thing.close()
        # It is not the thing's any more, whatever its number.
        os.fstat(reused)
        os.close(reused)


# --- the end of the interpreter ---


def run(code, path, *options):
    done = subprocess.run(
        [sys.executable, *options, "-c", textwrap.dedent(code), path],
        check=False,
        capture_output=True,
        text=True,
        timeout=50,
    )
    return done.returncode, done.stdout, done.stderr


BLOCKED = {
    "read": "watcher.read(None)",
    "iter": "list(watcher)",
    "event_gen": "list(watcher.event_gen(block_duration_s=None))",
    "dispatcher": "inotify_cffi.Dispatcher().run(watcher)",
    "asyncio": "import asyncio; asyncio.run(watcher.aread())",
    "drop-in": "import inotify_cffi.adapters as a; list(a.Inotify(block_duration_s=-1).event_gen())",
}


@pytest.mark.parametrize("block", BLOCKED.values(), ids=BLOCKED)
def test_the_interpreter_ends_in_silence_while_a_thread_is_blocked(tmp_path, block):
    code = f"""
        import os, sys, threading
        import inotify_cffi
        from inotify_cffi import Watcher
        sys.path[:0] = {HELPERS!r}
        from conftest import until_blocked
        watcher = Watcher(sys.argv[1])
        def block():
            {block}
        thread = threading.Thread(target=block, daemon=True)
        thread.start()
        until_blocked(thread.native_id)
        print("end")
    """
    assert run(code, tmp_path, "-W", "error") == (0, "end\n", "")


@pytest.mark.parametrize(
    "keep", ["watcher = Watcher(sys.argv[1])", "import builtins; builtins.x = Watcher(sys.argv[1])"]
)
def test_the_interpreter_ends_in_silence_with_a_watcher_left_open(tmp_path, keep):
    """With the warnings that Python shows by default."""
    assert run(f"import sys; from inotify_cffi import Watcher; {keep}; print('end')", tmp_path) == (0, "end\n", "")


def test_the_interpreter_ends_in_silence_in_the_middle_of_an_iteration(tmp_path):
    code = """
        import sys
        from inotify_cffi import Watcher
        watcher = Watcher(sys.argv[1], existing=True)
        open(sys.argv[1] + "/file", "w").close()
        events = iter(watcher)
        print(next(events).name)
        sys.exit()
    """
    assert run(code, tmp_path) == (0, "file\n", "")


def test_the_interpreter_ends_in_silence_when_asyncio_is_left_by_an_error(tmp_path):
    code = """
        import asyncio, sys
        from inotify_cffi import awatch
        async def consume():
            async for event in awatch(sys.argv[1]):
                pass
        async def main():
            # Of a busy machine it is not to complain.
            asyncio.get_running_loop().slow_callback_duration = 60
            task = asyncio.ensure_future(consume())
            for _ in range(100):
                await asyncio.sleep(0)
            print("end")
            raise SystemExit(3)
        asyncio.run(main())
    """
    assert run(code, tmp_path, "-X", "dev", "-W", "error") == (3, "end\n", "")


def test_a_loop_that_is_closed_under_a_reader_leaves_nothing_open(tmp_path, no_fd_left):
    """As a program does that stops its loop and does not cancel its tasks."""
    import asyncio

    loop = asyncio.new_event_loop()
    watcher = Watcher(tmp_path)

    async def begin():
        reading = asyncio.ensure_future(watcher.aread())  # noqa: F821 (it is deleted further down)
        for _ in range(10):
            await asyncio.sleep(0)
        return reading

    reading = loop.run_until_complete(begin())
    reading._log_destroy_pending = False
    loop.close()
    del reading
    collect()
    if sys.implementation.name == "cpython":
        assert watcher.read(0) == []
    # PyPy does not close a coroutine that nobody awaits any more: its end is that of the watcher.
    watcher.close()
    del watcher
    collect()


def test_instances_that_are_freed_can_be_had_again(tmp_path, limited):
    """As many as there may be, and as many again; in a namespace, for the limit is for all processes of a user."""
    told = limited(
        """
        import sys
        from inotify_cffi import InstanceLimitError, Watcher
        for _ in range(2):
            made = []
            try:
                while len(made) < 100:
                    made.append(Watcher(sys.argv[1]))
            except InstanceLimitError:
                print(len(made))
            finally:
                for watcher in made:
                    watcher.close()
        """,
        str(tmp_path),
        max_inotify_instances=20,
    )
    assert told == "20\n20\n"
