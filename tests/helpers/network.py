"""A network namespace with a wire to this one; it takes root, and ip(8)."""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess

_numbers = itertools.count()


def ip(*words):
    subprocess.run(["ip", *words], check=True, capture_output=True, text=True)


class Namespace:
    """A network of its own with one wire, of which this side has an address."""

    def __init__(self):
        number = next(_numbers)
        self.name = f"icffi{os.getpid()}n{number}"
        self._wire = f"ic{os.getpid() % 100000}n{number}"
        net = f"10.{200 + number % 50}.{os.getpid() // 256 % 256}"
        self.address = f"{net}.1"
        ip("netns", "add", self.name)
        try:
            ip("link", "add", self._wire, "type", "veth", "peer", "name", "eth0", "netns", self.name)
            ip("addr", "add", f"{self.address}/30", "dev", self._wire)
            ip("link", "set", self._wire, "up")
            ip("-n", self.name, "addr", "add", f"{net}.2/30", "dev", "eth0")
            ip("-n", self.name, "link", "set", "eth0", "up")
        except BaseException:
            self.close()
            raise

    @property
    def command(self):
        """What stands before a command that is to run in it."""
        return ("ip", "netns", "exec", self.name)

    def cut(self):
        ip("link", "set", self._wire, "down")

    def heal(self):
        ip("link", "set", self._wire, "up")

    def close(self):
        subprocess.run(["ip", "netns", "del", self.name], check=False, capture_output=True)


def namespaces_are_there():
    """Can they be made here?"""
    if shutil.which("ip") is None:
        return False
    try:
        Namespace().close()
    except (OSError, subprocess.CalledProcessError):
        return False
    return True
