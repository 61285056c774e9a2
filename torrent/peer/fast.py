"""Which pieces may a choked peer ask us for?

The allowed-fast set of BEP 6: derived from the peer's IPv4 network and the info-hash, so that a peer cannot change it
by reconnecting, and both sides can compute it.
"""

from __future__ import annotations

from hashlib import sha1
from ipaddress import IPv4Address

SET_SIZE = 10
"""Pieces in the set (the size BEP 6 suggests)."""


def allowed_fast(host: str, info_hash: bytes, pieces: int, size: int = SET_SIZE) -> tuple[int, ...]:
    """Return up to `size` distinct pieces that a peer at `host` may have while choked; nothing for IPv6 (BEP 6)."""
    if ":" in host or pieces <= 0:
        return ()
    size = min(size, pieces)
    network = (int(IPv4Address(host)) & 0xFFFFFF00).to_bytes(4, "big")
    chosen: dict[int, None] = {}
    digest = network + info_hash
    while len(chosen) < size:
        digest = sha1(digest).digest()
        for at in range(0, 20, 4):
            chosen[int.from_bytes(digest[at : at + 4], "big") % pieces] = None
            if len(chosen) == size:
                break
    return tuple(chosen)
