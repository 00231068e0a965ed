"""In a program under gevent's or eventlet's patches the other green threads go on.

Neither is among the requirements of the tests: ``pip install gevent eventlet`` lets these run.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import textwrap
import threading

import pytest

from inotify_cffi.base.green import NativeThread

PATIENCE_S = 40

PATCHED = {
    "gevent": """
        from gevent import monkey; monkey.patch_all()
        from gevent import sleep, spawn
        from gevent.socket import wait_read
    """,
    "eventlet": """
        import warnings; warnings.simplefilter("ignore")
        import eventlet; eventlet.monkey_patch()
        from eventlet import sleep, spawn
        from eventlet.hubs import trampoline
        def wait_read(fd): trampoline(fd, read=True)
    """,
}

# Another green thread beats; it is over when an event has come and it has beaten on behind.
BEATING = """
    import os, sys, threading
    from inotify_cffi import Watcher, Dispatcher, hookimpl
    base, beats, got = sys.argv[1], [], []
    def beat():
        while True:
            beats.append(1)
            sleep(0.001)
    spawn(beat)
    def until(condition):
        while not condition():
            sleep(0.001)
    until(lambda: len(beats) > 3)
    watcher = Watcher(base)
"""

# By each way; with what there is to be said of it.
WAYS = {
    "start": """
        thread = watcher.start(lambda event: got.append(event.path))
        assert isinstance(thread, threading.Thread) and thread.is_alive() and thread.daemon
    """,
    "run_in_thread": """
        class Plugin:
            @hookimpl
            def inotify_event(self, event):
                got.append(event.path)
        dispatcher = Dispatcher()
        dispatcher.register(Plugin())
        thread = dispatcher.run_in_thread(watcher)
    """,
    "fileno": """
        def read():
            while True:
                wait_read(watcher.fileno())
                got.extend(event.path for event in watcher.read(0))
        thread = spawn(read)
    """,
}

ENDING = """
    before = len(beats)
    until(lambda: len(beats) > before + 5)
    os.mkdir(base + "/a")
    until(lambda: got)
    before = len(beats)
    until(lambda: len(beats) > before + 5)
    if sys.argv[2] != "fileno":
        watcher.stop()
        until(lambda: not thread.is_alive())
        thread.join()
        thread.join(0.01)
    watcher.close()
    print(*got, flush=True)
    os._exit(0)
"""


@pytest.fixture(params=["gevent", "eventlet"])
def patched(request):
    if importlib.util.find_spec(request.param) is None:
        pytest.skip(f"{request.param} is not installed")
    return PATCHED[request.param]


@pytest.fixture(params=["patched first", "imported first"])
def run(request, patched, tmp_path):
    """Run code in an interpreter in which the library was imported before or behind the patches."""
    first = "import inotify_cffi" if request.param == "imported first" else ""

    def run(*parts, argument=""):
        code = "\n".join(map(textwrap.dedent, (first, patched, *parts)))
        done = subprocess.run(
            [sys.executable, "-c", code, tmp_path, argument], check=False, capture_output=True, timeout=PATIENCE_S
        )
        assert (done.returncode, done.stderr) == (0, b"")
        return done.stdout

    return run


@pytest.mark.parametrize("way", WAYS)
def test_the_others_go_on(run, tmp_path, way):
    assert run(BEATING, WAYS[way], ENDING, argument=way) == os.fsencode(f"{tmp_path}/a\n")


def test_what_a_callback_raises_is_reported(run, tmp_path):
    fails = """
    hooked = []
    threading.excepthook = lambda args: hooked.append((args.exc_type.__name__, type(args.thread).__name__))
    def fail(event):
        got.append(event.path)
        raise ValueError
    thread = watcher.start(fail)
    """
    told = "print(*hooked[0][:1], flush=True)\n"
    assert run(
        BEATING, fails, ENDING.replace("print(*got", told + "    print(*got"), argument="start"
    ) == os.fsencode(f"ValueError\n{tmp_path}/a\n")


def test_a_plugin_with_a_worker_is_refused(run):
    """It would get what happens when all is over."""
    refused = """
    from inotify_cffi import PluginError, Worker
    class Plugin:
        inotify_worker = Worker()
        @hookimpl
        def inotify_event(self, event): pass
    dispatcher = Dispatcher()
    dispatcher.register(Plugin())
    try:
        dispatcher.run_in_thread(watcher)
    except PluginError as error:
        print(error, flush=True)
    os._exit(0)
    """
    assert run(BEATING, refused) == b"plugin 'Plugin' asks for a worker: not with green threads\n"


def test_a_second_reader_is_refused(run):
    refused = """
    from inotify_cffi import BusyError
    thread = watcher.start(got.append)
    try:
        watcher.start(got.append)
    except BusyError:
        print("busy", flush=True)
    watcher.close()
    assert not thread.is_alive()
    os._exit(0)
    """
    assert run(BEATING, refused) == b"busy\n"


def test_a_thread_that_can_not_be_begun_is_not_alive():
    def begin(_work):
        raise RuntimeError("can't start new thread")

    thread = NativeThread(lambda: None, "reader", begin, threading.Lock())
    with pytest.raises(RuntimeError, match="new thread"):
        thread.start()
    assert not thread.is_alive()
