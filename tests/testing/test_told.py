"""``temporary_watcher`` and the fixture ``file_events``."""

import os
import threading
from pathlib import Path

import pytest

from inotify_cffi import Mask
from inotify_cffi.testing import temporary_watcher


def test_a_directory_is_made_watched_and_removed():
    with temporary_watcher() as events:
        (events.path / "a").touch()
        assert "CREATE a" in events.lines()
        assert events.now() == []
    assert not events.path.exists()
    assert events.watcher.ended


def test_now_gives_each_event_once_and_told_keeps_all(tmp_path):
    with temporary_watcher(tmp_path, mask=Mask.CREATE) as events:
        (tmp_path / "a").mkdir()
        assert events.lines() == ["CREATE,ISDIR a"]
        (tmp_path / "a" / "b").touch()
        assert events.lines() == ["CREATE a/b"]
        assert events.lines(events.told) == ["CREATE,ISDIR a", "CREATE a/b"]


def test_what_is_about_the_directory_itself_and_moves_have_their_lines(tmp_path):
    (tmp_path / "a").touch()
    with temporary_watcher(tmp_path, mask=Mask.ATTRIB | Mask.MOVED_TO) as events:
        os.chmod(tmp_path, 0o700)
        os.rename(tmp_path / "a", tmp_path / "b\n")
        assert events.lines() == ["ATTRIB,ISDIR .", r"MOVED_TO b\n (from a)"]


@pytest.mark.parametrize(
    "match",
    ["a/b.csv", "*.csv", "CREATE *.csv", "CLOSE_WRITE a/*", Path("a/b.csv"), lambda event: event.name == "b.csv"],
    ids=str,
)
def test_what_matches_is_waited_for(match, tmp_path):
    (tmp_path / "a").mkdir()
    with temporary_watcher(tmp_path) as events:
        (tmp_path / "a" / "b.csv").touch()
        assert events.wait_for(match).path == f"{tmp_path}/a/b.csv"


def test_an_absolute_path_matches(tmp_path):
    with temporary_watcher(tmp_path) as events:
        (tmp_path / "[a]").touch()
        assert events.wait_for(tmp_path / "[a]").name == "[a]"


def test_it_is_waited_for_what_comes_later(tmp_path, when_main_is_blocked):
    with temporary_watcher(tmp_path) as events:
        when_main_is_blocked((tmp_path / "late").touch)
        assert events.wait_for("CREATE late", timeout=40).name == "late"


def test_what_came_before_a_match_is_taken_with_it_and_the_rest_is_left(tmp_path):
    with temporary_watcher(tmp_path, mask=Mask.CREATE) as events:
        for name in "abc":
            (tmp_path / name).touch()
        events.wait_for("b")
        assert events.lines() == ["CREATE c"]


def test_a_failure_says_what_was_told(tmp_path):
    with temporary_watcher(tmp_path, mask=Mask.CREATE) as events:
        for name in "abc":
            (tmp_path / name).touch()
        events.wait_for("a")
        with pytest.raises(AssertionError) as failed:
            events.wait_for("CREATE a", timeout=0)
        assert str(failed.value).splitlines() == [
            f"no event matched 'CREATE a' within 0 s in {tmp_path}; told were:",
            "  CREATE b",
            "  CREATE c",
            "'CREATE a' was told before, and taken by now() or wait_for()",
        ]
        # Nothing is lost by it.
        assert events.lines() == ["CREATE b", "CREATE c"]
        with pytest.raises(AssertionError, match="told were:\n  none"):
            events.wait_for("d", timeout=0.01)


def test_a_failure_has_no_more_lines_than_people_read(tmp_path):
    with temporary_watcher(tmp_path, mask=Mask.CREATE) as events:
        for number in range(150):
            (tmp_path / f"{number}").touch()
        with pytest.raises(AssertionError, match=r"CREATE 99\n  and 50 more$"):
            events.wait_for("no", timeout=0)


# --- the fixture ---

PROGRAM = """
import pytest

def test_told(file_events, tmp_path):
    (tmp_path / "a").touch()
    assert file_events.wait_for("CREATE a").path == f"{tmp_path}/a"

@pytest.mark.file_events(exclude=["*.tmp"])
def test_options(file_events, tmp_path):
    (tmp_path / "a.tmp").touch()
    (tmp_path / "b").touch()
    assert file_events.now()[0].name == "b"

def test_not_told(file_events, tmp_path):
    (tmp_path / "a").touch()
    file_events.wait_for("b", timeout=0.01)
"""


def run(program, tmp_path, python, prelude=""):
    (tmp_path / "test_it.py").write_text(program)
    return python(
        f"""
        import sys
        {prelude}
        import pytest
        plugins = [] if {is_installed()} else ["pytest_inotify_cffi"]
        code = pytest.main(
            ["-p", "no:cacheprovider", "-q", "--strict-markers", "-W", "error", "test_it.py"], plugins
        )
        print("code", int(code))
        print("imported", *sorted(name for name in sys.modules if name.split(".")[0] == "inotify_cffi"))
        """
    )


def is_installed():
    from importlib.metadata import entry_points

    found = entry_points()
    points = found.select(group="pytest11") if hasattr(found, "select") else found.get("pytest11", ())
    return any(point.value == "pytest_inotify_cffi" for point in points)


def test_the_entry_point_is_there():
    assert is_installed(), "install the package again"


def test_the_fixture_watches_tmp_path_and_a_failure_names_what_was_told(tmp_path, python):
    # pytest rewrites what the distribution of a plugin holds, and warns of what it can not, for it is imported
    # already; here warnings are errors.
    printed = run(PROGRAM, tmp_path, python, prelude="import inotify_cffi")
    assert "2 passed" in printed
    assert "1 failed" in printed
    assert "no event matched 'b' within 0.01 s" in printed
    assert "E   " in printed
    assert "CREATE a" in printed
    # The frames of the library are left out.
    assert "told.py" not in printed.split("short test summary")[0]


def test_who_does_not_take_the_fixture_imports_nothing(tmp_path, python):
    printed = run("def test_it():\n    pass\n", tmp_path, python)
    assert "1 passed" in printed
    assert printed.splitlines()[-1].split() == ["imported"]


def test_the_plugin_imports_nothing_that_pytest_has_not(tmp_path, python):
    printed = python(
        """
        import sys, pytest, typing
        before = set(sys.modules)
        import pytest_inotify_cffi
        print(*set(sys.modules) - before)
        """
    )
    assert printed.split() == ["pytest_inotify_cffi"]


def test_the_fixture_is_here_as_well(file_events, tmp_path):
    threading.Thread(target=(tmp_path / "a").touch).start()
    assert file_events.wait_for(tmp_path / "a", timeout=40).name == "a"
