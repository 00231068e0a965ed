"""Ports for servers of one's own."""

from __future__ import annotations

import secrets
import socket

__all__ = ["free_port"]

# So many below those that the kernel gives to whoever asks for any, and how often one of them is tried.
BELOW = 12_000
TRIES = 100


def free_port() -> int:
    """Return a port that nobody listens at, and that no connection gets by itself before somebody does.

    The kernel gives a connection one of ``ip_local_port_range`` (ip(7)), which it may have right before a server
    that was to listen there is started, or started anew.
    """
    with open("/proc/sys/net/ipv4/ip_local_port_range", encoding="ascii") as file:
        first = int(file.read().split()[0])
    lowest = max(first - BELOW, 1024)
    for _ in range(TRIES):
        port = lowest + secrets.randbelow(max(first - lowest, 1))
        with socket.socket() as one:
            try:
                one.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port
    raise OSError(f"no port from {lowest} to {first} is free: see ss -ltn")
