"""A program that goes on by ``since=`` is killed at random, again and again, and has what is on the disk each time."""

import os
import random
import signal
import time

from copying import Copy, forked, write_on
from waiting import until

# As .ci/parts/since has it; a few are enough to see that it works at all.
KILLS = int(os.environ.get("INOTIFY_CFFI_SINCE_KILLS", "5"))
SEED = int(os.environ.get("INOTIFY_CFFI_SINCE_SEED", "1"))
PATIENCE_S = 60


def run_copy(root, file, seed):
    Copy(root, file).run(random.Random(seed))


def ended(child):
    """How a child ended; it was killed."""
    return os.WTERMSIG(os.waitpid(child, 0)[1])


def until_there_is(file):
    until(lambda: os.path.exists(file), "what it saves", seconds=PATIENCE_S)


def test_a_program_that_is_killed_anywhere_has_what_is_on_the_disk_when_it_is_started_again(root, tmp_path, capfd):
    dice = random.Random(SEED)
    file = f"{tmp_path}/copy"
    started = told = 0
    writer = forked(write_on, root, SEED)
    try:
        for number in range(KILLS):
            program = forked(run_copy, root, file, SEED + number)
            if number == 1:
                # However slow this machine is: it has come so far once.
                until_there_is(file)
            time.sleep(dice.uniform(0.0, 0.25))
            os.kill(program, signal.SIGKILL)
            assert (ended(program), capfd.readouterr().err) == (signal.SIGKILL, "")
            # Nobody watches, and it goes on.
            time.sleep(dice.uniform(0.0, 0.02))
            os.kill(writer, signal.SIGSTOP)
            os.waitpid(writer, os.WUNTRACED)
            started += os.path.exists(file)
            copy = Copy(root, file)
            with copy.watcher:
                told += len(copy.watcher._ready) + copy.watcher._tree.has_told
                names, contents = copy.differs()
                assert (bool(names), contents) == (False, {}), f"kill {number}, seed {SEED}: {names}"
                if dice.random() < 0.3:
                    copy.save()
            os.kill(writer, signal.SIGCONT)
    finally:
        os.kill(writer, signal.SIGCONT)
        os.kill(writer, signal.SIGKILL)
        os.waitpid(writer, 0)
    # Else it has shown nothing.
    assert started > KILLS // 2
    assert told
