#!/usr/bin/env bash
# nats-py 2.16.0: connect() with allow_reconnect=False tries for two minutes where nobody listens.
#
# Who does the waiting himself says allow_reconnect=False, and one would guess that a port which refuses is an error at
# once, as it is in other clients. But the loop of the first connection heeds only max_reconnect_attempts (60) and
# reconnect_time_wait (2 s), so connect() returns after some two minutes, with NoServersError, which does not say why. With
# max_reconnect_attempts=1 and reconnect_time_wait=0 it tries twice and is done; why is only told to error_cb.
# Seen on 2026-11-29: allow_reconnect=False: still trying after 5 s; with the other two: NoServersError at once, error_cb
#   was told "Connect call failed"
# Exits with 1 if that is so no more.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q --disable-pip-version-check nats-py==2.16.0 2>/dev/null
"$work/env/bin/python" - <<'P'
import asyncio
import socket
import sys

import nats


async def main():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        url = f"nats://127.0.0.1:{one.getsockname()[1]}"
    told = []

    async def note(error):
        told.append(str(error))

    async def end_of(**options):
        try:
            await asyncio.wait_for(nats.connect(url, allow_reconnect=False, error_cb=note, **options), 5)
        except asyncio.TimeoutError as error:
            return "still trying" if type(error).__name__ == "TimeoutError" else str(error)
        except nats.errors.Error as error:
            return type(error).__name__

    first = await end_of()
    del told[:]
    second = await end_of(max_reconnect_attempts=1, reconnect_time_wait=0)
    print("allow_reconnect=False:", first, "after 5 s; with the other two:", second, "at once,", told[-1])
    return first == "still trying" and second == "NoServersError" and "Connect call failed" in told[-1]


sys.exit(not asyncio.run(main()))
P
