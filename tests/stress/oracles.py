"""What must hold: the disk, the ledger and the replayed stream are the same; the watches are those of the ledger;
nothing was told of what had not been told before; what changed was told.
"""

from __future__ import annotations

import contextlib
import errno
import os
from collections import Counter
from typing import TYPE_CHECKING, Callable, Container, Iterable, Iterator

from inotify_cffi import Event, Mask, Mirror, MirrorError
from tests.stress.writers import HARD_LINK

if TYPE_CHECKING:
    from inotify_cffi import Watcher
    from inotify_cffi.ledger.nodes import Node

ADDS = Mask.CREATE | Mask.MOVED_TO
TAKES = Mask.DELETE | Mask.MOVED_FROM
TOUCHES = ADDS | Mask.MODIFY | Mask.CLOSE_WRITE | Mask.ATTRIB


class Inconsistent(Exception):
    """An event that makes no sense where it stands in the stream."""


class Replayer:
    """A consumer that knows only what it is told: paths, and which files it would have to read again.

    The mirror applies what is told; what a mirror puts up with and our watcher promises not to do is refused here:
    an entry told twice, halves of a move that are not next to each other, a directory that goes before what is in it.
    """

    def __init__(self, *roots: str, snapshot: dict[str, bool], early: bool = False) -> None:
        self.roots = roots
        self.mirror = Mirror(snapshot, roots=roots)
        self.versions = {
            path: version(path)
            for path, is_dir in snapshot.items()
            if not (is_dir or early) and not path.endswith(HARD_LINK)
        }

    @property
    def state(self) -> dict[str, bool]:
        """What is known: path -> is a directory."""
        return self.mirror.paths()

    def apply(self, events: Iterable[Event[str]]) -> None:
        events = list(events)
        for at, event in enumerate(events):
            if not self.knows(event.path):
                continue
            if event.mask & ADDS:
                self.check_addition(event, events[at - 1] if at else None)
            elif event.mask & TAKES:
                self.check_removal(event, events[at + 1] if at + 1 < len(events) else None)
            try:
                expanded = self.mirror.expand([event])
            except MirrorError as error:
                raise Inconsistent(str(error)) from error
            for each in expanded:
                self.follow(each)

    def knows(self, path: str) -> bool:
        """Return True for a path below one of the roots."""
        return any(is_below(root, path) for root in self.roots)

    def demand(self, truth: bool, event: Event[str]) -> None:
        if not truth:
            raise Inconsistent(repr(event))

    def check_addition(self, event: Event[str], before: Event[str] | None) -> None:
        self.demand(event.path not in self.mirror, event)
        if event.moved_from is not None:
            is_pair = before is not None and before.mask & Mask.MOVED_FROM and before.path == event.moved_from
            self.demand(bool(is_pair), event)

    def check_removal(self, event: Event[str], follower: Event[str] | None) -> None:
        # What is below is taken back before, so that no consumer has to know what was below.
        is_pair = follower is not None and event.mask & Mask.MOVED_FROM and follower.moved_from == event.path
        self.demand(bool(is_pair) or not self.mirror.below(event.path), event)

    def follow(self, event: Event[str]) -> None:
        """Let what is known of a file's content follow the file below a directory that moves."""
        if event.mask & (TOUCHES | Mask.DELETE):
            self.versions.pop(event.path, None)
        if event.moved_from in self.versions:
            old = self.versions.pop(event.moved_from)
            if event.synthetic:
                self.versions[event.path] = old

    def unread(self) -> list[str]:
        """Files whose content changed and of which nothing was told."""
        return [path for path, old in self.versions.items() if path in self.mirror and version(path) != old]


def is_directory(path: str) -> bool:
    """Return True for a directory, False for a link to one."""
    return os.path.isdir(path) and not os.path.islink(path)


def directories(path: str, *, is_dir: bool) -> bool:
    """Admit directories only."""
    return is_dir


def files_of(roots: Iterable[str], admits: Callable[..., bool]) -> Iterator[str]:
    """Yield the files below some roots, links among them, that are to be known."""
    for root in roots:
        for path, is_dir in listing(root).items():
            if not is_dir and admits(path[len(root) + 1 :], is_dir=False):
                yield path


def complaints_of_files(mirror: Mirror[str], roots: Iterable[str], admits: Callable[..., bool]) -> list[str]:
    """What differs between the disk, quiet by now, and a mirror where directories only are tracked."""
    for directory in mirror.unread():
        entries = os.scandir(directory)
        mirror.reread(directory, [entry.name for entry in entries if not entry.is_dir(follow_symlinks=False)])
    complaints: list[str] = []
    known = {path: is_dir for path, is_dir in mirror.paths().items() if not is_dir}
    for root in roots:
        files = {p: d for p, d in below(root, known).items() if admits(p[len(root) + 1 :], is_dir=False)}
        disk = dict.fromkeys(files_of([root], admits), False)
        complaints += difference(files, disk, "files")
    return complaints


def version(path: str) -> bytes:
    """What a file holds, or where a link leads: not what is there."""
    try:
        return os.fsencode(os.readlink(path))
    except OSError:
        with contextlib.suppress(OSError), open(path, "rb") as file:
            return file.read()
        return b"?"


def listing(root: str) -> dict[str, bool]:
    """Path -> is a directory, from the disk; links are not followed."""
    found: dict[str, bool] = {}
    for top, directories, files in os.walk(root):
        parent = top.rstrip("/")
        for name in directories:
            found[parent + "/" + name] = not os.path.islink(parent + "/" + name)
        for name in files:
            found[parent + "/" + name] = False
    return found


def kernel_watches(fd: int) -> dict[int, int]:
    """Wd -> inode number, from the kernel."""
    watches: dict[int, int] = {}
    with open(f"/proc/self/fdinfo/{fd}") as lines:
        for line in lines:
            if line.startswith("inotify "):
                fields = dict(field.split(":", 1) for field in line.split()[1:])
                watches[int(fields["wd"], 16)] = int(fields["ino"], 16)
    return watches


def is_below(root: str, path: str) -> bool:
    """Return True if a path is told for a root: a second root has a dot in its path, so that one can tell."""
    return path.startswith(root + "/") and ("/./" in path) == ("/." in root)


def below(root: str, entries: dict[str, bool]) -> dict[str, bool]:
    """The entries that are told for a root."""
    return {path: is_dir for path, is_dir in entries.items() if is_below(root, path)}


def everything(path: str, *, is_dir: bool) -> bool:
    """Admit all."""
    return True


def difference(told: dict[str, bool], disk: dict[str, bool], what: str) -> list[str]:
    if told == disk:
        return []
    extra, missing = set(told.items()) - set(disk.items()), set(disk.items()) - set(told.items())
    return [f"{what}: first that differs: extra {sorted(extra)[:2]}, missing {sorted(missing)[:2]}"]


def is_loop(path: str, root: Node) -> bool:
    """Return True if a path leads to a directory that it goes through."""
    inode = os.stat(path).st_ino
    above = [os.path.dirname(path)]
    while len(above[-1]) >= len(root.name):
        above.append(os.path.dirname(above[-1]))
    return any(os.stat(parent).st_ino == inode for parent in above[:-1])


def complaints_at_rest(
    watcher: Watcher[str], replayer: Replayer, admits: Callable[..., bool] = everything
) -> list[str]:
    """What does not hold now that everything is quiet and was read."""
    complaints: list[str] = []
    snapshot = watcher.snapshot()
    for top in replayer.roots:
        disk = {p: d for p, d in listing(top).items() if admits(p[len(top) + 1 :], is_dir=d)}
        complaints += difference(below(top, snapshot), disk, "ledger")
        complaints += difference(below(top, replayer.state), disk, "replay")
    complaints += [f"changed and not told: {path}" for path in replayer.unread()[:2]]
    return complaints + complaints_of_watches(watcher, watcher.unwatched())


def complaints_of_watches(watcher: Watcher[str], uncovered: Container[str]) -> list[str]:
    """Which watches are not those of the ledger, or not of what is on the disk."""
    complaints: list[str] = []
    ledger = watcher._tree.ledger
    kernel = kernel_watches(watcher._instance._fd)
    # What is not watched is told apart by device and inode.
    kernel.update({wd: inode for wd, (_, inode) in watcher._disk._identities._keys.items()})
    for root in ledger.roots:
        for node in ledger.subtree(root):
            path = ledger.place(node).path
            is_watched = watcher._tree.crawler.enters(node) and path not in uncovered
            # Of a root that is a file it is the directory.
            watched = root.top if node is root else path
            if is_watched and kernel.get(node.wd) != os.stat(watched).st_ino and not is_loop(path, root):
                complaints.append(f"watch: {path} has wd {node.wd}, inode {kernel.get(node.wd)}")
    ours = ledger.wds() | set(watcher._tree._anchors.wds) | set(watcher._tree._files.wds)
    if set(kernel) != ours:
        complaints.append(f"watches: {len(set(kernel) - ours)} of the kernel's are not the ledger's")
    return complaints


def followed(root: str, most_places: int, uncovered: Container[str]) -> tuple[dict[str, bool], list[str]]:
    """Path -> is a directory, with links followed where the watcher does; and what is wrong about where it does.

    A directory that is not covered has to be one of too many places of its inode, and no inode may have more.
    """
    found: dict[str, bool] = {}
    complaints: list[str] = []
    by_links: Counter[int] = Counter()
    turned_away: dict[str, int] = {}
    stack = [(root, frozenset([os.stat(root).st_ino]), False)]
    while stack:
        parent, above, by_link = stack.pop()
        for entry in os.scandir(parent):
            # Unlike that of the entry this knows links that lead to each other.
            found[entry.path] = os.path.isdir(entry.path)
            if not found[entry.path]:
                continue
            inode, is_by_link = os.stat(entry.path).st_ino, by_link or entry.is_symlink()
            if inode in above:
                # It leads to a directory that it is in.
                continue
            if entry.path in uncovered:
                turned_away[entry.path] = inode
                continue
            by_links[inode] += is_by_link
            stack.append((entry.path, above | {inode}, is_by_link))
    complaints += [f"places: {inode} is at {count}" for inode, count in by_links.items() if count > most_places]
    complaints += [
        f"not covered: {path}, and its inode is at {by_links[inode]} places by links"
        for path, inode in turned_away.items()
        if by_links[inode] < most_places
    ]
    return found, complaints


def complaints_of_links(watcher: Watcher[str], replayer: Replayer) -> list[str]:
    """What does not hold, where links are followed, now that everything is quiet and was read and looked at."""
    complaints: list[str] = []
    snapshot, uncovered = watcher.snapshot(), watcher.unwatched()
    complaints += [f"{path}: {error}" for path, error in uncovered.items() if error.errno != errno.ELOOP]
    for top in replayer.roots:
        disk, wrong = followed(top, watcher._chosen.root.rules.max_places, uncovered)
        complaints += wrong
        complaints += difference(below(top, snapshot), disk, "ledger")
        complaints += difference(below(top, replayer.state), disk, "replay")
    complaints += complaints_of_watches(watcher, uncovered)
    return complaints or complaints_of_probes_by_inode(watcher)


def complaints_of_probes_by_inode(watcher: Watcher[str]) -> list[str]:
    """A probe file in each inode is told once for each place of it, and nothing else is."""
    ledger = watcher._tree.ledger
    places: dict[int, list[str]] = {}
    for root in ledger.roots:
        for node in ledger.subtree(root):
            if node.wd >= 0:
                places.setdefault(node.wd, []).append(f"{ledger.place(node).path}/probe")
    for probes in places.values():
        os.mknod(probes[0])
    expected = sorted(probe for probes in places.values() for probe in probes)
    told = sorted(event.path for event in watcher.sync() if event.mask == Mask.CREATE)
    return [] if told == expected else [f"probes: {len(told)} told of {len(expected)}"]


def complaints_of_probes(
    watcher: Watcher[str], replayer: Replayer, admits: Callable[..., bool] = everything
) -> list[str]:
    """A probe file in each directory is told once for each root, with the right path, and nothing else is."""
    made = set()
    expected: list[str] = []
    for root in replayer.roots:
        tops = [root] if os.path.isdir(root) else []
        directories = [path for path, is_dir in below(root, replayer.state).items() if is_dir]
        probes = [top + "/probe" for top in tops + directories]
        expected += [probe for probe in probes if admits(probe[len(root) + 1 :], is_dir=False)]
        made |= {os.path.normpath(probe) for probe in probes}
    for probe in made:
        os.mknod(probe)
    # After an overflow a file may be told as changed that was not: only creations are exact. Where no file is known
    # the directory is told instead.
    events = watcher.sync()
    told = [event for event in events if event.mask == Mask.CREATE]
    unread = {event.path for event in events if event.mask & Mask.RESCAN} - {
        os.path.dirname(event.path) for event in told
    }
    expected = [probe for probe in expected if os.path.dirname(probe) not in unread]
    if sorted((event.path, event.mask) for event in told) != sorted(
        (probe, int(Mask.CREATE)) for probe in expected
    ):
        return [f"probes: {len(told)} told of {len(expected)} made; {told[:3]}"]
    return []
