"""What does a live torrent live in, when nothing is real? Pretend time, streams that take notes, a disk in memory.

`World` puts the parts of one torrent together as `lifecycle` does; a `Remote` is a peer at the other end of a pretend
stream, which says what a test wants and reads what it is told. The connections and everything above them are real.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha1

from tests.swarm.pretend import Clock as Clock
from tests.swarm.pretend import Store as Store
from tests.swarm.remote import Remote
from torrent import bencode
from torrent.choker import Choker
from torrent.config import Config, NetConfig
from torrent.errors import DiskError
from torrent.hub import Hub
from torrent.metainfo import Metainfo
from torrent.peer import GULP, Connection, Handshake
from torrent.peerbook import PeerBook
from torrent.pieces import Geometry, Pieces
from torrent.ratelimit import Chain, TokenBucket
from torrent.rates import Speed
from torrent.storage import Buffers
from torrent.swarm import Options, Room, State, Throttle
from torrent.swarm.leech import Leech
from torrent.swarm.member import Member
from torrent.swarm.parts import Parts
from torrent.swarm.recruit import Recruit
from torrent.swarm.seed import Seed
from torrent.terms import BLOCK_SIZE, PeerId

OUR_ID = PeerId(b"-OU0001-ourselves!!!")


def make_metainfo(data: bytes, piece_length: int, **more: bencode.Value) -> Metainfo:
    """A v1 torrent of one file with this content."""
    hashes = b"".join(sha1(data[at : at + piece_length]).digest() for at in range(0, len(data), piece_length))
    info: dict[bytes, bencode.Value] = {
        b"length": len(data),
        b"name": b"world.bin",
        b"piece length": piece_length,
        b"pieces": hashes,
    }
    return Metainfo.from_bytes(bencode.encode({b"info": info, **{key.encode(): more[key] for key in more}}))


class World:
    """One torrent of `pieces` pieces with `blocks` blocks each, of which we have the set `have`."""

    def __init__(
        self,
        *,
        pieces: int = 4,
        blocks: int = 2,
        have: int = 0,
        budget: int = 1 << 40,
        config: Config | None = None,
        seed: int = 1,
        limit_down: float = 0,
        limit_up: float = 0,
        room: Room | None = None,
        sequential: bool = False,
        port: int = 7000,
        now: float = 1000.0,
        **options: bool,
    ) -> None:
        rng = random.Random(seed)
        self.data = rng.randbytes(pieces * blocks * BLOCK_SIZE - 100)
        self.metainfo = make_metainfo(self.data, blocks * BLOCK_SIZE)
        self.clock = Clock(now)
        self.gulp = memoryview(bytearray(GULP))
        self.buffers = Buffers(budget)
        self.store = Store(self.metainfo, have)
        self.store.data = self.data
        self.room = room or Room(most_peers=1000, most_half_open=1000)
        self.config = config or Config()
        geometry = Geometry.of(self.metainfo)
        hub = Hub()
        self.events = hub.subscribe(100_000)
        self.buckets = TokenBucket(limit_down), TokenBucket(limit_up)
        self.state = State(
            metainfo=self.metainfo,
            geometry=geometry,
            pieces=Pieces(geometry, have, buffers=self.buffers, rng=rng, sequential=sequential),
            store=self.store,  # type: ignore[arg-type]
            config=self.config,
            options=Options(**options),
            peer_id=OUR_ID,
            hub=hub,
            book=PeerBook(rng),
            choker=Choker(self.config.net.upload_slots, rng),
            limit_down=Chain(self.buckets[0]),
            limit_up=Chain(self.buckets[1]),
            rng=rng,
            speed_down=Speed(now),
            speed_up=Speed(now),
        )
        self.state.complete = self.state.pieces.done
        self.throttle = Throttle(self.clock)  # type: ignore[arg-type]
        self.disk_errors: list[DiskError] = []
        self.completions = 0
        self.spawned: list[object] = []
        self.admitted: Member | None = None
        self.parts = parts = Parts(
            state=self.state,
            throttle=self.throttle,
            gulp=self.gulp,
            defer=self.clock.call_soon,
            later=self.clock.call_later,
            on_disk_error=self.disk_errors.append,
            on_complete=self._on_complete,
        )
        self.leech = parts.leech = Leech(parts)
        self.seed = parts.seed = Seed(parts)
        self.recruit = parts.recruit = Recruit(parts, self, self.room, port, self._spawn)
        self.remotes: list[Remote] = []
        self.seen_at: list[tuple[str, str]] = []

    @property
    def pieces(self) -> Pieces:
        return self.state.pieces

    @property
    def members(self) -> list[Member]:
        return list(self.state.members)

    def _on_complete(self) -> None:
        self.completions += 1
        self.state.complete = True
        self.recruit.completed()

    def _spawn(self, work: object) -> None:
        self.spawned.append(work)
        work.close()  # type: ignore[attr-defined]

    # what connections call (`peer.connection.Host`)

    def time(self) -> float:
        return self.clock.now

    def on_open(self, connection: Connection) -> None:
        pass

    def on_handshake(self, connection: Connection, theirs: Handshake) -> Member:
        self.admitted = self.recruit.admit(connection, theirs, self.clock.now)
        return self.admitted

    def on_closed(self, connection: Connection, reason: str) -> None:
        pass

    def on_seen_at(self, host: str, voter: str) -> None:
        self.seen_at.append((host, voter))

    # what tests call

    def settle(self) -> None:
        """Run everything that is ready: callbacks, and the disk's jobs unless it holds them."""
        while self.clock.run_ready() or (self.store.jobs and not self.store.holds):
            while self.store.jobs and not self.store.holds:
                self.store.jobs.popleft()()

    def advance(self, seconds: float, step: Callable[[], object] = lambda: None) -> None:
        """Let time pass; `step` is called after every timer that fired."""
        end = self.clock.now + seconds
        self.settle()
        while (at := self.clock.next_timer()) is not None and at <= end:
            self.clock.fire()
            self.settle()
            step()
        self.clock.now = end

    def published(self, kind: type) -> list[object]:
        """Take all events; return those of one kind."""
        return [event for event in self.events.pop() if isinstance(event, kind)]

    def block(self, piece: int, begin: int, length: int) -> bytes:
        at = piece * self.metainfo.piece_length + begin
        return self.data[at : at + length]

    def remote(self, host: str = "", **more: object) -> Remote:
        """Connect a peer; each gets an address of its own unless told."""
        number = len(self.remotes) + 1
        remote = Remote(self, host or f"10.0.{number // 250}.{number % 250 + 1}", number, **more)  # type: ignore[arg-type]
        self.remotes.append(remote)
        return remote


def config(**net: int) -> Config:
    """The usual settings with some of `net` changed."""
    return Config(net=replace(NetConfig(), **net))  # type: ignore[arg-type]
