"""With made-up events what is hard to have by real ones, and once the whole on a real directory."""

from inotify_cffi_example import Example

from inotify_cffi.testing import Feed, run_command_line


def test_the_size_of_a_finished_file_is_printed(tmp_path, capsys):
    (tmp_path / "a").write_bytes(b"x" * 1500)
    with Feed(Example(), arguments=["--unit", "kB"]) as feed:
        feed.written(tmp_path / "a")
        assert capsys.readouterr().out == ""
        feed.settle()
    assert capsys.readouterr().out == f"{tmp_path}/a: 1.5 kB\n"


def test_a_file_that_is_gone_is_left_out(tmp_path, capsys):
    with Feed(Example()) as feed:
        feed.written(tmp_path / "gone")
        feed.settle()
    assert capsys.readouterr().out == ""


def test_it_is_found_by_its_name_and_works_on_real_files(tmp_path):
    def write():
        (tmp_path / "a").write_bytes(b"x" * 1500)

    done = run_command_line(
        *("watch", "-q", "--plugin", "example", "--no-plugin", "console", "--settle", "10ms", "--timeout", "1s"),
        tmp_path,
        when_ready=write,
    )
    assert done == (0, f"{tmp_path}/a: 1500 B\n", "")
