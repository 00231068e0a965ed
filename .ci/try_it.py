"""Run a command that watches a directory, see that it tells what happens there, and end it by Ctrl-C.

``try_it.py DIRECTORY COMMAND...``: until a file that is made in the directory is in what the command prints. Then
it gets SIGINT, as all that a terminal has in its foreground does, and has to end with 130.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

LIMIT_S = 900.0
TURN_S = 0.5
TEXT = b"try-it"


def heed_ctrl_c() -> None:
    """Undo what a shell does to what it runs in the background: to ignore SIGINT."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def main() -> int:
    """Print what the command prints; 0 if all went as it should."""
    directory, command = Path(sys.argv[1]), sys.argv[2:]
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        start_new_session=True,
        preexec_fn=heed_ctrl_c,  # noqa: PLW1509  # there is one thread
    )
    output = process.stdout
    if output is None:
        return 1
    told, end = b"", time.monotonic() + LIMIT_S
    # It may be long until it watches, for it installs first.
    while TEXT not in told and time.monotonic() < end:
        (directory / TEXT.decode()).touch()
        (directory / TEXT.decode()).unlink()
        if select.select([output], [], [], TURN_S)[0]:
            chunk = os.read(output.fileno(), 65536)
            if not chunk:
                break
            told += chunk
            sys.stdout.buffer.write(chunk)
            sys.stdout.flush()
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGINT)
    code = process.wait(60)
    print(f"the file was {'told' if TEXT in told else 'not told'}; exit code {code} after Ctrl-C")
    return 0 if TEXT in told and code == 128 + signal.SIGINT else 1


if __name__ == "__main__":
    sys.exit(main())
