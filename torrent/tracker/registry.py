"""Who is in which swarm, as a tracker knows it?

The memory of our own small tracker, as a core: addresses, times and a random source go in, peers come out. It is
bounded whatever is announced: `max_swarms` swarms and `max_peers` peers in each, the ones silent for longest make
room; a peer that is silent for two intervals is gone. Members are known by the address they announce from, never by one
they claim, so nobody can enlist somebody else.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random

from torrent.terms import Address, InfoHash
from torrent.tracker.announce import ScrapeReply

MAX_NUMWANT = 200
DEFAULT_NUMWANT = 50


@dataclass(slots=True)
class _Member:
    peer_id: bytes
    seed: bool
    gone_at: float


@dataclass(slots=True)
class _Swarm:
    members: dict[Address, _Member] = field(default_factory=dict)
    completed: int = 0


class Registry:
    """The swarms of a tracker. `interval` is the seconds between announces that its clients are told."""

    def __init__(self, rng: Random, *, interval: int = 300, max_swarms: int = 10_000, max_peers: int = 2_000) -> None:
        self.interval = interval
        self._rng = rng
        self._max_swarms = max_swarms
        self._max_peers = max_peers
        self._swarms: dict[InfoHash, _Swarm] = {}

    def announce(
        self, info_hash: InfoHash, peer_id: bytes, address: Address, *, left: int, event: str, now: float
    ) -> None:
        """Note what a peer says about itself."""
        swarm = self._swarms.pop(info_hash, None) or _Swarm()
        self._swarms[info_hash] = swarm
        if len(self._swarms) > self._max_swarms:
            del self._swarms[next(iter(self._swarms))]
        before = swarm.members.pop(address, None)
        if event == "stopped":
            self._expire(info_hash, now)
            return
        if event == "completed" and (before is None or not before.seed):
            swarm.completed += 1
        if len(swarm.members) >= self._max_peers:
            del swarm.members[next(iter(swarm.members))]
        swarm.members[address] = _Member(peer_id, left == 0, now + 2.0 * self.interval)

    def peers(
        self, info_hash: InfoHash, address: Address, *, numwant: int, now: float, v6: bool | None = None
    ) -> list[tuple[Address, bytes]]:
        """Return some other members with their peer ids, at random; a seed is not told of seeds.

        `v6` limits them to one address family.
        """
        self._expire(info_hash, now)
        swarm = self._swarms.get(info_hash, _Swarm())
        me = swarm.members.get(address)
        useful = [
            (other, member.peer_id)
            for other, member in swarm.members.items()
            if other != address
            and not (me is not None and me.seed and member.seed)
            and (v6 is None or (":" in other.host) == v6)
        ]
        count = min(DEFAULT_NUMWANT if numwant < 0 else numwant, MAX_NUMWANT, len(useful))
        return self._rng.sample(useful, count)

    def scrape(self, info_hash: InfoHash, now: float) -> ScrapeReply | None:
        """Count a swarm, or return None if there is no such swarm."""
        self._expire(info_hash, now)
        swarm = self._swarms.get(info_hash)
        if swarm is None:
            return None
        seeds = sum(member.seed for member in swarm.members.values())
        return ScrapeReply(seeds, swarm.completed, len(swarm.members) - seeds)

    def _expire(self, info_hash: InfoHash, now: float) -> None:
        """Drop who is silent for too long: members stand in the order of their last announce."""
        swarm = self._swarms.get(info_hash)
        while swarm is not None and swarm.members:
            address, oldest = next(iter(swarm.members.items()))
            if oldest.gone_at > now:
                return
            del swarm.members[address]
        if swarm is not None and not swarm.completed:
            del self._swarms[info_hash]
