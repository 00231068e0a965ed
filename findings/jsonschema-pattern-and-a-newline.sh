#!/usr/bin/env bash
# jsonschema 4.26.0 (Python) lets a newline at the end through a pattern that ends in `$`.
#
# JSON Schema's patterns are ECMA-262 regular expressions, where `$` is the end of the text. One would guess that
# "^[a-z]+$" refuses "abc\n", as every validator in JavaScript does, and as fastjsonschema 2.21.2 does, which is Python,
# too. jsonschema hands the pattern to re.search as it is, where `$` also stands before a newline at the end: an id,
# a token or a base64 text with a newline behind it is valid here and refused by the next service.
# Seen on 2026-11-28, CPython 3.11:
#   jsonschema 4.26.0: valid
#   fastjsonschema 2.21.2: refused
# Exits with 1 if that is so no more.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q --disable-pip-version-check jsonschema==4.26.0 fastjsonschema==2.21.2 2>/dev/null
"$work/env/bin/python" - <<'P'
import sys

import fastjsonschema
import jsonschema

schema, text = {"type": "string", "pattern": "^[a-z]+$"}, "abc\n"
one = jsonschema.Draft202012Validator(schema).is_valid(text)
try:
    fastjsonschema.compile(schema)(text)
    other = True
except fastjsonschema.JsonSchemaException:
    other = False
print("jsonschema 4.26.0:", "valid" if one else "refused")
print("fastjsonschema 2.21.2:", "valid" if other else "refused")
sys.exit((one, other) != (True, False))
P
