"""Try all file systems that can be mounted here, and make the page: ``python -m tests.filesystems --page FILE``.

It needs root. All is mounted in a mount namespace of its own. Each file system is tried in a process of its own, which
is killed if it takes too long: a FUSE program that hangs holds up whoever asks it.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile

from tests.filesystems import page, recipes
from tests.filesystems.trying import Outcome, try_one, unmount

LIMIT_S = 150
OWN_NAMESPACE = "INOTIFY_CFFI_OWN_MOUNTS"
ALL = {each.label: each for each in (*recipes.DISKS, *recipes.LAYERED, *recipes.READ_ONLY, *recipes.FILLED)}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.filesystems", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="only these")
    parser.add_argument("--page", metavar="FILE", help="put the tables into this page")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(try_one(ALL[options.one])._asdict()))
        return 0
    if os.environ.get(OWN_NAMESPACE) != "1":
        os.environ[OWN_NAMESPACE] = "1"
        command = [sys.executable, "-m", "tests.filesystems", *sys.argv[1:]]
        os.execvp("unshare", ["unshare", "--mount", "--propagation", "private", *command])
    with tempfile.TemporaryDirectory(prefix="filesystems-") as directory:
        os.environ["TMPDIR"] = directory
        try:
            outcomes = [outcome_of(label) for label in options.names or ALL]
        finally:
            # What was killed has left its mounts.
            unmount(directory)
    if options.page:
        page.put(options.page, outcomes)
    tried = [each for each in outcomes if not each.why_not]
    wrong = [each for each in tried if page.is_wrong(each)]
    print(f"{len(tried) - len(wrong)} as the table says, {len(wrong)} not, {len(outcomes) - len(tried)} not tried")
    return 1 if wrong else 0


def outcome_of(label: str) -> Outcome:
    """Try one, in a process that can be killed; what it did is printed."""
    try:
        done = subprocess.run(
            [sys.executable, "-m", "tests.filesystems", "--one", label],
            check=False, timeout=LIMIT_S, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        outcome = Outcome(**json.loads(done.stdout))
    except subprocess.TimeoutExpired:
        outcome = Outcome(ALL[label].name, ALL[label].note, f"it took more than {LIMIT_S} s")
    except ValueError:
        outcome = Outcome(ALL[label].name, ALL[label].note, f"exit code {done.returncode}")
    print(f"{label}: {outcome}", flush=True)
    return outcome


if __name__ == "__main__":
    sys.exit(main())
