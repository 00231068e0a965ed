#!/usr/bin/env bash
# Linux 6.18.44, tmpfs: an entry that nobody touches is left out of a listing if another is moved away between two reads of it.
#
# POSIX leaves open whether readdir() returns what comes or goes meanwhile; what stays is returned. tmpfs gives each entry a
# number that is its position, and one would guess that a removed one is skipped. Here "a" was put in the place of an older "a"
# by rename, "d" came last; two reads give "." and "..", then "d" is moved away, and the rest of the listing has no "a".
# Whoever lists a large directory of tmpfs in several reads may miss entries, without an error.
# Seen on 2026-11-30: there are ['a', 'f'], the rest of the listing is ['f']
# Exits with 1 if that is so no more, with 77 where /dev/shm is no tmpfs.
set -euo pipefail
[[ $(stat -f -c %T /dev/shm) == tmpfs ]] || { echo "/dev/shm is no tmpfs"; exit 77; }
uname -r
python3 - <<'P'
import ctypes
import os
import struct
import sys
import tempfile

libc = ctypes.CDLL(None, use_errno=True)
GETDENTS64 = {"x86_64": 217, "aarch64": 61, "riscv64": 61}[os.uname().machine]


def read(fd, size):
    """The names that one getdents64(2) gives."""
    buffer = ctypes.create_string_buffer(size)
    count, at, names = libc.syscall(GETDENTS64, fd, buffer, size), 0, []
    assert count >= 0, ctypes.get_errno()
    while at < count:
        length = struct.unpack_from("<H", buffer, at + 16)[0]
        names.append(buffer.raw[at + 19 : at + length].split(b"\0")[0].decode())
        at += length
    return names


def left_out(base):
    with tempfile.TemporaryDirectory(dir=base) as top:
        for name in ("listed", "one", "two", "three"):
            os.mkdir(f"{top}/{name}")
        os.rename(f"{top}/one", f"{top}/listed/a")
        os.mkdir(f"{top}/listed/f")
        os.rename(f"{top}/two", f"{top}/listed/a")
        os.rename(f"{top}/three", f"{top}/listed/d")
        fd = os.open(f"{top}/listed", os.O_RDONLY)
        # Room for two short names.
        assert sorted(read(fd, 48)) == [".", ".."]
        os.rename(f"{top}/listed/d", f"{top}/away")
        rest = []
        while names := read(fd, 4096):
            rest += names
        os.close(fd)
        return rest, sorted(os.listdir(f"{top}/listed"))


rest, there = left_out("/dev/shm")
print(f"tmpfs: there are {there}, the rest of the listing is {rest}")
sys.exit(not ("a" in there and "a" not in rest))
P
