"""Ports for processes that bind them a while later, or again after a kill."""

import random
import socket
from pathlib import Path

FIRST, LAST = 20000, 32000
GIVEN = Path("/proc/sys/net/ipv4/ip_local_port_range")  # to who asks for any; elsewhere it begins far above LAST


def free_port() -> int:
    """A free port of 127.0.0.1 that the system gives nobody who asks for any: it is still free when it is used."""
    given_from = int(GIVEN.read_text().split()[0]) if GIVEN.exists() else LAST
    last = min(LAST, given_from) if given_from > FIRST else LAST  # a system that gives all of them leaves no choice
    while True:
        port = random.randrange(FIRST, last)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
