"""Which port may a program use that cannot take port 0?

Nothing can promise a free port for long: `free_port` picks one nobody holds now, outside the range from which the
kernel hands out ephemeral ports, and `retrying` starts the program again on another one when it loses the race.
"""

from __future__ import annotations

import os
import random
import socket
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

_rng = random.Random(os.getpid() * 7919 + int.from_bytes(os.urandom(4), "big"))


def _is_free(host: str, port: int) -> bool:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        with socket.socket(family, kind) as probe:
            try:
                probe.bind((host, port))
            except OSError:
                return False
    return True


def free_port(host: str = "127.0.0.1") -> int:
    """Pick a port on which neither TCP nor UDP is bound at `host` at this moment."""
    for _ in range(200):
        port = _rng.randrange(20_000, 32_000)
        if _is_free(host, port) and _is_free("::" if ":" in host else "0.0.0.0", port):
            return port
    raise AssertionError("no free port found")


def retrying(start: Callable[[int], T], *, host: str = "127.0.0.1", attempts: int = 4) -> T:
    """Call `start(port)` with a fresh port until it does not raise PortTaken."""
    for attempt in range(attempts):
        try:
            return start(free_port(host))
        except PortTaken:
            if attempt == attempts - 1:
                raise
    raise AssertionError("unreachable")


class PortTaken(Exception):
    """The program did not come up on the port it was given."""
