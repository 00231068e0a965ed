"""``inotify-cffi doctor``: the limits, who uses them, and where inotify can not see."""

from __future__ import annotations

import pwd
from typing import TYPE_CHECKING

from inotify_cffi.base.printing import printable
from inotify_cffi.cli.command import Command
from inotify_cffi.cli.outputs import standard_output
from inotify_cffi.cli.table import number_of_rows, table
from inotify_cffi.cli.usage import Process, is_blind, limits, mount_of, processes

if TYPE_CHECKING:
    import argparse

    from inotify_cffi.hooks.dispatch import Dispatcher

__all__ = ["COMMAND"]

# From this part of a limit on it is time to raise it.
NEAR = 0.8


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add which paths to look at."""
    parser.add_argument("paths", nargs="*", default=["."], metavar="PATH", help="a place to watch; default: .")
    parser.add_argument(
        "--top", type=number_of_rows, default=10, metavar="N", help="show the N biggest processes; 10"
    )


def run(options: argparse.Namespace, _dispatcher: Dispatcher) -> int:
    """Print what is found."""
    write = standard_output().write
    most = limits()
    found, unseen = processes()
    users = _by_user(found)
    instances = max((sums[0] for sums in users.values()), default=0)
    watches = max((sums[1] for sums in users.values()), default=0)
    used = {"max_user_watches": watches, "max_user_instances": instances}
    rows = [(f"fs.inotify.{name}", most[name], used.get(name, "-")) for name in most]
    write(table(("LIMIT", "VALUE", "MOST USED BY A USER"), rows))
    write("\n")
    write(table(("USER", "INSTANCES", "WATCHES"), [(_user(uid), *users[uid]) for uid in users]))
    write("\n")
    biggest = [(each.pid, _user(each.uid), each.instances, each.watches, printable(each.name)) for each in found]
    write(table(("PID", "USER", "INSTANCES", "WATCHES", "PROCESS"), biggest[: options.top]))
    if unseen:
        write(f"\nprocesses that can not be looked at: {unseen}; run it as root to see all\n")
    write("\n")
    for name in ("max_user_watches", "max_user_instances"):
        near = " (nearly used up)" if used[name] >= NEAR * most[name] else ""
        write(f"to raise fs.inotify.{name}{near}: {_how_to_raise(name, most[name])}\n")
    write("\n")
    for path in options.paths:
        mount = mount_of(path)
        sight = is_blind(mount.kind) or "inotify sees all changes"
        write(f"{printable(path)}: {printable(mount.kind)}, mounted at {printable(mount.point)}: {sight}\n")
    return 0


def _by_user(found: list[Process]) -> dict[int, tuple[int, int]]:
    sums: dict[int, tuple[int, int]] = {}
    for each in found:
        instances, watches = sums.get(each.uid, (0, 0))
        sums[each.uid] = instances + each.instances, watches + each.watches
    return dict(sorted(sums.items(), key=lambda item: -item[1][1]))


def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _how_to_raise(name: str, value: int) -> str:
    setting = f"fs.inotify.{name}={value * 2}"
    return f"echo {setting} | sudo tee /etc/sysctl.d/60-{name}.conf && sudo sysctl -w {setting}"


COMMAND = Command(
    name="doctor",
    summary="show the limits, who uses them, and where inotify can not see",
    description="Show inotify's limits on this machine and who uses them, how to raise one, and whether all "
    "changes at a place can be seen.",
    add_options=add_options,
    run=run,
)
