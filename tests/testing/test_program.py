"""``run_command_line``: the program in this process."""

import os
import signal
import sys

import pytest

from inotify_cffi.testing import run_command_line


def test_exit_code_and_what_was_printed_come_back():
    code, stdout, stderr = run_command_line("--version")
    assert (code, stdout.split()[0], stderr) == (0, "inotify-cffi", "")
    code, stdout, stderr = run_command_line("wath")
    assert (code, stdout) == (2, "")
    assert "did you mean" in stderr


def test_what_is_done_when_all_is_watched_is_told(tmp_path):
    done = run_command_line("watch", "--count", "1", tmp_path, when_ready=(tmp_path / "a").touch)
    assert done == (0, f"CREATE {tmp_path}/a\n", "Watches established.\n")


def test_the_commands_that_it_starts_print_into_it_as_well(tmp_path):
    done = run_command_line(
        "run", "-q", "--once", tmp_path, "--", sys.executable, "-c", "import sys; print('ran'); sys.exit(3)",
        when_ready=(tmp_path / "a").touch,
    )  # fmt: skip
    assert (done.exit_code, done.stdout) == (3, "ran\n")


def test_a_name_that_is_no_text_comes_back_as_it_is(tmp_path):
    name = os.fsdecode(b"\xff")
    done = run_command_line(
        "watch", "-q", "--format", "%f", "--count", "1", tmp_path, when_ready=(tmp_path / name).touch
    )
    assert done.stdout == f"{name}\n"


def test_the_streams_are_given_back(capfd):
    before = sys.stdout, sys.stderr
    run_command_line("--version")
    assert (sys.stdout, sys.stderr) == before
    print("here")
    os.write(1, b"there\n")
    assert sorted(capfd.readouterr().out.split()) == ["here", "there"]


def test_what_the_test_raises_comes_out(tmp_path):
    def fail():
        raise LookupError("mine")

    with pytest.raises(LookupError, match="mine"):
        run_command_line("watch", tmp_path, when_ready=fail)


def test_what_does_not_end_is_ended_and_said(tmp_path):
    with pytest.raises(TimeoutError, match=r"did not end within 0\.3 s; it printed:\nCREATE "):
        run_command_line("watch", tmp_path, when_ready=(tmp_path / "a").touch, timeout=0.3)


def test_a_time_that_is_over_before_the_start_ends_it_too(tmp_path):
    with pytest.raises(TimeoutError, match="within 0 s"):
        run_command_line("watch", tmp_path, timeout=0)


def test_what_is_never_ready_is_refused():
    with pytest.raises(ValueError, match="never ready"):
        run_command_line("plugins", when_ready=print)


def test_a_signal_ends_it_as_it_ends_the_program(tmp_path):
    done = run_command_line("watch", "-q", tmp_path, when_ready=lambda: signal.raise_signal(signal.SIGTERM))
    assert done.exit_code == 143
    with pytest.raises(KeyboardInterrupt):
        run_command_line("watch", tmp_path, when_ready=lambda: signal.raise_signal(signal.SIGINT))


def test_one_runs_at_a_time(tmp_path):
    with pytest.raises(RuntimeError, match="one after the other"):
        run_command_line("watch", tmp_path, when_ready=lambda: run_command_line("--version"))


def test_the_next_run_knows_nothing_of_the_last(tmp_path):
    def fail():
        raise LookupError

    with pytest.raises(LookupError):
        run_command_line("watch", tmp_path, when_ready=fail)
    assert run_command_line("watch", "-q", "--timeout", "0", tmp_path) == (0, "", "")
