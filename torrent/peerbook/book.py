"""Which peers of one torrent do we know, and whom do we dial next?

A pure record of addresses: who told us, how dialling went, who is connected, who is banned. It never dials; it is told.

Order of dialling: addresses the user gave, those that failed least, those that were of use before, known seeds while we
leech, and within that the canonical peer priority (BEP 40) once our own address is known, a lot before.

Rules
- `next_to_dial` gives an address out once; it comes back after `failed`, `left`, or `LEASE` seconds of silence.
- How long an address waits after a failure is in `torrent.peerbook.entry`.
- At most `cap` addresses are kept. When there are more, the worst tenth goes: never connected ones or the user's; first
  those never of use nor being dialled, of these those that failed most, of these those from the least trusted source.

What a hostile remote may try
- Name addresses nobody can be at, or port 0: refused in `add`, as are our own and banned ones.
- Make us knock inside our network: loopback and private addresses from peers exchange and DHT count only if who named
  them is itself there (`origin`); a tracker's were judged where its answer was read.
- Flood us with invented addresses: the cap, `PORTS_PER_HOST`, and the order of eviction.
- Come back after a ban with another port, or another address of its IPv6 /64: `torrent.peerbook.bans`.
"""

from __future__ import annotations

import random
from collections.abc import Container, Iterable
from heapq import nsmallest
from typing import Final

from torrent.net import Scope, canonical_ip, scope_of
from torrent.peerbook.bans import Bans, subscriber
from torrent.peerbook.entry import TRUST, Entry
from torrent.peerbook.priority import peer_priority
from torrent.terms import Address

CAP: Final = 3000
"""Addresses known of one torrent."""

PORTS_PER_HOST: Final = 8
"""Addresses kept of one subscriber outside our network: a few peers may share it, sixty thousand do not."""

LEASE: Final = 120.0
"""Seconds after which an address that was given out and not heard of again may be given out anew."""

_NEEDS_ORIGIN: Final = ("dht", "pex")


class PeerBook:
    """The known peers of one torrent."""

    def __init__(self, rng: random.Random, *, cap: int = CAP) -> None:
        self._rng = rng
        self._cap = cap
        self._entries: dict[Address, Entry] = {}
        self._ports: dict[str, int] = {}  # subscriber -> entries
        self._bans = Bans()
        self._selves: dict[Address, None] = {}
        self._ours: dict[bool, Address] = {}  # is IPv6 -> how others see us
        self._seeding = False  # what the last search was for
        self._nothing_before = 0.0  # until then a search for someone to dial is in vain

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, address: Address) -> bool:
        return address in self._entries

    # what we are told

    def add(self, addresses: Iterable[Address], source: str, now: float, *, origin: str = "") -> int:
        """Note addresses from one of `SOURCES`; return how many were new.

        `origin` is the literal IP of who named them; loopback and private addresses from "pex" and "dht" need it.
        A user's address is dialled at once, whatever happened before, unless it is being dialled.
        """
        before = len(self._entries)
        allowed = _scopes_from(scope_of(origin)) if source in _NEEDS_ORIGIN else _ALL
        for address in addresses:
            entry = self._entries.get(address)
            if entry is None:
                entry = self._enter(address, source, allowed)
                if entry is None:
                    continue
            elif TRUST[source] < TRUST[entry.source]:
                entry.source = source
            if source == "user" and entry.connected_at is None and not entry.is_dialled:
                entry.retry_at = entry.failures = 0
            self._nothing_before = min(self._nothing_before, entry.retry_at)
        new = len(self._entries) - before
        if len(self._entries) > self._cap:
            self._evict()
        return new

    def _enter(self, address: Address, source: str, allowed: Container[Scope]) -> Entry | None:
        host = address.host
        scope = scope_of(host)
        if scope not in allowed or not 0 < address.port < 65536 or canonical_ip(host) != host:
            return None
        if address in self._selves or address in self._bans:
            return None
        key = subscriber(host)
        ports = self._ports.get(key, 0)
        if ports >= PORTS_PER_HOST and source != "user" and scope is Scope.GLOBAL:
            return None
        self._ports[key] = ports + 1
        entry = self._entries[address] = Entry(address, source, self._rank(address))
        return entry

    def connected(self, address: Address, now: float) -> None:
        """Note that we are connected to `address`, dialled or told to be where an incoming peer listens."""
        entry = self._entries.get(address)
        if entry is not None and entry.connected_at is None:
            entry.connect(now)

    def left(self, address: Address, now: float, *, useful: bool = False) -> None:
        """Note that the connection to `address` ended; `useful` says that it gave or took payload."""
        entry = self._entries.get(address)
        if entry is None or entry.connected_at is None:
            return
        entry.leave(now, self._rng.random(), useful=useful)
        self._nothing_before = min(self._nothing_before, entry.retry_at)

    def failed(self, address: Address, now: float, reason: str = "") -> None:
        """Note that dialling `address` led to no connection, or to none that finished its handshake."""
        entry = self._entries.get(address)
        if entry is not None and entry.connected_at is None:
            entry.fail(now, self._rng.random(), reason)
            self._nothing_before = min(self._nothing_before, entry.retry_at)

    def mark_seed(self, address: Address, is_seed: bool = True) -> None:
        """Note that `address` has everything: it is not dialled while we seed."""
        entry = self._entries.get(address)
        if entry is not None:
            entry.is_seed = is_seed
            self._nothing_before = 0.0

    def mark_self(self, address: Address) -> None:
        """Note that `address` is our own: it is never dialled or noted again."""
        self._selves[address] = None
        if len(self._selves) > 64:
            del self._selves[next(iter(self._selves))]
        self._forget(address)

    def set_external(self, address: Address) -> None:
        """Tell how others see us, so that peers are ordered by canonical priority; one address per IP family.

        Believe no single peer on it: whoever sets it chooses the order.
        """
        if scope_of(address.host) is Scope.UNUSABLE or not 0 < address.port < 65536:
            return
        six = ":" in address.host
        if self._ours.get(six) != address:
            self._ours[six] = address
            for entry in self._entries.values():
                entry.rank = self._rank(entry.address)

    # bans

    def ban(self, host: str) -> None:
        """Refuse every address of `host` from now on (of its /64, if it is IPv6)."""
        self._bans.add_host(host)
        self._forget_banned()

    def ban_address(self, address: Address) -> None:
        """Refuse one address alone: where many honest peers share a host, as on loopback."""
        self._bans.add_address(address)
        self._forget_banned()

    def is_banned(self, address: Address) -> bool:
        """Say whether `address`, or its host, is banned."""
        return address in self._bans

    def _forget_banned(self) -> None:
        for address in [address for address in self._entries if address in self._bans]:
            self._forget(address)

    # what we are asked

    def next_to_dial(self, now: float, n: int, *, seeding: bool = False) -> list[tuple[Address, str]]:
        """Give out up to `n` addresses to dial now, the best first, each with its source.

        For each the caller reports `connected` or `failed`. While `seeding`, known seeds are left alone.
        """
        if seeding is not self._seeding:
            self._seeding, self._nothing_before = seeding, 0.0
        if n <= 0 or now < self._nothing_before:
            return []
        ready: list[Entry] = []
        soonest = now + LEASE
        for entry in self._entries.values():
            if entry.connected_at is None and not (seeding and entry.is_seed and not entry.is_users):
                if entry.retry_at <= now:
                    ready.append(entry)
                elif entry.retry_at < soonest:
                    soonest = entry.retry_at
        best = nsmallest(n, ready, key=Entry.dial_order)
        for entry in best:
            entry.give_out(now + LEASE)
        self._nothing_before = soonest if len(best) == len(ready) else now
        return [(entry.address, entry.source) for entry in best]

    def next_deadline(self) -> float:
        """Return the time before which asking for someone to dial is in vain; 0 if it may be worth it now."""
        return self._nothing_before

    def trouble(self, address: Address) -> str:
        """Return why the last dial of `address` failed, or ""."""
        entry = self._entries.get(address)
        return entry.trouble if entry is not None else ""

    def worth_keeping(self, n: int) -> list[Address]:
        """Return up to `n` addresses for the next session: connected and useful ones first, none that only failed."""
        known = [entry for entry in self._entries.values() if entry.connected_at is not None or not entry.failures]
        known.sort(key=lambda entry: (not entry.is_users, entry.connected_at is None, not entry.was_useful, entry.rank))
        return [entry.address for entry in known[:n]]

    def to_drop_for(self, candidate: Address, among: Iterable[Address]) -> Address | None:
        """Return which of the connected peers `among` gives way to `candidate` when all places are taken, or None.

        By canonical priority, so both ends agree; the user's peers never give way. None too while our address as
        others see it is unknown.
        """
        ours = self._priority(candidate)
        if ours is None:
            return None
        lowest: tuple[int, Address] | None = None
        for address in among:
            entry = self._entries.get(address)
            theirs = self._priority(address)
            if theirs is not None and (entry is None or not entry.is_users) and (lowest is None or theirs < lowest[0]):
                lowest = (theirs, address)
        return lowest[1] if lowest is not None and lowest[0] < ours else None

    # within

    def _priority(self, address: Address) -> int | None:
        ours = self._ours.get(":" in address.host)
        return peer_priority(ours, address) if ours is not None else None

    def _rank(self, address: Address) -> int:
        priority = self._priority(address)
        return -priority if priority is not None else -self._rng.getrandbits(32)

    def _forget(self, address: Address) -> None:
        if self._entries.pop(address, None) is not None:
            key = subscriber(address.host)
            self._ports[key] -= 1
            if not self._ports[key]:
                del self._ports[key]

    def _evict(self) -> None:
        """Forget enough of the worst to be a tenth under the cap, so that a flood pays for one search in hundreds."""
        candidates = [entry for entry in self._entries.values() if entry.connected_at is None and not entry.is_users]
        candidates.reverse()  # of equals the newest goes first: what came before the flood stays
        candidates.sort(key=lambda entry: (entry.was_useful or entry.is_dialled, -entry.failures, -TRUST[entry.source]))
        for entry in candidates[: len(self._entries) - self._cap * 9 // 10]:
            self._forget(entry.address)


_ALL: Final = (Scope.GLOBAL, Scope.PRIVATE, Scope.LOOPBACK)


def _scopes_from(origin: Scope) -> tuple[Scope, ...]:
    """Say which addresses are believed from who is at `origin`: nobody names what lies further in than himself."""
    if origin is Scope.LOOPBACK:
        return _ALL
    return (Scope.GLOBAL, Scope.PRIVATE) if origin is Scope.PRIVATE else (Scope.GLOBAL,)
