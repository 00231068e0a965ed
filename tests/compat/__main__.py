"""Run the peers' own suites on their own backend and on a watcher of ours, and compare: ``python -m tests.compat [PEER...]``.

They are fetched from the package index by pip as source distributions, and run unchanged; nothing of them is kept.
A test that passes with their backend has to pass with ours, unless ``differences.py`` says why not, and what is
listed there has to differ. Each test that starts an observer must have opened a watcher of ours and no inotify instance of
the peer's. The exit status is 0 if all that is so; the last line has the counts.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile

from tests.compat.differences import APART, LEFT_OUT, MAY_DIFFER

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))

# The release, from which Python on, and what its tests need besides.
PEERS = {
    "watchdog": ("7.1.0", (3, 11), ["flaky==3.8.1", "PyYAML"]),
    "watchfiles": ("1.3.0", (3, 10), ["pytest-mock", "dirty-equals", "anyio"]),
}

# Fewer tests than that have not been the whole suite.
FEWEST = {"watchdog": 300, "watchfiles": 100}
FEWEST_STARTED = {"watchdog": 30, "watchfiles": 25}

LIMIT_S = 1200

# pip asks the build backend for the name and the version, and that of watchfiles would ask cargo for all its crates.
STUB = """
import os, re, shutil

def get_requires_for_build_wheel(config_settings=None):
    return []

def prepare_metadata_for_build_wheel(directory, config_settings=None):
    with open("PKG-INFO", encoding="utf-8") as file:
        name, version = re.search("^Name: (.*)\\nVersion: (.*)$", file.read(), re.MULTILINE).groups()
    folder = f"{name}-{version}.dist-info"
    os.makedirs(os.path.join(directory, folder))
    shutil.copy("PKG-INFO", os.path.join(directory, folder, "METADATA"))
    return folder
"""


def pip(*arguments, **environment):
    command = [sys.executable, "-m", "pip", *arguments]
    subprocess.run(
        [*command, "--quiet", "--disable-pip-version-check"], check=True, env={**os.environ, **environment}
    )


def fetch(peer, version, directory):
    """Download and unpack the source distribution; return its top directory."""
    stub = os.path.join(directory, "stub")
    os.makedirs(stub)
    with open(os.path.join(stub, "maturin.py"), "w", encoding="utf-8") as file:
        file.write(STUB)
    options = ["--no-deps", "--no-build-isolation", "--no-binary", ":all:", "--dest", directory]
    pip("download", *options, f"{peer}=={version}", PYTHONPATH=stub)
    name = f"{peer}-{version}"
    with tarfile.open(os.path.join(directory, f"{name}.tar.gz")) as archive:
        safe = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
        archive.extractall(directory, **safe)
    return os.path.join(directory, name)


def lay(peer, sources, directory):
    """Lay the tests where nothing else of the sources is: the installed package is what they are to import."""
    place = os.path.join(directory, f"run-{peer}")
    os.makedirs(place)
    for name in os.listdir(sources):
        if name not in (peer, "src", "build"):
            (shutil.copytree if os.path.isdir(os.path.join(sources, name)) else shutil.copy)(
                os.path.join(sources, name), os.path.join(place, name)
            )
    return place


def run(peer, place, packages, *, ours, only=("tests",)):
    """Run the suite; return what each test gave (its outcome, and what was opened), and what was said."""
    label = f"{peer}-{'ours' if ours else 'own'}"
    counts = os.path.join(os.path.dirname(place), f"{label}.json")
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([packages, HERE]),
        "COMPAT_PEER": peer,
        "COMPAT_OURS": str(int(ours)),
        "COMPAT_COUNTS": counts,
    }
    command = [sys.executable, "-m", "pytest", "-q", "-p", "counting", "-p", "no:cacheprovider", *only]
    command += ["-o", "addopts=", "--timeout", "60", "--tb=short", "--basetemp", os.path.join(place, "tmp")]
    # Of a pytest that is newer than the suite.
    command += ["-W", "ignore::pytest.PytestWarning"]
    for name in LEFT_OUT[peer]:
        command += ["--deselect", name]
    done = subprocess.run(
        command, cwd=place, env=environment, timeout=LIMIT_S, capture_output=True, text=True, check=False
    )
    shutil.rmtree(os.path.join(place, "tmp"), ignore_errors=True)
    said = [line for line in done.stdout.splitlines() if re.search(r"\d (passed|failed)", line)] or ["nothing"]
    print(f"{peer} {'with a watcher of ours' if ours else 'with its own backend'}: {said[-1]}", flush=True)
    if done.returncode not in (0, 1) or not os.path.exists(counts):
        print(done.stdout[-5000:], done.stderr[-5000:])
        raise SystemExit(f"the suite of {peer} did not run: {done.returncode}")
    with open(counts, encoding="utf-8") as file:
        return json.load(file), done.stdout


def is_worse(peer, name, ours):
    """Return True for a test that passes with its own backend and not with ours, and is not on the list."""
    return name not in MAY_DIFFER[peer] and ours.get(name, {"outcome": "missing"})["outcome"] != "passed"


def compare(peer, own, ours):
    """Yield each thing that is not as it should be."""
    expected = MAY_DIFFER[peer]
    if len(own) < FEWEST[peer]:
        yield f"only {len(own)} tests were run"
    for name, entry in own.items():
        was, now = entry["outcome"], ours.get(name, {"outcome": "missing"})["outcome"]
        if name in expected:
            if was == now:
                yield f"{name} does not differ: it is {now}; take it off the list"
        elif was == "passed" and is_worse(peer, name, ours):
            yield f"{name} passes with its own backend, and is {now} with ours"
    for name in [name for name in expected if name not in own]:
        yield f"{name} is on the list, and there is no such test"
    for name in [name for name in ours if name not in own]:
        yield f"{name} is run with ours only"


def count(peer, ours):
    """Yield each test that has started to watch and not by us."""
    started = {name: entry for name, entry in ours.items() if entry.get("started")}
    print(
        f"{peer}: {len(started)} tests watched, by {sum(e.get('ours', 0) for e in started.values())} watchers of ours"
    )
    if len(started) < FEWEST_STARTED[peer]:
        yield f"only {len(started)} tests have watched"
    for name, entry in started.items():
        if name in MAY_DIFFER[peer]:
            continue
        if not entry.get("ours"):
            yield f"{name} has opened no watcher of ours"
        if entry.get("theirs") and name not in APART[peer]:
            yield f"{name} has opened {entry['theirs']} inotify instances of {peer}"


def check(peer, version, requirements, directory):
    packages = os.path.join(directory, f"packages-{peer}")
    pip("install", "--target", packages, "--no-warn-conflicts", f"{peer}=={version}", *requirements)
    place = lay(peer, fetch(peer, version, directory), directory)
    own, _ = run(peer, place, packages, ours=False)
    ours, said = run(peer, place, packages, ours=True)
    # They wait for some hundredths of a second here and there, and want all instances of the user: so on a busy
    # machine some fail in turn, whatever is behind them.
    again = [name for name, entry in own.items() if entry["outcome"] == "passed" and is_worse(peer, name, ours)]
    if again:
        print(f"once more by themselves: {' '.join(again)}")
        more, said = run(peer, place, packages, ours=True, only=again)
        ours.update(more)
    for listed in (MAY_DIFFER, APART, LEFT_OUT):
        for name, reason in listed[peer].items():
            print(f"  {name}: {reason}")
    wrong = [*compare(peer, own, ours), *count(peer, ours)]
    if wrong:
        print(said[-20000:])
    return len(own) - len(wrong), wrong


def main(arguments):
    parser = argparse.ArgumentParser(prog="python -m tests.compat", description=__doc__.splitlines()[0])
    parser.add_argument("peers", nargs="*", metavar="PEER", help=f"some of {', '.join(PEERS)}; all unless given")
    peers = parser.parse_args(arguments).peers or list(PEERS)
    passed, wrong, skipped = 0, [], 0
    for peer in peers:
        version, least, requirements = PEERS[peer]
        if sys.version_info < least or platform.python_implementation() != "CPython":
            print(f"SKIPPED [1] {peer} {version} is for CPython {'.'.join(map(str, least))} and newer")
            skipped += 1
            continue
        with tempfile.TemporaryDirectory(prefix="compat-") as directory:
            good, bad = check(peer, version, requirements, directory)
        passed, wrong = passed + good, wrong + bad
    for each in wrong:
        print(f"FAILED {each}")
    print(f"{passed} passed, {len(wrong)} failed, {skipped} skipped")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
