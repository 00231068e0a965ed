"""From changes to what a command is given: arguments, environment, input; in as many parts as the kernel wants.

The kernel bounds each argument, each variable, and all of them together (execve(2), "Limits on size"). Whoever can
make files below a root can make many, and with long paths. So many paths are divided as xargs(1) does it. One that
is too long for an argument is left out there, and that is said: it may not keep others from being heard of.
"""

from __future__ import annotations

import difflib
import json
import os
import re
from typing import TYPE_CHECKING, Dict, List, NamedTuple, Sequence, Union

from inotify_cffi import Event, event_to_json

if TYPE_CHECKING:
    AnyEvent = Union[Event[str], Event[bytes]]
    Changes = Dict[str, AnyEvent]

__all__ = ["Prepared", "Template", "as_argument", "expand", "unknown_placeholder"]

PLACEHOLDERS = ("path", "paths", "name", "dir", "old", "event")

# Without a change they stand for nothing.
NOTHING = dict.fromkeys((name for name in PLACEHOLDERS if name != "paths"), "")

# A word in braces that could be meant for one. What a shell, git, TeX or printf has before a brace is not.
WORD = re.compile(r"(?<![$@%\\])\{([A-Za-z][A-Za-z_-]*)\}")

# The longest argument or variable (linux/binfmts.h MAX_ARG_STRLEN), less its NUL and what a variable's name takes.
LONGEST = 32 * os.sysconf("SC_PAGE_SIZE") - 32

# All together may have a quarter of the stack, but never more (fs/exec.c bprm_stack_limits), nor less.
MOST_ROOM = 6 << 20
LEAST_ROOM = 128 << 10

# For what the kernel adds: the name of the program, the interpreter of a script and its argument.
KEPT_FREE = 4096

# For each string a pointer and a NUL.
A_STRING = 9


class Prepared(NamedTuple):
    """One run of a command.

    ``environment`` is what is added to ours, with None for what is taken out; ``data`` the input, None for none;
    ``left_out`` the number of paths that are too long to be given. Where the arguments need a path and all are too
    long, the run is not possible.
    """

    command: Sequence[str]
    environment: Dict[str, str | None]
    data: bytes | None
    left_out: int = 0
    is_possible: bool = True


class Template:
    """What a command looks like before a path is known.

    Args:
        command: the arguments.
        takes_all: add all paths as arguments; there are no placeholders then.
        stdin: what the command can read: "none", "paths0" or "json".

    """

    def __init__(self, command: Sequence[str], *, takes_all: bool, stdin: str) -> None:
        self._command = list(command)
        self._takes_all = takes_all
        self._stdin = stdin
        # Whether several runs can share the paths.
        self.is_divisible = takes_all or "{paths}" in command
        self._needs_one = not takes_all and any(_filled(word, NOTHING) != word for word in command)

    def parts(self, changes: Changes) -> List[Changes]:
        """Divide changes so that each part fits, in their order; none are one part, too."""
        if not self.is_divisible:
            return [changes]
        room = self._room(changes)
        parts: List[Changes] = [{}]
        used = 0
        for path, event in changes.items():
            size = _size(path)
            if used + size > room and parts[-1]:
                parts.append({})
                used = 0
            parts[-1][path] = event
            # One that is too long is not given.
            used += size if _fits(path) else 0
        return parts

    def prepare(self, part: Changes, total: int) -> Prepared:
        """Return the run for a part of so many changes."""
        # What an event says of a path is of no use without it: so it is the first that can be given.
        shown = next((item for item in part.items() if _fits(item[0])), None)
        given = {path: event for path, event in part.items() if _fits(path)}
        values = _values(*shown) if shown else NOTHING
        names = next(iter(part.values())).names if part else ()
        command = [*self._command, *given] if self._takes_all else _expanded(self._command, given, values)
        too_long_old = not _fits(values["old"])
        environment: Dict[str, str | None] = {
            "INOTIFY_PATH": values["path"] if shown or not part else None,
            "INOTIFY_OLD_PATH": None if too_long_old or (part and not shown) else values["old"],
            "INOTIFY_EVENT": values["event"] or ",".join(names),
            "INOTIFY_COUNT": str(len(part)),
            "INOTIFY_TOTAL": str(total),
        }
        return Prepared(
            command,
            environment,
            self._data(part),
            left_out=len(part) - len(given) + too_long_old,
            is_possible=all(map(_fits, command)) and (shown is not None or not part or not self._needs_one),
        )

    def _room(self, changes: Changes) -> int:
        """Return the bytes that there are for paths: never none, for in the end it is the kernel that decides."""
        allowed = min(max(os.sysconf("SC_ARG_MAX"), LEAST_ROOM), MOST_ROOM)
        longest = max((_size(path) for path in changes if _fits(path)), default=0)
        longest_old = max((_size(_old(event)) for event in changes.values() if _fits(_old(event))), default=0)
        filled = sum(word.count("{") for word in self._command) * max(longest, longest_old)
        own = sum(_size(key) + _size(value) for key, value in os.environ.items())
        fixed = sum(map(_size, self._command)) + filled + own + longest + longest_old
        return max(allowed - fixed - KEPT_FREE, KEPT_FREE)

    def _data(self, part: Changes) -> bytes | None:
        if self._stdin == "paths0":
            return b"".join(os.fsencode(path) + b"\0" for path in part)
        if self._stdin == "json":
            return "".join(json.dumps(_object(path, event)) + "\n" for path, event in part.items()).encode()
        return None


def expand(command: Sequence[str], changes: Changes) -> List[str]:
    """Return the arguments with the placeholders filled in; without a change they stand for nothing."""
    for path, event in changes.items():
        return _expanded(command, changes, _values(path, event))
    return _expanded(command, {}, NOTHING)


def _expanded(command: Sequence[str], changes: Changes, values: Dict[str, str]) -> List[str]:
    arguments: List[str] = []
    for argument in command:
        if argument == "{paths}":
            arguments.extend(changes)
        else:
            arguments.append(_filled(argument, values))
    return arguments


def _filled(argument: str, values: Dict[str, str]) -> str:
    """Fill in all placeholders at once: what was filled in is not looked at again."""
    first, *rest = argument.split("{")
    parts = [first]
    for part in rest:
        key, brace, text = part.partition("}")
        parts.append(values[key] + text if brace and key in values else "{" + part)
    return "".join(parts)


def unknown_placeholder(command: Sequence[str]) -> str:
    """Return in words what is wrong with a placeholder that there is not; empty if all is right."""
    for argument in command:
        for word in WORD.findall(argument):
            if word == "paths" and argument != "{paths}":
                return "{paths} has to be an argument of its own: it becomes one for each path"
            if word not in PLACEHOLDERS:
                return _unknown(word)
    return ""


def _unknown(word: str) -> str:
    known = ", ".join(f"{{{name}}}" for name in PLACEHOLDERS)
    near = difflib.get_close_matches(word.lower(), PLACEHOLDERS, n=1, cutoff=0.65)
    hint = f"; did you mean {{{near[0]}}}?" if near else ";"
    return f"{{{word}}} is no placeholder{hint} there are {known}; in a script of the shell (--shell) braces stay"


def as_argument(path: str | bytes) -> str:
    """Return a path that no command takes for an option, whatever the root is called."""
    decoded = os.fsdecode(path)
    return f"./{decoded}" if decoded.startswith("-") else decoded


def _values(path: str, event: AnyEvent) -> Dict[str, str]:
    directory, name = os.path.split(path)
    return {
        "path": path,
        "dir": directory or ".",
        "name": name,
        "old": _old(event),
        "event": ",".join(event.names),
    }


def _old(event: AnyEvent) -> str:
    return "" if event.moved_from is None else as_argument(event.moved_from)


def _object(path: str, event: AnyEvent) -> Dict[str, object]:
    """Return what JSON Lines has for an event, with paths that no command takes for options."""
    old = _old(event) or None
    fields = Event.of(path, event.mask, moved_from=old, cookie=event.cookie, cause=event.cause)
    return event_to_json(fields)


def _fits(text: str) -> bool:
    return len(text) <= LONGEST and len(os.fsencode(text)) <= LONGEST


def _size(text: str) -> int:
    return len(os.fsencode(text)) + A_STRING
