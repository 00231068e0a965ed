"""Take out one part of the algorithm at a time: for each, a test must fail.

Each mutation is a replacement in a copy of the sources; the tests that know races, stories and limits run
against the copy until one fails. Nothing is taken out of the first copy, and all tests must pass there. A mutation
that no test notices, or that fits nowhere any more, is an error.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent
TESTS = [
    "tests/tree/test_races.py",
    "tests/tree/test_stories.py",
    "tests/tree/test_history.py",
    "tests/tree/test_history_between.py",
    "tests/tree/test_overflow.py",
    "tests/tree/test_crawl.py",
    "tests/tree/test_links.py",
    "tests/tree/test_many_links.py",
    "tests/tree/test_depth.py",
    "tests/tree/test_plain.py",
    "tests/tree/test_shifts.py",
    "tests/ledger/test_ledger.py",
    "tests/base/test_turns.py",
    "tests/tree/test_directories.py",
    "tests/tree/test_late_entries.py",
    "tests/tree/test_slices.py",
    "tests/tree/test_roots.py",
    "tests/ledger/test_stamps.py",
    "tests/tree/test_stamps.py",
    "tests/watching/test_poll.py",
    "tests/watching/test_since.py",
    "tests/kernel/test_listings.py",
]

WATCH = "    int wd = ic_watch_within(crawl, within, name);\n"
LOOK = "    int seen = fstatat(within->fd, name, &status, AT_SYMLINK_NOFOLLOW);\n"

# What is taken out: the file, the text, and what stands there instead.
MUTATIONS = {
    "putting off what is seen before the events have come so far": (
        "tree/moments.py",
        "        before = self._put_off.get(node)\n",
        "        return False\n        before = self._put_off.get(node)\n",
    ),
    "what a crawl has still to do where a new look is put off": (
        "tree/crawls.py",
        "        if self._crawler.is_put_off(node, found):\n",
        "        self._supersede(self._crawl_of(node, since=since))\n        if self._crawler.is_put_off(node, found):\n",
    ),
    "the listing of what was put off and came back": (
        "tree/crawls.py",
        " and not self._moments.agreed(node):\n",
        " and not (self._moments.agreed(node) and False):\n",
    ),
    "the listing of what leaves a directory whose listing is put off": (
        "tree/grafts.py",
        "        if self._moments.is_to_be_listed(lineage):\n            return True\n",
        "",
    ),
    "forgetting what was taken out of what waits": ("tree/moves.py", " or self._taken) and not", ") and not"),
    "an exchange at the end of what is queued": (
        "tree/moves.py",
        "            is_known, is_all = end < records.count, end == records.count\n",
        "            is_known, is_all = end < records.count, False\n            halves = halves if is_known else []\n",
    ),
    "an exchange with what is not known": (
        "tree/exchanges.py",
        "(self._has(source, raw) or self._has(target, other))",
        "(self._has(source, raw) and self._has(target, other))",
    ),
    "the age of a move against that of what is moved": (
        "tree/exchanges.py",
        " and not self._is_about_another(node, raw.name)\n",
        "\n",
    ),
    "that a directory comes back to where it was opened": (
        "tree/moments.py",
        "return not queue.comes_back(node.wd, node.parent.wd, node.name)",
        "return True",
    ),
    "the age of a move against that of what is at its target": (
        "tree/grafts.py",
        "self._is_about_another(target, partner.name):",
        "False:",
    ),
    "a directory that would go with what it replaces": (
        "tree/grafts.py",
        "            if there is not None and self._ledger.is_within(source, there):\n",
        "            if False:\n",
    ),
    "reading on where an exchange may be a move there and back": (
        "tree/exchanges.py",
        " or behind.second is not None):\n",
        "):\n",
    ),
    "where a directory went that made place for what came": (
        "tree/grafts.py",
        "        if partner is None or target is None or left.second is None:\n",
        "        if True:\n",
    ),
    "reading on where what is at the target of an arrival may have left": (
        "tree/grafts.py",
        "        if left.is_known:\n            return left\n",
        "        if True:\n            return left\n",
    ),
    "what had a name before the directory that it is in was moved": (
        "tree/crawl.py",
        "        if is_new and self._moments.has_moved_above(node):\n",
        "        if False:\n",
    ),
    "a move of a directory on the way against the time of a watch": (
        "tree/moments.py",
        "        return self._intake.is_guessing or self._intake.begins_to_move(wds) <= self._after\n",
        "        return True\n",
    ),
    "what leaves by the departure of another, merged with it": (
        "tree/moments.py",
        "            return not self._leaves_by_what_was_merged(node)\n",
        "            return True\n",
    ),
    "that what left by a merged departure went to where it is told": (
        "tree/moments.py",
        "(behind == NO_WD or self._ledger.owner(behind) is None)",
        "behind == NO_WD",
    ),
    "that a directory which does not say that it was moved was not": (
        "tree/entries.py",
        "                is_another = not is_itself and ",
        "                is_another = False and ",
    ),
    "what is said of a move while a directory is bound": (
        "tree/moments.py",
        "        return moment is None or self._intake.applied > moment[1]\n",
        "        return True\n",
    ),
    "what is said of moves that are older than a first listing": (
        "tree/moments.py",
        " or not self._intake.is_behind_listings:\n",
        ":\n",
    ),
    "that what came before its watch and went back was not exchanged": (
        "tree/moments.py",
        " and self._intake.queued_with(moves) > moment[1]\n",
        " and False\n",
    ),
    "that a directory which left while it was bound was moved itself": (
        "tree/moments.py",
        "            return not self._is_of(queue.begun, node) and ",
        "            return ",
    ),
    "where a directory was by its first move, if it moved again before it was seen": (
        "tree/moments.py",
        "        return self._put_off[place].end\n",
        "        return self._put_off[place].before\n",
    ),
    "that what was moved into was not moved itself": (
        "tree/grafts.py",
        "        if not self._is_where_it_was(target, place):\n            return False\n",
        "",
    ),
    "the time that it takes to bind a directory to its watch": (
        "tree/moments.py",
        "        if applied > moment[1]:\n            return False\n        moves",
        "        if True:\n            return False\n        moves",
    ),
    "what a directory says of its move while it is bound": (
        "tree/moments.py",
        "        if moves is not None:\n",
        "        if False:\n",
    ),
    "the end of what is put off": (
        "tree/moments.py",
        "            elif not put_off.is_over and put_off.end <= applied:\n",
        "            elif False:\n",
    ),
    "what a directory says of its own move": (
        "tree/moves.py",
        "                itself = itself or raw.wd == moved\n",
        "",
    ),
    "telling an exchange from a move back": (
        "tree/moves.py",
        "        is_exchange = itself and not is_back\n",
        "        is_exchange = itself\n",
    ),
    "reading anew what was exchanged": (
        "tree/entries.py",
        "            if not self._is_moved_back(raw, partner):\n",
        "            if True:\n",
    ),
    "the age of events against that of a watch": (
        "tree/moments.py",
        "        if applied <= moment[0]:\n            return not self._leaves_by_what_was_merged(node)\n",
        "        return False\n",
    ),
    "the dedup of listings": (
        "tree/comings.py",
        "        if node.knows(raw.name, is_dir=is_dir) or self._becomes",
        "        if self._becomes",
    ),
    "IN_MASK_ADD": ("tree/disk.py", "bits.MASK_ADD | bits.ONLYDIR", "bits.ONLYDIR"),
    "the identity test before a re-link": (
        "tree/grafts.py",
        "        return self._places.is_at_its_place(node, node.wd)\n",
        "        return False\n",
    ),
    "the descriptor walk: each ancestor's identity": (
        "tree/ways.py",
        "                if found.wd != place.wd:\n",
        "                if False:\n",
    ),
    'the descriptor walk: the identity of what ".." leads to': (
        "tree/ways.py",
        "        if wd != top.wd:\n",
        "        if False:\n",
    ),
    "beginning a look where the last one was": (
        "tree/ways.py",
        "        for stand in (near, self._stand):\n",
        "        for stand in ():\n",
    ),
    "turning away what is at too many places": (
        "tree/places.py",
        "            if len(others) < root.rules.max_places:\n",
        "            if len(others) < root.rules.max_places + 1:\n",
    ),
    "looking again when a place is free": (
        "ledger/watches.py",
        "        if wd in self.crowded:\n            self.thinned[wd] = None\n",
        "",
    ),
    "looking again when what moves counts among other places": (
        "ledger/ledger.py",
        "        if self.crowded and self.is_border(source, parent):\n",
        "        if False:\n",
    ),
    "counting anew what moves to where it counts": (
        "tree/grafts.py",
        "self._ledger.is_border(source, target)\n",
        "False\n",
    ),
    "the place of a listing that told a move before it was read": (
        "tree/grafts.py",
        "there):\n                # A listing has told before",
        "there) and there != node.wd:\n                # A listing has told before",
    ),
    "the second look at what may be a link in a directory that has moved on": (
        "tree/comings.py",
        "            self._doubts.suspect(node, name)\n            return False\n",
        "            return False\n",
    ),
    "the descriptor walk: links are not followed": (
        "tree/disk.py",
        "ENTER if follow else ENTER | os.O_NOFOLLOW",
        "ENTER",
    ),
    "the lock barrier": (
        "tree/comings.py",
        "        self._lock_barrier(wd)\n        return self._intake.fence()\n",
        "        return self._intake.fence()\n",
    ),
    "the second look at names that moved out": (
        "tree/grafts.py",
        "            return False\n        self._doubts.suspect(node, raw.name)\n",
        "            return False\n",
    ),
    "the second look at what a rename leaves behind": (
        "tree/grafts.py",
        "        self._doubts.suspect(source, raw.name)\n        if not self._knows(source",
        "        if not self._knows(source",
    ),
    "the second look at names, overwritten ones among them": (
        "tree/reconcile.py",
        "                self._look(parent, name)\n",
        "                pass\n",
    ),
    "the second look at directories": (
        "tree/reconcile.py",
        "                if self._crawler.enters(node):\n                    self._crawls.scan(node, relist",
        "                if False:\n                    self._crawls.scan(node, relist",
    ),
    "the comparison after an overflow": (
        "tree/losses.py",
        "                self._crawls.scan(root, since=self.since)\n",
        "                pass\n",
    ),
    "dropping what came behind an overflow": (
        "tree/losses.py",
        "if self._end is not None and not self._drop():",
        "if False:",
    ),
    "dropping more behind a marker that is dropped": (
        "tree/losses.py",
        "            if raw.mask & OVERFLOW:\n",
        "            if False:\n",
    ),
    "keeping in mind what could not be listed": (
        "tree/borders.py",
        "            if node.parent is not None:\n                self._doubts.doubt(node, relist=relist)\n",
        "",
    ),
    "the dedup of listings, in runs": ("csrc/plain.c", "return entry < 0 && length > 0;", "return length > 0;"),
    "the look at ways to roots, in runs": ("csrc/plain.c", "if (il_is_one_of(wd, wds, wd_count) || ", "if ("),
    "the look at inodes that are at two places, in runs": (
        "csrc/plain.c",
        " || (ledger->nodes[at->node].flags & IL_TWINS)",
        "",
    ),
    "the look at what hangs on the entries of a root, in runs": (
        "csrc/plain.c",
        "return root->plain;",
        "return 1;",
    ),
    "the look at what is remembered, before a move is plain": (
        "tree/shifts.py",
        "or not self._is_free():",
        "or False:",
    ),
    "the look at what is still to be listed, before a move is plain": (
        "tree/shifts.py",
        " or self._doubts.stale:",
        ":",
    ),
    "the look at moments, before a move is plain": ("tree/shifts.py", "if self._moments.waits or ", "if "),
    "the look at the depth, before a move is plain": (
        "tree/shifts.py",
        "return root.rules.max_depth is None and ",
        "return ",
    ),
    "the look at a move back, before a move is plain": (
        "csrc/shift.c",
        " ||\n            il_is_moved_back(queue, at + 3, &from, &to))",
        ")",
    ),
    "the look at the target, before a move is plain": (
        "csrc/shift.c",
        " || il_find(ledger, target.node, to.name, to.length) >= 0)",
        ")",
    ),
    "what a directory says of itself, before a move is plain": (
        "csrc/shift.c",
        "moved->wd == queue->wds[at + 2] &&\n           ",
        "",
    ),
    "the second look at a name that was left by a plain move": (
        "tree/shifts.py",
        "        self._doubts.suspect(source, raw.name)\n",
        "",
    ),
    "beginning the listing behind the watch": (
        "csrc/crawl.c",
        "if (lseek(fd, 0, SEEK_SET) < 0 || !ic_crawl_list(",
        "if (!ic_crawl_list(",
    ),
    "the watches of directories that are compared at once": (
        "csrc/agree.c",
        "ledger->nodes[node].wd == crawl->wds[record] &&",
        "1 &&",
    ),
    "the files that may have changed, of directories that are compared at once": (
        "csrc/agree.c",
        "!crawl->changed[record] &&",
        "1 &&",
    ),
    "that nothing more is in directories that are compared at once": (
        "csrc/agree.c",
        "ledger->nodes[node].live == (uint32_t)file_count + (uint32_t)dir_count;",
        "1;",
    ),
    "what two places have, where directories are taken back at once": (
        "csrc/fell.c",
        "        if (node != last && !il_is_alone(ledger, node))\n            break;\n",
        "",
    ),
    "whether directories that are entered at once are on the move": (
        "tree/atonce.py",
        "if self._moments.is_on_the_move(frame.node, wds[0]):",
        "if False:",
    ),
    "when directories were entered at once": (
        "tree/atonce.py",
        "        self._moments.bound_at_once(wds[0], wds[-1])\n",
        "",
    ),
    "removing the watches of what is not as it was, where directories are compared at once": (
        "tree/atonce.py",
        "        self._reap_unknown(crawled)\n",
        "",
    ),
    "what is not covered, where directories are entered at once": (
        "tree/atonce.py",
        "return len(blind) <= MANY_BLIND and not any(self._ledger.is_within(node, frame.node) for node in blind)",
        "return True",
    ),
    "watching a directory before its links are counted": (
        "csrc/links.c",
        WATCH + LOOK,
        LOOK + WATCH,
    ),
    "counting links only where the file system is known to do so": (
        "csrc/links.c",
        "if (is_same && within->counts && ",
        "if (is_same && ",
    ),
    "the identity of a directory that is opened after it was watched by name": (
        "csrc/links.c",
        "if (other == wd && ic_crawl_list(",
        "if (ic_crawl_list(",
    ),
    "not following a link that is watched by name": (
        "csrc/links.c",
        "crawl->mask | IN_DONT_FOLLOW",
        "crawl->mask",
    ),
    "listing what moves while it is not sure that it was a leaf": (
        "tree/grafts.py",
        " or self._fences.counting:\n",
        ":\n",
    ),
    "forgetting the files of a new directory": (
        "tree/fences.py",
        "                    self._ledger.forget_files(node)\n",
        "                    pass\n",
    ),
    "remembering the files of a new directory until the fence": (
        "tree/fences.py",
        "if (self._fresh or self._counted) and read >= self._end:",
        "if self._fresh or self._counted:",
    ),
    "forgetting the files of what a crawl has just listed to its end": (
        "tree/tree.py",
        "            self._pass_fences()\n        if self._places.freed:\n",
        "        if self._places.freed:\n",
    ),
    "telling which directories are to be read again": (
        "tree/listing.py",
        "            self._teller.rescan(listing.node)\n",
        "            pass\n",
    ),
    "going on with a crawl that took too long": (
        "tree/crawls.py",
        "        if crawl.frames:\n            self._under_way.append(crawl)\n",
        "",
    ),
    "listing anew what was moved out of a directory that is crawled again": (
        "tree/crawls.py",
        "                self._leave_what_moved_out(other)\n",
        "",
    ),
    "waiting for crawls before all is told": (
        "tree/tree.py",
        " or self._crawls or self._doubts",
        " or self._doubts",
    ),
    "seeing whether a directory is still in the one around it": (
        "tree/crawls.py",
        "            elif parts and frame.node.parent is above:\n",
        "            elif parts:\n",
    ),
    "seeing whether other rules hold where a crawl goes on": (
        "tree/crawls.py",
        "            if not self._is_as_it_was(crawl, top):\n",
        "            if False:\n",
    ),
    "listing anew what is moved out of where something is compared": (
        "tree/grafts.py",
        " or self._is_to_be_listed(source)\n",
        "\n",
    ),
    "listing anew what moves to a root that asks for more": (
        "tree/grafts.py",
        " or bool(is_for_more)",
        "",
    ),
    "going on with nothing when all is compared": (
        "tree/losses.py",
        "        self._crawls.forget()\n",
        "",
    ),
    "the look at names that were shown before other things were done": (
        "tree/listing.py",
        "        parts.is_old = parts.is_old or parts.moment != self._moment()\n",
        "",
    ),
    "the look at names that no part of a listing has shown": (
        "tree/listing.py",
        "        parts.names = [LOOK + name for name, _ in known if name not in parts.shown]\n",
        "        parts.names = []\n",
    ),
    "the identity of a directory that is listed in parts": (
        "tree/listing.py",
        "and node.wd == parts.wd != NO_WD",
        "",
    ),
    "keeping all files of a directory until it is listed": (
        "tree/listing.py",
        "            listing.node.listed = False\n",
        "            pass\n",
    ),
    "telling all files of another directory as changed": (
        "tree/crawl.py",
        "                self._replaced.add(node)\n",
        "                pass\n",
    ),
    "marking what was taken back in part": (
        "tree/places.py",
        "            self._doubts.doubt(node, relist=True)\n            return False\n        if node.listed",
        "            return False\n        if node.listed",
    ),
    "finding what came into a directory while it was emptied": (
        "tree/removal.py",
        "                level.entries = None\n",
        "                pass\n",
    ),
    "going on with a raw event": (
        "tree/apply.py",
        "        self.started = Started(raw, [(node, None)])\n",
        "",
    ),
    "telling of an arrival only once": (
        "tree/comings.py",
        "and not child.children and self._crawls:",
        "and not child.children and False:",
    ),
    "a free watch for each directory that is looked at again": (
        "tree/uncovered.py",
        "                del self._unwatched[node]\n",
        "",
    ),
    "waiting while many descriptors are kept": (
        "tree/tree.py",
        "if self._crawls.keep_many and not self._applier.is_busy:",
        "if False:",
    ),
    "letting others in between two steps": (
        "base/locks.py",
        "        self._door.pass_by()\n",
        "",
    ),
    "the directory of a text that several events share": (
        "csrc/plain.c",
        "text->directory != at->node || ",
        "",
    ),
    "the look at directories where files are passed, in runs": (
        "csrc/plain.c",
        "return entry < 0 && length > 0 && (mask",
        "return length > 0 && (mask",
    ),
    "forgetting paths when a directory moves": (
        "ledger/ledger.py",
        "        self._generation += 1\n        node = self._nodes",
        "        node = self._nodes",
    ),
    "putting the place of a moved directory right": (
        "csrc/entries.c",
        "                ledger->nodes[il_child(entry)].at = to;\n",
        "                ;\n",
    ),
    "moving up what stands behind a watch descriptor that is over": (
        "csrc/watches.c",
        "if (((slot - home) & mask) >= ((slot - gap) & mask)) {",
        "if (0) {",
    ),
    "the stamp of what an event has told": (
        "tree/stamps.py",
        "                self._take(nodes, list(names), has_time=left >= 0 or not self._turn.is_over())\n",
        "",
    ),
    "the second telling of what was written in the tick of its stamp": (
        "tree/youth.py",
        "        if self._young:\n",
        "        if False:\n",
    ),
    "the distrust of stamps of the moment when events were lost": (
        "tree/youth.py",
        "        if is_lost and _ns(self._intake.calm.steady) <= self._fresh_until:\n",
        "        if False:\n",
    ),
    "the telling of every file where the clock is not ours": (
        "tree/listing.py",
        "            listing.since = LONG_AGO\n",
        "            pass\n",
    ),
    "the stamp that goes along with a name": (
        "csrc/verbs.c",
        "il_is_stamped(entry) ? &stamp : NULL",
        "NULL",
    ),
    "what was told and not handed out, where it is saved": (
        "watching/saving.py",
        "        events += told\n        asked = ALWAYS\n",
        "        events = []\n        asked = ALWAYS\n",
    ),
    "the distrust of young stamps where they are saved": (
        "tree/youth.py",
        "        is_fresh = _ns(self._intake.calm.steady) <= self._fresh_until\n",
        "        is_fresh = False\n",
    ),
    "that it is calm where it is saved": (
        "tree/rooting.py",
        "            self._intake.look_if_calm()\n",
        "            pass\n",
    ),
    "the halves of a move, between which nothing is saved": (
        "watching/saving.py",
        "        if events and asked & bits.MOVED_FROM and events[0].moved_from is not None:\n",
        "        if False:\n",
    ),
    "the trust in stamps of a directory that was not watched yet": (
        "tree/crawl.py",
        " and not (node.wd == NO_WD and crawl.root.rules.keep_stat):\n",
        ":\n",
    ),
    "what a root was, where it is a file or a directory by now": (
        "tree/since.py",
        "        self._files.reconsider(root)\n",
        "",
    ),
    "the mtime of a rename that no event told": ("tree/stamps.py", ")[:3], None)", ")[:2] + (0,), None)"),
    "what a poll leaves to be looked at, before the next one": (
        "tree/polls.py",
        "        if not (self._is_behind(files, rounds) or self.is_asked):\n            return False\n",
        "",
    ),
    "the listing of a tmpfs by one read": (
        "tree/disk.py",
        "            if are_more and listings.leaves_out(listed.fd):\n",
        "            if are_more and False:\n",
    ),
    "the poll of sync()": (
        "watching/reading.py",
        "        self._tree.poll()\n        return self._tree.fence()\n",
        "        return self._tree.fence()\n",
    ),
    "the number of a directory for which no watch is left": (
        "tree/disk.py",
        "            if error.errno != errno.ENOSPC:\n",
        "            if True:\n",
    ),
}


def mutate(top: Path, file: str, old: str, new: str) -> None:
    path = top / file if file.startswith("csrc/") else next((top / "inotify_cffi").rglob(file))
    text = path.read_text()
    if text.count(old) != 1:
        sys.exit(f"this mutation fits {text.count(old)} times in {file}: {old!r}")
    path.write_text(text.replace(old, new))
    if file.startswith("csrc/"):
        # What this leaves goes before the module that was copied.
        subprocess.run([sys.executable, "build_ffi.py"], cwd=top, check=True, capture_output=True)


def fails(top: Path) -> str | None:
    """The first test that fails there; None if all pass."""
    command = [sys.executable, "-m", "pytest", "-x", "-q", "--no-header", "-p", "no:cacheprovider", *TESTS]
    environment = {**os.environ, "PYTHONPATH": str(top), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(command, cwd=top, env=environment, capture_output=True, text=True, check=False)
    failed = [line for line in done.stdout.splitlines() if line.startswith("FAILED")]
    if done.returncode and not failed:
        sys.exit(f"{done.stdout}{done.stderr}\nthe tests end with exit code {done.returncode}, and no test fails")
    return failed[0].split(" ")[1] if failed else None


def chosen(parts: list[str]) -> dict[str, tuple[str, str, str]]:
    """The mutations with one of these in the name or the file; all for none."""
    for part in parts:
        if not any(part in name or part in file for name, (file, _, _) in MUTATIONS.items()):
            sys.exit(f"no mutation has {part!r} in its name or file; --list says which there are")
    return {
        name: mutation
        for name, mutation in MUTATIONS.items()
        if not parts or any(part in name or part in mutation[0] for part in parts)
    }


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.mutations", description=__doc__)
    parser.add_argument("--list", action="store_true", help="print the file and the name of each, and run nothing")
    parser.add_argument(
        "parts", metavar="NAME", nargs="*", help="only those with this in the name or the file; default: all"
    )
    options = parser.parse_args(arguments)
    mutations = chosen(options.parts)
    if options.list:
        for name, (file, _, _) in mutations.items():
            print(f"{file}: {name}")
        return 0
    survivors = []
    for name, (file, old, new) in {"nothing": ("tree/disk.py", "", ""), **mutations}.items():
        base = tempfile.mkdtemp(prefix="mutation-")
        try:
            for part in ("inotify_cffi", "csrc", "tests", "build_ffi.py", "pyproject.toml"):
                source = TOP / part
                (shutil.copytree if source.is_dir() else shutil.copy)(source, os.path.join(base, part))
            if old:
                mutate(Path(base), file, old, new)
            test = fails(Path(base))
        finally:
            shutil.rmtree(base)
        print(f"without {name}: {test or 'no test fails'}", flush=True)
        if (test is None) == bool(old):
            survivors.append(name)
    print(f"{len(mutations)} mutations, {len(survivors)} not as they should be")
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main())
