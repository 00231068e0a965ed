"""Paths that are too many or too long for a command's arguments: each is given, in order, or it is said."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys

import pytest
from replaying import COMMAND, PATIENCE_S, Watching

from inotify_cffi import Event, Mask
from inotify_cffi.plugins.parts import LONGEST, Template, unknown_placeholder

# The stack of a process whose arguments may have half a megabyte.
STACK = 2 << 20
MANY = 6_000
PAD = "x" * 90


@pytest.fixture
def root(tmp_path):
    (tmp_path / "root").mkdir()
    return tmp_path / "root"


def changes(*paths):
    return {path: Event.of(path, Mask.CREATE) for path in paths}


def template(*command, **options):
    return Template(command, **{"takes_all": False, "stdin": "none", **options})


# --- how it is divided ---


@pytest.mark.parametrize("command", [["c", "{paths}"], ["c"]])
def test_what_fits_is_one_part(command):
    some = changes("a", "b")
    assert template(*command).parts(some) == [some]
    assert template(*command).parts({}) == [{}]


def test_a_command_that_takes_no_paths_is_run_once_for_all():
    many = changes(*(f"{number}/{PAD}" for number in range(100_000)))
    assert template("c", "{path}", stdin="paths0").parts(many) == [many]


@pytest.mark.parametrize("room", [4096, 100_000])
def test_each_part_fits_and_nothing_is_lost_or_in_another_order(monkeypatch, room):
    monkeypatch.setattr(Template, "_room", lambda *_: room)
    many = changes(*(f"{number}/{PAD * (number % 5)}" for number in range(5000)))
    divided = template("c", "{paths}").parts(many)
    assert len(divided) > 3
    assert [path for part in divided for path in part] == list(many)
    sizes = [sum(len(path) + 9 for path in part) for part in divided]
    assert max(sizes) <= room
    # As few as there can be: two neighbours do not fit into one.
    assert all(one + other > room for one, other in zip(sizes, sizes[1:]))


def test_a_large_environment_leaves_less_room(monkeypatch):
    many = changes(*(f"{number}/{PAD}" for number in range(20_000)))
    before = len(template("c", "{paths}").parts(many))
    allowed = min(os.sysconf("SC_ARG_MAX"), 6 << 20)
    for number in range((allowed - 300_000) // 100_000):
        monkeypatch.setenv(f"LARGE_{number}", "x" * 100_000)
    assert len(template("c", "{paths}").parts(many)) > before


def test_bytes_count_and_not_characters(monkeypatch):
    monkeypatch.setattr(Template, "_room", lambda *_: 4096)
    assert len(template("c", "{paths}").parts(changes("é" * 2000, "a" * 90))) == 2


# --- what is too long ---


LONG = "d/" + "x" * LONGEST


def test_a_path_that_is_too_long_is_left_out_and_all_else_is_told():
    some = changes("a", LONG, "b")
    prepared = template("c", "{paths}", stdin="paths0").prepare(some, 3)
    assert prepared.command == ["c", "a", "b"]
    assert prepared.environment == {
        "INOTIFY_PATH": "a", "INOTIFY_OLD_PATH": "", "INOTIFY_EVENT": "CREATE", "INOTIFY_COUNT": "3", "INOTIFY_TOTAL": "3",
    }  # fmt: skip
    assert (prepared.left_out, prepared.is_possible) == (1, True)
    assert prepared.data == b"".join(path.encode() + b"\0" for path in some)


def test_it_does_not_keep_another_path_of_the_change_from_being_the_first():
    prepared = template("c", "{path}", "{dir}").prepare(changes(LONG, "e/b"), 2)
    assert prepared.command == ["c", "e/b", "e"]
    assert prepared.environment["INOTIFY_PATH"] == "e/b"


def test_where_it_is_the_only_one_the_variable_is_left_out():
    prepared = template("c", "x").prepare(changes(LONG), 1)
    assert prepared.environment["INOTIFY_PATH"] is prepared.environment["INOTIFY_OLD_PATH"] is None
    assert (prepared.environment["INOTIFY_EVENT"], prepared.environment["INOTIFY_COUNT"]) == ("CREATE", "1")
    assert (prepared.left_out, prepared.is_possible) == (1, True)


@pytest.mark.parametrize("word", ["{path}", "{dir}", "x={name}"])
def test_a_command_that_needs_a_path_is_not_run_without_one(word):
    assert not template("c", word).prepare(changes(LONG), 1).is_possible
    assert template("c", word).prepare({}, 0).is_possible


def test_an_old_path_that_is_too_long_is_left_out_alone():
    moved = {"a": Event.of("a", Mask.MOVED_TO, moved_from=LONG, cookie=1)}
    prepared = template("c", "{path}").prepare(moved, 1)
    assert (prepared.environment["INOTIFY_PATH"], prepared.environment["INOTIFY_OLD_PATH"]) == ("a", None)
    assert (prepared.left_out, prepared.is_possible) == (1, True)
    assert not template("c", "{old}").prepare(moved, 1).is_possible


@pytest.mark.parametrize("size", [LONGEST, LONGEST + 1])
def test_the_bound_is_the_kernels(size):
    """What is said to fit can be run, in an argument and in both variables."""
    path = "a" * size
    moved = {path: Event.of(path, Mask.MOVED_TO, moved_from=path, cookie=1)}
    prepared = template("true", "{path}", "{paths}", "{old}").prepare(moved, 1)
    assert prepared.is_possible is (size <= LONGEST)
    environment = {key: value for key, value in prepared.environment.items() if value is not None}
    assert subprocess.run(["true", *prepared.command[1:]], env=environment, check=False).returncode == 0


# --- with the command line ---


LOG = """
import os, sys
with open(sys.argv[1], "a") as log:
    print(len(sys.argv) - 2, os.environ["INOTIFY_COUNT"], os.environ["INOTIFY_TOTAL"], file=log)
with open(sys.argv[1] + ".paths", "ab") as paths:
    paths.write(b"".join(os.fsencode(path) + b"\\0" for path in sys.argv[2:]))
"""

# To have the kernel say what is too much: sysconf promises more than there is.
LIAR = "import os\nsysconf = os.sysconf\nos.sysconf = lambda name: 1 << 40 if name == 'SC_ARG_MAX' else sysconf(name)\n"


def small_stack():
    resource.setrlimit(resource.RLIMIT_STACK, (STACK, STACK))


def create_many(root):
    names = [f"{number:05}-{PAD}" for number in range(MANY)]
    for name in names:
        os.mkdir(root / name)
    return [os.fsencode(root / name) for name in names]


def runs_of(log):
    return [tuple(map(int, line.split())) for line in log.read_text().splitlines()]


@pytest.mark.parametrize("how", ["paths", "shell"])
@pytest.mark.parametrize("limit", ["computed", "the kernel's"])
def test_each_of_many_paths_is_given_once(tmp_path, root, how, limit):
    (tmp_path / "log.py").write_text(LOG)
    if limit == "the kernel's":
        (tmp_path / "sitecustomize.py").write_text(LIAR)
    log = tmp_path / "log"
    command = [sys.executable, str(tmp_path / "log.py"), str(log)]
    command = ["--shell", "--", *command, '"$@"'] if how == "shell" else ["--", *command, "{paths}"]
    created = create_many(root)
    done = subprocess.run(
        [*COMMAND, "run", "--existing", "--once", "--debounce", "500ms", str(root), *command],
        check=False, capture_output=True, timeout=PATIENCE_S, preexec_fn=small_stack,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    told = (tmp_path / "log.paths").read_bytes().split(b"\0")[:-1]
    assert sorted(told) == sorted(created)
    runs = runs_of(log)
    assert len(runs) > 1
    assert sum(count for count, _, _ in runs) == MANY
    assert all((given, total) == (count, MANY) for given, count, total in runs)
    assert b"(%d of %d paths)\n" % (runs[0][0], MANY) in done.stderr


@pytest.mark.parametrize(("codes", "code"), [("0 0 0", 0), ("0 3 4", 3), ("5 0 0", 5)])
def test_once_is_all_of_a_change_and_the_first_exit_code_that_is_not_0(tmp_path, root, codes, code):
    script = f"set -- $(ls {tmp_path}/ran | wc -l); touch {tmp_path}/ran/$1; set -- $1 {codes}; shift $1; exit $2"
    (tmp_path / "ran").mkdir()
    create_many(root)
    done = subprocess.run(
        [*COMMAND, "run", "--existing", "--once", "--debounce", "500ms", "--shell", str(root), "--", script],
        check=False, capture_output=True, timeout=PATIENCE_S, preexec_fn=small_stack,
    )  # fmt: skip
    assert done.returncode == code
    assert len(os.listdir(tmp_path / "ran")) > 1


GATED = """
import os, sys
print("run", os.environ["INOTIFY_COUNT"], os.environ["INOTIFY_TOTAL"], sys.argv[1], flush=True)
with open(os.environ["GATE"]) as gate:
    gate.read()
"""


class Gated(Watching):
    """Runs that end one by one, when they are let; half a megabyte of arguments at most."""

    def __init__(self, tmp_path, root, *options):
        self._gate = tmp_path / "gate"
        os.mkfifo(self._gate)
        (tmp_path / "gated.py").write_text(GATED)
        before = resource.getrlimit(resource.RLIMIT_STACK)
        resource.setrlimit(resource.RLIMIT_STACK, (STACK, before[1]))
        try:
            super().__init__(
                "run", "--debounce", "500ms", *options, str(root), "--", sys.executable, str(tmp_path / "gated.py"), "{paths}",
                environment={"GATE": str(self._gate)},
            )  # fmt: skip
        finally:
            resource.setrlimit(resource.RLIMIT_STACK, before)

    def __exit__(self, *exception):
        if self.process.poll() is None:
            # Killed, it would leave its command behind.
            self.end()
        super().__exit__(*exception)

    def run(self):
        """The number of paths of the next run, of its change, and the first path."""
        word, count, total, first = self.line().split()
        assert word == b"run"
        return int(count), int(total), os.fsdecode(first)

    def let(self):
        """Let the run that is under way end."""
        with open(self._gate, "w"):
            pass


def test_a_change_in_the_middle_of_several_runs_starts_all_of_them_again(tmp_path, root):
    with Gated(tmp_path, root, "--on-busy", "restart") as watching:
        created = create_many(root)
        count, total, first = watching.run()
        assert (count < total, total, first) == (True, MANY, os.fsdecode(created[0]))
        watching.let()
        assert watching.run()[1] == MANY
        (root / "later").mkdir()
        assert watching.run() == (count, MANY + 1, first)
        assert b"is started again; it was ended" not in watching.errors
        watching.end()


def test_a_change_in_the_middle_of_several_runs_can_be_ignored(tmp_path, root):
    with Gated(tmp_path, root, "--on-busy", "ignore") as watching:
        create_many(root)
        done = 0
        while done < MANY:
            count, total, _ = watching.run()
            assert total == MANY
            (root / f"later {done}").mkdir()
            done += count
            watching.let()
        while watching.errors.count(b"paths)\n") < 2:
            watching.errors += os.read(watching.process.stderr.fileno(), 4096)
        watching.end()
        assert watching.left() == []


def test_a_change_in_the_middle_of_several_runs_comes_behind_them(tmp_path, root):
    with Gated(tmp_path, root) as watching:
        create_many(root)
        count, total, _ = watching.run()
        (root / "later").mkdir()
        done = count
        while done < MANY:
            watching.let()
            count, total, _ = watching.run()
            assert total == MANY
            done += count
        watching.let()
        assert watching.run() == (1, 1, str(root / "later"))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_end_in_the_middle_of_several_runs_is_the_end(tmp_path, root, number):
    with Gated(tmp_path, root) as watching:
        create_many(root)
        watching.run()
        assert watching.end(number) == 128 + number
        assert watching.left() == []


def test_a_path_that_is_too_long_stops_no_run(tmp_path, root):
    """Whoever can write below the root could keep all others from being heard of."""
    deep = os.open(root, os.O_RDONLY)
    for _ in range(LONGEST // 240 + 1):
        os.mkdir("d" * 240, dir_fd=deep)
        below = os.open("d" * 240, os.O_RDONLY, dir_fd=deep)
        os.close(deep)
        deep = below
    with Watching("run", "--once", "--per", "event", str(root), "--", "echo", "{path}") as watching:
        os.mkdir("alone", dir_fd=deep)
        printed, errors = watching.process.communicate(timeout=PATIENCE_S)
        assert (watching.process.returncode, printed) == (127, b"")
        assert b"echo is not run: no path is short enough for its arguments\n" in errors
    command = 'echo "$# $INOTIFY_COUNT ${INOTIFY_PATH-none}"'
    with Watching("run", "--shell", "--debounce", "10ms", str(root), "--", command) as watching:
        os.mkdir("far", dir_fd=deep)
        assert watching.line() == b"0 1 none"
        os.mkdir(root / "near")
        assert watching.line() == os.fsencode(f"1 1 {root}/near")
        watching.end()
        assert (
            b"inotify-cffi: a path is too long for an argument or a variable, and left out there\n"
            in watching.errors
        )
    os.close(deep)


# --- placeholders that there are not ---


@pytest.mark.parametrize(
    ("word", "says"),
    [
        (
            "{paht}",
            "{paht} is no placeholder; did you mean {path}? there are {path}, {paths}, {name}, {dir}, {old}",
        ),
        ("x={Path}", "did you mean {path}?"),
        ("{file}", "{file} is no placeholder; there are {path},"),
        ("{path}{naem}", "{naem} is no placeholder; did you mean {name}?"),
        ("x{paths}", "{paths} has to be an argument of its own"),
    ],
)
def test_a_placeholder_that_there_is_not_is_refused_with_what_there_is(root, word, says):
    done = subprocess.run(
        [*COMMAND, "run", str(root), "--", "echo", word], check=False, capture_output=True, timeout=PATIENCE_S
    )
    assert (done.returncode, done.stdout, done.stderr.count(b"\n")) == (2, b"", 1)
    assert says in done.stderr.decode()


@pytest.mark.parametrize(
    "word",
    ["{path}", "{paths}", "{}", "{1}", "{a,b}", "{ x }", "{print $1}", "${HOME}", "HEAD@{upstream}", "\\{n\\}", "%{http_code}",
     '{"a": 1}', "{", "}{", "{{path}}", "x{name}y"],
)  # fmt: skip
def test_braces_that_mean_something_else_are_left_alone(word):
    assert unknown_placeholder(["c", word]) == ""


def test_in_a_script_braces_are_left_alone(root):
    done = subprocess.run(
        [*COMMAND, "run", "-q", "--initial", "--once", "--shell", str(root), "--", "echo {paht}"],
        check=False, capture_output=True, timeout=PATIENCE_S,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, b"{paht}\n")


@pytest.mark.parametrize("word", ["make -s", "$EDITOR", "a&&b", "a|b", "*.sh"])
def test_a_word_that_is_a_script_gets_a_hint(root, word):
    done = subprocess.run(
        [*COMMAND, "run", str(root), "--", word], check=False, capture_output=True, timeout=PATIENCE_S
    )
    assert done.returncode == 1
    assert (
        done.stderr.decode()
        == f"inotify-cffi: {word}: command not found; for a script of the shell, add --shell\n"
    )


def said_at_the_start(root, *options):
    done = subprocess.run(
        [*COMMAND, "run", "-q", "--timeout", "0", str(root), *options],
        check=False,
        capture_output=True,
        timeout=PATIENCE_S,
    )
    assert done.returncode == 0
    return done.stderr.decode()


@pytest.mark.parametrize(
    ("text", "word"), [("echo a | cat", "|"), ("echo $HOME", "$HOME"), ("true && echo 'a b'", "&&")]
)
def test_what_exec_has_for_a_shell_is_said_to_be_an_argument(root, text, word):
    assert said_at_the_start(root, "--exec", text) == (
        f"inotify-cffi: --exec: {word!r} is an argument as it is; for a script of the shell, add --shell\n"
    )


@pytest.mark.parametrize(
    "options",
    [
        ("--exec", "awk '{print $1}'"),
        ("--exec", "true a-b = c"),
        ("--shell", "--exec", "echo a | cat"),
        ("--exec", "echo |", "--", "echo", "|"),
    ],
)
def test_what_is_meant_so_is_not_said(root, options):
    assert said_at_the_start(root, *options) == ""
