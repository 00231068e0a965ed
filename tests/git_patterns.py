"""Random lists of patterns over random trees, held against git: ``python -m tests.git_patterns --lists 2000``

Each tree has one to three ``.gitignore`` files, of one to five patterns each. ``git check-ignore -v`` says what is
ignored; a watcher has to know all the rest, and nothing else. The same is done with one list as ``exclude``, which has
to be what git makes of it in ``.git/info/exclude``. A seed fixes a tree and its lists; of a git that takes stars behind
letters for more than one, the lists have one there.
"""

from __future__ import annotations

import argparse
import os
import platform
import random
import re
import shutil
import subprocess
import sys
import tempfile

from inotify_cffi import Watcher

NAMES = [
    *(b"a", b"b", b"c", b"ab", b"abc", b"A", b"a.py", b"b.py", b"x.o", b".a", b"-", b"a-b", b"^", b"1"),
    *(b"x y", b" a", b"a ", b"a  ", b"#a", b"!a", b"a\\b", b"\\", b"[", b"]", b"[a]", b"*", b"?", b"{a,b}", b":a"),
    *(b"\xc3\xa9", b"\xff", b"a\nb", b"\n", b"a\rb", b"a\r", b"\t", b"\xef\xbb\xbfa", b"a" * 250),
]
BRACKETS = (
    rb"[ab] [a-c] [!a] [^a] []a] [!]a] [\]] [a-] [-a] [a\-c] [\a-c] [z-a] [c-ab] [a-c-e] [,-.] [!-~] [*?] "
    rb"[[:alpha:]] [[:digit:]1] [![:alnum:]] [[:upper:][:space:]] [[:punct:]] [a-[:alpha:]] [[a] [[:a] [[:] "
    rb"[\ [a [ [] [!] [[:foo:]] [[:alpha [[::]] [a/b] [!b/] [/]"
).split()
BRACKETS.append(b"[\x80-\xff]")
STARS = [b"*", b"*", b"**", b"***", b"?", b"*?", b"?*", b"*a*", b"*[!a]"]
# Between slashes: what a matcher has to come back to, or must not.
NAMES_WITH_STARS = rb"** ** ** * a*b *a* ?* *b*a* a b ab* *[ab] a** **b [!b]* *?b *** a*b*c \a* ?*?".split()
WHOLE = [
    *rb"* !*/ !* /* ** /** !/**/ **/ */ a/** **/a a/**/b a**/b a/**b *.py !*.py *.o */a a/* !a/*/".split(),
    *rb"/**/a/**/b **/a/**/b/**/c a/**/**/b a/***/b */**/b !a/**/ #a \#a \!a ! / // !/ \ a\ a\/ **\/a".split(),
    *(b"", b"# ", b"a\\ ", b"\\ ", b"a ", b"a  ", b"a \\ ", b"a\\\\ ", b"a\t", b" a", b"a\r", b"a\0b", b"\0"),
]


# Several stars behind what is nothing but itself, and is no slash.
STARS_BEHIND_LETTERS = re.compile(rb"^(!|(?!!))([^*?\[\\\n]*[^*?\[\\\n/])\*\*+", re.MULTILINE)


def quoted(name: bytes, dice: random.Random) -> bytes:
    """A name as a pattern that matches it and, most of the time, no other."""
    special = b"*?[\\" if dice.random() < 0.9 else b""
    text = b"".join(b"\\" * (byte in special or dice.random() < 0.03) + bytes([byte]) for byte in name)
    return b"\\" + text if text[:1] in (b"#", b"!") and dice.random() < 0.7 else text


def part(dice: random.Random, names: list[bytes]) -> bytes:
    """A pattern of a name, or of a part of one."""
    kind = dice.random()
    if kind < 0.4:
        return quoted(dice.choice(names), dice)
    if kind < 0.6:
        return dice.choice(STARS)
    if kind < 0.8:
        return dice.choice(BRACKETS)
    name = quoted(dice.choice(names), dice)
    at = dice.randint(0, len(name))
    return name[:at] + dice.choice(STARS + BRACKETS) + name[at + dice.randint(0, 1) :]


def pattern(dice: random.Random, names: list[bytes]) -> bytes:
    """A line of a file; most of the names in it are in the tree."""
    if dice.random() < 0.25:
        return dice.choice(WHOLE)
    if dice.random() < 0.2:
        return dice.choice([b"", b"", b"!"]) + b"/".join(dice.choices(NAMES_WITH_STARS, k=dice.randint(2, 5)))
    text = part(dice, names)
    for _ in range(dice.choice([0, 0, 0, 1, 1, 2, 3])):
        text += (b"/" if dice.random() < 0.75 else b"") + part(dice, names)
    if dice.random() < 0.15:
        text = b"/" + text
    if dice.random() < 0.2:
        text += b"/"
    if dice.random() < 0.3:
        text = b"!" + text
    return text + dice.choice([b""] * 12 + [b" ", b"  ", b"\\ ", b"\t"])


def content(dice: random.Random, names: list[bytes]) -> bytes:
    """A file of patterns."""
    lines = [pattern(dice, names) for _ in range(dice.randint(1, 5))]
    end = b"\r\n" if dice.random() < 0.15 else b"\n"
    mark = b"\xef\xbb\xbf" if dice.random() < 0.1 else b""
    return mark + end.join(lines) + (end if dice.random() < 0.8 else b"")


class Git:
    """A repository that has no file, and a work tree that changes."""

    def __init__(self, directory: str) -> None:
        self.top = os.fsencode(directory)
        subprocess.run(["git", "init", "-q", directory], check=True)
        self.exclude = os.path.join(directory, ".git/info/exclude")
        # Gits differ in this: see wildmatch.py.
        self.write(b"a**/b\n")
        self.has_wide_stars_behind_letters = not self.admitted(self.top, [b"ax/y/b"])
        self.write(b"")

    def agreed(self, lists: bytes) -> bytes:
        """The same lists, but for what gits differ in."""
        return STARS_BEHIND_LETTERS.sub(rb"\1\2*", lists) if self.has_wide_stars_behind_letters else lists

    def write(self, text: bytes) -> None:
        with open(self.exclude, "wb") as file:
            file.write(text)

    def call(self, tree: bytes, *command: str, given: bytes = b"") -> list[bytes]:
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("GIT_")},
            "GIT_DIR": os.fsdecode(self.top) + "/.git",
            "GIT_WORK_TREE": os.fsdecode(tree),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": os.devnull,
        }
        command = ("git", "-c", "core.excludesFile=" + os.devnull, *command)
        done = subprocess.run(command, input=given, env=environment, cwd=tree, check=False, capture_output=True)
        if done.stderr:
            raise RuntimeError(done.stderr)
        return done.stdout.split(b"\0")[:-1]

    def admitted(self, tree: bytes, paths: list[bytes]) -> set[bytes]:
        """The paths that are not ignored, the last pattern that matches being none or a negated one."""
        given = b"".join(b"./" + path + b"\0" for path in paths)
        said = self.call(tree, "check-ignore", "--no-index", "--stdin", "-z", "-v", "-n", given=given)
        # The source, the line, the pattern, the path.
        records = list(zip(said[0::4], said[2::4], said[3::4]))
        if len(records) != len(paths):
            raise RuntimeError(f"git said {len(records)} of {len(paths)} paths")
        return {path[2:] for source, matched, path in records if not source or matched.startswith(b"!")}


class World:
    """A tree and its lists of patterns, all from a seed."""

    def __init__(self, seed: int, tree: str, git: Git) -> None:
        self.git = git
        self.dice = random.Random(seed)
        self.tree = os.fsencode(tree)
        self.paths: list[bytes] = []
        self.names = self.dice.sample(NAMES, self.dice.randint(6, 12))
        self.fill(b"", self.names, 3)

    def fill(self, directory: bytes, names: list[bytes], levels: int) -> None:
        for name in self.dice.sample(names, self.dice.randint(3, 6)):
            path = directory + name
            if levels > 1 and self.dice.random() < 0.5:
                os.mkdir(os.path.join(self.tree, path))
                self.fill(path + b"/", names, levels - 1)
            else:
                os.mknod(os.path.join(self.tree, path))
            self.paths.append(path)

    def content(self) -> bytes:
        return self.git.agreed(content(self.dice, self.names))

    def directories(self) -> list[bytes]:
        return [b"", *(path + b"/" for path in self.paths if os.path.isdir(os.path.join(self.tree, path)))]

    def ignore(self) -> list[bytes]:
        """Write some ``.gitignore``; what they hold."""
        contents = []
        directories = self.directories()
        for directory in dict.fromkeys([b"", *self.dice.choices(directories, k=self.dice.randint(0, 2))]):
            contents.append(self.content())
            with open(os.path.join(self.tree, directory, b".gitignore"), "wb") as file:
                file.write(contents[-1])
            self.paths.append(directory + b".gitignore")
        return contents


def known(tree: bytes, **options: object) -> set[bytes]:
    """What a watcher knows, relative to its root."""
    with Watcher(tree, **options) as watcher:
        return {path[len(tree) + 1 :] for path in watcher.snapshot()}


def lines_of(text: bytes) -> list[str]:
    """The lines of a file, without those that ``exclude`` refuses for matching nothing."""
    from inotify_cffi.ledger.patterns import check

    lines = []
    for line in os.fsdecode(text).split("\n"):
        line = line.partition("\0")[0]  # noqa: PLW2901
        try:
            check((line,), "exclude")
        except ValueError:
            continue
        lines.append(line)
    return lines


def difference(what: str, lists: list[bytes], ours: set[bytes], gits: set[bytes]) -> list[str]:
    if ours == gits:
        return []
    return [f"{what} {lists}: too many {sorted(ours - gits)[:3]}, missing {sorted(gits - ours)[:3]}"]


def complaints(git: Git, seed: int, directory: str | None = None) -> list[str]:
    """What a watcher makes of the patterns of a seed that git does not."""
    tree = tempfile.mkdtemp(prefix="patterns-", dir=directory)
    try:
        world = World(seed, tree, git)
        excluded = world.content()
        git.write(excluded)
        gits = git.admitted(world.tree, world.paths)
        found = difference("exclude", [excluded], known(world.tree, exclude=lines_of(excluded)), gits)
        git.write(b"")
        lists = world.ignore()
        gits = git.admitted(world.tree, world.paths)
        return found + difference(".gitignore", lists, known(world.tree, gitignore=True), gits)
    finally:
        shutil.rmtree(tree)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.git_patterns", description=__doc__)
    parser.add_argument("--lists", type=int, default=2000, help="how many random worlds")
    parser.add_argument("--seed", type=int, default=0, help="of the first one; the next has the next")
    parser.add_argument("--directory", help="where the trees are made; a tmpfs, say")
    options = parser.parse_args()

    differ = 0
    with tempfile.TemporaryDirectory(prefix="patterns-git-") as directory:
        git = Git(directory)
        for seed in range(options.seed, options.seed + options.lists):
            found = complaints(git, seed, options.directory)
            differ += bool(found)
            for complaint in found:
                print(f"seed {seed}: {complaint}", flush=True)
        version = subprocess.run(["git", "--version"], check=True, capture_output=True, text=True).stdout.strip()
    name = f"{platform.python_implementation()} {platform.python_version()}"
    print(f"{name}, {version}: {options.lists} lists, seeds from {options.seed}: {differ} differ")
    return 1 if differ else 0


if __name__ == "__main__":
    sys.exit(main())
