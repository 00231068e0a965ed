"""Which entries are admitted: patterns of the root, and what the ``.gitignore`` files on the way say.

An entry that is not admitted is not there, for the ledger and for whoever reads the stream: it is neither watched
nor listed nor told. The order of decision is git's: the root's own patterns, as those of git's command line; then
the deepest ``.gitignore`` that has a matching pattern. ``.git`` itself is never admitted where those are heeded.

Of the files that are left, a root that includes some admits no others. What the last matching pattern says of a
file counts, or else of the nearest directory on the way. All directories are admitted, for a file may come below
any of them, and one that moves along with its directory has no other event.
"""

from __future__ import annotations

from inotify_cffi.ledger.rules import GITIGNORE
from inotify_cffi.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Dict, FrozenSet, List, Tuple

    from inotify_cffi.ledger.nodes import Node, Place, Root
    from inotify_cffi.ledger.patterns import Patterns
    from inotify_cffi.ledger.rules import Rules
    from inotify_cffi.tree.ground import Ground

    # Patterns, and the way from where they hold to a directory, to be put before the names in it.
    Source = Tuple[Patterns, str]

__all__ = ["Admission"]

MANY = 256


class Only:
    """Admits some names, whatever has them."""

    __slots__ = ("_names",)

    def __init__(self, names: FrozenSet[str]) -> None:
        self._names = names

    def admits(self, name: str, *, is_dir: bool) -> bool:  # noqa: ARG002  # as a sieve does
        """Return True if the entry is to be known at all."""
        return name in self._names


class Sieve:
    """Admits entries of one directory, as long as neither patterns nor the way to it change."""

    __slots__ = ("_characters", "_gitignore", "_include", "_sources", "is_covered")

    def __init__(
        self, sources: List[Source], *, gitignore: bool, include: Source | None, is_covered: bool
    ) -> None:
        from inotify_cffi.ledger.patterns import as_characters

        self._characters = as_characters
        self._sources = sources
        self._gitignore = gitignore
        self._include = include
        # True if the directory is included, with what no pattern says anything else of.
        self.is_covered = is_covered

    def admits(self, name: str, *, is_dir: bool) -> bool:
        """Return True if the entry is to be known at all."""
        if self._gitignore and name == ".git":
            return False
        characters = self._characters(name)
        for patterns, prefix in self._sources:
            said = patterns.verdict(prefix, characters, is_dir=is_dir)
            if said:
                return False
            if said is not None:
                break
        if is_dir or self._include is None:
            return True
        patterns, prefix = self._include
        said = patterns.verdict(prefix, characters, is_dir=False)
        return self.is_covered if said is None else said


class Admission:
    """Knows the patterns of each directory that has some."""

    def __init__(self, ground: Ground) -> None:
        self._ledger = ground.ledger
        self._disk = ground.disk
        self._doubts = ground.doubts
        self._ignored: Dict[Node, Patterns] = {}
        self._many = MANY
        # Those made last, each with the place that it was made for: that is another one when the way changes.
        self._sieves: Dict[Node, Tuple[Place, Sieve | Only]] = {}

    def admits(self, parent: Node, name: str, *, is_dir: bool) -> bool:
        """Return True if the entry is to be known at all."""
        sieve = self._sieve_of(parent)
        return sieve is None or sieve.admits(name, is_dir=is_dir)

    def admitted(self, parent: Node, kinds: Dict[str, str]) -> Dict[str, str]:
        """Return what is to be known of a listing: kinds by name; ``-`` is no directory."""
        sieve = self._sieve_of(parent)
        if sieve is None:
            return kinds
        return {name: kind for name, kind in kinds.items() if sieve.admits(name, is_dir=kind != "-")}

    def covers(self, node: Node) -> bool:
        """Return True if a directory is included, and with it the files below it of which nothing else is said."""
        sieve = self._sieve_of(node) if self._ledger.place(node).root.rules.include else None
        return isinstance(sieve, Sieve) and sieve.is_covered

    def _sieve_of(self, parent: Node) -> Sieve | Only | None:
        place = self._ledger.place(parent)
        rules = place.root.rules
        if rules.admit_all:
            return None
        made_for, sieve = self._sieves.get(parent, (None, None))
        if made_for is place:
            return sieve
        if len(self._sieves) >= MANY:
            self._sieves.clear()
        sieve = self._make_sieve(parent, rules)
        self._sieves[parent] = (place, sieve)
        return sieve

    def _make_sieve(self, parent: Node, rules: Rules) -> Sieve | Only:
        if rules.only is not None:
            return Only(rules.only)
        from inotify_cffi.ledger.patterns import as_characters, compiled

        lineage = self._ledger.lineage(parent)
        names = [as_characters(node.name) for node in lineage[1:]]
        found: List[Tuple[Patterns | None, int]] = []
        if rules.exclude:
            found.append((compiled(rules.exclude), 0))
        if rules.gitignore:
            found += [(self._ignored.get(lineage[depth]), depth) for depth in range(len(lineage) - 1, -1, -1)]
        sources = [(patterns, "/".join([*names[depth:], ""])) for patterns, depth in found if patterns is not None]
        include = compiled(rules.include)
        return Sieve(
            sources,
            gitignore=rules.gitignore,
            include=None if include is None else (include, "/".join([*names, ""])),
            is_covered=include is not None and _is_covered(include, names),
        )

    def prepare(self, root: Root) -> None:
        """Have at hand what the rules of a root need; later there may be no descriptor left to import it."""
        if not root.rules.admit_all:
            import inotify_cffi.ledger.patterns  # noqa: F401

    def learn(self, node: Node, fd: int) -> None:
        """Read the ``.gitignore`` of a directory that is about to be listed, for a root that heeds them."""
        from inotify_cffi.ledger.patterns import compiled

        patterns = compiled(tuple(self._disk.lines(fd, GITIGNORE)))
        if patterns is not self._ignored.get(node):
            self._sieves.clear()
        if patterns is not None:
            self._ignored[node] = patterns
            if len(self._ignored) > self._many:
                self._forget()
        else:
            self._ignored.pop(node, None)

    def changed(self, node: Node, name: str) -> None:
        """Something happened to an entry: if it is a ``.gitignore``, its directory is to be listed again.

        It is heeded also where it is not admitted itself.
        """
        if name == GITIGNORE and self._ledger.place(node).root.rules.gitignore:
            self._doubts.doubt(node, relist=True)

    def _forget(self) -> None:
        """Drop what is known of directories that are gone; next when there are twice as many."""
        self._ignored = {node: lines for node, lines in self._ignored.items() if self._ledger.is_attached(node)}
        self._many = max(MANY, 2 * len(self._ignored))


def _is_covered(include: Patterns, names: List[str]) -> bool:
    """Return what the patterns say of the nearest directory on the way that they say something of."""
    covered = False
    prefix = ""
    for name in names:
        said = include.verdict(prefix, name, is_dir=True)
        covered = covered if said is None else said
        prefix += name + "/"
    return covered
