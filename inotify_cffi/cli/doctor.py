"""``inotify-cffi doctor``: the limits, who uses them, and what inotify sees of a place."""

from __future__ import annotations

import json
import logging
import os
import pwd
from typing import TYPE_CHECKING, NamedTuple

from inotify_cffi.base.printing import printable
from inotify_cffi.cli.command import Command
from inotify_cffi.cli.limits import Limit, in_user_namespace, limits
from inotify_cffi.cli.outputs import standard_output
from inotify_cffi.cli.places import Below, Place, look
from inotify_cffi.cli.surroundings import one_line
from inotify_cffi.cli.table import number_of_rows, table
from inotify_cffi.cli.usage import Process, processes
from inotify_cffi.jsonlines import add_path
from inotify_cffi.kernel import filesystems

if TYPE_CHECKING:
    import argparse

    from inotify_cffi.hooks.dispatch import Dispatcher

__all__ = ["COMMAND"]

logger = logging.getLogger(__name__)

SIGHTS = {
    filesystems.ALL: "inotify sees all changes (but stores through mmap, as everywhere)",
    filesystems.OWN: "inotify sees only what is changed here, through this mount",
    filesystems.KERNEL: "inotify sees only what processes change, not the kernel",
    filesystems.UNKNOWN: "it is not known what inotify sees",
}

COMPARE = (
    'compare it with the disk: --poll auto (poll_s="auto") does so where inotify is blind, --resync TIME in all'
)
READ_AGAIN = "read it when you need it: comparing finds differences that nobody made"
LEAVE_OUT = "--one-file-system leaves out what is mounted below, --exclude a part of it"


class Found(NamedTuple):
    """What the machine has, and what was found at each path."""

    limits: list[Limit]
    within: bool | None
    users: dict[int, tuple[int, int]]
    biggest: list[Process]
    unseen: int
    places: list[Place]


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add which paths to look at."""
    parser.add_argument("paths", nargs="*", default=["."], metavar="PATH", help="a place to watch; default: .")
    parser.add_argument(
        "--top", type=number_of_rows, default=10, metavar="N", help="show the N biggest processes; 10"
    )
    parser.add_argument(
        "--format", choices=("text", "json"), default="text", help="json: one object, in one line, for programs"
    )
    parser.add_argument(
        "--json", action="store_const", const="json", dest="format", help="the same as --format json"
    )


def run(options: argparse.Namespace, _dispatcher: Dispatcher) -> int:
    """Print what is found; 1 if some path can not be watched."""
    found, unseen = processes()
    users = _by_user(found)
    used = {
        "max_user_instances": max((sums[0] for sums in users.values()), default=0),
        "max_user_watches": max((sums[1] for sums in users.values()), default=0),
    }
    places, failures = _places(options.paths)
    all_found = Found(limits(used), in_user_namespace(), users, found[: options.top], unseen, places)
    text = json.dumps(_as_json(all_found)) + "\n" if options.format == "json" else _as_text(all_found)
    output = standard_output()
    output.write(text)
    output.flush()
    for failure in failures:
        logger.error("%s", failure)
    return 1 if failures else 0


def _places(paths: list[str]) -> tuple[list[Place], list[str]]:
    """Return what is known of those that are there, and a line for each that can not be watched."""
    places, failures = [], []
    for path in paths:
        try:
            place = look(path)
        except OSError as error:
            failures.append(one_line(error))
        else:
            places.append(place)
            if place.failure:
                failures.append(f"{path}: {place.failure}")
    return places, failures


def _by_user(found: list[Process]) -> dict[int, tuple[int, int]]:
    sums: dict[int, tuple[int, int]] = {}
    for each in found:
        instances, watches = sums.get(each.charged, (0, 0))
        sums[each.charged] = instances + each.instances, watches + each.watches
    return dict(sorted(sums.items(), key=lambda item: -item[1][1]))


def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


# --- for people ---


def _as_text(found: Found) -> str:
    rows = [(each.name, _known(each.value), _known(each.used)) for each in found.limits]
    parts = [table(("LIMIT", "VALUE", "MOST USED BY A USER"), rows)]
    parts.append(
        table(("USER", "INSTANCES", "WATCHES"), [(_user(uid), *sums) for uid, sums in found.users.items()])
    )
    biggest = [
        (each.pid, _user(each.uid), each.instances, each.watches, printable(each.name)) for each in found.biggest
    ]
    parts.append(table(("PID", "USER", "INSTANCES", "WATCHES", "PROCESS"), biggest))
    if found.unseen:
        parts.append(f"processes that can not be looked at: {found.unseen}; run it as root to see all\n")
    parts.append("".join(_remedies(found)))
    parts.append("".join(map(_place_as_text, found.places)))
    return "\n".join(part for part in parts if part)


def _remedies(found: Found) -> list[str]:
    lines = []
    if found.within:
        lines.append(
            "this is a user namespace: the limits of those around it, and what is used of them, are not seen\n"
        )
    for each in found.limits:
        if each.remedy and (each.is_near or each.name != "fs.inotify.max_queued_events"):
            near = " (nearly used up)" if each.is_near else ""
            where = " outside of this namespace" if found.within and each.name.startswith("fs.") else ""
            lines.append(f"to raise {each.name}{near}{where}: {each.remedy}\n")
    return lines


def _known(value: int | None) -> int | str:
    return "-" if value is None else value


def _place_as_text(place: Place) -> str:
    """Return lines of which the last says the whole."""
    path = printable(place.path)
    lines = [f"not seen: {each}" for each in place.sight.unseen]
    lines += [
        f"not seen below: {printable(each.point)} ({printable(each.kind)}): {'; '.join(each.sight.unseen)}"
        for each in place.below
    ]
    lines += [f"to do: {each}" for each in _advice(place)]
    seen = f"no watch can be had: {place.failure}" if place.failure else SIGHTS[place.sight.sees]
    if place.below and not place.failure:
        seen += "; not so for all that is mounted below"
    lines.append(f"{printable(place.kind)}, mounted at {printable(place.point)}: {seen}")
    return "".join(f"{path}: {line}\n" for line in lines)


def _advice(place: Place) -> list[str]:
    sees = [place.sight, *(each.sight for each in place.below)]
    advice = []
    if any(sight.is_blind or sight.sees == filesystems.UNKNOWN for sight in sees):
        advice.append(COMPARE)
    if place.sight.sees == filesystems.KERNEL:
        advice.append(READ_AGAIN)
    if place.below:
        advice.append(LEAVE_OUT)
    return advice


# --- for programs ---


def _as_json(found: Found) -> dict[str, object]:
    return {
        "kernel": os.uname().release,
        "user_namespace": found.within,
        "limits": [
            {"name": each.name, "value": each.value, "used": each.used, "near": each.is_near, "raise": each.remedy}
            for each in found.limits
        ],
        "users": [
            {"uid": uid, "user": _user(uid), "instances": instances, "watches": watches}
            for uid, (instances, watches) in found.users.items()
        ],
        "processes": [
            {
                "pid": each.pid,
                "uid": each.uid,
                "user": _user(each.uid),
                "instances": each.instances,
                "watches": each.watches,
                "name": printable(each.name),
            }
            for each in found.biggest
        ],
        "unseen_processes": found.unseen,
        "places": [_place_as_json(place) for place in found.places],
    }


def _place_as_json(place: Place) -> dict[str, object]:
    row: dict[str, object] = {}
    add_path(row, "path", place.path)
    row.update(
        _mount_as_json(place),
        failure=place.failure or None,
        advice=_advice(place),
        below=[_mount_as_json(each) for each in place.below],
    )
    return row


def _mount_as_json(mount: Place | Below) -> dict[str, object]:
    row: dict[str, object] = {}
    add_path(row, "mount", mount.point)
    row.update(
        type=printable(mount.kind),
        sees=mount.sight.sees,
        blind=mount.sight.is_blind,
        unseen=list(mount.sight.unseen),
    )
    return row


COMMAND = Command(
    name="doctor",
    summary="show the limits, who uses them, and where inotify can not see",
    description="Show inotify's limits on this machine and who uses them, how to raise one, and what is seen of "
    "each place: whether a watch works there, as tried, what inotify does not report of it, and what to do.",
    add_options=add_options,
    run=run,
)
