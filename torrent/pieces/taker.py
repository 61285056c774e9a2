"""Who takes blocks, as far as the picker must know?

A `Taker` stands for one connected peer. The swarm makes it, tells `speed`, `delay` (the seconds of a round trip) and
`suggested`, and lets `Pieces` change everything else. `lapsed` keeps the blocks that were given back without the peer
agreeing (timeout, cancel, choke): a late answer to one of them is welcome and no offence. It is bounded, so a peer that
never answers costs no memory.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Final

from torrent.pieces.pool import Pool

MAX_LAPSED: Final = 4096


class Taker:
    """One peer. `inflight` and `lapsed` are in the order of asking and of giving back."""

    __slots__ = (
        "delay",
        "has",
        "inflight",
        "is_seed",
        "lapsed",
        "mine",
        "name",
        "pool",
        "rest_until",
        "speed",
        "suggested",
    )

    def __init__(self, name: Hashable, *, speed: float = 0.0) -> None:
        """`name` is what blame is put on (same name, same culprit); `speed` is in bytes per second, 0 if unknown."""
        self.name = name
        self.speed = speed
        self.delay = 0.0
        self.has = 0
        self.is_seed = False
        self.suggested = 0
        self.inflight: dict[int, float] = {}
        self.lapsed: dict[int, None] = {}
        self.mine: dict[int, None] = {}
        self.pool: Pool | None = None
        self.rest_until = 0.0

    def remember(self, key: int) -> None:
        """Note that an answer for this block may still come."""
        lapsed = self.lapsed
        if len(lapsed) >= MAX_LAPSED and key not in lapsed:
            del lapsed[next(iter(lapsed))]
        lapsed[key] = None
