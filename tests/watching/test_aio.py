"""asyncio, uvloop and trio: who awaits a watcher gets every event, holds up nobody and leaves nothing behind."""

import gc
import math
import os
import time

import anyio
import anyio.lowlevel
import anyio.to_thread
import pytest
from consumer import Consumer, write, write_all

from inotify_cffi import BusyError, ClosedError, Mask, Watcher, awatch
from inotify_cffi.tree import apply
from inotify_cffi.watching import asynchronous, reading
from tests.stress.queue import room

try:
    import uvloop
except ImportError:
    uvloop = None

pytestmark = pytest.mark.anyio

LOOPS = [
    pytest.param(("asyncio", {}), id="asyncio"),
    pytest.param(
        ("asyncio", {"use_uvloop": True}),
        id="uvloop",
        marks=pytest.mark.skipif(uvloop is None, reason="uvloop is not installed"),
    ),
    pytest.param(("trio", {}), id="trio"),
]

# As a busy machine may be late, never as the code may be.
LATE_S = 10


@pytest.fixture(params=LOOPS)
def anyio_backend(request):
    return request.param


@pytest.fixture
def short_turns(monkeypatch):
    """Each turn is over as soon as it has begun."""
    monkeypatch.setattr(asynchronous, "TURN_S", -1.0)
    monkeypatch.setattr(reading, "TURN_S", -1.0)


class Ticks:
    """Counts the turns that the others have, and does something in each."""

    def __init__(self, action=lambda: None):
        self.count = 0
        self.action = action

    async def run(self):
        while True:
            await anyio.lowlevel.checkpoint()
            self.count += 1
            self.action()


class Beside:
    """A task that runs beside the block, and is cancelled with it."""

    def __init__(self, function, *args):
        self.call = (function, args)

    async def __aenter__(self):
        self.group = anyio.create_task_group()
        await self.group.__aenter__()
        self.group.start_soon(self.call[0], *self.call[1])

    async def __aexit__(self, *exception):
        self.group.cancel_scope.cancel()
        return await self.group.__aexit__(*exception)


async def collect(events, into, until):
    """Append names of events to a list until one is named so."""
    async for event in events:
        into.append(event.name)
        if event.name == until:
            return


def names(events, mask=Mask.CREATE):
    return [event.name for event in events if event.mask & mask]


def make(top, count, prefix="f"):
    for number in range(count):
        write(f"{top}/{prefix}{number}")


def tree(top, directories=300):
    for number in range(directories):
        os.makedirs(f"{top}/{number % 10}/{number}")


def kernel_watches():
    """How many watches this process has, as the kernel lists them."""
    count = 0
    for fd in os.listdir("/proc/self/fd"):
        try:
            with open(f"/proc/self/fdinfo/{fd}", encoding="ascii") as file:
                count += sum(line.startswith("inotify ") for line in file)
        except FileNotFoundError:
            continue
    return count


# --- awaiting events ---


async def test_an_event_ends_an_awaited_read(watcher, tmp_path):
    told = []

    async def read():
        told.extend(await watcher.aread())

    async with anyio.create_task_group() as group:
        group.start_soon(read)
        await anyio.wait_all_tasks_blocked()
        write(f"{tmp_path}/file")
    assert told[0].name == "file"


async def test_awatch_tells_what_happens(tmp_path):
    told = []
    async with anyio.create_task_group() as group:
        group.start_soon(collect, awatch(os.fsencode(tmp_path)), told, b"b")
        await anyio.wait_all_tasks_blocked()
        os.mkdir(f"{tmp_path}/a")
        os.mkdir(f"{tmp_path}/b")
    assert told == [b"a", b"b"]


async def test_awatch_takes_the_options_of_the_watcher(tmp_path):
    make(tmp_path, 2)
    events = awatch(tmp_path, existing=True, mask=Mask.CREATE, exclude=["f1"])
    assert (await events.__anext__()).name == "f0"
    await events.aclose()


async def test_to_enter_awatch_gives_a_watcher_with_all_in_place(tmp_path):
    async with awatch(tmp_path) as watcher:
        write(f"{tmp_path}/file")
        async for event in watcher:
            assert event.name == "file"
            break


async def test_events_of_one_batch_are_told_one_by_one_in_order(watcher, tmp_path):
    make(tmp_path, 20)
    told = []
    await collect(watcher, told, "f19")
    assert list(dict.fromkeys(told)) == [f"f{number}" for number in range(20)]


@pytest.mark.one_turn("each read is of one turn")
async def test_what_is_not_handed_out_is_told_by_the_next_read(watcher, tmp_path):
    make(tmp_path, 20)
    async for _ in watcher:
        break
    assert names(await watcher.aread(0)) == [f"f{number}" for number in range(1, 20)]


@pytest.mark.parametrize("timeout", [0, 0.0004, 0.03])
async def test_an_awaited_read_is_never_shorter_than_its_timeout(watcher, timeout):
    began = time.monotonic()
    assert await watcher.aread(timeout) == []
    assert timeout <= time.monotonic() - began < timeout + LATE_S


async def test_a_very_long_timeout_will_do(watcher, tmp_path):
    write(f"{tmp_path}/file")
    assert await watcher.aread(1e300)
    with anyio.move_on_after(0) as scope:
        await watcher.aread(math.inf)
    assert scope.cancelled_caught


async def test_a_negative_timeout_is_refused(watcher):
    with pytest.raises(ValueError, match="timeout is a number"):
        await watcher.aread(-1)


async def test_to_wait_starts_no_thread(watcher):
    def threads():
        return set(os.listdir("/proc/self/task"))

    before = threads()
    async with Beside(watcher.aread):
        await anyio.wait_all_tasks_blocked()
        assert threads() <= before


async def test_a_task_that_awaits_does_not_wake_up_by_itself(watcher, monkeypatch):
    reads = []
    monkeypatch.setattr(watcher, "_read_once", lambda: reads.append(1))
    async with Beside(watcher.aread):
        for _ in range(20):
            await anyio.wait_all_tasks_blocked()
        assert reads == [1]


def test_outside_of_a_loop_it_says_so(tmp_path):
    with Watcher(tmp_path) as watcher, pytest.raises(RuntimeError, match="in asyncio or trio, not in neither"):
        watcher.aread().send(None)


# --- the end ---


@pytest.mark.parametrize("end", [Watcher.stop, Watcher.close])
async def test_another_task_ends_the_iteration(tmp_path, no_fd_left, end):
    watcher = Watcher(tmp_path)
    told = []
    async with anyio.create_task_group() as group:
        group.start_soon(collect, watcher, told, None)
        await anyio.wait_all_tasks_blocked()
        end(watcher)
    assert told == []
    watcher.close()


async def test_another_thread_ends_the_iteration(watcher):
    async with anyio.create_task_group() as group:
        group.start_soon(collect, watcher, [], None)
        await anyio.wait_all_tasks_blocked()
        await anyio.to_thread.run_sync(watcher.stop)


async def test_what_happened_before_stop_is_still_told(watcher, tmp_path):
    make(tmp_path, 3)
    watcher.stop()
    told = []
    await collect(watcher, told, None)
    assert set(told) == {"f0", "f1", "f2"}


async def test_what_happened_between_the_last_look_and_stop_is_still_told(watcher, tmp_path):
    read_once = watcher._read_once

    def read_and_stop():
        found = read_once()
        if not watcher._stopped:
            assert not found
            make(tmp_path, 3)
            watcher.stop()
        return found

    watcher._read_once = read_and_stop
    told = []
    await collect(watcher, told, None)
    assert set(told) == {"f0", "f1", "f2"}


async def test_what_is_behind_much_that_is_not_told_is_still_told_after_stop(tmp_path, short_turns):
    with Watcher(tmp_path, mask=Mask.MODIFY) as watcher:
        for number in range(300):
            os.mknod(tmp_path / str(number))
        write(tmp_path / "0", "changed")
        watcher.stop()
        told = []
        await collect(watcher, told, None)
        assert told == ["0"]


async def test_aclose_frees_all(tmp_path, no_fd_left):
    watcher = Watcher(tmp_path)
    await watcher.aclose()
    await watcher.aclose()
    assert [event async for event in watcher] == []
    with pytest.raises(ClosedError):
        await watcher.aread()


async def test_the_async_with_block_closes_also_after_an_error(tmp_path, no_fd_left):
    with pytest.raises(KeyError):
        async with Watcher(tmp_path):
            raise KeyError
    with pytest.raises(KeyError):
        async with awatch(tmp_path):
            raise KeyError


async def test_to_leave_awatch_closes_it_without_a_warning(tmp_path, no_fd_left, recwarn):
    write_all(tmp_path, "a")
    async for _ in awatch(tmp_path, existing=True):
        break
    for _ in range(3):
        gc.collect()
    assert not recwarn.list


async def test_awatch_in_a_cycle_is_no_reason_to_warn_whichever_is_collected_first(tmp_path, no_fd_left, recwarn):
    """As the traceback of a cancelled task makes one; the collector takes either first, here the watcher."""
    watching = awatch(tmp_path)
    await watching.__aenter__()
    watching._watcher.__del__()
    del watching
    gc.collect()
    assert not recwarn.list


async def test_awatch_is_entered_once(tmp_path):
    events = awatch(tmp_path)
    async with events:
        pass
    with pytest.raises(RuntimeError, match="call awatch"):
        await events.__aenter__()


async def test_a_path_that_is_not_there_is_an_error_and_leaves_nothing_open(tmp_path, no_fd_left):
    with pytest.raises(FileNotFoundError):
        await awatch(tmp_path, tmp_path / "none").__anext__()


def test_an_option_that_is_wrong_is_refused_at_once(tmp_path, no_fd_left):
    with pytest.raises(ValueError, match="max_depth"):
        awatch(tmp_path, max_depth=0)
    with pytest.raises(ValueError, match="max_places"):
        awatch(tmp_path, max_places=0)


# --- cancellation ---


@pytest.mark.parametrize("turns", range(9))
async def test_no_event_is_lost_wherever_the_task_is_cancelled(watcher, tmp_path, turns, short_turns):
    """Cancelled after so many turns, again and again; each time another task goes on."""
    told = []

    async def some():
        async for event in watcher:
            told.append(event)  # noqa: PERF401  # it may be cancelled half-way

    for number in range(40):
        write(f"{tmp_path}/f{number}")
        async with Beside(some):
            for _ in range(turns):
                await anyio.lowlevel.checkpoint()
    told.extend(watcher.sync())
    assert names(told) == [f"f{number}" for number in range(40)]
    assert names(told, Mask.CLOSE_WRITE) == [f"f{number}" for number in range(40)]


async def test_a_cancelled_read_leaves_the_watcher_to_the_next_reader(watcher, tmp_path):
    async with Beside(watcher.aread):
        await anyio.wait_all_tasks_blocked()
    write(f"{tmp_path}/file")
    assert names(await watcher.aread()) == ["file"]


# --- one consumer ---


@pytest.mark.parametrize("second", [Watcher.aread, lambda watcher: watcher.__aiter__().__anext__()])
async def test_a_second_task_is_refused_while_one_waits(watcher, second):
    async with Beside(collect, watcher, [], None):
        await anyio.wait_all_tasks_blocked()
        with pytest.raises(BusyError, match="one reader at a time"):
            await second(watcher)


@pytest.mark.parametrize("second", [Watcher.aread, lambda watcher: watcher.__aiter__().__anext__()])
async def test_a_second_task_can_not_take_events_while_one_handles_another(watcher, tmp_path, second):
    told = []
    handling, go_on = anyio.Event(), anyio.Event()

    async def slow():
        async for event in watcher:
            told.append(event)
            handling.set()
            await go_on.wait()
            if event.mask & Mask.CLOSE_WRITE:
                return

    async with anyio.create_task_group() as group:
        make(tmp_path, 1)
        group.start_soon(slow)
        await handling.wait()
        with pytest.raises(BusyError, match="one reader at a time"):
            await second(watcher)
        with pytest.raises(BusyError, match="one reader at a time"):
            watcher.read(0)
        go_on.set()
    assert names(told) == ["f0"]


async def test_one_task_may_iterate_again_and_read_in_between(watcher, tmp_path):
    make(tmp_path, 3)
    first = watcher.__aiter__()
    assert (await first.__anext__()).name == "f0"
    async for event in watcher:
        assert event.name == "f1" or event.mask & ~Mask.CREATE
        if event.name == "f1":
            break
    assert "f2" in names(watcher.sync())


async def test_another_task_may_iterate_when_the_first_has_left(watcher, tmp_path):
    """On PyPy the iteration that was left is there still when the second begins."""
    make(tmp_path, 2)
    told = []

    async def one():
        async for event in watcher:
            told.append(event)
            break

    for _ in range(2):
        async with anyio.create_task_group() as group:
            group.start_soon(one)
    assert len(told) == 2


# --- turns ---


async def test_the_others_have_their_turn_while_many_events_are_handed_out(watcher, tmp_path, short_turns):
    make(tmp_path, 200)
    ticks = Ticks()
    told = []
    async with Beside(ticks.run):
        await collect(watcher, told, "f199")
    assert ticks.count >= len(told) // 2


async def test_a_turn_of_handing_out_has_an_end_in_time(watcher, tmp_path, monkeypatch):
    """Without an end in time the others would have no turn but those of the reads."""
    make(tmp_path, 200)
    ticks = Ticks()
    monkeypatch.setattr(asynchronous, "TURN_S", math.inf)
    async with Beside(ticks.run):
        await collect(watcher, [], "f199")
    assert ticks.count < 50


async def test_a_turn_applies_a_few_raw_events_only(watcher, tmp_path, short_turns, monkeypatch):
    make(tmp_path, 500)
    monkeypatch.setattr(apply, "PLAIN_RUN", 64)
    told = await watcher.aread()
    assert 0 < len(told) <= 64
    while len(told) < 1500:
        told += await watcher.aread()
    assert names(told) == [f"f{number}" for number in range(500)]


async def test_what_one_turn_leaves_in_doubt_is_settled_by_the_next(tmp_path, short_turns):
    """Directories that came and went, or moved, leave one doubt each."""
    with Consumer(tmp_path) as consumer:
        for number in range(200):
            os.mkdir(f"{tmp_path}/{number}")
            os.mkdir(f"{tmp_path}/{number}/below")
            os.rename(f"{tmp_path}/{number}", f"{tmp_path}/x{number}")
            if number % 2:
                os.rmdir(f"{tmp_path}/x{number}/below")
                os.rmdir(f"{tmp_path}/x{number}")
        last = f"{tmp_path}/x198/below"
        while last not in consumer.replayer.state:
            consumer.take(await consumer.watcher.aread())
        consumer.assert_at_rest()


# --- adding ---


async def test_aadd_watches_all_below(tmp_path):
    tree(f"{tmp_path}/root")
    with Watcher() as watcher:
        await watcher.aadd(f"{tmp_path}/root")
        assert (watcher.stats()["watches"], kernel_watches()) == (311, 311)
        assert len(watcher.snapshot()) == 310
        with Consumer(f"{tmp_path}/root", watcher=watcher) as consumer:
            consumer.assert_each_directory_reports()


async def test_the_others_have_their_turn_while_a_tree_is_listed(tmp_path, short_turns):
    tree(f"{tmp_path}/root")
    ticks = Ticks()
    async with Beside(ticks.run), awatch(f"{tmp_path}/root"):
        # The first turn does 64 steps; then it is known that they take too long.
        assert ticks.count > 200


async def test_nothing_is_lost_that_happens_while_a_tree_is_listed(tmp_path, short_turns):
    root = f"{tmp_path}/root"
    tree(root)
    ticks = Ticks()

    def change():
        number = ticks.count
        if number > 250:
            return
        os.makedirs(f"{root}/{number % 10}/new{number}/below")
        write(f"{root}/{number % 10}/new{number}/below/file")
        if number % 3 == 0:
            os.rename(f"{root}/{number % 10}/{number}", f"{root}/moved{number}")
        elif number % 7 == 0:
            os.rmdir(f"{root}/{number % 10}/{number}")

    ticks.action = change
    with Watcher() as watcher:
        async with Beside(ticks.run):
            await watcher.aadd(root)
        assert ticks.count > 200
        with Consumer(root, watcher=watcher) as consumer:
            consumer.assert_each_directory_reports()


async def test_events_of_other_roots_wait_and_are_told_behind(tmp_path, short_turns):
    tree(f"{tmp_path}/root")
    os.mkdir(f"{tmp_path}/other")
    ticks = Ticks(lambda: write(f"{tmp_path}/other/f{ticks.count}") if ticks.count <= 100 else None)
    told = []
    with Watcher(f"{tmp_path}/other") as watcher:

        async def read():
            while True:
                told.extend(await watcher.aread())

        async with Beside(ticks.run), Beside(read):
            await watcher.aadd(f"{tmp_path}/root")
            assert told == []
            while f"f{100}" not in names(told, Mask.CLOSE_WRITE):
                await anyio.lowlevel.checkpoint()
    assert names(told) == [f"f{number}" for number in range(1, 101)]


async def test_the_queue_does_not_run_over_while_a_tree_is_listed(tmp_path, short_turns):
    """More is done than the queue has room for: 16,384 events by default."""
    held = room()
    if held > 50_000:
        pytest.skip("this would take too long")
    tree(f"{tmp_path}/root")
    os.mkdir(f"{tmp_path}/other")
    make(f"{tmp_path}/other", 2)

    def change():
        for _ in range(held // 200):
            os.utime(f"{tmp_path}/other/f0")
            os.utime(f"{tmp_path}/other/f1")

    ticks = Ticks(change)
    with Watcher(f"{tmp_path}/other") as watcher:
        async with Beside(ticks.run):
            await watcher.aadd(f"{tmp_path}/root")
        changes = ticks.count * (held // 200) * 2
        assert changes > held
        assert len([event for event in watcher.sync() if event.mask & Mask.ATTRIB]) >= changes - 2 * (held // 200)
        assert watcher.stats()["overflows"] == 0


async def test_existing_entries_are_told_in_turns(tmp_path, short_turns):
    tree(f"{tmp_path}/root")
    told = []
    async with awatch(f"{tmp_path}/root", existing=True) as watcher:
        while len(told) < 310:
            told += await watcher.aread()
    assert len({event.path for event in told}) == 310


async def test_progress_is_reported(tmp_path):
    tree(f"{tmp_path}/root")
    progress = []
    async with awatch(f"{tmp_path}/root", on_progress=progress.append):
        assert progress == [256]


async def test_a_cancelled_aadd_leaves_nothing(tmp_path, short_turns):
    tree(f"{tmp_path}/root")
    with Watcher() as watcher:
        async with Beside(watcher.aadd, f"{tmp_path}/root"):
            while watcher.stats()["watches"] < 100:
                await anyio.lowlevel.checkpoint()
        assert (watcher.snapshot(), watcher.stats()["watches"], kernel_watches()) == ({}, 0, 0)
        await watcher.aadd(f"{tmp_path}/root")
        assert len(watcher.snapshot()) == 310


async def test_a_cancelled_awatch_frees_all(tmp_path, short_turns, no_fd_left):
    tree(f"{tmp_path}/root")
    events = awatch(f"{tmp_path}/root")
    async with Beside(events.__anext__):
        while kernel_watches() < 100:
            await anyio.lowlevel.checkpoint()


@pytest.mark.one_turn("that of a large directory is")
async def test_no_descriptor_is_open_between_two_turns(tmp_path, short_turns):
    """An open directory would delay its own deletion, and hold its mount."""
    tree(f"{tmp_path}/root")
    seen = []
    root = os.path.realpath(f"{tmp_path}/root")

    def look():
        fds = [os.path.realpath(f"/proc/self/fd/{fd}") for fd in os.listdir("/proc/self/fd")]
        seen.append(any(path.startswith(root) for path in fds))

    async with Beside(Ticks(look).run), awatch(f"{tmp_path}/root"):
        assert len(seen) > 200
        assert not any(seen)


async def test_a_watcher_that_is_closed_while_a_tree_is_listed_says_so(tmp_path, short_turns, no_fd_left):
    tree(f"{tmp_path}/root")
    watcher = Watcher()
    ticks = Ticks(lambda: watcher.close() if ticks.count == 20 else None)
    async with Beside(ticks.run):
        with pytest.raises(ClosedError):
            await watcher.aadd(f"{tmp_path}/root")


async def test_a_root_may_be_removed_while_it_is_listed(tmp_path, short_turns):
    tree(f"{tmp_path}/root")
    with Watcher() as watcher:
        ticks = Ticks(lambda: watcher.remove(f"{tmp_path}/root") if ticks.count == 20 else None)
        async with Beside(ticks.run):
            await watcher.aadd(f"{tmp_path}/root")
        assert (watcher.snapshot(), kernel_watches()) == ({}, 0)


async def test_two_trees_are_added_side_by_side(tmp_path, short_turns):
    for name in "ab":
        tree(f"{tmp_path}/{name}")
    with Watcher() as watcher:
        async with anyio.create_task_group() as group:
            for name in "ab":
                group.start_soon(watcher.aadd, f"{tmp_path}/{name}")
        assert len(watcher.snapshot()) == 620
        write(f"{tmp_path}/a/3/3/file")
        assert names(watcher.sync()) == ["file"]


async def test_sync_is_refused_while_a_tree_is_listed(tmp_path, short_turns):
    tree(f"{tmp_path}/root")
    with Watcher() as watcher:
        async with Beside(watcher.aadd, f"{tmp_path}/root"):
            while watcher.stats()["watches"] < 100:
                await anyio.lowlevel.checkpoint()
            with pytest.raises(BusyError, match="aadd"):
                watcher.sync()


async def test_a_path_is_added_once(watcher, tmp_path):
    with pytest.raises(FileExistsError):
        await watcher.aadd(os.fspath(tmp_path))


# --- for the rest of the program ---


def test_to_import_the_package_imports_no_loop(python):
    told = python("""
        import sys
        import inotify_cffi
        inotify_cffi.Watcher, inotify_cffi.awatch
        print({"asyncio", "trio", "sniffio", "anyio"} & set(sys.modules))
    """)
    assert told == "set()\n"


def test_a_mount_is_noticed_through_the_descriptor(python, private, tmp_path):
    """The loop that polls our epoll takes the news that something was mounted; no inotify event tells of it."""
    import inside

    write_all(tmp_path, "root/a/f")
    python(
        inside.code("""
            import asyncio
            async def main():
                with Consumer(ROOT) as consumer:
                    poll = select.epoll()
                    poll.register(consumer.watcher.fileno(), select.EPOLLIN)
                    mount("-t", "tmpfs", "x", ROOT + "/a")
                    assert poll.poll(20)
                    assert brief(consumer.take(consumer.read(0))) == [f"DELETE {ROOT}/a/f"]
                    reading = asyncio.ensure_future(consumer.watcher.aread())
                    await asyncio.sleep(0)
                    await asyncio.sleep(0)
                    subprocess.run(["umount", ROOT + "/a"], check=True)
                    told = brief(await reading)
                    while f"CREATE {ROOT}/a/f" not in told:
                        told += brief(await consumer.watcher.aread())
            asyncio.run(main())
        """),
        tmp_path / "root",
        prefix=private,
    )
