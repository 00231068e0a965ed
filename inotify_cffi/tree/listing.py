"""List a directory and make the ledger agree with it: at once if it has few entries, else a part in each turn.

What was seen is applied before anything else is. When other things were done since, names that were shown and not
applied are not believed any more, nor is what is shown from then on: some file systems show what they have read
before (ext4 an entry that did not fit into the call before, fs/ext4/dir.c ext4_dx_readdir; overlayfs all that was
there at the first call). Such names are looked at, one by one. So in between the ledger may follow events; what
these say of a name is older than what is seen of it then, or comes behind it, as with any listing. And a name that
the ledger has and no part has shown is only taken back if it is not there.
"""

from __future__ import annotations

from inotify_cffi.ledger.nodes import NO_WD
from inotify_cffi.ledger.storage import ABSENT, NONE
from inotify_cffi.tree.shown import LONG_AGO, LOOK, Listing, Parts, kind_told
from inotify_cffi.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Dict, Tuple

    from inotify_cffi.ledger.nodes import Node, Root
    from inotify_cffi.tree.admission import Admission
    from inotify_cffi.tree.files import Files
    from inotify_cffi.tree.ground import Ground
    from inotify_cffi.tree.moments import Moments
    from inotify_cffi.tree.places import Places
    from inotify_cffi.tree.stamps import Look

__all__ = ["Lister"]

# A directory with more entries is not applied at once; of one that has patterns each name takes its time.
FEW = 1024
FEW_BY_PATTERN = 128

# How many names are applied between two looks at the clock.
SOME = 32


class Lister:
    """Applies listings."""

    def __init__(
        self,
        ground: Ground,
        places: Places,
        admission: Admission,
        files: Files,
        moments: Moments,
    ) -> None:
        self._moments = moments
        self._ledger = ground.ledger
        self._teller = ground.teller
        self._disk = ground.disk
        self._doubts = ground.doubts
        self._places = places
        self._admission = admission
        self._files = files
        self._ground = ground
        self._fences = ground.fences
        self._intake = ground.intake
        self._turn = ground.turn
        # How many directories were listed.
        self.count = 0

    def read(self, listing: Listing, fd: int) -> Tuple[list[str], int]:
        """Return the entries of the directory that is open as *fd*, or the first; see :meth:`Disk.entries`."""
        self.count += 1
        if listing.since is not None and self._disk.foreign_clock(fd):
            listing.since = LONG_AGO
        if listing.root.rules.gitignore:
            self._admission.learn(listing.node, fd)
        return self._disk.entries(fd, whole=not self._turn.is_limited)

    def discard(self, rest: int) -> None:
        """Do not apply what was read."""
        self._places.close(rest)

    def apply(self, listing: Listing, entries: list[str], rest: int, fd: int) -> bool:
        """Apply what was listed, and go on as far as there is time; True if that was all. Raises OSError."""
        if not listing.root.rules.tracks_files:
            self._regard_files(listing, fd)
        count = self._ledger.memory.count(listing.node.number)
        if rest < 0 and self._are_few(listing, max(len(entries), count)):
            return self._apply_at_once(listing, entries, fd, is_new=not count)
        if self._places.folding.folds(listing.node, fd):
            listing.at_once = True
            self._places.close(rest)
            return self.apply_anew(listing, fd)
        if listing.takes_files and not listing.root.rules.tracks_files:
            # Until all of them are told, none is forgotten.
            listing.node.listed = False
        listing.parts = Parts(listing.node, entries, rest)
        listing.parts.shown.update([entry[1:] for entry in entries])
        entries.reverse()
        return self._go_on(listing, listing.parts, fd)

    def apply_anew(self, listing: Listing, fd: int) -> bool:
        """List all of it once more, and apply that at once, however much it is; True if that was all.

        For a directory in which no name can be looked at. *fd* may be the descriptor of the listing.
        """
        entries, _ = self._disk.entries(fd)
        listing.todo = []
        return self._apply_at_once(listing, entries, fd)

    def _are_few(self, listing: Listing, count: int) -> bool:
        if not self._turn.is_limited:
            return True
        return count <= (FEW if listing.root.rules.admit_all else FEW_BY_PATTERN)

    def _apply_at_once(self, listing: Listing, entries: list[str], fd: int, *, is_new: bool = False) -> bool:
        node = listing.node
        kinds = self._kinds(listing, entries, fd)
        known = {} if is_new else dict(node.children.items())
        gone = []
        for name, child in known.items():
            if kinds.get(name) != kind_told(child):
                if self._is_put_off(listing, child):
                    kinds.pop(name, None)
                else:
                    gone.append(name)
        look = self._look(listing, kinds, fd)
        stamps = self._ground.stamps
        if gone and look is not None and stamps is not None:
            files = [name for name in gone if known[name] is None and name not in kinds]
            for old, new in stamps.renamed(node, look, files, known).items():
                known[new] = known.pop(old)
            gone = [name for name in gone if name in known]
        for at, name in enumerate(gone):
            if not self._places.take_back(node, name):
                if listing.at_once:
                    self._doubts.doubt(node, relist=True)
                    return True
                # There is no time for that. Until there is, what else was seen gets old.
                names = [LOOK + each for each in dict.fromkeys((*gone[at:], *kinds))]
                names.reverse()
                rest = -1 if listing.parts is None else listing.parts.rest
                listing.parts = Parts(node, names, rest)
                listing.parts.has_ended = True
                listing.parts.ledgers = iter(())
                return False
            del known[name]
        since, todo = listing.since, listing.todo
        for name, kind in kinds.items():
            child = known.get(name)
            if child is None and name not in known:
                child = self._teller.found(node, name, is_dir=kind != "-", link=kind == "L")
            elif child is None and (
                listing.replaced
                or (look is not None and name in look.changed)
                or (look is None and since is not None and self._disk.changed_since(fd, name, since))
            ):
                self._teller.changed(node, name)
            if child is not None:
                todo.append(child)
        self._note(listing, fd, look)
        return True

    def _note(self, listing: Listing, fd: int, look: Look | None) -> None:
        """What was looked at is told: keep what it is."""
        if look is not None and self._ground.stamps is not None:
            self._ground.stamps.note(listing.node, fd, look, polls=listing.root.rules.poll_s is not None)

    def _is_put_off(self, listing: Listing, child: Node | None) -> bool:
        """Return True if it is not to be believed yet that a directory is not there any more.

        It is at once where all of the directory is another one, for no event will come of the one that it was, and
        where it is not there because it is excluded at this place.
        """
        if child is None or listing.replaced:
            return False
        if not self._admission.admits(listing.node, child.name, is_dir=True):
            return False
        return self._moments.puts_off(child, NO_WD, lists=True)

    def _look(self, listing: Listing, kinds: Dict[str, str], fd: int) -> Look | None:
        """Look at the files among some entries of a directory, where it is kept what they were."""
        stamps = self._ground.stamps
        if stamps is None or not listing.root.rules.keep_stat or not listing.takes_files:
            return None
        files = [name for name, kind in kinds.items() if kind == "-"]
        return stamps.look(listing.node, fd, files, is_lost=listing.since is not None)

    # --- what an entry is ---

    def kind(self, parent: Node, name: str, fd: int) -> str:
        """Return what the ledger would call the entry *name* of the directory *fd*; empty if it is not there."""
        kind = self._disk.kind(fd, name, follow=False)
        if kind == "l":
            return self._kind_of_link(self._ledger.place(parent).root, parent, name, fd)
        self._files.links.lost(parent, name)
        return kind

    def _kind_of_link(self, root: Root, node: Node, name: str, fd: int) -> str:
        if root.rules.follow_symlinks and self._disk.kind(fd, name, follow=True) == "d":
            self._files.links.lost(node, name)
            return "L"
        if root.rules.follows_files:
            self._files.links.found(node, name)
        return "-"

    def _kinds(self, listing: Listing, entries: list[str], fd: int) -> Dict[str, str]:
        """Return what the ledger would call each entry that was listed and is to be in it, by name."""
        root, node = listing.root, listing.node
        kinds: Dict[str, str] = {}
        for entry in entries:
            kind, name = entry[0], entry[1:]
            if kind == "l":
                kind = self._kind_of_link(root, node, name, fd)
            kinds[name] = kind
        if not root.rules.admit_all:
            kinds = self._admission.admitted(node, kinds)
        if listing.takes_files:
            return kinds
        for name, kind in kinds.items():
            if kind == "-":
                self._seek_change(listing, name, fd)
        return {name: kind for name, kind in kinds.items() if kind != "-"}

    def _regard_files(self, listing: Listing, fd: int) -> None:
        """See what of a listing concerns the ledger where files are not tracked.

        A directory that is new brings its files: they are told, and remembered until all that is queued now has
        been applied. Of one that is not, nobody knows which files were told; so if it is another inode than it
        was, it is told as to be read again, and after lost events if a time of it or of its files is not older.
        """
        node = listing.node
        was_listed = node.listed
        if node.fresh or not (was_listed or self._teller.silent):
            self._fences.refresh(node)
            return
        listing.takes_files = False
        if was_listed and listing.is_another:
            self._teller.rescan(node)
        elif was_listed and listing.since is not None:
            listing.seeks_change = True
            self._seek_change(listing, None, fd)

    def _seek_change(self, listing: Listing, name: str | None, fd: int) -> None:
        since = listing.since
        if listing.seeks_change and since is not None and self._disk.changed_since(fd, name, since):
            listing.seeks_change = False
            self._teller.rescan(listing.node)

    # --- a part at a time ---

    def fd(self, listing: Listing, fd: int) -> int:
        """Return the descriptor to go on with: its own, if it has one, else *fd*."""
        return fd if listing.parts is None or listing.parts.rest < 0 else listing.parts.rest

    def go_on(self, listing: Listing, fd: int) -> bool:
        """Apply some more of a listing, at least; True if that was all. *fd* is the directory. Raises OSError.

        Raises PermissionError where no name can be looked at: a directory may be read and not searched.
        """
        parts = listing.parts
        if parts is None:
            return True
        parts.is_old = parts.is_old or parts.moment != self._moment()
        return self._go_on(listing, parts, fd)

    def _go_on(self, listing: Listing, parts: Parts, fd: int) -> bool:
        done = 0
        while True:
            if not parts.names:
                if done and self._turn.is_over():
                    return False
                if not self._next_names(listing, parts):
                    return True
                if parts.is_early:
                    return False
            elif not self._agree(listing, parts, parts.names[-1], fd):
                return False
            else:
                parts.names.pop()
            done += 1
            if done % SOME == 0 and self._turn.is_over():
                return False

    def _moment(self) -> Tuple[int, int, int]:
        """Return how many events were applied, names looked at, directories listed by now."""
        return self._intake.raw_events - len(self._intake.waiting), self._doubts.looked_at, self.count

    def _next_names(self, listing: Listing, parts: Parts) -> bool:
        """List some more, then find names of the ledger that were not shown; False at the end."""
        if not parts.has_ended:
            parts.names = self._disk.more_entries(parts.rest)
            if parts.names:
                if self._is_too_early(listing, parts):
                    return True
                parts.shown.update([entry[1:] for entry in parts.names])
                parts.names.reverse()
                return True
            parts.has_ended = True
        if parts.ledgers is None:
            parts.ledgers = self._ledger.parts(listing.node)
        known = next(parts.ledgers, None)
        if known is None:
            return False
        parts.names = [LOOK + name for name, _ in known if name not in parts.shown]
        return True

    def _agree(self, listing: Listing, parts: Parts, entry: str, fd: int) -> bool:
        """Make one name agree with the disk; False if there is no time to take back what it was."""
        node, kind, name = listing.node, entry[0], entry[1:]
        looked = kind == LOOK or parts.is_old
        if looked:
            kind = self.kind(node, name, fd)
        elif kind == "l":
            kind = self._kind_of_link(listing.root, node, name, fd)
        rules = listing.root.rules
        if kind and not rules.admit_all and not self._admission.admits(node, name, is_dir=kind != "-"):
            kind = ""
        if kind == "-" and not listing.takes_files:
            self._seek_change(listing, name, fd)
            kind = ""
        look = self._look(listing, {name: kind}, fd) if kind == "-" else None
        number = node.entry(name)
        child = None if number in (ABSENT, NONE) else node.nodes.at(number)
        if (
            looked
            and kind != ("" if number == ABSENT else kind_told(child))
            and self._is_too_early(listing, parts)
        ):
            return False
        if number == ABSENT:
            child = self._found(listing, name, kind)
        elif kind_told(child) != kind:
            if self._is_put_off(listing, child):
                return True
            if not self._places.take_back(node, name):
                return False
            child = self._found(listing, name, kind)
        elif child is None and self._has_changed(listing, name, fd, look):
            self._teller.changed(node, name)
        self._note(listing, fd, look)
        if child is not None:
            listing.todo.append(child)
        return True

    def _is_too_early(self, listing: Listing, parts: Parts) -> bool:
        """Return True if the directory may not be where the ledger has it: then nothing more of it is told."""
        parts.is_early = not self._teller.silent and self._moments.is_listed_too_early(listing.node)
        return parts.is_early

    def _found(self, listing: Listing, name: str, kind: str) -> Node | None:
        if not kind:
            return None
        if kind == "-" and not listing.root.rules.tracks_files:
            # Its CREATE may be queued by now.
            self._fences.refresh(listing.node)
        return self._teller.found(listing.node, name, is_dir=kind != "-", link=kind == "L")

    def _has_changed(self, listing: Listing, name: str, fd: int, look: Look | None) -> bool:
        if listing.replaced:
            return True
        if look is not None:
            return name in look.changed
        return listing.since is not None and self._disk.changed_since(fd, name, listing.since)

    # --- between two turns ---

    def rest(self, listing: Listing) -> None:
        """Other things may be done before it is gone on with."""
        parts = listing.parts
        if parts is not None:
            parts.moment = self._moment()
            if parts.rest >= 0:
                self._disk.keep(parts.rest)

    def is_good(self, listing: Listing) -> bool:
        """Return True if the directory is still the one that was listed."""
        parts, node = listing.parts, listing.node
        if parts is None or parts.is_early:
            return False
        return self._ledger.is_attached(node) and node.wd == parts.wd != NO_WD

    def is_early(self, listing: Listing) -> bool:
        """Return True if the directory may not be where the ledger has it, so that it is listed later."""
        return listing.parts is not None and listing.parts.is_early

    def done(self, listing: Listing) -> None:
        """All of a listing is applied."""
        self.end(listing)
        self._files.links.listed(listing.node)
        if not listing.root.rules.tracks_files:
            # Now all that was in it is told: who is interrupted before goes on with what is missing.
            listing.node.listed = True

    def end(self, listing: Listing) -> None:
        """Close what is open for a listing that is not gone on with."""
        if listing.parts is not None:
            rest, listing.parts.rest = listing.parts.rest, -1
            self._places.close(rest)
