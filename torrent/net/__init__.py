"""The face of the transports: what a network address is worth, and how streams reach it.

Knows no BitTorrent message. Everything another folder may use is named here.
"""

from __future__ import annotations

from torrent.net.addresses import (
    Scope,
    canonical_ip,
    is_global,
    is_local,
    is_loopback,
    is_private,
    is_usable_peer,
    may_fetch,
    pack,
    pack_compact4,
    pack_compact6,
    parse_address,
    scope_of,
    unpack,
    unpack_compact4,
    unpack_compact6,
    why_not_fetch,
)
from torrent.net.dial import dial
from torrent.net.listen import listen

__all__ = [
    "Scope",
    "canonical_ip",
    "dial",
    "is_global",
    "is_local",
    "is_loopback",
    "is_private",
    "is_usable_peer",
    "listen",
    "may_fetch",
    "pack",
    "pack_compact4",
    "pack_compact6",
    "parse_address",
    "scope_of",
    "unpack",
    "unpack_compact4",
    "unpack_compact6",
    "why_not_fetch",
]
