"""Reading ahead: a thread empties the kernel's queue into memory, and nothing else is different."""

import asyncio
import errno
import gc
import os
import select
import signal
import threading

import pytest
import trio
from conftest import PATIENCE_S, until_blocked
from consumer import Consumer, write
from forking import fork
from waiting import until

from inotify_cffi import ClosedError, Instance, Mask, Watcher, awatch
from inotify_cffi.kernel import syscalls
from tests.stress.queue import queue_of

LEAST = 65536
GAP = Mask.Q_OVERFLOW | Mask.IN_SYNC
# Of each raw event in the tests that count them: the record, and a name of up to 15 bytes.
RECORD_SIZE = 32
# Nothing is read into the last bytes, where a record with the longest name would not fit.
FITS = (LEAST - 272) // RECORD_SIZE + 1
# A part of it, for which there is room in the kernel's queue.
STEP = FITS // 102
SMALL = 40
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1, signal.SIGCHLD)


def threads():
    return {int(tid) for tid in os.listdir("/proc/self/task")}


def until_read_ahead(instance):
    """Return when nothing is left in the kernel's queue."""
    until(lambda: not syscalls.queued_bytes(instance._fd), "all is read ahead", pause_s=0)


def status(tid, field):
    with open(f"/proc/self/task/{tid}/status", encoding="ascii") as file:
        return dict(line.split(":", 1) for line in file)[field].strip()


@pytest.fixture
def no_thread_left():
    """Fail the test if it leaves a thread behind; one that was joined may be listed a moment longer."""
    before = threads()
    yield
    until(lambda: threads() <= before, "the thread of the watcher has ended", pause_s=0)


@pytest.fixture
def ahead(tmp_path, no_thread_left, no_fd_left):
    """A watcher that reads ahead."""
    with Watcher(os.fspath(tmp_path), read_ahead=LEAST) as watcher:
        yield watcher


@pytest.fixture
def tid(no_thread_left, tmp_path):
    """The thread of a watcher that reads ahead, blocked, and the watcher."""
    before = threads()
    with Watcher(os.fspath(tmp_path), read_ahead=LEAST) as watcher:
        (tid,) = threads() - before
        until_blocked(tid)
        yield tid, watcher


@pytest.fixture
def instance(tmp_path, no_thread_left, no_fd_left):
    """An instance that reads the creations in the test's directory ahead."""
    with Instance(read_ahead=LEAST) as instance:
        instance.add_watch(tmp_path, Mask.CREATE)
        yield instance


# --- what it is for ---


def kinds_of_gap(path, read_ahead):
    """What is told of lost events if nobody reads while there are more than the kernel has room for."""
    with queue_of(SMALL):
        watcher = Watcher(read_ahead=read_ahead)
    with Consumer(path, watcher=watcher) as consumer:
        watcher.add(path)
        for number in range(10 * SMALL):
            os.mknod(f"{path}/f{number}")
            if read_ahead and number % (SMALL // 4) == 0:
                until_read_ahead(watcher._instance)
        told = consumer.sync()
        consumer.assert_at_rest()
    return [event.mask for event in told if event.mask & GAP], len(told)


def test_more_is_held_than_the_kernel_has_room_for(tmp_path):
    path = os.fspath(tmp_path)
    assert kinds_of_gap(path, LEAST) == ([], 10 * SMALL)


def test_without_it_events_are_lost(tmp_path):
    gap, _ = kinds_of_gap(os.fspath(tmp_path), None)
    assert gap == [Mask.Q_OVERFLOW, Mask.IN_SYNC]


def test_when_memory_and_queue_are_full_the_kernel_tells_the_overflow(tmp_path):
    """In its place, behind all that was held and all that was queued; the state is right then."""
    path = os.fspath(tmp_path)
    with queue_of(SMALL):
        watcher = Watcher(read_ahead=LEAST)
    with Consumer(path, watcher=watcher) as consumer:
        watcher.add(path)
        for number in range(FITS):
            os.mknod(f"{path}/f{number}")
            if number % STEP == STEP - 1:
                until_read_ahead(watcher._instance)
        for number in range(FITS, FITS + 2 * SMALL):
            os.mknod(f"{path}/f{number}")
        told = consumer.sync()
        first = [event.name for event in told].index("")
        assert [event.name for event in told[:first]] == [f"f{number}" for number in range(FITS + SMALL)]
        assert [event.mask for event in told if event.mask & GAP] == [Mask.Q_OVERFLOW, Mask.IN_SYNC]
        assert watcher.stats()["read_ahead"] == FITS * RECORD_SIZE
        consumer.assert_at_rest()


def test_the_most_that_was_held_is_counted(ahead, tmp_path):
    assert ahead.stats()["read_ahead"] == 0
    for number in range(10):
        os.mkfifo(tmp_path / f"f{number}")
    until_read_ahead(ahead._instance)
    ahead.sync()
    assert ahead.stats()["read_ahead"] == 10 * RECORD_SIZE


def test_without_it_nothing_is_held(tmp_path):
    with Watcher(tmp_path, read_ahead=None) as watcher:
        write(tmp_path / "file")
        watcher.sync()
        assert watcher.stats()["read_ahead"] == 0


# --- the order, the size, the descriptor ---


@pytest.mark.parametrize("read_size", [272, 1000, LEAST])
def test_what_is_held_comes_first_and_in_whole_records(tmp_path, read_size):
    """Long names and short ones, several times around; the reader falls behind and catches up."""
    told, expected = [], []
    with Instance(read_ahead=LEAST, read_size=read_size) as instance:
        instance.add_watch(tmp_path, Mask.CREATE | Mask.DELETE)
        for number in range(3000):
            name = f"{number:0{1 + number * 37 % 250}}"
            os.mkfifo(tmp_path / name)
            os.unlink(tmp_path / name)
            expected += [name.encode()] * 2
            if number % 500 > 250:
                told += instance.read() + instance.read()
        while len(told) < len(expected):
            told += instance.read()
        assert [raw.name for raw in told] == expected
        assert instance.queued_bytes() == 0


def test_the_queue_is_what_is_held_and_what_is_not(instance, tmp_path):
    """At any moment, wherever it is."""
    for number in range(300):
        os.mkfifo(tmp_path / f"f{number}")
        assert instance.queued_bytes() == (number + 1) * RECORD_SIZE
    seen = 0
    while seen < 300:
        seen += len(instance.read())
        assert instance.queued_bytes() == (300 - seen) * RECORD_SIZE


def test_the_descriptor_is_readable_while_something_is_held(instance, tmp_path):
    assert select.select([instance], [], [], 0)[0] == []
    os.mkfifo(tmp_path / "file")
    assert select.select([instance], [], [], PATIENCE_S)[0] == [instance]
    assert [raw.name for raw in instance.read()] == [b"file"]
    assert select.select([instance], [], [], 0)[0] == []


@pytest.mark.parametrize("run", [lambda main: asyncio.run(main()), trio.run], ids=["asyncio", "trio"])
def test_a_loop_is_told(tmp_path, background, run):
    """It waits for the descriptor from outside of the watcher's own wait."""
    iterates = threading.Event()

    async def names():
        async with awatch(os.fspath(tmp_path), read_ahead=LEAST) as watcher:
            iterates.set()
            return [event.name async for event in watcher if event.name != "last" or watcher.stop()]

    loop = background(run, names)
    assert iterates.wait(PATIENCE_S)
    loop.until_blocked()
    for name in ("one", "two", "last"):
        os.mkfifo(tmp_path / name)
    assert loop.result() == ["one", "two"]


def test_a_failed_read_of_the_thread_is_raised_by_the_next_one(tmp_path):
    """Behind what was read before it failed; and the descriptor is readable, so that it is noticed."""
    with Instance(read_ahead=LEAST) as instance:
        instance.add_watch(tmp_path, Mask.CREATE)
        os.mkfifo(tmp_path / "before")
        until_read_ahead(instance)
        # The queue that it waits for stays, under another number; what it reads from is a directory by now.
        kept, directory = os.dup(instance._fd), os.open(tmp_path, os.O_RDONLY)
        os.dup2(directory, instance._fd)
        os.mkfifo(tmp_path / "behind")
        assert [raw.name for raw in instance.read()] == [b"before"]
        assert select.select([instance], [], [], PATIENCE_S)[0] == [instance]
        for _ in range(2):
            with pytest.raises(IsADirectoryError):
                instance.read()
        os.close(kept)
        os.close(directory)


# --- nobody is held up, nobody is woken ---


def test_an_event_that_somebody_waits_for_does_not_wake_the_thread(tid, background, tmp_path):
    tid, watcher = tid
    reader = background(watcher.read, None).until_blocked()
    before = status(tid, "voluntary_ctxt_switches")
    os.mkdir(tmp_path / "one")
    assert [event.name for event in reader.result()] == ["one"]
    assert status(tid, "voluntary_ctxt_switches") == before


def test_one_that_nobody_waits_for_does(tid, tmp_path):
    tid, watcher = tid
    os.mkdir(tmp_path / "one")
    until_read_ahead(watcher._instance)
    assert [event.name for event in watcher.read(0)] == ["one"]


def test_no_signal_is_handled_in_the_thread(tid):
    blocked = int(status(tid[0], "SigBlk"), 16)
    assert all(blocked >> (number - 1) & 1 for number in SIGNALS)


# --- the end ---


def test_close_ends_the_thread(ahead):
    ahead.close()
    ahead.close()


def test_close_while_much_is_held(ahead, tmp_path):
    for number in range(3000):
        os.mkfifo(tmp_path / f"f{number}")
    ahead.close()
    with pytest.raises(ClosedError):
        ahead.read(0)


def test_close_ends_a_reader_in_another_thread(ahead, background):
    reader = background(lambda: list(ahead)).until_blocked()
    ahead.close()
    assert reader.result() == []


def test_close_in_many_threads_at_once(ahead, background):
    together = threading.Barrier(4)
    for closer in [background(lambda: (together.wait(), ahead.close())) for _ in range(4)]:
        closer.result()


def test_who_is_not_closed_leaves_no_thread(tmp_path, no_thread_left, no_fd_left):
    watcher = Watcher(tmp_path, read_ahead=LEAST)
    with pytest.warns(ResourceWarning, match="unclosed"):
        del watcher
        for _ in range(3):
            gc.collect()


def test_a_forgotten_instance_leaves_no_thread(tmp_path, no_thread_left, no_fd_left):
    instance = Instance(read_ahead=LEAST)
    instance.add_watch(tmp_path, Mask.CREATE)
    del instance
    for _ in range(3):
        gc.collect()
    os.mkfifo(tmp_path / "file")


@pytest.mark.parametrize("end", ["", "import os; os._exit(0)", "import sys; sys.exit()", "watcher.close()"])
def test_the_interpreter_ends_as_ever(python, tmp_path, end):
    python(
        f"""
        import os, warnings
        from inotify_cffi import Instance, Watcher
        warnings.simplefilter("ignore")
        watcher = Watcher({os.fspath(tmp_path)!r}, read_ahead=65536)
        instance = Instance(read_ahead=65536)
        for number in range(100):
            os.mkfifo(f"f{{number}}")
        {end}
        """
    )


# --- forks ---


def test_a_child_comes_to_its_end_whatever_the_thread_does(ahead, tmp_path):
    """It is forked while the thread works, and holds its locks; they are of no thread in the child."""
    path = os.fspath(tmp_path)
    done = threading.Event()
    made = []

    def make():
        while not done.is_set():
            # A slow machine takes long for the forks, and the more is told by then, the longer for each.
            if len(made) - len(told) < 5000:
                os.mkfifo(f"{path}/f{len(made)}")
                made.append(f"f{len(made)}")
            else:
                done.wait(0.001)

    maker = threading.Thread(target=make)
    told = []
    maker.start()
    try:
        for _ in range(30):
            pid = fork()
            if pid == 0:
                ahead.close()
                gc.collect()
                os._exit(7 if len(threads()) == 1 else 1)
            assert os.WEXITSTATUS(os.waitpid(pid, 0)[1]) == 7
            told += ahead.read(0)
    finally:
        done.set()
        maker.join()
    told += ahead.sync()
    names = [event.name for event in told if event.mask & Mask.CREATE]
    assert sorted(names) == sorted(made)


def test_a_child_may_read_ahead_by_itself(ahead, tmp_path):
    pid = fork()
    if pid == 0:
        code = 1
        try:
            with Watcher(os.fspath(tmp_path), read_ahead=LEAST) as own:
                os.mkfifo(tmp_path / "file")
                code = 7 if [event.name for event in own.sync()] == ["file"] else 2
        finally:
            os._exit(code)
    assert os.WEXITSTATUS(os.waitpid(pid, 0)[1]) == 7
    assert [event.name for event in ahead.sync()] == ["file"]


# --- bad values ---


@pytest.mark.parametrize("size", [0, 1, True, -1, LEAST - 1])
@pytest.mark.parametrize("make", [Watcher, Instance])
def test_too_little(no_fd_left, make, size):
    with pytest.raises(ValueError, match=f"read_ahead is {LEAST} bytes or more .*, or None; not {size}"):
        make(read_ahead=size)


@pytest.mark.parametrize("size", [65536.0, "65536", b""])
@pytest.mark.parametrize("make", [Watcher, Instance])
def test_what_is_no_number_of_bytes(no_fd_left, make, size):
    with pytest.raises(TypeError):
        make(read_ahead=size)


@pytest.mark.parametrize("size", [1 << 60, 1 << 70])
@pytest.mark.parametrize("make", [Watcher, Instance])
def test_more_than_there_is(no_fd_left, no_thread_left, make, size):
    with pytest.raises(
        OSError, match=f"no memory to read {size} bytes ahead; take a smaller read_ahead"
    ) as raised:
        make(read_ahead=size)
    assert raised.value.errno == errno.ENOMEM


def test_twice(instance):
    with pytest.raises(ValueError, match="read ahead already"):
        instance.begin_reading_ahead(LEAST)


def test_it_can_be_begun_later(tmp_path, no_thread_left, no_fd_left):
    with Instance() as instance:
        instance.add_watch(tmp_path, Mask.CREATE)
        os.mkfifo(tmp_path / "one")
        instance.begin_reading_ahead(LEAST)
        os.mkfifo(tmp_path / "two")
        until_read_ahead(instance)
        assert [raw.name for raw in instance.read()] == [b"one", b"two"]
    with pytest.raises(ClosedError):
        instance.begin_reading_ahead(LEAST)


def test_no_descriptor_is_left(python):
    """Whichever of those that it needs: the error says what to raise, and nothing is left open."""
    told = python(
        """
        import os, resource
        from inotify_cffi import Instance

        Instance(read_ahead=65536).close()
        first = len(os.listdir("/proc/self/fd")) - 1
        before = resource.getrlimit(resource.RLIMIT_NOFILE)
        for room in range(6):
            resource.setrlimit(resource.RLIMIT_NOFILE, (first + room, before[1]))
            try:
                Instance(read_ahead=65536).close()
                print(room, "enough")
            except OSError as error:
                print(room, "raise RLIMIT_NOFILE" in str(error))
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
        print(len(os.listdir("/proc/self/fd")) - 1 - first, len(os.listdir("/proc/self/task")))
        """
    )
    assert told == "0 True\n1 True\n2 True\n3 True\n4 enough\n5 enough\n0 1\n"


@pytest.mark.unsanitized("the address space is limited, of which they need a part for each byte")
def test_no_thread_is_left(python):
    """Nor room for its stack, which is the same to who starts one; with less not even the memory is to be had."""
    told = python(
        """
        import resource
        from inotify_cffi import Instance

        unlimited = resource.RLIM_INFINITY
        instance = Instance()
        with open("/proc/self/statm") as file:
            used = int(file.read().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + (4 << 20), unlimited))
        said = []
        for size in range(16 << 20, 65535, -65536):
            try:
                instance.begin_reading_ahead(size)
                break
            except OSError as error:
                said.append(str(error).replace(str(size), "SIZE"))
        resource.setrlimit(resource.RLIMIT_AS, (unlimited, unlimited))
        instance.close()
        print(*sorted(set(said)), sep="\\n")
        """
    )
    assert told.splitlines() == [
        "[Errno 11] no thread is left to read ahead; raise RLIMIT_NPROC (ulimit -u)",
        "[Errno 12] there is no memory to read SIZE bytes ahead; take a smaller read_ahead",
    ]
