"""The options of every command that watches: where, what, and for how long."""

from __future__ import annotations

import argparse

from inotify_cffi.flags import Mask, parse_mask
from inotify_cffi.kernel.instance import check_read_ahead
from inotify_cffi.quantities import parse_duration, parse_size

__all__ = ["add_options"]


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add what says where to watch and what for."""
    parser.add_argument("paths", nargs="*", metavar="PATH", help="a directory, or a file")
    group = parser.add_argument_group("watching")
    _add_where(group)
    _add_what(group)
    _add_since(group)
    _add_how(group)


def _add_where(group: argparse._ArgumentGroup) -> None:
    """Add what is watched of a tree."""
    group.add_argument("-r", "--recursive", action="store_true", default=True, help="all below, too; the default")
    group.add_argument("--no-recursive", action="store_false", dest="recursive", help="only the directories given")
    group.add_argument(
        "--max-depth", type=_depth, metavar="N", help="report down to depth N, as find(1) counts it"
    )
    group.add_argument(
        "--exclude",
        action="append",
        default=[],
        metavar="PATTERN",
        help="neither watch nor tell what matches this gitignore pattern; may be given more than once",
    )
    group.add_argument(
        "--include",
        action="append",
        default=[],
        metavar="PATTERN",
        help="of files, tell only those that match this gitignore pattern; may be given more than once",
    )
    group.add_argument("--gitignore", action="store_true", help="heed .gitignore files, and leave out .git")
    group.add_argument(
        "--follow-symlinks",
        action="store_true",
        help="enter symbolic links to directories, and tell what happens to the files that others lead to",
    )
    group.add_argument(
        "--follow-only",
        choices=("directories", "files"),
        dest="follow_symlinks",
        help="do so with links to these only",
    )
    group.add_argument(
        "--max-places",
        type=_places,
        default=8,
        metavar="N",
        help="enter one directory at no more than N places to which links lead; 8",
    )
    group.add_argument("--one-file-system", action="store_true", help="do not enter what is mounted below a PATH")


def _add_what(group: argparse._ArgumentGroup) -> None:
    """Add which paths are waited for, and what is told of them."""
    group.add_argument(
        "--wait",
        action="store_true",
        help="a PATH need not be there: wait for it, whenever it is gone; else it is the end when all are gone",
    )
    group.add_argument("--existing", action="store_true", help="tell what is there at the start as created")
    group.add_argument(
        "--track",
        choices=("entries", "directories"),
        default="entries",
        help="directories: keep no names of files; a start takes less time, and rescan tells which directories to "
        "read again where events of files were lost",
    )
    group.add_argument(
        "--resync",
        type=_interval,
        metavar="TIME",
        help="compare all that is watched with the disk every so often, as SIGUSR1 does once: for what no event "
        "says, behind an overlay or FUSE mount, or by another host of a network file system; names, not contents",
    )
    group.add_argument(
        "--poll",
        type=_poll,
        metavar="TIME|auto",
        help="watch nothing, and compare with the disk every so often: 2s; auto: compare what inotify does not "
        "see (network file systems, layers of an overlay, most of FUSE, what no watch is left for)",
    )
    group.add_argument(
        "--keep-stat",
        action="store_true",
        help="keep inode, size and times of each file, and compare these after lost events and with --resync",
    )
    group.add_argument(
        "--read-ahead",
        type=_ahead,
        metavar="SIZE",
        help="hold so much of the kernel's queue in memory while what takes the events is busy: 16M",
    )
    group.add_argument(
        "-e",
        "--events",
        type=_events,
        action="append",
        metavar="NAME[,NAME...]",
        help="only these events: names as in inotify(7) without IN_, and close, move, changes (the default), "
        "reads, all; may be given more than once; what must not be hidden (unwatched, q_overflow) is always told",
    )


def _add_since(group: argparse._ArgumentGroup) -> None:
    """Add how one run goes on from another."""
    group.add_argument(
        "--since",
        metavar="FILE",
        help="tell first what has changed since this was written by --save; if it is not there, all as new",
    )
    group.add_argument(
        "--save",
        metavar="FILE",
        help="keep there what was told, for --since: at the end, on SIGUSR2, and every --save-every",
    )
    group.add_argument(
        "--save-every",
        type=_interval,
        default=60.0,
        metavar="TIME",
        help="how much may be told twice after a crash; 1m",
    )


def _add_how(group: argparse._ArgumentGroup) -> None:
    """Add how plugins are called, and when it is the end."""
    group.add_argument(
        "--settle",
        type=_duration,
        default=1.0,
        metavar="TIME",
        help="how long a file has to be quiet to be taken as finished, for plugins that wait for that; 1s",
    )
    group.add_argument(
        "--no-probe",
        action="store_true",
        help="do not look whether anybody has a quiet file open for writing; go by the events alone",
    )
    group.add_argument(
        "--most-failures",
        type=_failures,
        default=100,
        metavar="N",
        help="unregister a plugin that fails N times in a row in one hook; 100",
    )
    group.add_argument(
        "--count",
        type=_count,
        metavar="N",
        help="end after N of the events asked for; what is told besides does not count",
    )
    group.add_argument(
        "-t",
        "--timeout",
        type=_duration,
        metavar="TIME",
        help="end after so long: a number of seconds, or with a unit as in 500ms, 10s, 2m, 1h",
    )
    group.add_argument(
        "--log", choices=("text", "json"), default="text", help="how messages look on the standard error"
    )
    group.add_argument("-q", "--quiet", action="store_true", help="do not tell when the watches are in place")


def _events(text: str) -> Mask:
    try:
        mask = parse_mask(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    if not mask & Mask.ALL:
        raise argparse.ArgumentTypeError(f"{text!r} is told anyway, or no event; name others")
    return mask


def _count(text: str) -> int:
    return _at_least_one(text, "events")


def _failures(text: str) -> int:
    return _at_least_one(text, "failures")


def _depth(text: str) -> int:
    return _at_least_one(text, "levels")


def _places(text: str) -> int:
    return _at_least_one(text, "places")


def _at_least_one(text: str, what: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of {what}, 1 or more")
    return int(text)


def _ahead(text: str) -> int:
    try:
        size = parse_size(text)
        check_read_ahead(size)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    return size


def _interval(text: str) -> float:
    seconds = _duration(text)
    if not seconds:
        raise argparse.ArgumentTypeError(f"{text!r} is no time between two; leave it out for none")
    return seconds


def _poll(text: str) -> float | str:
    return text if text == "auto" else _interval(text)


def _duration(text: str) -> float:
    try:
        return parse_duration(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
