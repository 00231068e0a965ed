"""Where the measured programs run: the C limit compiled, peers in their own environment, limits raised."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Iterator

__all__ = [
    "CHECKOUT",
    "LOOPS",
    "PEERS",
    "Unable",
    "cache",
    "compile_limit",
    "environment",
    "output",
    "raised",
    "run",
    "steady",
    "versions",
]

PEERS = ("inotify", "inotify_simple", "inotifyrecursive", "asyncinotify", "watchdog", "watchfiles")
# What the library runs in, if it is there.
LOOPS = ("trio",)
LIMITS = Path("/proc/sys/fs/inotify")
HERE = Path(__file__).resolve().parent
CHECKOUT = HERE.parent
# What the library is built from.
SOURCES = ("build_ffi.py", "csrc", "inotify_cffi", "plugins", "pyproject.toml", "setup.py", "README.md", "LICENSE")


class Unable(Exception):  # noqa: N818 - it reads as what happened
    """Something that the run needs is not there; the message says what, and what to do."""


def cache() -> Path:
    """Return the directory that keeps compiled programs and environments between runs."""
    base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    path = Path(base) / "inotify_cffi-benchmarks"
    path.mkdir(parents=True, exist_ok=True)
    return path


def run(command: list[str], what: str) -> str:
    """Return what *command* prints. Raises Unable if it fails, with *what* that was and its last words."""
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd="/")
    if done.returncode != 0:
        words = (done.stderr or done.stdout).strip().splitlines()
        raise Unable(f"{what} failed: {words[-1] if words else done.returncode}")
    return done.stdout


def compile_limit(directory: str) -> str:
    """Compile the C limit into *directory*; the path of the program."""
    compiler = shutil.which(os.environ.get("CC", "cc"))
    if compiler is None:
        raise Unable("there is no C compiler (cc); install one, e.g. apt-get install gcc libc6-dev")
    program = os.path.join(directory, "limit")
    run([compiler, "-O2", "-Wall", "-o", program, str(HERE / "limit.c")], "compiling limit.c")
    return program


def _files() -> Iterator[Path]:
    for name in SOURCES:
        top = CHECKOUT / name
        for path in sorted(top.rglob("*")) if top.is_dir() else [top]:
            if path.is_file() and path.suffix != ".so" and "__pycache__" not in path.parts:
                yield path


def _fingerprint() -> str:
    digest = hashlib.sha256()
    for path in _files():
        digest.update(f"{path.relative_to(CHECKOUT)}\0".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _install_ours(python: str, mark: Path) -> None:
    """Install this checkout, unless what is installed was made from the same files."""
    fingerprint = _fingerprint()
    if mark.exists() and mark.read_text() == fingerprint:
        return
    with tempfile.TemporaryDirectory() as copy:
        for path in _files():
            target = Path(copy) / path.relative_to(CHECKOUT)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, target)
        # A build leaves files beside the sources, so it gets a copy of them.
        run([python, "-m", "pip", "install", "-q", "--upgrade", copy], "installing this checkout")
        install = [python, "-m", "pip", "install", "-q", "--force-reinstall", "--no-deps", copy]
        run(install, "installing this checkout")
    mark.write_text(fingerprint)


def environment(python: str, *, peers: bool) -> str:
    """Return the interpreter of an environment for *python*: this checkout, event loops, and *peers* from PyPI.

    What can not be installed from there is left out.
    """
    code = "import sys; print(sys.implementation.name, *sys.version_info[:3])"
    about = run([python, "-c", code], f"running {python}")
    where = cache() / "-".join(about.split())
    inside = str(where / "bin" / "python")
    if not os.path.exists(inside):
        run([python, "-m", "venv", str(where)], f"making an environment with {python}")
    for package in (*(PEERS if peers else ()), *LOOPS):
        if _version(inside, package) is None:
            print(f"installing {package}", file=sys.stderr)
            try:
                run([inside, "-m", "pip", "install", "-q", package], f"installing {package}")
            except Unable as error:
                print(f"{error}; it is left out", file=sys.stderr)
    _install_ours(inside, where / "installed-from")
    return inside


def _version(python: str, package: str) -> str | None:
    code = f"from importlib.metadata import version; print(version({package!r}))"
    try:
        return run([python, "-c", code], package).strip()
    except Unable:
        return None


def output(python: str, code: str) -> str:
    """Return what *code* prints."""
    return run([python, "-c", code], f"running {python}").strip()


def versions(python: str, packages: list[str]) -> dict[str, str]:
    """Return the versions of those *packages* that are installed."""
    found = {package: _version(python, package) for package in packages}
    return {package: version for package, version in found.items() if version is not None}


@contextlib.contextmanager
def steady(name: str, *, change: bool = False) -> Iterator[Path]:
    """Keep others who lock it as well from changing this inotify sysctl; to *change* it, be the only one."""
    path = LIMITS / name
    with path.open(encoding="ascii") as file:
        fcntl.flock(file, fcntl.LOCK_EX if change else fcntl.LOCK_SH)
        yield path


@contextlib.contextmanager
def raised(limits: dict[str, int], *, change: bool = True) -> Iterator[None]:
    """Raise inotify sysctls that are lower than these; they get their old values back, whatever happens.

    Raises Unable where one is too low and may not be changed.
    """
    before: dict[str, str] = {}

    def leave(number: int, frame: Any) -> None:
        sys.exit(128 + number)

    handlers = {number: signal.signal(number, leave) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        for name, value in limits.items():
            with steady(name, change=True) as path:
                now = path.read_text().strip()
                if int(now) >= value:
                    continue
                try:
                    if not change:
                        raise PermissionError
                    path.write_text(str(value))
                except OSError:
                    raise Unable(
                        f"this needs fs.inotify.{name} of {value}, it is {now}: run as root, or "
                        f"sysctl fs.inotify.{name}={value}, or measure less (--quick)"
                    ) from None
                before[name] = now
        yield
    finally:
        for name, text in before.items():
            with steady(name, change=True) as path:
                # Who has changed it since then keeps what they have set.
                if path.read_text().strip() == str(limits[name]):
                    path.write_text(text)
        for number, handler in handlers.items():
            signal.signal(number, handler)
