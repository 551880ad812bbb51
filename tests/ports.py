"""Ports for processes that bind them a while later, or again after a kill."""

import random
import socket
from pathlib import Path

FIRST = 20000
RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")


def a_port() -> int:
    """A free port of 127.0.0.1 that the system gives nobody who asks for any: it is still free when it is used."""
    end = int(RANGE.read_text().split()[0]) if RANGE.exists() else 32768
    while True:
        port = random.randrange(FIRST, max(end, FIRST + 1000))
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
