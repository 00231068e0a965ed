"""Turn raw events into events and keep the ledger true.

A raw event is applied in the order of the stream, at the path that the ledger has for its watch descriptor. What
it says may be old news, told before by a listing, or about something that has moved on: then the ledger does not
change and nothing is told, or the name or the directory is marked and looked at again when the queue is empty.
"""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING, Dict

from inotify_cffi.crawl import Crawler
from inotify_cffi.doubts import Doubts
from inotify_cffi.flags import Mask
from inotify_cffi.ledger import NO_WD, Ledger, Node, Root
from inotify_cffi.moves import Queue, Raw
from inotify_cffi.places import Places
from inotify_cffi.reconcile import Reconciler
from inotify_cffi.teller import Teller

if TYPE_CHECKING:
    from inotify_cffi.events import AnyEvent
    from inotify_cffi.scan import Disk

__all__ = ["STRUCTURE", "Tree"]

CREATE = int(Mask.CREATE)
DELETE = int(Mask.DELETE)
MOVED_FROM = int(Mask.MOVED_FROM)
MOVED_TO = int(Mask.MOVED_TO)
ATTRIB = int(Mask.ATTRIB)
ISDIR = int(Mask.ISDIR)
IGNORED = int(Mask.IGNORED)
UNMOUNT = int(Mask.UNMOUNT)
OVERFLOW = int(Mask.Q_OVERFLOW)
READS = int(Mask.READS)
SELF_GONE = int(Mask.DELETE_SELF | Mask.MOVE_SELF)
ENTRY = CREATE | DELETE | MOVED_FROM | MOVED_TO

# What the tree needs to follow the changes, whatever the user asked for. EXCL_UNLINK: a file that has no
# name any more can not be told.
STRUCTURE = int(ENTRY | Mask.DELETE_SELF | Mask.MOVE_SELF | Mask.EXCL_UNLINK)

# A file system may keep times in steps of 2 s (FAT), and the clock it takes them from in steps of a tick.
COARSEST_CTIME_S = 2.1

# While writers never let the queue run empty, doubts are settled every so many reads all the same.
READS_BEFORE_SETTLING = 64


class Tree:
    """The directories below some roots, and what happens in them."""

    def __init__(self, disk: Disk) -> None:
        self._disk = disk
        self.ledger = Ledger()
        self._teller = Teller(self.ledger)
        self._doubts = Doubts()
        self._places = Places(self.ledger, self._teller, disk, self._doubts)
        self.crawler = Crawler(self.ledger, self._teller, disk, self._doubts, self._places)
        self._reconciler = Reconciler(self.ledger, self._teller, disk, self._doubts, self._places, self.crawler)
        self._queue = Queue()
        self._reads_in_doubt = 0
        # The last moment at which the queue was empty: whatever was lost after an overflow is younger.
        self._calm = disk.now()
        # An interruption left the ledger behind; a gap was told and its end was not.
        self._lost = False
        self._gap = False
        self._reaped: set[int] = set()
        self.counts: Dict[str, int] = dict.fromkeys(("raw_events", "moves", "barriers", "overflows", "unknown"), 0)

    # --- roots ---

    def add_root(self, root: Root, *, tell: bool) -> None:
        """Watch and list a root and all below it; its entries are told if *tell*.

        Raises the OSError of the root itself, and then leaves nothing behind.
        """
        self.ledger.roots.append(root)
        try:
            found = self._places.locate(root)
            if found is None:
                raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), root.given)
            self._teller.silent = not tell
            self.crawler.crawl(root, found)
        except BaseException:
            self.remove_root(root)
            raise
        finally:
            self._teller.silent = False

    def remove_root(self, root: Root) -> None:
        """Forget a root and all below it, and remove the watches that nobody else needs; nothing is told."""
        self._abandon(root)
        root.attached = False
        self.ledger.roots.remove(root)

    def leave(self, node: Node) -> None:
        """Watch a directory below a root no more, nor what is below it; it stays an entry, and nothing is told."""
        self._abandon(node)
        self.crawler.shut = {shut for shut in self.crawler.shut if self.ledger.is_attached(shut)} | {node}

    def rejoin(self, node: Node) -> None:
        """Watch and list a directory again that was left; what is in it is not told."""
        self.crawler.shut.discard(node)
        self._teller.silent = True
        try:
            self.crawler.scan(node)
        finally:
            self._teller.silent = False

    def _abandon(self, node: Node) -> None:
        self._teller.silent = True
        try:
            self._places.free(self._teller.emptied(node))
            self._places.release(node)
        finally:
            self._teller.silent = False

    def blind(self) -> Dict[Node, OSError]:
        """Return the directories that are not covered, each with its reason."""
        return self._places.blind()

    def retry(self) -> None:
        """Look again at all that is not covered."""
        for node in self._places.blind():
            self._doubts.doubt(node, relist=True)

    def take(self) -> list[AnyEvent]:
        """Return what is to be told."""
        return self._teller.take()

    # --- reading ---

    def advance(self) -> bool:
        """Read once and apply what came, and settle doubts if nothing more is queued; False if all is quiet."""
        if self._lost:
            self._recover()
        read = self._read()
        self._apply_all()
        if self._doubts:
            self._reads_in_doubt += 1
            if not self._disk.queued() or self._reads_in_doubt > READS_BEFORE_SETTLING:
                self._reads_in_doubt = 0
                self._reconciler.settle()
            return True
        if not read and self._gap:
            self._gap = False
            self._teller.in_sync()
        return bool(read)

    @property
    def in_doubt(self) -> bool:
        """True while something waits to be looked at, or to be told of a gap, though nothing may be queued."""
        return bool(self._doubts) or self._lost or self._gap

    def distrust(self) -> None:
        """Something was interrupted half-way: compare everything with the disk before going on."""
        self._lost = True

    def drain(self) -> None:
        """Read and apply all that is queued now, and no more than one read beyond it."""
        self._read_ahead(self._disk.queued())
        self._apply_all()

    def read_ahead(self) -> None:
        """Read what is queued and apply it later: lest the queue runs over while a large tree is listed."""
        self._read_ahead(self._disk.queued())

    def _read_ahead(self, amount: int) -> None:
        """Read at least *amount* bytes: what was queued when the queue had that size."""
        while amount > 0:
            size = self._read()
            if not size:
                return
            amount -= size

    def _read(self) -> int:
        """Read once; the bytes that came."""
        before = self._disk.now()
        columns = self._disk.read()
        if columns is None:
            if not self._queue:
                self._calm = before
            return 0
        self.counts["raw_events"] += self._queue.extend(columns)
        return columns.size

    def _apply_all(self) -> None:
        while True:
            raw = self._queue.next()
            if raw is None:
                return
            self._apply(raw)

    # --- one raw event ---

    def _apply(self, raw: Raw) -> None:
        node = self.ledger.owner(raw.wd)
        if node is None:
            self._unknown(raw)
        elif raw.mask & MOVED_FROM:
            self._moved_from(raw)
        elif self.ledger.has_twins(raw.wd):
            for twin in self.ledger.owners(raw.wd):
                # What was applied to one may have unbound the other.
                if twin.wd == raw.wd:
                    self._apply_to(twin, raw)
        else:
            self._apply_to(node, raw)

    def _apply_to(self, node: Node, raw: Raw) -> None:
        if raw.name:
            self._apply_to_entry(node, raw)
        else:
            self._apply_to_self(node, raw)

    def _unknown(self, raw: Raw) -> None:
        """The overflow, or a watch that has no node any more: normal, for events outlive their watch."""
        if raw.mask & OVERFLOW:
            self._overflow()
        elif raw.mask & IGNORED:
            self._reaped.discard(raw.wd)
        elif raw.wd not in self._reaped:
            self.counts["unknown"] += 1
            self._reaped.add(raw.wd)
            self._disk.unwatch(raw.wd)

    def _apply_to_entry(self, node: Node, raw: Raw) -> None:
        mask = raw.mask
        is_dir = bool(mask & ISDIR)
        if mask & CREATE:
            self._created(node, raw, is_dir=is_dir)
        elif mask & DELETE:
            self._gone(node, raw, is_dir=is_dir)
        elif mask & MOVED_TO:
            self._arrived(node, raw, is_dir=is_dir)
        elif raw.name in node.children or self.ledger.place(node).root.raw:
            self._passed(node, raw, is_dir=is_dir)

    def _passed(self, node: Node, raw: Raw, *, is_dir: bool) -> None:
        """Tell what happened to an entry that stays."""
        if is_dir and raw.mask & READS and not self._tells_listings(node):
            return
        self._teller.passed(node, raw)
        if is_dir and raw.mask & ATTRIB:
            child = node.children.get(raw.name)
            if child is not None:
                self._places.retry_below(child)

    def _tells_listings(self, node: Node) -> bool:
        """Return True if who reads a directory is told, though it can not be told from our own crawl.

        Not even the drop-in tells it of the crawl behind a gap: that is of each directory, and would be a flood.
        """
        return self.ledger.place(node).root.raw and not self._gap

    def _created(self, node: Node, raw: Raw, *, is_dir: bool) -> None:
        """A new entry, unless a listing has told it before."""
        if node.knows(raw.name, is_dir=is_dir):
            return
        if raw.name in node.children:
            if not is_dir:
                child = node.children[raw.name]
                if child is not None and child.link:
                    return
            self.crawler.take_back(node, raw.name)
        self._came(node, raw, is_dir=is_dir)

    def _gone(self, node: Node, raw: Raw, *, is_dir: bool) -> None:
        """An entry is not there any more, unless the ledger has another by that name: then this is older news."""
        if node.knows(raw.name, is_dir=is_dir):
            self._places.free(self._teller.gone(node, raw.name, raw))
        elif raw.name in node.children:
            self._doubts.suspect(node, raw.name)

    def _came(self, node: Node, raw: Raw, *, is_dir: bool) -> None:
        link = not is_dir and self._is_followed_link(node, raw.name)
        self._reconciler.appeared(self._teller.came(node, raw, is_dir=is_dir or link, link=link))

    def _is_followed_link(self, node: Node, name: str) -> bool:
        if not self.ledger.place(node).root.rules.follow_symlinks:
            return False
        try:
            found = self._places.locate(node)
        except OSError:
            return False
        if found is None:
            return False
        try:
            return self._reconciler.kind(node, name, found.fd) == "L"
        finally:
            self._disk.close(found.fd)

    def _apply_to_self(self, node: Node, raw: Raw) -> None:
        """A watched directory reports itself."""
        mask = raw.mask
        if self._tells_of_itself(node, mask):
            self._teller.itself(node, mask, raw.wd)
        if mask & IGNORED:
            self.ledger.unbind(node)
            self._doubts.doubt(node, relist=True)
        elif mask & SELF_GONE and isinstance(node, Root):
            self._doubts.doubt(node, relist=False)
        if mask & ATTRIB:
            self._places.retry_below(node)

    def _tells_of_itself(self, node: Node, mask: int) -> bool:
        """Return True if this is told: of all but roots the parent's watch reports it, by name."""
        if mask & UNMOUNT:
            return True
        if mask & READS:
            return self._tells_listings(node)
        return self.ledger.place(node).root.raw or (isinstance(node, Root) and not mask & IGNORED)

    # --- moves ---

    def _moved_from(self, raw: Raw) -> None:
        """Tell a move as soon as it is known whether it has a second half, and where that is.

        An inode at several places gives several moves: a half is joined with the half that is nearest to it.
        """
        partner = self._partner(raw)
        sources = self.ledger.owners(raw.wd)
        targets = self.ledger.owners(partner.wd) if partner is not None else []
        if partner is not None:
            self.counts["moves"] += 1
            if not targets:
                self._unknown(partner)
            for source, target in self._pairs(sources, targets):
                self._moved(source, raw, target, partner)
        for source in sources:
            self._left(source, raw)
        for target in targets:
            if partner is not None:
                self._arrived(target, partner, is_dir=bool(partner.mask & ISDIR))

    def _pairs(self, sources: list[Node], targets: list[Node]) -> list[tuple[Node, Node]]:
        """Take pairs out of both lists, those with the longest common way from a root first."""
        if not sources or not targets:
            return []
        if len(sources) == len(targets) == 1:
            return [(sources.pop(), targets.pop())]
        ways = {node: self.ledger.lineage(node) for node in [*sources, *targets]}

        def common(pair: tuple[Node, Node]) -> int:
            return sum(one is other for one, other in zip(ways[pair[0]], ways[pair[1]]))

        pairs: list[tuple[Node, Node]] = []
        while sources and targets:
            best = max(((source, target) for source in sources for target in targets), key=common)
            sources.remove(best[0])
            targets.remove(best[1])
            pairs.append(best)
        return pairs

    def _partner(self, raw: Raw) -> Raw | None:
        """Find the second half of a move: in what was read, or behind the lock barrier in the queue.

        A listing of the source directory takes the lock that a rename holds until both halves are queued
        (fs/readdir.c iterate_dir). So when it returns, no rename from there is between its halves.
        """
        partner = self._queue.take_partner(raw.cookie)
        if partner is not None or self._queue.proves_gone(raw.wd):
            return partner
        self.counts["barriers"] += 1
        self._lock_barrier(raw.wd)
        self._read_ahead(self._disk.queued())
        return self._queue.take_partner(raw.cookie)

    def _lock_barrier(self, wd: int) -> None:
        node = self.ledger.owner(wd)
        if node is None:
            return
        try:
            found = self._places.locate(node)
            if found is not None:
                try:
                    self._disk.entries(found.fd)
                finally:
                    self._disk.close(found.fd)
        except OSError:
            # It can not be listed, so it is not there: what was moved from it is looked for by name.
            return

    def _left(self, node: Node, raw: Raw) -> None:
        """An entry was moved out: its own entries are taken back, its watches removed.

        The name is looked at again: something may have been put there whose MOVED_TO the kernel merged into an
        earlier one, for it does not compare the cookies (fs/notify/inotify/inotify_fsnotify.c event_compare).
        """
        if not self.ledger.is_attached(node):
            return
        self._gone(node, raw, is_dir=bool(raw.mask & ISDIR))
        self._doubts.suspect(node, raw.name)

    def _arrived(self, node: Node, raw: Raw, *, is_dir: bool) -> None:
        """An entry was moved in from where nothing is watched. What it replaced sends no DELETE."""
        if not self.ledger.is_attached(node):
            return
        if raw.name in node.children:
            self.crawler.take_back(node, raw.name)
            self._doubts.suspect(node, raw.name)
        self._came(node, raw, is_dir=is_dir)

    def _moved(self, source: Node, raw: Raw, target: Node, partner: Raw) -> None:
        """Both halves are known: one re-link, if the ledger knows what was moved."""
        is_dir = bool(raw.mask & ISDIR)
        self._doubts.suspect(source, raw.name)
        if not source.knows(raw.name, is_dir=is_dir):
            self._arrived(target, partner, is_dir=is_dir)
            return
        if source is target and raw.name == partner.name:
            return
        node = source.children[raw.name]
        sure = node is None
        if node is not None:
            there = self._wd_at(target, partner.name)
            sure = there == node.wd != NO_WD
            if not self._may_graft(source, node, target, there):
                self._left(source, raw)
                self._arrived(target, partner, is_dir=is_dir)
                return
        if partner.name in target.children:
            # Overwriting sends no DELETE; an exchange sends two crossed moves.
            self.crawler.take_back(target, partner.name)
            self._doubts.suspect(target, partner.name)
            if not self.ledger.is_attached(source) or raw.name not in source.children:
                self._arrived(target, partner, is_dir=is_dir)
                return
        self._teller.moved(source, raw, target, partner)
        if node is not None and not sure:
            self._doubts.doubt(node, relist=False)
        if node is not None and self.ledger.place(target).root.raw:
            # The users of the drop-in see a renamed directory being listed.
            self._lock_barrier(node.wd)

    def _may_graft(self, source: Node, node: Node, target: Node, there: int) -> bool:
        """Return False where something else was moved than the ledger's *node*, or must be taken so.

        After an exchange the ledger has, at the source of the second pair, what the first pair put there. Then
        another inode is *there*, at the target, and *node* is at its place still: it is never taken from there.
        """
        if self.ledger.is_within(target, node):
            return False
        source_root = self.ledger.place(source).root
        target_root = self.ledger.place(target).root
        if source_root is not target_root and source_root.rules != target_root.rules:
            return False
        if node.wd == NO_WD or there in (NO_WD, node.wd):
            return True
        return not self._places.is_at_its_place(node, node.wd)

    def _wd_at(self, parent: Node, name: str) -> int:
        """Return the watch descriptor of the directory at a name, whatever the ledger has there; NO_WD if none."""
        try:
            found = self._places.locate(Node(name, parent))
        except OSError:
            return NO_WD
        if found is None:
            return NO_WD
        self._disk.close(found.fd)
        self._places.reap(found.wd)
        return found.wd

    # --- lost events ---

    def _overflow(self) -> None:
        """Events were lost, up to the moment at which the marker was read; what is queued since is good."""
        self.counts["overflows"] += 1
        self._teller.overflow()
        self._recover()

    def _recover(self) -> None:
        """Tell the difference between the ledger and the disk; that it is told comes when all is quiet.

        Events that are queued now are older than the listing of their directory, as in any scan.
        """
        self._lost = False
        self._gap = True
        since = self._watermark()
        for root in list(self.ledger.roots):
            self.crawler.scan(root, since=since)

    def _watermark(self) -> float:
        """Return the ctime that a file changed since the last calm can not be older than.

        The wall clock may have been set back since; the steady one says by how much.
        """
        now = self._disk.now()
        return min(self._calm.wall, now.wall - (now.steady - self._calm.steady)) - COARSEST_CTIME_S
