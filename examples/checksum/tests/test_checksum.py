"""Tested twice: with made-up events, and once as a user meets it, by the command line on real files."""

import hashlib

from inotify_cffi.testing import Feed, run_command_line

CONTENT = b"x" * 3_000_000


def test_the_sum_of_a_finished_file_is_printed_and_that_of_one_that_is_gone_is_not(tmp_path, capfdbinary):
    (tmp_path / "a").write_bytes(CONTENT)
    with Feed("checksum", arguments=["--algorithm", "sha1"]) as feed:
        feed.written(tmp_path / "a")
        feed.written(tmp_path / "gone")
        feed.settle()
    expected = hashlib.sha1(CONTENT, usedforsecurity=False).hexdigest()
    assert capfdbinary.readouterr().out == f"{expected}  {tmp_path / 'a'}\n".encode()


def test_it_works_on_real_files(tmp_path):
    def write():
        (tmp_path / "a").write_bytes(CONTENT)

    done = run_command_line(
        *("watch", "--plugin", "checksum", "--no-plugin", "console", "--settle", "10ms", "--timeout", "500ms"),
        tmp_path,
        when_ready=write,
    )
    assert (done.exit_code, done.stdout) == (0, f"{hashlib.sha256(CONTENT).hexdigest()}  {tmp_path / 'a'}\n")
