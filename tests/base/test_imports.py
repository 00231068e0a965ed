"""What an import costs, by what it imports; and that nobody misses what it leaves out."""

import ast
import inspect
import os
import pickle
import pydoc
import re
import subprocess
import sys
import textwrap
import typing

import pytest

import inotify_cffi
import inotify_cffi.plugins
from inotify_cffi import Event, Mask, RawEvent, Watcher
from inotify_cffi.base import bits
from inotify_cffi.ledger.rules import Rules
from inotify_cffi.watching import options
from inotify_cffi.watching.options import choose

# What takes time to import and a watcher can do without, until it is asked for something that needs it.
NOT_AT_ONCE = {
    "argparse",
    "asyncio",
    "collections",
    "contextlib",
    "dataclasses",
    "enum",
    "functools",
    "importlib.metadata",
    "inotify_cffi.hooks.adispatch",
    "inotify_cffi.aio",
    "inotify_cffi.flags",
    "inotify_cffi.hooks.specs",
    "inotify_cffi.kernel.interrupts",
    "inotify_cffi.ledger.ledger",
    "inotify_cffi.ledger.saved",
    "inotify_cffi.ledger.patterns",
    "inotify_cffi.tree.disk",
    "inotify_cffi.tree.record",
    "inotify_cffi.tree.polls",
    "inotify_cffi.tree.since",
    "inotify_cffi.tree.stamps",
    "inotify_cffi.tree.tree",
    "inotify_cffi.ledger.wildmatch",
    "inspect",
    "json",
    "logging",
    "math",
    "pathlib",
    "pluggy",
    "re",
    "resource",
    "signal",
    "threading",
    "trio",
    "zlib",
    "typing",
    "warnings",
    "weakref",
}

# What not even a watcher that was made has imported.
NOT_FOR_A_WATCHER = NOT_AT_ONCE - {
    "inotify_cffi.kernel.interrupts",
    "inotify_cffi.ledger.ledger",
    "inotify_cffi.tree.disk",
    "inotify_cffi.tree.tree",
}


@pytest.fixture
def imported_by(tmp_path):
    """Run code in an interpreter that has imported nothing of its own; return what else it has then."""

    def run(code, *arguments):
        # Without ``site``, for what an editable install lets it import is imported then.
        path = [*sys.path, os.path.dirname(os.path.dirname(inotify_cffi.__file__))]
        program = f"import sys\nsys.path[:] = {path!r}\n{textwrap.dedent(code)}"
        program += "\nprint(*sorted(set(sys.modules) - before))"
        command = [sys.executable, "-I", "-S", "-c", program, *map(os.fspath, arguments)]
        done = subprocess.run(command, check=False, cwd=tmp_path, capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (0, "")
        return set(done.stdout.split())

    return run


def test_to_import_the_package_imports_what_a_watcher_is_made_of_and_no_more(imported_by):
    imported = imported_by("before = set(sys.modules); import inotify_cffi; inotify_cffi.Watcher")
    assert "inotify_cffi.watcher" in imported
    assert imported & NOT_AT_ONCE == set()


def test_the_interpreter_of_this_test_has_not_imported_it_before(imported_by):
    """Else the test above would say nothing."""
    bare = imported_by("before = set()")
    assert bare & NOT_AT_ONCE == set()


def test_a_watcher_that_was_made_imports_nothing_more(imported_by, tmp_path):
    """There may be no descriptor left for that, or another root directory."""
    imported = imported_by(
        """
        import inotify_cffi
        watched = sys.argv[1]
        watcher = inotify_cffi.Watcher(watched)
        before = set(sys.modules)
        open(watched + "/a", "wb").close()
        told = watcher.read()
        assert [str(event) for event in told], told
        assert not watcher.sync() + watcher.read(0.001)
        watcher.fileno()
        watcher.snapshot(), watcher.unwatched(), watcher.stats()
        iteration = iter(watcher)
        open(watched + "/b", "wb").close()
        repr(next(iteration))
        iteration.close()
        watcher.retry()
        watcher.remove(watched)
        watcher.stop()
        watcher.close()
        """,
        tmp_path,
    )
    assert imported == set()


def test_a_thread_of_a_watcher_imports_threading_and_what_that_needs(imported_by, tmp_path):
    imported = imported_by(
        """
        import inotify_cffi
        watched = sys.argv[1]
        watcher = inotify_cffi.Watcher(watched)
        before = set(sys.modules)
        thread = watcher.start(lambda event: watcher.stop())
        open(watched + "/a", "wb").close()
        thread.join()
        watcher.close()
        """,
        tmp_path,
    )
    of_threading = imported_by("before = set(); import threading")
    assert "threading" in imported
    assert imported - of_threading == set()


def test_to_make_a_watcher_imports_what_that_needs_and_no_more(imported_by, tmp_path):
    code = "before = set(sys.modules); import inotify_cffi; inotify_cffi.Watcher(sys.argv[1]).close()"
    imported = imported_by(code, tmp_path)
    assert "inotify_cffi.tree.tree" in imported
    assert imported & NOT_FOR_A_WATCHER == set()


def test_a_first_watcher_without_a_descriptor_to_import_with_says_so_and_leaves_nothing_behind(python, tmp_path):
    """With one more each time: it fails in the middle of each thing that needs one."""
    told = python(
        f"""
        import errno, os, resource
        import inotify_cffi

        resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
        held = []
        try:
            while True:
                held.append(os.dup(0))
        except OSError:
            pass
        failed = 0
        while True:
            os.close(held.pop())
            before = os.listdir("/proc/self/fd")
            try:
                inotify_cffi.Watcher({os.fspath(tmp_path)!r}).close()
                break
            except OSError as error:
                assert error.errno == errno.EMFILE, error
                assert "no file descriptor is left" in str(error), error
                failed += 1
            assert os.listdir("/proc/self/fd") == before
        print(failed > 3)
        """
    )
    assert told == "True\n"


# --- the command line ---

# What takes time to import and ``watch`` can do without, until it is asked for something that needs it.
NOT_FOR_A_START = {
    "asyncio",
    "base64",
    "csv",
    "datetime",
    "email",
    "importlib.metadata",
    "importlib.util",
    "inotify_cffi.aio",
    "inotify_cffi.cloudevents",
    "inotify_cffi.hooks.adispatch",
    "inotify_cffi.cli.doctor",
    "inotify_cffi.cli.journal",
    "inotify_cffi.cli.plugins",
    "inotify_cffi.cli.run",
    "inotify_cffi.cli.stats",
    "inotify_cffi.plugins.command",
    "inotify_cffi.plugins.journal",
    "json",
    "pathlib",
    "shutil",
    "socket",
    "sqlite3",
    "subprocess",
    "tempfile",
    "tomllib",
    "urllib.parse",
    "zipfile",
}

# The plugins are a package beside the others, and in a checkout somewhere else.
WATCH = f"""
    import sys, types
    before = set(sys.modules)
    plugins = types.ModuleType("inotify_cffi.plugins")
    plugins.__path__ = {list(inotify_cffi.plugins.__path__)!r}
    sys.modules["inotify_cffi.plugins"] = plugins
    from inotify_cffi.cli.program import main
    assert main(["watch", "--quiet", "--timeout", "0.2", *sys.argv[1:]]) == 0
    """


def test_to_start_watching_imports_what_that_needs_and_no_more(imported_by, tmp_path):
    imported = imported_by(WATCH, tmp_path)
    assert "inotify_cffi.plugins.console" in imported
    # What others import at once differs from version to version of Python.
    others = imported_by("before = set(); import argparse, logging, pluggy, typing, contextlib, inotify_cffi")
    assert (imported - others) & NOT_FOR_A_START == set()


# --- what is made when it is asked for ---


def test_every_public_name_is_there():
    names = {}
    exec("from inotify_cffi import *", names)
    assert names.keys() >= set(inotify_cffi.__all__)
    assert all(getattr(inotify_cffi, name) is names[name] for name in inotify_cffi.__all__)


def test_names_that_were_not_asked_for_yet_are_listed(python):
    told = python("import inotify_cffi; print({*inotify_cffi.__all__} - {*dir(inotify_cffi)})")
    assert told == "set()\n"


def test_a_mask_can_be_pickled_by_one_interpreter_and_read_by_another(python):
    told = python(f"import pickle; print(repr(pickle.loads({pickle.dumps(Mask.CREATE | Mask.ISDIR)!r})))")
    assert told.strip() == repr(Mask.CREATE | Mask.ISDIR)


def test_bits_and_masks_are_the_same():
    assert {name: value for name, value in vars(bits).items() if name.isupper() and name[0] != "_"} == {
        name: member.value for name, member in Mask.__members__.items()
    }


def test_a_bit_is_a_plain_integer():
    assert {type(getattr(bits, name)) for name in Mask.__members__} == {int}


@pytest.mark.parametrize("function", [Watcher, inotify_cffi.watch])
def test_the_default_mask_is_that_of_the_changes(function):
    assert inspect.signature(function).parameters["mask"].default == Mask.CHANGES


@pytest.mark.parametrize("function", [Watcher, inotify_cffi.watch, inotify_cffi.awatch])
def test_the_signature_names_each_option_though_the_options_stand_in_one_place(function):
    shown = inspect.signature(function).parameters.values()
    named = [parameter.name for parameter in shown if parameter.kind is parameter.KEYWORD_ONLY]
    assert named == list(choose.__kwdefaults__)
    for name in named:
        assert re.search(rf"^ *{name}: ", inspect.getdoc(Watcher), re.MULTILINE), f"{name} is not documented"


def test_a_type_checker_knows_the_options_that_there_are():
    module = ast.parse(inspect.getsource(options))
    typed = [node for node in ast.walk(module) if isinstance(node, ast.ClassDef) and node.name.endswith("Options")]
    wanted = next(node for node in ast.walk(module) if isinstance(node, ast.FunctionDef) and node.name == "choose")
    assert {
        part.target.id: ast.unparse(part.annotation)
        for each in typed
        for part in each.body
        if isinstance(part, ast.AnnAssign)
    } == {argument.arg: ast.unparse(argument.annotation) for argument in wanted.args.kwonlyargs}


def test_the_help_names_the_default_mask():
    assert "``Mask.CHANGES`` unless given" in pydoc.render_doc(Watcher)


# --- what stands in for typing ---

Path = typing.TypeVar("Path", str, bytes)


class Mine(Watcher[Path], typing.Generic[Path]):
    pass


class Text(Mine[str]):
    pass


@pytest.mark.parametrize("generic", [Watcher, Event, Mine])
def test_a_class_takes_a_type_in_brackets(generic):
    alias = generic[bytes]
    assert (typing.get_origin(alias), typing.get_args(alias)) == (generic, (bytes,))


@pytest.mark.parametrize("make", [Watcher[str], Mine, Mine[str], Text])
def test_a_watcher_is_made_from_a_class_with_a_type_as_well(make, tmp_path):
    with make(os.fspath(tmp_path)) as watcher:
        assert isinstance(watcher, Watcher)
        (tmp_path / "a").mkdir()
        assert [event.path for event in watcher.sync()] == [f"{tmp_path}/a"]


def test_a_type_in_brackets_may_be_a_variable_first():
    assert Event[Path][bytes] == Event[bytes]


def test_a_raw_event_is_a_named_tuple():
    event = RawEvent(wd=1, mask=2, cookie=3, name=b"a")
    assert event == (1, 2, 3, b"a")
    assert (event._fields, event._asdict()["cookie"]) == (("wd", "mask", "cookie", "name"), 3)
    assert event._replace(wd=4) == RawEvent(4, 2, 3, b"a")
    assert repr(event) == "RawEvent(wd=1, mask=2, cookie=3, name=b'a')"
    with pytest.raises(AttributeError):
        event.wd = 5
    with pytest.raises(AttributeError):
        event.note = "mine"


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_pickled_raw_event_comes_back_as_it_was(protocol):
    event = RawEvent(1, 2, 3, b"a")
    restored = pickle.loads(pickle.dumps(event, protocol))
    assert restored == event
    assert type(restored) is RawEvent


def test_a_named_tuple_keeps_what_its_class_has_besides():
    assert (RawEvent.__doc__ or "").startswith("One kernel record")
    assert (RawEvent.__module__, RawEvent.__qualname__) == ("inotify_cffi.events", "RawEvent")
    assert list(RawEvent.__annotations__) == ["wd", "mask", "cookie", "name"]


def test_a_named_tuple_has_defaults_methods_and_properties():
    assert Rules() == (None, False, (), False, False, None, True, (), 8, False, False, None, False)
    assert Rules(max_depth=1).enters(0)
    assert not Rules(max_depth=1).enters(1)
    assert Rules().admit_all
    with pytest.raises(TypeError, match="deepest"):
        Rules(deepest=1)


def test_a_field_without_a_value_is_asked_for():
    with pytest.raises(TypeError, match="name"):
        RawEvent(1, 2, 3)


@pytest.mark.skipif(not hasattr(sys, "_is_gil_enabled"), reason="this interpreter knows of one kind only")
def test_to_import_it_turns_the_lock_of_the_interpreter_neither_on_nor_off(python):
    code = "import sys; before = sys._is_gil_enabled(); import inotify_cffi._inotify; print(before == sys._is_gil_enabled())"
    assert python(code) == "True\n"
