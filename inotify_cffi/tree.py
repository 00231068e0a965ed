"""Turn raw events into events and keep the ledger true.

A raw event is applied in the order of the stream, at the path that the ledger has for its watch descriptor. What
it says may be old news, told before by a listing, or about something that has moved on: then the ledger does not
change and nothing is told, or the name or the directory is marked and looked at again when the queue is empty.
"""

from __future__ import annotations

from inotify_cffi import bits
from inotify_cffi.admission import Admission
from inotify_cffi.anchors import Anchors
from inotify_cffi.crawl import Crawler
from inotify_cffi.doubts import Doubts
from inotify_cffi.entries import Entries
from inotify_cffi.fences import Fences
from inotify_cffi.intake import Intake
from inotify_cffi.ledger import Ledger
from inotify_cffi.mounts import Mounts
from inotify_cffi.places import NOT_THERE, Places
from inotify_cffi.plain import Plain
from inotify_cffi.reconcile import Reconciler
from inotify_cffi.root import Root
from inotify_cffi.teller import Teller
from inotify_cffi.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from typing import Callable, Dict, TypeVar

    from typing_extensions import Concatenate, ParamSpec

    from inotify_cffi.crawl import Crawl
    from inotify_cffi.events import AnyEvent
    from inotify_cffi.moves import Raw
    from inotify_cffi.nodes import Node
    from inotify_cffi.places import Found
    from inotify_cffi.scan import Disk

    P = ParamSpec("P")
    Result = TypeVar("Result")

__all__ = ["STRUCTURE", "Tree"]

CREATE = bits.CREATE
DELETE = bits.DELETE
MOVED_FROM = bits.MOVED_FROM
MOVED_TO = bits.MOVED_TO
ATTRIB = bits.ATTRIB
CLOSE_WRITE = bits.CLOSE_WRITE
ISDIR = bits.ISDIR
IGNORED = bits.IGNORED
UNMOUNT = bits.UNMOUNT
OVERFLOW = bits.Q_OVERFLOW
READS = bits.READS
SELF_GONE = bits.DELETE_SELF | bits.MOVE_SELF
ENTRY = CREATE | DELETE | MOVED_FROM | MOVED_TO
# What is read of a file may be something else from here on. A MODIFY is followed by a CLOSE_WRITE.
ANOTHER_CONTENT = ENTRY | CLOSE_WRITE | ATTRIB

# What the tree needs to follow the changes, whatever the user asked for. EXCL_UNLINK: a file that has no
# name any more can not be told.
STRUCTURE = ENTRY | bits.DELETE_SELF | bits.MOVE_SELF | bits.EXCL_UNLINK

# A file system may keep times in steps of 2 s (FAT), and the clock it takes them from in steps of a tick.
COARSEST_CTIME_S = 2.1

# More raw events than there can be.
ALL = 1 << 62

# While writers never let the queue run empty, doubts are settled every so many reads all the same.
READS_BEFORE_SETTLING = 64


class Begun(NamedTuple):
    """A root that is being added in several steps, and what was told of it; *tell* says whether something is."""

    crawl: Crawl
    held: list[AnyEvent]
    tell: bool


def a_step(verb: Callable[Concatenate[Tree, P], Result]) -> Callable[Concatenate[Tree, P], Result]:
    """Let a verb of the tree be a step: if an exception ends it, the next one makes good what is half-done."""

    def step(tree: Tree, /, *arguments: P.args, **options: P.kwargs) -> Result:
        tree.make_good()
        tree.is_whole = False
        result = verb(tree, *arguments, **options)
        tree.is_whole = True
        return result

    step.__doc__ = verb.__doc__
    return step


class Tree:
    """The directories below some roots, and what happens in them."""

    def __init__(self, disk: Disk) -> None:
        self._disk = disk
        self.ledger = Ledger()
        self._teller = Teller(self.ledger)
        self._doubts = Doubts()
        self._admission = Admission(self.ledger, disk, self._doubts)
        self._anchors = Anchors(self.ledger, disk, self._doubts)
        self._places = Places(self.ledger, self._teller, disk, self._doubts, self._anchors)
        self._fences = Fences(self.ledger)
        self.crawler = Crawler(
            self.ledger, self._teller, disk, self._doubts, self._places, self._admission, self._fences
        )
        self._reconciler = Reconciler(
            self.ledger,
            self._teller,
            disk,
            self._doubts,
            self._places,
            self.crawler,
            self._admission,
            self._fences,
        )
        self._mounts = Mounts(self.ledger, disk, self._doubts)
        self._intake = Intake(disk)
        self._plain = Plain(self.ledger, self._teller, self._anchors)
        self._entries = Entries(
            self.ledger,
            self._teller,
            disk,
            self._doubts,
            self._places,
            self.crawler,
            self._reconciler,
            self._intake,
            self._admission,
            self._fences,
        )
        self._reads_in_doubt = 0
        # False within a step, and when an exception has ended one.
        self.is_whole = True
        # A raw event that was taken, and was not told when it was interrupted.
        self._again: Raw | None = None
        # Roots that are not whole before the step is over, and how many events were told before it.
        self._unfinished: Dict[Root, int] = {}
        # Events were lost, and what that makes is not compared yet; a gap was told and its end was not.
        self._lost = False
        self._gap = False
        self._since: float | None = None
        # Roots that are being added in several steps.
        self._begun: Dict[Root, Begun] = {}
        self._reaped: set[int] = set()
        self._counts: Dict[str, int] = {"overflows": 0, "unknown": 0}

    # --- roots ---

    @a_step
    def add_root(self, root: Root, *, tell: bool) -> None:
        """Watch and list a root and all below it; its entries are told if *tell*.

        Raises the OSError of the root itself, and then leaves nothing behind.
        """
        self._mark_root("add_root", root, tell=tell)
        found = self._open_new(root)
        if found is not None:
            self._teller.silent = not tell
            self.crawler.crawl(root, found)
        self._finish(root)

    @a_step
    def begin_root(self, root: Root, *, tell: bool) -> None:
        """Do the first step of :meth:`add_root`; the others are for :meth:`continue_root`.

        In between :meth:`advance` only reads and applies nothing.
        """
        self._mark_root("begin_root", root, tell=tell)
        found = self._open_new(root)
        if found is not None:
            self._teller.silent = not tell
            self._begun[root] = Begun(self.crawler.begin(root, found), [], tell)
            self._hold(root)
        self._finish(root)

    @a_step
    def continue_root(self, root: Root, most: int) -> bool:
        """List some *most* directories of a root that was begun; True if it is done, or was removed meanwhile.

        Raises what :meth:`add_root` raises.
        """
        self._disk.mark("continue_root", root.location, most)
        if root not in self._begun:
            return True
        begun = self._begun[root]
        self._unfinished[root] = len(self._teller)
        self._teller.silent = not begun.tell
        done = self.crawler.go_on(begun.crawl, most)
        self._hold(root)
        if done:
            # One line, see handout.py.
            self._teller.told += begun.held; del self._begun[root], self._unfinished[root]  # noqa: E702  # fmt: skip
        self._finish(root)
        return done

    def _hold(self, root: Root) -> None:
        """Keep back what was told of a root until all of it is there: it may not come to that."""
        held, told, before = self._begun[root].held, self._teller.told, self._unfinished[root]
        # One line, see handout.py.
        held += told[before:]; del told[before:]  # noqa: E702  # fmt: skip

    @property
    def is_adding(self) -> bool:
        """True while a root is begun and not done."""
        return bool(self._begun)

    def _mark_root(self, step: str, root: Root, *, tell: bool) -> None:
        self._disk.mark(
            step, root.name, root.location, root.asked, root.kernel_mask, root.waits, tell, *root.rules
        )

    def _finish(self, root: Root) -> None:
        self._teller.silent = False
        self._places.rest()
        self._unfinished.pop(root, None)

    def _open_new(self, root: Root) -> Found | None:
        self._admission.prepare(root)
        self._unfinished[root] = len(self._teller)
        try:
            self.ledger.add_root(root)
            if root.waits:
                self._anchors.arm(root)
            return self._find_root(root)
        except OSError:
            # Nothing but the root was touched.
            self._take_back_unfinished()
            self.is_whole = True
            raise

    def _find_root(self, root: Root) -> Found | None:
        """Open a new root, a file by the directory that it is in; None if it is waited for."""
        try:
            if self._disk.is_file(root.location):
                root.become_file()
            return self._places.locate(root)
        except OSError as error:
            if not root.waits or error.errno not in NOT_THERE:
                raise
            self._places.go_blind(root, error)
        # All ways to it are watched now. It may have come before they were.
        self._doubts.doubt(root, relist=True)
        return None

    def root_at(self, location: str) -> Root | None:
        """Return the root at a location; None if there is none."""
        return next(
            (root for root in self.ledger.roots if root.location.rstrip("/") == location.rstrip("/")), None
        )

    @a_step
    def remove_root(self, root: Root) -> None:
        """Forget a root and all below it, and remove the watches that nobody else needs; nothing is told."""
        self._disk.mark("remove_root", root.location)
        self._unfinished[root] = len(self._teller)
        self._take_back_unfinished()

    def take_back(self, root: Root) -> None:
        """Do the same with a root that was begun; one that is done stays, and what was told of it."""
        self.make_good()
        if root in self._begun:
            self.remove_root(root)

    def _take_back_unfinished(self) -> None:
        """Take out the roots that could not be added or removed as a whole, whatever there is of them."""
        for root, told in list(self._unfinished.items()):
            del self._teller.told[told:]
            self._begun.pop(root, None)
            if self.ledger.is_attached(root):
                self._abandon(root)
            self._anchors.disarm(root)
            self.ledger.remove_root(root)
            self._finish(root)

    @a_step
    def ask_also(self, mask: int) -> None:
        """Have these kinds of events told whatever was asked for, from now on; 0 ends that."""
        self._disk.mark("ask_also", mask)
        try:
            for root in list(self.ledger.roots):
                root.ask_also(mask)
                if mask & bits.ALL & ~root.kernel_mask:
                    # Each watch is added again when its directory is listed.
                    root.kernel_mask |= mask & bits.ALL
                    self.crawler.scan(root)
        finally:
            self._places.rest()

    @a_step
    def mounts_changed(self) -> None:
        """Something was mounted or unmounted somewhere, of which inotify says nothing."""
        self._disk.mark("mounts_changed")
        self._mounts.look()

    @a_step
    def leave(self, node: Node) -> None:
        """Watch a directory below a root no more, nor what is below it; it stays an entry, and nothing is told."""
        self._abandon(node)
        self.crawler.shut = {shut for shut in self.crawler.shut if self.ledger.is_attached(shut)} | {node}

    @a_step
    def rejoin(self, node: Node) -> None:
        """Watch and list a directory again that was left; what is in it is not told."""
        self.crawler.shut.discard(node)
        self._teller.silent = True
        try:
            self.crawler.scan(node)
        finally:
            self._places.rest()
            self._teller.silent = False

    def _abandon(self, node: Node) -> None:
        self._teller.silent = True
        try:
            self.crawler.close(node)
        finally:
            self._teller.silent = False

    def blind(self) -> Dict[Node, OSError]:
        """Return the directories that are not covered, each with its reason."""
        return self._places.blind()

    @a_step
    def retry(self) -> None:
        """Look again at all that is not covered, and at what no watch reports: where roots and links lead."""
        self._disk.mark("retry")
        for node in self._places.blind():
            self._doubts.doubt(node, relist=True)
        for root in self.ledger.roots:
            self._doubts.doubt(root, relist=root.rules.follow_symlinks)

    def counts(self) -> Dict[str, int]:
        """Return what was counted so far."""
        return {
            "raw_events": self._intake.raw_events,
            **self._counts,
            **self._entries.counts,
            "listed": self.crawler.listed,
            "watches": self.ledger.bound,
            "unwatched": len(self.blind()),
            "by_path": int(self._disk.by_path),
        }

    @property
    def has_told(self) -> bool:
        """True if there is something to take."""
        return bool(self._teller)

    def hand_over(self, ready: list[AnyEvent]) -> None:
        """Put what is to be told in front of what is *ready*: a list from the end of which events are taken."""
        self.make_good()
        self._plain.tell()
        teller, told = self._teller, self._teller.told
        nothing: list[AnyEvent] = []
        # One line, see handout.py.
        ready[:0] = told[::-1]; teller.told = nothing  # noqa: E702  # fmt: skip

    def forget_handed_over(self, ready: list[AnyEvent]) -> None:
        """Tell nothing that is *ready*: an interpreter may have looked for signals within that line."""
        told = self._teller.told
        if ready and told:
            last = ready[0]
            moved = next((index + 1 for index in reversed(range(len(told))) if told[index] is last), 0)
            self._teller.told = told[moved:]

    def take(self) -> list[AnyEvent]:
        """Return what is to be told, to who is never interrupted."""
        ready: list[AnyEvent] = []
        self.hand_over(ready)
        ready.reverse()
        return ready

    # --- reading ---

    @a_step
    def advance(self, most: int | None = None) -> bool:
        """Read once and apply what came, and settle doubts if nothing more is queued; False if all is quiet.

        *most*: apply so many raw events at most, look at so many doubts, and read only when no event waits. While
        a root is being added all of them wait, for the ledger has a part of it only.
        """
        self._disk.mark("advance", *(() if most is None else (most,)))
        if self._begun:
            self._intake.read_queued()
            return False
        try:
            return self._advance(most)
        finally:
            self._places.rest()

    def _advance(self, most: int | None) -> bool:
        if self._lost:
            self._recover()
        # What was read before is as good as a read.
        read = len(self._intake.waiting) or self._intake.read()
        if not self._apply_all(most):
            return True
        self._places.retry_freed()
        if not read and not self._gap:
            self._intake.note_calm()
        if self._doubts:
            self._reads_in_doubt += 1
            if self._is_drained() or self._reads_in_doubt > READS_BEFORE_SETTLING:
                self._reads_in_doubt = 0
                self._anchors.rearm()
                self._reconciler.settle(since=self._since, most=most)
                self._pass_fences()
            return True
        if not read and self._gap:
            self._since = None
            told = self._teller.in_sync()
            # One line, see handout.py.
            self._teller.told += told; self._gap = False  # noqa: E702  # fmt: skip
        return bool(read)

    def _is_drained(self) -> bool:
        # To say how much is queued the kernel goes through all of it (fs/notify/inotify/inotify_user.c
        # inotify_ioctl), so while reads come back full it is not asked: that would take longer the more there is.
        return not self._intake.was_full and not self._disk.queued()

    @a_step
    def read_plain(self) -> bool:
        """Read once and tell what came; False if there is more to do, and :meth:`advance` goes on.

        It is the short way of :meth:`advance` for who knows that nothing waits, is in doubt or is to be told.
        """
        self._disk.mark("read_plain")
        if self._begun or not self._intake.read_on():
            return False
        records = self._intake.waiting.records
        self._plain.apply(records, ALL)
        return records.at == records.count

    @property
    def read(self) -> int:
        """How many raw events were read."""
        return self._intake.raw_events

    @property
    def applied(self) -> int:
        """How many of them were applied."""
        return self._intake.raw_events - len(self._intake.waiting)

    @property
    def in_doubt(self) -> bool:
        """True while something waits to be looked at, or to be told of a gap, though nothing may be queued."""
        if self._begun:
            # It will be looked at when the root is there.
            return False
        if len(self._intake.waiting):
            return True
        if not self.is_whole or self._again is not None:
            return True
        return bool(self._doubts) or self._lost or self._gap or self._places.has_room

    def distrust(self) -> None:
        """Events may be lost: compare everything with the disk before going on."""
        self._disk.mark("distrust")
        self.make_good()
        self._lost = True

    def make_good(self) -> None:
        """If a step was interrupted, make good what is half-done, and have all compared with the disk.

        No event is lost: what was told is told, and a raw event that was taken and not told is applied again. So
        the comparison finds what was to be done besides: to list, to watch.
        """
        if self.is_whole:
            return
        self._disk.mark("make_good")
        self._plain.tell()
        self.ledger.refresh()
        queue = self._intake.waiting
        if self._teller.make_good() and queue.begun is not None:
            self._again = queue.begun
            queue.give_back()
        queue.done()
        self._places.rest()
        self._disk.close_all()
        self._take_back_unfinished()
        self._sweep()
        for root in self.ledger.roots:
            self._doubts.doubt(root, relist=True)
        self._anchors.doubt_all()
        self.is_whole = True

    def _sweep(self) -> None:
        """Remove the watches that nobody has: they were added and not bound when an exception came."""
        known = self.ledger.wds()
        for wd in self._disk.watched():
            if wd not in known and wd not in self._anchors:
                self._disk.unwatch(wd)

    @a_step
    def drain(self) -> None:
        """Read and apply all that is queued now, and no more than one read beyond it."""
        self._disk.mark("drain")
        self._intake.read_queued()
        try:
            self._apply_all()
        finally:
            self._places.rest()

    def read_ahead(self) -> None:
        """Read what is queued and apply it later: lest the queue runs over while a large tree is listed.

        It is not a step: it may be called within one.
        """
        self._disk.mark("read_ahead")
        self._intake.read_queued()

    def _apply_all(self, most: int | None = None) -> bool:
        """Apply what was read, or *most* of it; True if nothing is left."""
        queue = self._intake.waiting
        self._apply_again()
        # A move may read more, behind what was there: that is for the next time, or there might be no end.
        left = len(queue) if most is None else min(len(queue), most)
        while True:
            left -= self._plain.apply(queue.records, left)
            self._teller.begin()
            raw = queue.begin_next() if left > 0 else None
            if raw is None:
                self._pass_fences()
                return not len(queue)
            left -= 1
            self._apply(raw)
            queue.done()

    def _apply_again(self) -> None:
        """Apply the raw event that was interrupted; no other was applied since."""
        raw = self._again
        if raw is not None:
            self._teller.begin()
            self._intake.waiting.begin_again(raw)
            self._again = None
            self._apply(raw)
            self._intake.waiting.done()

    def _pass_fences(self) -> None:
        """Forget what was only remembered until what was queued then had been applied."""
        if not len(self._intake.waiting):
            self._fences.pass_by(self._intake.bytes, self._disk.queued)

    # --- one raw event ---

    def _apply(self, raw: Raw) -> None:
        if raw.wd in self._anchors:
            self._anchors.heard(raw)
        node = self.ledger.owner(raw.wd)
        if node is None:
            self._unknown(raw)
        elif raw.mask & MOVED_FROM:
            partner = self._entries.moved_from(raw)
            if partner is not None:
                # It was taken out of its turn.
                if partner.wd in self._anchors:
                    self._anchors.heard(partner)
                if self.ledger.owner(partner.wd) is None:
                    self._unknown(partner)
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
        elif raw.wd in self._anchors:
            return
        elif raw.mask & IGNORED:
            self._reaped.discard(raw.wd)
        elif raw.wd not in self._reaped:
            self._counts["unknown"] += 1
            self._reaped.add(raw.wd)
            self._disk.unwatch(raw.wd)

    def _apply_to_entry(self, node: Node, raw: Raw) -> None:
        mask = raw.mask
        is_dir = bool(mask & ISDIR)
        if mask & ANOTHER_CONTENT:
            self._admission.changed(node, raw.name)
        if mask & CREATE:
            self._entries.created(node, raw, is_dir=is_dir)
        elif mask & DELETE:
            self._entries.gone(node, raw, is_dir=is_dir)
        elif mask & MOVED_TO:
            self._entries.arrived(node, raw, is_dir=is_dir)
        elif raw.name in node.children or self.ledger.place(node).root.raw:
            self._passed(node, raw, is_dir=is_dir)
        elif not is_dir and self._entries.passes(node, raw.name):
            self._teller.passed(node, raw)

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

    def _apply_to_self(self, node: Node, raw: Raw) -> None:
        """A watched directory reports itself."""
        mask = raw.mask
        if self._tells_of_itself(node, mask):
            self._teller.itself(node, mask, raw.wd)
        if mask & IGNORED:
            self.ledger.unbind(node)
            self._places.freed += 1
            self._doubts.doubt(node, relist=True)
        elif mask & SELF_GONE and (isinstance(node, Root) or node.link):
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

    # --- lost events ---

    def _overflow(self) -> None:
        """Events were lost, up to the moment at which the marker was read."""
        self._lost = True
        self._counts["overflows"] += 1
        self._teller.overflow()
        self._discard()
        self._recover()

    def _discard(self) -> None:
        """Drop what came behind the overflow, for it has holes, too, and no second marker for them.

        The kernel queues the marker once, then whatever there is room for, and no other marker while that one is
        queued (fs/notify/notification.c fsnotify_insert_event). So what was queued before the marker was read is
        only good to learn which watches are over.
        """
        # Their IGNORED may be among what was lost.
        self._reaped.clear()
        for raw in self._intake.discard():
            if raw.wd in self._anchors:
                self._anchors.heard(raw)
            if raw.mask & IGNORED:
                self._reaped.discard(raw.wd)
                for node in self.ledger.owners(raw.wd):
                    self.ledger.unbind(node)

    def _recover(self) -> None:
        """Tell the difference between the ledger and the disk; that it is told comes when all is quiet."""
        self._lost = False
        self._gap = True
        self._since = self._watermark()
        self._anchors.rearm_all()
        for root in list(self.ledger.roots):
            if root.waits:
                self._places.reconsider(root)
            self.crawler.scan(root, since=self._since)

    def _watermark(self) -> float:
        """Return the ctime that a file changed since the last calm can not be older than.

        The wall clock may have been set back since; the steady one says by how much.
        """
        now = self._disk.now()
        return min(self._intake.calm.wall, now.wall - (now.steady - self._intake.calm.steady)) - COARSEST_CTIME_S
