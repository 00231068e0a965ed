"""A plugin is tested as a user meets it: with a watcher, a dispatcher and real files."""

import hashlib

from inotify_checksum import Checksum

from inotify_cffi import Dispatcher, Watcher


def test_the_sum_of_a_finished_file_is_printed(tmp_path, capfdbinary):
    dispatcher = Dispatcher(settle_s=0.01)
    dispatcher.register(Checksum())
    with Watcher(str(tmp_path)) as watcher:
        (tmp_path / "a").write_bytes(b"x" * 3_000_000)
        dispatcher.run(watcher, timeout=0.5)
    expected = hashlib.sha256(b"x" * 3_000_000).hexdigest()
    assert capfdbinary.readouterr().out == f"{expected}  {tmp_path / 'a'}\n".encode()
