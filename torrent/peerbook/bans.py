"""Who may not come back?

A ban is on a host with all its ports; in IPv6 on the /64 that one subscriber has, for whoever owns one address there
owns them all. On loopback, where honest peers share a host with a liar, one address alone can be banned.

Bounded: beyond `MOST` bans the oldest is forgotten, so that a botnet that wants to be banned fills no memory.
"""

from __future__ import annotations

from typing import Final

from torrent.net import pack
from torrent.terms import Address

MOST: Final = 10_000


def subscriber(host: str) -> str:
    """Return what stands for everybody behind `host`: the IPv4 address itself, the first 64 bits of an IPv6 one."""
    if ":" not in host:
        return host
    try:
        return pack(Address(host, 1))[:8].hex() + "::"
    except ValueError:
        return host


class Bans:
    """The banned hosts and addresses of one torrent."""

    __slots__ = ("_banned",)

    def __init__(self) -> None:
        self._banned: dict[str | Address, None] = {}

    def __len__(self) -> int:
        return len(self._banned)

    def __contains__(self, address: Address) -> bool:
        banned = self._banned
        return bool(banned) and (address in banned or subscriber(address.host) in banned)

    def add_host(self, host: str) -> None:
        """Ban all ports of a literal IP, and the whole /64 around an IPv6 one."""
        self._add(subscriber(host))

    def add_address(self, address: Address) -> None:
        """Ban one address alone."""
        self._add(address)

    def _add(self, key: str | Address) -> None:
        self._banned[key] = None
        if len(self._banned) > MOST:
            del self._banned[next(iter(self._banned))]
