"""Say in what two hosts differ, from the stream that both send: ``two_hosts.py URL HOST=ROOT HOST=ROOT``.

Each host runs ``inotify-cffi watch --plugin journal --plugin forward ROOT``. What they have sent up to now is
read, and each name that one of them has and the other has not is printed.
"""

from __future__ import annotations

import os
import sys

from inotify_cffi import Mirror
from inotify_cffi.fleet import Access, follow


def main(url: str, first: str, second: str, stream: str = "FS", prefix: str = "fs") -> None:
    """Print the differences, or nothing."""
    roots = dict(pair.split("=", 1) for pair in (first, second))
    mirrors = {host: Mirror() for host in roots}
    access = Access([url], stream=stream, prefix=prefix)
    for host, event in follow(access, hosts=list(roots), since=0, until_now=True):
        mirrors[host].apply([event])
    names = {
        host: {os.path.relpath(path, roots[host]) for path in mirror.paths()} for host, mirror in mirrors.items()
    }
    one, other = names
    for host, missing in (one, names[one] - names[other]), (other, names[other] - names[one]):
        for name in sorted(missing):
            print(f"only on {host}: {name}")


if __name__ == "__main__":
    main(*sys.argv[1:])
