"""What are the words that every room shares?

Names follow the BEPs. A *piece* is what is hashed, a *block* is what is asked of a peer.
"""

from __future__ import annotations

from typing import NamedTuple, NewType

VERSION = "0.1.0"
"""Of this program; packaging, peer id and extension handshake take it from here."""

BLOCK_SIZE = 16 * 1024
"""Bytes in one request (BEP 3: every client asks for 16 KiB and drops peers that ask for much more)."""

InfoHash = NewType("InfoHash", bytes)
"""The 20 bytes that name a swarm on the wire: the v1 hash, or a v2 hash cut to 20 bytes (BEP 52)."""

PeerId = NewType("PeerId", bytes)
"""20 bytes a client chooses for itself (BEP 20)."""


class Address(NamedTuple):
    """Where a peer, tracker or node listens: a literal IP (no brackets, no zone) and a port from 1 to 65535."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class Block(NamedTuple):
    """A span of one piece: `begin` and `length` in bytes, counted from the start of the piece."""

    piece: int
    begin: int
    length: int
