#!/usr/bin/env bash
# cffi (2.0.0): the destructor of ffi.gc() runs before the __del__ of the object that holds it, if they are in a cycle.
#
# A class has C memory by ffi.gc(..., free) and uses it once more in its __del__: to close it in order, to flush. One
# would guess that the destructor comes last, when the memory is not referred to any more, as that of a refcount does: so
# it is where there is no cycle. But on CPython the type has tp_finalize, so in a cycle the collector calls the destructor
# and the __del__s in the order in which the objects came into its list, and the pointer, which the object still has and which
# looks the same as ever, leads to what is freed. An object made by ffi.new_allocator() of a struct is not known to the
# collector, and its destructor comes last in either case.
# Seen on 2026-11-29 (CPython 3.11):
#   gc, alone: ['__del__', 'destructor']
#   gc, in a cycle: ['destructor', '__del__']
#   allocator, alone: ['__del__', 'destructor']
#   allocator, in a cycle: ['__del__', 'destructor']
# Exits with 1 if that is so no more. Nothing is freed here before its last use: the destructors only note that they ran.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q --disable-pip-version-check cffi==2.0.0 2>/dev/null
"$work/env/bin/python" - <<'P'
import gc
import sys

from cffi import FFI

ffi = FFI()
ffi.cdef("struct thing { int value; };")
said = []
kept = []


def allocate(size):
    kept.append(ffi.new("char[]", size))
    return ffi.cast("void *", kept[-1])


def end(pointer):
    said.append("destructor")


allocated = ffi.new_allocator(allocate, end)


def by_gc():
    kept.append(ffi.new("struct thing *"))
    return ffi.gc(kept[-1], end)


class Holder:
    def __init__(self, thing):
        self.thing = thing

    def __del__(self):
        said.append("__del__")


gc.disable()
seen = {}
for name, make in (("gc", by_gc), ("allocator", lambda: allocated("struct thing *"))):
    for place in ("alone", "in a cycle"):
        holder = Holder(make())
        if place == "in a cycle":
            holder.itself = holder
        del holder
        gc.collect()
        seen[name, place] = said[:]
        print(f"{name}, {place}: {said}")
        said.clear()
last = ["__del__", "destructor"]
sys.exit(seen != {
    ("gc", "alone"): last,
    ("gc", "in a cycle"): last[::-1],
    ("allocator", "alone"): last,
    ("allocator", "in a cycle"): last,
})
P
