"""What a server's settings may lose of what it has acknowledged, in a line each, and how to set it."""

from __future__ import annotations

from typing import List, Mapping

__all__ = ["of_redis", "of_retention", "of_server", "of_stream"]

# What becomes of a message that a server has acknowledged and lost.
AGAIN = "it is sent again while the journal has it"


def of_stream(name: str, config: Mapping[str, object], age_s: float | None) -> List[str]:
    """Return what a JetStream stream's configuration may lose.

    Args:
        name: the stream's.
        config: as the server tells it.
        age_s: how old the oldest row of the outbox is, in seconds; None: there is none.

    """
    lines = []
    if config.get("storage") == "memory":
        lines.append(
            f"the stream {name} is in memory: a restart of the server loses all that it acknowledged, and what "
            "the journal has forgotten by then is gone; make it anew with storage file"
        )
    if config.get("no_ack"):
        lines.append(
            f"the stream {name} acknowledges nothing (no_ack), so nothing is known to be kept; set no_ack=false"
        )
    if config.get("persist_mode") == "async":
        lines.append(
            f"the stream {name} writes later than it acknowledges (persist_mode async); make it anew without"
        )
    max_age = _number(config.get("max_age")) / 1e9
    if 0 < max_age < (age_s or 0.0):
        lines.append(
            f"the stream {name} forgets after {_span(max_age)} what the journal has for {_span(age_s or 0.0)}: "
            "a consumer that is away for longer misses it; raise max_age"
        )
    if config.get("discard", "old") == "old":
        sizes = {key: int(_number(config.get(key))) for key in ("max_bytes", "max_msgs")}
        limits = [f"{key} {size}" for key, size in sizes.items() if size > 0]
        if limits:
            lines.append(
                f"the stream {name} forgets the oldest beyond {' and '.join(limits)}, read or not; with "
                "discard=new it refuses, and the journal keeps"
            )
    return lines


def of_server(url: str, jetstream: Mapping[str, object] | None) -> List[str]:
    """Return what a server's JetStream may lose: its part of /varz; None where it can not be seen."""
    remedy = "sync_interval: always in the jetstream block keeps each"
    if jetstream is None:
        unseen = (
            "it can not be seen how often the server synchronises, by default every two minutes, and a power cut "
            f"takes what it acknowledged since ({AGAIN}); {remedy}, and --monitor URL shows it"
        )
        return [unseen]
    config = jetstream.get("config")
    config = config if isinstance(config, dict) else jetstream
    if config.get("sync_always"):
        return []
    often = _span(_number(config.get("sync_interval")) / 1e9)
    seen = (
        f"the server {url} synchronises every {often}: a power cut takes what it acknowledged since ({AGAIN}); "
        f"{remedy}"
    )
    return [seen]


def of_retention(keep_s: float, age_s: float | None) -> List[str]:
    """Return what is forgotten too early by an outlet that forgets.

    Args:
        keep_s: for how long messages are kept, in seconds; 0: for ever.
        age_s: how old the oldest row of the outbox is, in seconds; None: there is none.

    """
    if not 0 < keep_s < (age_s or 0.0):
        return []
    line = (
        f"the stream forgets after {_span(keep_s)} what the journal has for {_span(age_s or 0.0)}: a consumer "
        "that is away for longer misses it; raise --retention"
    )
    return [line]


def of_redis(url: str, config: Mapping[str, str] | None) -> List[str]:
    """Return what a server of Redis or Valkey may lose: its configuration; None where it can not be seen."""
    remedy = "appendonly yes and appendfsync always keep each"
    if config is None:
        unseen = (
            "it can not be seen how often the server synchronises (CONFIG GET is refused): by default it keeps no "
            f"log, and a restart takes what it acknowledged since its last snapshot ({AGAIN}); {remedy}"
        )
        return [unseen]
    lines = []
    often = {"everysec": "once a second", "no": "when the kernel sees fit"}.get(config.get("appendfsync", ""))
    if config.get("appendonly") != "yes":
        lines.append(
            f"the server {url} keeps no log (appendonly no): a restart takes what it acknowledged since its last "
            f"snapshot ({AGAIN}); {remedy}"
        )
    elif often is not None:
        lines.append(
            f"the server {url} synchronises {often}: a power cut takes what it acknowledged since ({AGAIN}); "
            "appendfsync always keeps each"
        )
    policy = config.get("maxmemory-policy", "noeviction")
    if config.get("maxmemory", "0") != "0" and policy.startswith("allkeys"):
        lines.append(
            f"the server {url} forgets whole hosts when its memory is full (maxmemory-policy {policy}); with "
            "noeviction it refuses, and the journal keeps"
        )
    return lines


def _number(value: object) -> float:
    return float(value) if isinstance(value, (int, float)) else 0.0


def _span(seconds: float) -> str:
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds >= size:
            return f"{seconds / size:.3g}{unit}"
    return f"{seconds:.3g}s"
