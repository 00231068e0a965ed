"""inotify-cffi doctor: it is right, or says that it does not know."""

from __future__ import annotations

import json
import os
import re
import resource
import subprocess
import sys
import threading

import pytest
from replaying import COMMAND, PATIENCE_S

from inotify_cffi import Watcher
from inotify_cffi.cli import doctor, limits, places, usage
from inotify_cffi.cli.limits import Limit
from inotify_cffi.cli.program import main
from inotify_cffi.kernel import mounts
from inotify_cffi.kernel.mounts import Mount

# Refuses inotify_init1 and inotify_add_watch, or only the latter: the number of the call, the errno. x86-64 only.
REFUSE = """
import ctypes, os, struct, sys
libc, number, code = ctypes.CDLL(None), int(sys.argv[1]), int(sys.argv[2])
rows = [(32, 0, 0, 0), (21, 0, 1, number), (6, 0, 0, 0x50000 | code), (6, 0, 0, 0x7FFF0000)]
text = b"".join(struct.pack("HBBI", *row) for row in rows)
held = ctypes.create_string_buffer(text, len(text))
class Program(ctypes.Structure): _fields_ = [("count", ctypes.c_ushort), ("rows", ctypes.c_void_p)]
assert libc.prctl(38, 1, 0, 0, 0) == 0
assert libc.prctl(22, 2, ctypes.byref(Program(len(rows), ctypes.addressof(held))), 0, 0) == 0
os.execv(sys.executable, [sys.executable, *sys.argv[3:]])
"""
INOTIFY_INIT1, INOTIFY_ADD_WATCH = 294, 254

in_a_filter = pytest.mark.skipif(os.uname().machine != "x86_64", reason="the filter is for x86-64")


def run(*arguments, **options):
    return subprocess.run([*COMMAND, *arguments], check=False, capture_output=True, timeout=PATIENCE_S, **options)


def asked(path, capsys, *, code=0):
    assert main(["doctor", "--json", str(path)]) == code
    return json.loads(capsys.readouterr().out)


def refused(call, code, *arguments):
    """Run the command line where a filter refuses a call."""
    return subprocess.run(
        [sys.executable, "-c", REFUSE, str(call), str(code), *COMMAND[1:], *arguments],
        check=False, capture_output=True, text=True, timeout=PATIENCE_S,
    )  # fmt: skip


def mounted(monkeypatch, *rows, at=None):
    """Let these be all mounts; the paths asked for lie on that with the number *at*."""
    listed = [Mount(number, parent, point, kind) for number, parent, point, kind in rows]
    monkeypatch.setattr(mounts, "mounts", lambda: listed)
    monkeypatch.setattr(
        mounts, "mount_of", lambda _fd, among: next((each for each in among if each.number == at), None)
    )


# --- limits ---


def test_limits_their_use_and_how_to_raise_them_are_shown(tmp_path, capsys):
    with Watcher(str(tmp_path)):
        assert main(["doctor", str(tmp_path)]) == 0
    printed = capsys.readouterr().out
    for each in limits.limits({}):
        assert re.search(rf"^{each.name} +{each.value} ", printed, re.MULTILINE)
    assert re.search(rf"^ *{os.getpid()} ", printed, re.MULTILINE)
    value = limits.limits({})[0].value
    assert f"sudo sysctl -w fs.inotify.max_user_watches={value * 2}\n" in printed


def test_the_use_of_a_process_is_counted(tmp_path):
    def mine():
        found, _ = usage.processes()
        return next(((each.instances, each.watches) for each in found if each.pid == os.getpid()), (0, 0))

    (tmp_path / "a").mkdir()
    before = mine()
    with Watcher(str(tmp_path)):
        assert mine() == (before[0] + 1, before[1] + 2)


def sysctls(directory, **values):
    for name, value in values.items():
        path = directory / name.replace("__", "/")
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_text(f"{value}\n")
    return str(directory)


def test_a_lower_limit_of_the_user_namespace_is_the_one_that_is_used_up(tmp_path, monkeypatch):
    monkeypatch.setattr(limits, "in_user_namespace", lambda: True)
    read = sysctls(
        tmp_path, fs__inotify__max_user_watches=100, fs__inotify__max_user_instances=10,
        fs__inotify__max_queued_events=5, user__max_inotify_watches=8, user__max_inotify_instances=0x7FFFFFFF,
    )  # fmt: skip
    assert limits.limits({"max_user_watches": 7, "max_user_instances": 1}, read) == [
        Limit("fs.inotify.max_user_watches", 100, None),
        Limit("user.max_inotify_watches", 8, 7),
        Limit("fs.inotify.max_user_instances", 10, None),
        Limit("fs.inotify.max_queued_events", 5, None),
    ]


def test_the_limit_of_a_namespace_is_raised_in_it():
    limit = Limit("user.max_inotify_watches", 8, 7)
    assert (limit.is_near, limit.remedy) == (True, "sudo sysctl -w user.max_inotify_watches=16")


@pytest.mark.parametrize("value", [None, 0x7FFFFFFF])
def test_what_is_not_known_or_the_largest_is_not_raised(value):
    assert Limit("fs.inotify.max_user_watches", value).remedy == ""


def test_where_there_are_no_sysctls_nothing_is_said_of_limits(tmp_path):
    assert {each.value for each in limits.limits({}, str(tmp_path))} == {None}


def test_a_limit_that_is_not_known_is_a_dash(capsys, monkeypatch):
    monkeypatch.setattr(doctor, "limits", lambda _used: [Limit("fs.inotify.max_user_watches", None)])
    assert main(["doctor", "/"]) == 0
    assert re.search(r"^fs\.inotify\.max_user_watches +- +-$", capsys.readouterr().out, re.MULTILINE)


def in_a_namespace(script, *arguments):
    done = subprocess.run(
        ["unshare", "-U", "-r", "sh", "-c", script, "sh", *COMMAND, *arguments],
        check=False, capture_output=True, text=True, timeout=PATIENCE_S,
    )  # fmt: skip
    if "unshare" in done.stderr:
        pytest.skip("needs user namespaces")
    return done


def test_in_a_user_namespace_its_limits_and_who_is_in_it_are_shown(tmp_path):
    done = in_a_namespace('echo 8 >/proc/sys/user/max_inotify_watches; "$@"', "doctor", "--json", str(tmp_path))
    found = json.loads(done.stdout)
    named = {each["name"]: each for each in found["limits"]}
    assert found["user_namespace"] is True
    assert (named["user.max_inotify_watches"]["value"], named["fs.inotify.max_user_watches"]["used"]) == (8, None)
    assert found["places"][0]["failure"] is None


def test_in_a_user_namespace_without_a_watch_left_none_can_be_had(tmp_path):
    done = in_a_namespace('echo 0 >/proc/sys/user/max_inotify_watches; "$@"', "doctor", str(tmp_path))
    last = done.stdout.splitlines()[-1]
    assert done.returncode == 1
    assert "no watch can be had: no watch is left for this user; raise" in last
    assert "user.max_inotify_watches (now 0)" in last


def test_who_is_in_a_user_namespace_of_ours_is_charged_to_its_owner(tmp_path):
    """The kernel counts it there, too; with the user that it is in its namespace it has nothing to do."""
    script = "import sys; from inotify_cffi import Watcher; w = Watcher(sys.argv[1]); print(flush=True); sys.stdin.read()"
    with subprocess.Popen(
        ["unshare", "-U", sys.executable, "-c", script, str(tmp_path)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as other:  # fmt: skip
        if not other.stdout.readline():
            pytest.skip("needs user namespaces")
        found = next(each for each in usage.processes()[0] if each.pid == other.pid)
        other.stdin.close()
    assert (found.charged, found.watches) == (os.geteuid(), 1)


# --- where a watch can not be had ---


@in_a_filter
@pytest.mark.parametrize("call", [INOTIFY_INIT1, INOTIFY_ADD_WATCH])
@pytest.mark.parametrize("code", [1, 38])
def test_inotify_that_a_filter_refuses_is_no_inotify(call, code, tmp_path):
    done = refused(call, code, "doctor", str(tmp_path))
    assert done.returncode == 1
    assert ": no watch can be had: inotify is refused (" in done.stdout.splitlines()[-1]
    assert "a seccomp filter is on" in done.stderr
    assert done.stderr.count("\n") == 1


@in_a_filter
def test_watch_says_what_is_refused(tmp_path):
    done = refused(INOTIFY_INIT1, 38, "watch", "-t", "0", str(tmp_path))
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("inotify-cffi: inotify is refused (Function not implemented): a seccomp filter")


def test_of_a_file_system_that_does_not_answer_the_mount_is_known(tmp_path, monkeypatch):
    release = threading.Event()
    monkeypatch.setattr(places, "_why_not", lambda _fd: str(release.wait(PATIENCE_S)))
    mounted(monkeypatch, (7, 1, "/dead", "fuse.sshfs"), at=7)
    try:
        place = places.look(str(tmp_path), patience_s=0.05)
    finally:
        release.set()
    assert (place.point, place.failure) == ("/dead", "it does not answer")


def test_where_a_watch_reports_nothing_that_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr(places.Instance, "queued_bytes", lambda _self: 0)
    assert places.look(str(tmp_path)).failure == "a watch can be had, but reports nothing"


def test_who_may_not_look_at_a_place_can_not_watch_it(tmp_path, capsys):
    (tmp_path / "closed").mkdir(mode=0)
    if os.access(tmp_path / "closed", os.R_OK):
        pytest.skip("needs a user who is not root")
    assert asked(tmp_path / "closed", capsys, code=1)["places"][0]["failure"] == "Permission denied"


def test_a_path_that_is_not_there_is_an_error_and_the_others_are_shown(tmp_path):
    done = run("doctor", str(tmp_path / "none"), str(tmp_path))
    assert done.returncode == 1
    assert done.stderr == os.fsencode(f"inotify-cffi: {tmp_path / 'none'}: No such file or directory\n")
    assert done.stdout.splitlines()[-1].startswith(os.fsencode(f"{tmp_path}: "))


def test_what_is_no_directory_is_watched_but_not_opened(tmp_path):
    """Whoever opens a pipe may be waited for."""
    os.mkfifo(tmp_path / "pipe")
    assert places.look(str(tmp_path / "pipe")).failure == ""


@pytest.mark.skipif(sys.implementation.name == "pypy", reason="its descriptors are the interpreter's business")
def test_without_a_descriptor_that_is_said(tmp_path):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    fd = os.open(tmp_path, os.O_RDONLY)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (fd + 1, hard))
        failure = places._why_not(fd)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        os.close(fd)
    assert failure


# --- what is seen ---


def test_the_last_line_says_the_whole_of_a_path(capsys):
    assert main(["doctor", "/proc/self"]) == 0
    *_, last = capsys.readouterr().out.splitlines()
    assert last == "/proc/self: proc, mounted at /proc: inotify sees only what processes change, not the kernel"


def test_what_is_not_seen_and_what_to_do_has_a_line_each(capsys):
    assert main(["doctor", "/proc/self"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "/proc/self: not seen: entries and contents that the kernel changes" in lines
    assert any(line.startswith("/proc/self: to do: read it when") for line in lines)


@pytest.mark.parametrize(
    ("kind", "sees", "blind", "advice"),
    [
        ("ext4", "all", False, []),
        ("nfs4", "own", True, [doctor.COMPARE]),
        ("fuse.bindfs", "own", True, [doctor.COMPARE]),
        ("fuseblk", "unknown", False, [doctor.COMPARE]),
        ("somethingfs", "unknown", True, [doctor.COMPARE]),
        ("sysfs", "kernel", False, [doctor.READ_AGAIN]),
    ],
)
def test_what_is_known_of_a_type_is_said_in_json(kind, sees, blind, advice, tmp_path, monkeypatch, capsys):
    mounted(monkeypatch, (7, 1, "/there", kind), at=7)
    (place,) = asked(tmp_path, capsys)["places"]
    assert (place["path"], place["mount"], place["type"]) == (str(tmp_path), "/there", kind)
    assert (place["sees"], place["blind"], place["advice"]) == (sees, blind, advice)
    assert bool(place["unseen"]) is (sees != "all")


def test_all_is_said_to_be_seen_of_nothing_else_than_where_it_is(tmp_path, monkeypatch, capsys):
    for kind in ("nfs", "fuseblk", "fuse", "somethingfs", "fusectl", "overlay"):
        mounted(monkeypatch, (7, 1, "/there", kind), at=7)
        assert main(["doctor", str(tmp_path)]) == 0
        assert "sees all" not in capsys.readouterr().out


def test_a_mount_that_is_not_in_the_list_is_not_known(tmp_path, monkeypatch, capsys):
    mounted(monkeypatch, (7, 1, "/", "ext4"), at=8)
    (place,) = asked(tmp_path, capsys)["places"]
    assert (place["sees"], place["mount"]) == ("unknown", "unknown")


def test_without_proc_nothing_is_known_of_the_mount(tmp_path, monkeypatch):
    monkeypatch.setattr(mounts, "MOUNTS", str(tmp_path / "none"))
    assert places.look(str(tmp_path)).sight.sees == "unknown"


def test_what_is_mounted_below_is_looked_at_too(tmp_path, monkeypatch, capsys):
    top = str(tmp_path)
    mounted(
        monkeypatch, (7, 1, top, "ext4"), (8, 7, f"{top}/server", "nfs4"), (9, 7, f"{top}/local", "xfs"),
        (10, 1, "/elsewhere", "cifs"), at=7,
    )  # fmt: skip
    assert main(["doctor", top]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert f"{top}: not seen below: {top}/server (nfs4): what other machines change there" in lines
    assert not any("xfs" in line or "cifs" in line for line in lines)
    assert lines[-1].endswith("; not so for all that is mounted below")
    (place,) = asked(top, capsys)["places"]
    assert [each["mount"] for each in place["below"]] == [f"{top}/server"]
    assert place["advice"] == [doctor.COMPARE, doctor.LEAVE_OUT]


def test_names_that_are_not_utf8_are_in_base64_in_json(tmp_path):
    name = os.fsencode(tmp_path) + b"/\xff"
    os.mkdir(name)
    done = run("doctor", "--json", name)
    (place,) = json.loads(done.stdout.decode("ascii"))["places"]
    assert (place["path"], done.returncode) == (None, 0)
    assert place["path_bytes"]


BTRFS = """
set -e; cd "$1"; truncate -s 120M image; mkfs.btrfs -q image >&2; mkdir b lower over; mount -o loop image b
btrfs -q subvolume create b/sub; mkdir b/upper b/work; touch lower/file
mount -t overlay -o lowerdir=lower,upperdir=b/upper,workdir=b/work none over; shift; echo mounted; "$@"
"""


def test_a_btrfs_subvolume_and_a_file_of_another_layer_lie_on_their_mounts(tmp_path):
    """Both have a device number that no line of mountinfo has."""
    done = subprocess.run(
        ["unshare", "-m", "--propagation", "private", "sh", "-c", BTRFS, "sh", str(tmp_path), *COMMAND, "doctor",
         "--json", "b/sub", "over/file"],
        check=False, capture_output=True, text=True, timeout=PATIENCE_S,
    )  # fmt: skip
    if not done.stdout.startswith("mounted\n"):
        pytest.skip(f"needs root, loop devices and btrfs-progs: {done.stderr.splitlines()[-1:]}")
    found = json.loads(done.stdout[len("mounted\n") :])["places"]
    assert [(place["mount"], place["type"]) for place in found] == [
        (f"{tmp_path}/b", "btrfs"),
        (f"{tmp_path}/over", "overlay"),
    ]
