"""Changes of which no event says anything, and the disk to hold against what is told of them."""

from __future__ import annotations

import os
import shutil

from consumer import write, write_all


def unseen(watcher):
    """Let what has happened be what no event says: they are taken out of the queue."""
    fd = watcher._instance.fileno()
    try:
        while os.read(fd, 1 << 16):
            pass
    except BlockingIOError:
        return


def disk(root):
    return {
        os.path.join(top, name): name in directories
        for top, directories, files in os.walk(root)
        for name in (*directories, *files)
    }


CHANGES = {
    "a file comes": lambda root: write(f"{root}/new"),
    "a file goes": lambda root: os.unlink(f"{root}/a/b/f"),
    "a file is renamed": lambda root: os.rename(f"{root}/a/b/f", f"{root}/a/g"),
    "a directory comes": lambda root: write_all(root, "new/below/f"),
    "a directory goes": lambda root: shutil.rmtree(f"{root}/a"),
    "a directory is renamed": lambda root: os.rename(f"{root}/a/b", f"{root}/c/b"),
    "a directory is another": lambda root: (shutil.rmtree(f"{root}/a/b"), write_all(root, "a/b/other")),
    "a directory becomes a file": lambda root: (shutil.rmtree(f"{root}/a/b"), write(f"{root}/a/b")),
    "a file becomes a directory": lambda root: (os.unlink(f"{root}/a/b/f"), os.mkdir(f"{root}/a/b/f")),
    "two are exchanged": lambda root: (
        os.rename(f"{root}/a/b", f"{root}/x"),
        os.rename(f"{root}/c/d", f"{root}/a/b"),
        os.rename(f"{root}/x", f"{root}/c/d"),
    ),
    "nothing": lambda root: None,
}
