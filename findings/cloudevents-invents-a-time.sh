#!/usr/bin/env bash
# The CloudEvents SDK for Python (cloudevents 2.2.0, and 1.13.0) invents a `time` for an event that has none.
#
# `time` is optional (CloudEvents 1.0.2, "time": MAY be omitted). One would guess that an event without it is read as
# one without it. It gets the moment of the reading: read twice it is two different events, and what is written
# again has an attribute that its producer never gave. A consumer can not tell "no time" from "just now".
# Seen on 2026-11-28, CPython 3.11:
#   cloudevents 2.2.0: time is set, another one each time; written again it is in the event
#   cloudevents 1.13.0: time is set, another one each time; written again it is in the event
# Exits with 1 if that is so no more.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cat >"$work/try.py" <<'P'
import json, sys, time, warnings
warnings.simplefilter("ignore")
line = json.dumps({"specversion": "1.0", "id": "1", "source": "/s", "type": "t"})
if sys.argv[1].startswith("2"):
    from cloudevents.core.formats.json import JSONFormat
    from cloudevents.core.v1.event import CloudEvent
    read, write = lambda: JSONFormat().read(CloudEvent, line), JSONFormat().write
else:
    from cloudevents.http import from_json, to_json
    read, write = lambda: from_json(line), to_json
first = read()
time.sleep(0.01)
second = read()
times = [dict(event.get_attributes()).get("time") for event in (first, second)]
is_so = None not in times and times[0] != times[1] and "time" in json.loads(write(first))
print(f"cloudevents {sys.argv[1]}: " + (
    "time is set, another one each time; written again it is in the event" if is_so else f"no more so: {times}"
))
sys.exit(not is_so)
P
code=0
for version in 2.2.0 1.13.0; do
    python3 -m venv "$work/$version"
    "$work/$version/bin/pip" install -q --disable-pip-version-check "cloudevents==$version" 2>/dev/null
    "$work/$version/bin/python" "$work/try.py" "$version" || code=1
done
exit "$code"
