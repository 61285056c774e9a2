"""Whom do we serve, and until when?

`upload_slots` peers are unchoked at once. `round` shares the slots out anew every 10 s; `fill` gives a free slot at
once, when a peer becomes interested, loses interest or leaves.

While leeching (BEP 3, tit for tat): the slots but one go to the interested peers that give us most, measured over 20 s.
What is left, one slot at least, is *optimistic*: its holder is drawn by lot, newcomers three times as likely, and keeps
it for 30 s, then the next is drawn. A peer that snubs us (owes us blocks and gave nothing for 60 s) gets no
slot for its rate, and at most one of all optimistic slots is held by a snubbing peer. With a single slot there is an
optimistic one only while nobody gives us anything.

While seeding: turns. A turn ends when its holder has had `quota` bytes and half a minute, or two minutes, or has taken
nothing for half a minute. Who waited longest is next, and takes the place of the slowest of those whose turn has ended.
While nobody waits everybody keeps the slot. So fast peers get most bytes, and everyone gets a turn.

Invariants
- After every decision that is carried out at most `slots` peers are unchoked, interested or not; 0 slots: no limit.
- A peer is in at most one list of a decision; nobody is unchoked who is, and nobody choked who is.
- The same peers, times and random source give the same decisions.

What a hostile peer may try
- Flap its interest to be served out of turn: `fill` passes over whoever was unchoked in the last 10 s.
- Collect slots by losing interest while unchoked: it still counts, and is choked as soon as anybody waits.
- Reconnect to be first in line while seeding: the line goes by the time waited since the connection, too.
- Take without giving: it lives on optimistic slots; claim to be a seed and want bytes: it gets none.
"""

from __future__ import annotations

import random
from collections.abc import Collection, Iterable
from typing import Final, Generic, NamedTuple, Protocol, TypeVar

ROUND: Final = 10.0
"""Seconds from one round to the next (BEP 3)."""

OPTIMISTIC_TERM: Final = 30.0
"""Seconds an optimistic slot is held (BEP 3)."""

NEWCOMER: Final = 60.0
"""Seconds after the connection in which a peer is three times as likely to be drawn (BEP 3)."""

SHORTEST_TURN: Final = 30.0
LONGEST_TURN: Final = 120.0
"""Seconds of a turn while seeding."""

QUOTA: Final = 16 * 1024 * 1024
"""Bytes of a turn while seeding, where the owner names no other figure: some ten pieces of an ordinary torrent."""

_LOYALTY: Final = 1.1  # a holder is displaced by who gives a tenth more, so that equals do not swap every round


class ChokePeer(Protocol):
    """What the choker needs to know of a peer; it must be hashable by identity."""

    @property
    def is_interested(self) -> bool:
        """It wants pieces of us."""

    @property
    def is_choked_by_us(self) -> bool:
        """It may not ask us."""

    @property
    def is_seed(self) -> bool:
        """It has everything."""

    @property
    def is_snubbed(self) -> bool:
        """It owes us blocks and gave none for 60 s."""

    @property
    def rate_down(self) -> float:
        """What it gives us: bytes per second of payload, over 20 s."""

    @property
    def rate_up(self) -> float:
        """What we give it: bytes per second of payload, over 20 s."""

    @property
    def connected_at(self) -> float:
        """When its connection was made."""

    @property
    def last_unchoked(self) -> float:
        """When we last unchoked it; minus infinity if never."""

    @property
    def sent_since_unchoked(self) -> int:
        """Bytes of payload it had from us since then."""


P = TypeVar("P", bound=ChokePeer)


class Decision(NamedTuple, Generic[P]):
    """Who is to be told what. Carry it out before the next question."""

    unchoke: list[P]
    choke: list[P]


class Choker(Generic[P]):
    """The upload slots of one torrent. `slots` 0 means no limit."""

    def __init__(self, slots: int, rng: random.Random, *, quota: int = QUOTA) -> None:
        self.slots = slots
        """May be changed at any time; the next round brings it about."""
        self._rng = rng
        self._quota = quota
        self._terms: dict[P, float] = {}  # holders of optimistic slots -> since when

    def is_optimistic(self, peer: P) -> bool:
        """Say whether `peer` was unchoked by lot."""
        return peer in self._terms

    def round(self, peers: Collection[P], now: float, *, seeding: bool) -> Decision[P]:
        """Share all slots out anew. Call it every `ROUND` seconds with all connected peers."""
        slots = self._limit(peers)
        wanting = [peer for peer in peers if peer.is_interested and not peer.is_seed]
        chosen = self._by_turns(wanting, slots, now) if seeding else self._by_merit(wanting, slots, now)
        # Slots that nobody wants stay with holders that may want again: no message, and no wait when they do.
        spare = slots - len(chosen)
        for peer in peers:
            if spare > 0 and not peer.is_choked_by_us and peer not in chosen and not peer.is_interested:
                chosen[peer] = None
                spare -= 1
        return Decision(
            unchoke=[peer for peer in chosen if peer.is_choked_by_us],
            choke=[peer for peer in peers if not peer.is_choked_by_us and peer not in chosen],
        )

    def fill(self, peers: Collection[P], now: float, *, seeding: bool) -> Decision[P]:
        """Give free slots to those who wait, at once; nobody who uses a slot loses it.

        Call it when a peer becomes interested, loses interest or has left `peers`.
        """
        waiting: list[P] = []
        idle: list[P] = []
        held = 0
        for peer in peers:
            wants = peer.is_interested and not peer.is_seed
            if not peer.is_choked_by_us:
                held += 1
                if not wants:
                    idle.append(peer)
            elif wants and now - peer.last_unchoked >= ROUND:
                waiting.append(peer)
        free = self._limit(peers) - held
        room = free + len(idle)
        if not waiting or room <= 0:
            return Decision([], [])
        if seeding:
            lucky = self._line(waiting)[:room]
        else:
            self._forget(peers)
            lucky = _givers(waiting)[:room]
            lucky += self._draw([peer for peer in waiting if peer not in lucky], room - len(lucky), now)
        return Decision(unchoke=lucky, choke=idle[: max(0, len(lucky) - free)])

    def _limit(self, peers: Collection[P]) -> int:
        return self.slots if self.slots > 0 else len(peers)

    def _forget(self, peers: Iterable[P]) -> None:
        """Drop the terms of those who left or were choked since."""
        present = {peer for peer in peers if not peer.is_choked_by_us}
        self._terms = {peer: since for peer, since in self._terms.items() if peer in present}

    def _by_merit(self, wanting: list[P], slots: int, now: float) -> dict[P, None]:
        chosen = dict.fromkeys(_givers(wanting)[: slots - 1 if slots > 1 else slots])
        self._forget(peer for peer in wanting if peer not in chosen)
        rest = slots - len(chosen)
        serving = [peer for peer, since in self._terms.items() if now - since < OPTIMISTIC_TERM]
        serving.sort(key=lambda peer: self._terms[peer], reverse=True)
        served = [peer for peer in self._terms if peer not in serving]
        del serving[rest:]
        self._terms = {peer: self._terms[peer] for peer in serving}
        chosen.update(dict.fromkeys(serving))
        fresh = [peer for peer in wanting if peer not in chosen and peer not in served]
        chosen.update(dict.fromkeys(self._draw(fresh, rest - len(serving), now)))
        chosen.update(dict.fromkeys(self._draw(served, slots - len(chosen), now)))
        return chosen

    def _draw(self, waiting: list[P], count: int, now: float) -> list[P]:
        """Draw up to `count` optimistic holders by lot and begin their terms; at most one of all holders may snub."""
        drawn: list[P] = []
        pool = list(waiting)
        if any(peer.is_snubbed for peer in self._terms):
            pool = [peer for peer in pool if not peer.is_snubbed]
        while pool and len(drawn) < count:
            weights = [3 if now - peer.connected_at < NEWCOMER else 1 for peer in pool]
            peer = self._rng.choices(pool, weights)[0]
            self._terms[peer] = now
            drawn.append(peer)
            pool = [other for other in pool if other is not peer and not (peer.is_snubbed and other.is_snubbed)]
        return drawn

    def _by_turns(self, wanting: list[P], slots: int, now: float) -> dict[P, None]:
        self._terms.clear()
        holders = [peer for peer in wanting if not peer.is_choked_by_us]
        line = self._line([peer for peer in wanting if peer.is_choked_by_us])
        # Those in their turn first, then the fast: who stands last yields first.
        holders.sort(key=lambda peer: (self._is_turn_over(peer, now), -peer.rate_up))
        del holders[slots:]
        while holders and len(holders) + len(line) > slots and self._is_turn_over(holders[-1], now):
            holders.pop()
        return dict.fromkeys(holders + line[: slots - len(holders)])

    def _is_turn_over(self, peer: P, now: float) -> bool:
        age = now - peer.last_unchoked
        if age < SHORTEST_TURN:
            return False
        return age >= LONGEST_TURN or peer.sent_since_unchoked >= self._quota or peer.rate_up < 1

    def _line(self, waiting: list[P]) -> list[P]:
        """Put those who wait in line: the longest wait first, equals by lot."""
        line = list(waiting)
        self._rng.shuffle(line)
        line.sort(key=lambda peer: max(peer.last_unchoked, peer.connected_at))
        return line


def _givers(peers: Iterable[P]) -> list[P]:
    """Sort those who earn a slot by what they give us, the best first."""
    givers = [peer for peer in peers if peer.rate_down > 0 and not peer.is_snubbed]
    givers.sort(key=lambda peer: peer.rate_down * (1 if peer.is_choked_by_us else _LOYALTY), reverse=True)
    return givers
