"""Roots behind which nobody answers: whoever serves them is dead, or hangs."""

from __future__ import annotations

import errno
import os
import threading

import inside
import pytest
from conftest import PATIENCE_S, need
from consumer import brief, write, write_all

from inotify_cffi import Watcher
from inotify_cffi.kernel import syscalls
from inotify_cffi.watching import answers
from inotify_cffi.watching.answers import Answers


class Server:
    """Stands in for who serves some directories: they are opened for reading when it lets them."""

    def __init__(self, monkeypatch):
        self.hangs = set()
        self.fails = {}
        self.asked = []
        self.runs = threading.Event()
        self._open = syscalls.open_fd
        monkeypatch.setattr(answers.syscalls, "open_fd", self.open)

    def open(self, path, flags, *, dir_fd=None):
        # As the tree lists a directory, and as it is asked whether it can be opened.
        top = os.readlink(f"/proc/self/fd/{dir_fd}") if path == "." else path
        if flags & os.O_DIRECTORY and not flags & syscalls.O_PATH:
            self.asked.append(top)
            if top in self.hangs and not self.runs.wait(PATIENCE_S):
                raise AssertionError("it was never let go")
            if top in self.fails:
                raise OSError(self.fails[top], os.strerror(self.fails[top]), path)
        return self._open(path, flags, dir_fd=dir_fd)


@pytest.fixture
def server(monkeypatch):
    server = Server(monkeypatch)
    yield server
    server.runs.set()


def errors(watcher):
    return {path: error.errno for path, error in watcher.unwatched().items()}


@pytest.mark.parametrize("verb", ["retry", "resync"])
def test_who_hangs_is_told_and_what_was_there_stays(server, root, verb):
    write_all(root, "a/f")
    with Watcher(root) as watcher:
        before = watcher.snapshot()
        server.hangs = {root, root + "/a"}
        getattr(watcher, verb)(timeout=0.05)
        assert brief(watcher.sync()) == [f"UNWATCHED,ISDIR {root}"]
        assert errors(watcher) == {root: errno.ETIMEDOUT}
        assert watcher.snapshot() == before


@pytest.mark.parametrize("verb", ["retry", "resync"])
def test_who_hangs_still_is_asked_by_no_other_thread_and_told_once(server, root, verb):
    with Watcher(root) as watcher:
        server.hangs = {root}
        watcher.retry(timeout=0.05)
        watcher.sync()
        del server.asked[:]
        getattr(watcher, verb)(timeout=0.05)
        assert watcher.sync() == []
        assert server.asked == []


def test_who_answers_again_is_told_with_the_difference(server, root):
    write_all(root, "a/f")
    with Watcher(root) as watcher:
        server.hangs = {root}
        watcher.retry(timeout=0.05)
        watcher.sync()
        server.hangs = set()
        server.runs.set()
        while True:
            watcher.retry(timeout=PATIENCE_S)
            said = brief(watcher.sync())
            if said:
                break
        assert said == [f"WATCHED,ISDIR {root}"]
        assert errors(watcher) == {}
        write(root + "/a/g")
        assert f"CREATE {root}/a/g" in brief(watcher.sync())


@pytest.mark.parametrize("verb", ["retry", "resync"])
def test_the_other_roots_are_looked_at(server, root, verb):
    names = "abc"
    write_all(root, *(f"{name}/" for name in names))
    with Watcher(*(f"{root}/{name}" for name in names)) as watcher:
        server.hangs = {root + "/b"}
        os.rename(root + "/a", root + "/x")
        os.rename(root + "/c", root + "/y")
        getattr(watcher, verb)(timeout=0.05)
        watcher.sync()
        assert errors(watcher) == {
            root + "/a": errno.ENOENT,
            root + "/b": errno.ETIMEDOUT,
            root + "/c": errno.ENOENT,
        }


@pytest.mark.parametrize("verb", ["retry", "resync"])
@pytest.mark.parametrize("number", [errno.ENOTCONN, errno.EIO, errno.ESTALE])
def test_who_is_dead_is_told_and_what_was_there_is_gone(server, root, verb, number):
    write_all(root, "f")
    with Watcher(root) as watcher:
        server.fails = {root: number}
        getattr(watcher, verb)()
        assert brief(watcher.sync()) == [f"DELETE {root}/f", f"UNWATCHED,ISDIR {root}"]
        assert errors(watcher) == {root: number}
        server.fails = {}
        watcher.retry()
        assert brief(watcher.sync()) == [f"WATCHED,ISDIR {root}", f"CREATE {root}/f"]


def test_a_root_that_is_a_file_hangs_with_its_directory(server, root):
    write(root + "/f")
    with Watcher(root + "/f") as watcher:
        server.hangs = {root}
        watcher.retry(timeout=0.05)
        assert brief(watcher.sync()) == [f"UNWATCHED {root}/f"]
        assert errors(watcher) == {root + "/f": errno.ETIMEDOUT}


def test_nothing_is_opened_while_the_lock_is_held(server, root):
    """Another thread goes on meanwhile."""
    with Watcher(root) as watcher:
        server.hangs = {root}
        asking = threading.Thread(target=watcher.retry, daemon=True)
        asking.start()
        while not server.asked:
            pass
        assert watcher.snapshot() == {}
        write(root + "/f")
        assert f"CREATE {root}/f" in brief(watcher.sync())
        server.runs.set()
        asking.join(PATIENCE_S)
        assert not asking.is_alive()


def test_retry_in_the_middle_of_a_step_asks_at_its_end(server, root):
    in_the_middle = []
    with Watcher() as watcher:

        def ask():
            watcher.retry()
            watcher.resync()
            in_the_middle.extend(server.asked)

        watcher._tree.crawler.on_directory = ask
        watcher.add(root)
        watcher._tree.crawler.on_directory = None
        assert in_the_middle == [root]
        assert server.asked == [root, root, root]


def test_where_no_thread_is_to_be_had_it_is_not_asked(server, root, monkeypatch):
    def begin_thread(work):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(answers, "begin_thread", begin_thread)
    with Watcher(root) as watcher:
        watcher.retry()
        assert watcher.sync() == []


def test_a_thread_that_was_left_asks_no_more(server, root):
    """What it was to ask next another one has asked."""
    write_all(root, "a/", "b/")
    asking = Answers()
    server.hangs = {root + "/a"}
    found = asking.ask([root + "/a", root + "/b"], 0.05)
    assert (list(found.silent), found.refused) == ([root + "/a"], [])
    server.runs.set()
    while root + "/a" in asking.ask([root + "/a"], PATIENCE_S).silent:
        pass
    assert server.asked.count(root + "/b") == 1


# --- a real one: it needs root, FUSE and ntfs-3g ---


def test_a_server_that_is_stopped_and_killed(python, private, root):
    need("mkntfs", "lowntfs-3g")
    code = """
        import signal
        try:
            with open(ROOT + ".image", "wb") as image:
                image.truncate(20 << 20)
            subprocess.run(["mkntfs", "-Q", "-F", ROOT + ".image"], check=True, capture_output=True)
            serving = subprocess.Popen(
                ["lowntfs-3g", "-o", "no_detach", ROOT + ".image", ROOT], stdout=subprocess.PIPE, stderr=subprocess.STDOUT
            )
            while not os.path.ismount(ROOT):
                if serving.poll() is not None:
                    raise OSError
        except (OSError, subprocess.CalledProcessError):
            print("there is none")
            raise SystemExit(0) from None
        write_all(ROOT, "a/f")
        with Watcher(ROOT, mask=Mask.DELETE_SELF) as watcher:
            serving.send_signal(signal.SIGSTOP)
            watcher.retry(timeout=0.2)
            assert brief(watcher.sync()) == [f"UNWATCHED,ISDIR {ROOT}"]
            serving.send_signal(signal.SIGCONT)
            while not brief(watcher.sync()):
                watcher.retry(timeout=20)
            assert watcher.unwatched() == {}
            serving.kill()
            serving.communicate()
            watcher.retry(timeout=20)
            watcher.sync()
            assert [error.errno for error in watcher.unwatched().values()] == [errno.ENOTCONN]
            assert watcher.snapshot() == {}
    """
    if python(inside.code(code), root, prefix=private):
        pytest.skip("this needs root and FUSE")
