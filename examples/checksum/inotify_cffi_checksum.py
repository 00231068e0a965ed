"""Print the SHA-256 of each file that has been written completely, as sha256sum(1) does."""

from __future__ import annotations

import hashlib
import os
import sys
from typing import TYPE_CHECKING

from inotify_cffi import Worker, hookimpl

if TYPE_CHECKING:
    import argparse


class Checksum:
    """The plugin; it is made when it is loaded."""

    # To read a large file takes time: on a thread of its own it holds nobody up.
    inotify_worker = Worker(size=10_000, when_full="block")

    def __init__(self) -> None:
        self._algorithm = "sha256"

    @hookimpl
    def inotify_add_options(self, parser: argparse.ArgumentParser) -> None:
        """Offer other algorithms."""
        group = parser.add_argument_group("checksum", "what is computed of each finished file")
        group.add_argument("--algorithm", choices=("blake2b", "sha1", "sha256", "sha512"), default="sha256")

    @hookimpl
    def inotify_configure(self, options: argparse.Namespace) -> None:
        """Take what was chosen."""
        self._algorithm = options.algorithm

    @hookimpl
    def inotify_settled(self, path: str | bytes) -> None:
        """Read a finished file and print its sum."""
        digest = hashlib.new(self._algorithm)
        try:
            with open(path, "rb") as stream:
                for block in iter(lambda: stream.read(1 << 20), b""):
                    digest.update(block)
        except FileNotFoundError:
            # It is gone again: there is nothing to tell.
            return
        sys.stdout.buffer.write(digest.hexdigest().encode() + b"  " + os.fsencode(path) + b"\n")
        sys.stdout.buffer.flush()
