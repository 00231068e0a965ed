"""What the programs in ``examples/programs`` do, each run as a user runs it."""

from __future__ import annotations

import http.client
import json
import os
import signal
import sqlite3
import sys
import urllib.error
import urllib.request
from contextlib import closing

import pytest
from example_programs import PATIENCE_S, PROGRAMS, Program

pytestmark = pytest.mark.skipif(not PROGRAMS.is_dir(), reason="the examples are not here")

PAGE = PROGRAMS.parent.parent / "docs" / "examples.md"


@pytest.mark.skipif(not PAGE.is_file(), reason="the documentation is not here")
def test_the_page_has_each_program():
    text = PAGE.read_text(encoding="utf-8")
    assert [file.name for file in PROGRAMS.glob("*.py") if f"examples/programs/{file.name})" not in text] == []


def rows(file):
    with closing(sqlite3.connect(file)) as database:
        return database.execute("SELECT name, content FROM files ORDER BY name").fetchall()


def test_a_file_of_a_drop_folder_becomes_a_row_when_it_is_finished(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "before").write_text("b")
    with Program(tmp_path, "drop_folder.py", "in", "files.sqlite") as program:
        assert program.line() == "ready"
        assert program.line() == "taken: before 1"
        with open(tmp_path / "in" / "half", "w") as half:
            half.write("1,")
            half.flush()
            (tmp_path / "in" / "whole").write_text("1,2\n")
            assert program.line() == "taken: whole 4"
            assert [name for name, _ in rows(tmp_path / "files.sqlite")] == ["before", "whole"]
            half.write("2\n")
        assert program.line() == "taken: half 4"
        assert program.end(signal.SIGTERM) == (0, "")
    assert rows(tmp_path / "files.sqlite") == [("before", b"b"), ("half", b"1,2\n"), ("whole", b"1,2\n")]
    assert sorted(os.listdir(tmp_path / "in.done")) == ["before", "half", "whole"]
    assert os.listdir(tmp_path / "in") == []


def test_a_file_that_was_not_moved_away_has_one_row_after_the_next_start(tmp_path):
    for _ in range(2):
        (tmp_path / "in").mkdir(exist_ok=True)
        (tmp_path / "in" / "a").write_text("a")
        with Program(tmp_path, "drop_folder.py", "in", "files.sqlite") as program:
            assert [program.line(), program.line()] == ["ready", "taken: a 1"]
            assert program.end(signal.SIGTERM) == (0, "")
    assert rows(tmp_path / "files.sqlite") == [("a", b"a")]


def asked(port):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/x", timeout=PATIENCE_S) as answer:
        return answer.read().decode()


def answering(text):
    return f"def answer(path):\n    return {text}\n"


def test_a_server_answers_by_what_its_file_has_now(tmp_path):
    file = tmp_path / "app.py"
    file.write_text(answering("'one ' + path"))
    with Program(tmp_path, "reloading_server.py", "app.py", "0") as program:
        port = program.port()
        assert asked(port) == "one /x"
        # As an editor does: another file takes the name.
        (tmp_path / "app.new").write_text(answering("'two ' + path"))
        os.replace(tmp_path / "app.new", file)
        assert program.line() == "reloaded"
        assert asked(port) == "two /x"


def test_a_file_that_can_not_be_loaded_leaves_the_last_good_one(tmp_path):
    file = tmp_path / "app.py"
    file.write_text(answering("'good'"))
    with Program(tmp_path, "reloading_server.py", "app.py", "0") as program:
        port = program.port()
        (tmp_path / "bad").write_text("def answer(path:\n")
        os.replace(tmp_path / "bad", file)
        assert program.line().startswith("not reloaded: SyntaxError")
        assert asked(port) == "good"


def test_what_happens_is_sent_to_whoever_is_connected(tmp_path):
    (tmp_path / "seen").mkdir()
    with Program(tmp_path, "live_page.py", "seen", "0") as program:
        with closing(http.client.HTTPConnection("127.0.0.1", program.port(), timeout=PATIENCE_S)) as connection:
            connection.request("GET", "/events")
            with connection.getresponse() as answer:
                assert answer.headers["Content-Type"] == "text/event-stream"
                (tmp_path / "seen" / "<b>\n\udcff").mkdir()
                line = answer.readline().decode()
                assert answer.readline() == b"\n"
        assert line.startswith("data: ")
        assert json.loads(line[len("data: ") :]) == {"what": "CREATE,ISDIR", "path": "seen/<b>\n\udcff"}
        assert program.end()[0] == 130


def test_what_it_does_not_know_is_not_found(tmp_path):
    with Program(tmp_path, "live_page.py", ".", "0") as program:
        with pytest.raises(urllib.error.HTTPError) as raised:
            asked(program.port())
        assert raised.value.code == 404
        raised.value.close()


@pytest.mark.needs("chromedriver", "chromium")
def test_a_browser_shows_what_happens_while_it_happens(tmp_path):
    from browser import Browser

    (tmp_path / "seen").mkdir()
    with Program(tmp_path, "live_page.py", "seen", "0") as program:
        browser = Browser(tmp_path / "profile")
        try:
            browser.open(f"http://127.0.0.1:{program.port()}/")
            browser.text_when("document.getElementById('state').textContent === 'connected'")
            (tmp_path / "seen" / "<b>a").mkdir()
            os.rename(tmp_path / "seen" / "<b>a", tmp_path / "seen" / "b")
            text = browser.text_when("document.querySelectorAll('li').length >= 3")
        finally:
            browser.close()
    assert text.splitlines()[-3:] == [
        "MOVED_TO,ISDIR seen/b",
        "MOVED_FROM,ISDIR seen/<b>a",
        "CREATE,ISDIR seen/<b>a",
    ]


COPY = "import sys; open(sys.argv[1], 'a').write(sys.stdin.read()); sys.exit(int(open(sys.argv[2]).read()))"


def test_a_backup_is_of_what_changed_and_comes_again_if_it_failed(tmp_path):
    tree, names, code = tmp_path / "tree", tmp_path / "names", tmp_path / "code"
    (tree / "a").mkdir(parents=True)
    code.write_text("1")
    command = sys.executable, "-c", COPY, os.fspath(names), os.fspath(code)
    with Program(tmp_path, "backup_trigger.py", "tree", *command) as program:
        assert program.line() == "ready"
        (tree / "a" / "x\n").write_text("x")
        (tree / "gone").touch()
        (tree / "gone").unlink()
        assert program.line() == "1 names, exit code 1"
        assert names.read_text() == "a/x\n\0"
        code.write_text("0")
        names.unlink()
        (tree / "y").touch()
        assert program.line() == "2 names, exit code 0"
        assert names.read_text() == "a/x\n\0y\0"
        names.unlink()
        (tree / "z").touch()
        assert program.line() == "1 names, exit code 0"
        assert names.read_text() == "z\0"
        assert program.end()[0] == 130


def test_two_hosts_differ_in_what_the_stream_says(tmp_path):
    pytest.importorskip("nats")
    from broker import Server
    from sending import forward

    from inotify_cffi.fleet import Access

    server = Server(tmp_path / "nats")
    try:
        access = Access([server.url], stream="FS", prefix="fs")
        for host, names in ("alpha", "xy"), ("beta", "yz"):
            forward(journalled(tmp_path / host, names), access, host)
        hosts = f"alpha={tmp_path}/alpha", f"beta={tmp_path}/beta"
        with Program(tmp_path, "two_hosts.py", server.url, *hosts) as program:
            assert [program.line(), program.line()] == ["only on alpha: x", "only on beta: z"]
            assert program.process.wait(PATIENCE_S) == 0
    finally:
        server.close()


def journalled(root, names):
    """The journal of a directory in which these were made."""
    from sending import Kept

    kept = Kept(root.parent, f"{root.name}.sqlite")
    for name in names:
        kept.add(path=os.fsencode(root / name))
    return kept
