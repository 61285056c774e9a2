"""What does a live torrent live in, when nothing is real? Pretend time, streams that take notes, a disk in memory.

`World` puts the parts of one torrent together as `lifecycle` does; a `Remote` is a peer at the other end of a pretend
stream, which says what a test wants and reads what it is told. The connections and everything above them are real.
"""

from __future__ import annotations

import heapq
import random
import struct
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import replace
from hashlib import sha1
from itertools import count
from pathlib import Path

from torrent import bencode
from torrent.choker import Choker
from torrent.config import Config, NetConfig
from torrent.errors import DiskError
from torrent.hub import Hub
from torrent.metainfo import Metainfo
from torrent.peer import GULP, Connection, ExtensionHandshake, Handshake, wire
from torrent.peerbook import PeerBook
from torrent.pieces import Geometry, Pieces
from torrent.ratelimit import Chain, TokenBucket
from torrent.rates import Speed
from torrent.storage import Buffers, Totals
from torrent.swarm import Dialled, Options, Room, State, Throttle
from torrent.swarm.leech import Leech
from torrent.swarm.member import Member
from torrent.swarm.parts import Parts
from torrent.swarm.recruit import Recruit
from torrent.swarm.seed import Seed
from torrent.terms import BLOCK_SIZE, Address, InfoHash, PeerId

NAMES = {
    wire.CHOKE: "choke",
    wire.UNCHOKE: "unchoke",
    wire.INTERESTED: "interested",
    wire.NOT_INTERESTED: "not interested",
    wire.HAVE: "have",
    wire.BITFIELD: "bitfield",
    wire.REQUEST: "request",
    wire.PIECE: "piece",
    wire.CANCEL: "cancel",
    wire.HAVE_ALL: "have all",
    wire.HAVE_NONE: "have none",
    wire.REJECT: "reject",
    wire.ALLOWED_FAST: "allowed fast",
    wire.EXTENDED: "extended",
}
OUR_ID = PeerId(b"-OU0001-ourselves!!!")
Message = tuple[object, ...]


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


class Timer:
    """A call that can be taken back."""

    def __init__(self, callback: Callable[[], object]) -> None:
        self.callback: Callable[[], object] | None = callback

    def cancel(self) -> None:
        self.callback = None


class Clock:
    """The part of an event loop that the swarm's parts use, in pretend time."""

    def __init__(self, now: float = 1000.0) -> None:
        self.now = now
        self._soon: deque[Callable[[], object]] = deque()
        self._timers: list[tuple[float, int, Timer]] = []
        self._order = count()

    def time(self) -> float:
        return self.now

    def call_soon(self, callback: Callable[..., object], *arguments: object) -> None:
        self._soon.append(lambda: callback(*arguments))

    def call_later(self, delay: float, callback: Callable[[], object]) -> Timer:
        timer = Timer(callback)
        heapq.heappush(self._timers, (self.now + delay, next(self._order), timer))
        return timer

    def run_ready(self) -> bool:
        ran = bool(self._soon)
        for _ in range(len(self._soon)):
            self._soon.popleft()()
        return ran

    def next_timer(self) -> float | None:
        while self._timers and self._timers[0][2].callback is None:
            heapq.heappop(self._timers)
        return self._timers[0][0] if self._timers else None

    def fire(self) -> None:
        at, _, timer = heapq.heappop(self._timers)
        self.now = max(self.now, at)
        if timer.callback is not None:
            timer.callback()


class Transport:
    """The sending half of a pretend stream."""

    def __init__(self, clock: Clock, address: Address) -> None:
        self.clock = clock
        self.address = address
        self.sent = bytearray()
        self.queued = 0
        self.takes = True
        self.reading = True
        self.ended = ""
        self.protocol: Connection | None = None

    def get_extra_info(self, name: str) -> object:
        return tuple(self.address) if name == "peername" else None

    def set_write_buffer_limits(self, high: int) -> None:
        pass

    def get_write_buffer_size(self) -> int:
        return self.queued

    def write(self, data: bytes | memoryview) -> None:
        self.sent += data
        if not self.takes:
            self.queued += len(data)
            if self.protocol is not None and not self.protocol.write_paused:
                self.protocol.pause_writing()

    def writelines(self, parts: list[bytes | memoryview]) -> None:
        for part in parts:
            self.write(part)

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True

    def close(self) -> None:
        self.abort()

    def abort(self) -> None:
        if not self.ended:
            self.ended = "ended"
            assert self.protocol is not None
            self.clock.call_soon(self.protocol.connection_lost, None)


class Store:
    """A disk in memory. Jobs wait in `jobs` until `World.settle`, or for ever while `holds` is true."""

    def __init__(self, metainfo: Metainfo, have: int) -> None:
        self.metainfo = metainfo
        self.have = have
        self.totals = Totals()
        self.path = Path("pretend") / metainfo.name
        self.data = b""
        self.jobs: deque[Callable[[], None]] = deque()
        self.holds = False
        self.cached = True
        self.write_error: DiskError | None = None
        self.read_error: DiskError | None = None
        self.written: dict[int, bytes] = {}
        self.reads: list[tuple[int, int, int]] = []
        self.closed = False
        self.touched = 0

    def touch(self) -> None:
        self.touched += 1

    def write(self, piece: int, buffer: bytearray, done: Callable[[int, bool, DiskError | None], None]) -> None:
        def job() -> None:
            if self.write_error is not None:
                done(piece, False, self.write_error)
                return
            good = sha1(buffer).digest() == self.metainfo.piece_hashes(piece).v1
            if good:
                self.written[piece] = bytes(buffer)
            done(piece, good, None)

        self.jobs.append(job)

    def _fill(self, piece: int, begin: int, length: int, into: memoryview) -> None:
        at = piece * self.metainfo.piece_length + begin
        self.reads.append((piece, begin, length))
        into[:length] = self.data[at : at + length]

    def read_now(self, piece: int, begin: int, length: int, into: memoryview) -> bool:
        if self.cached and self.read_error is None:
            self._fill(piece, begin, length, into)
            return True
        return False

    def read(
        self, piece: int, begin: int, length: int, into: memoryview, done: Callable[[DiskError | None], None]
    ) -> None:
        def job() -> None:
            if self.read_error is None:
                self._fill(piece, begin, length, into)
            done(self.read_error)

        self.jobs.append(job)

    def file_progress(self, have: int | None = None) -> list[int]:
        return [self.metainfo.length if have == (1 << self.metainfo.pieces) - 1 else 0]

    async def close(self) -> None:
        self.closed = True


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


class Remote:
    """A peer at the other end of a pretend stream; `say` and its kin speak, `heard` tells what it was told."""

    def __init__(
        self,
        world: World,
        host: str,
        number: int,
        *,
        port: int = 0,
        peer_id: bytes = b"",
        incoming: bool = True,
        fast: bool = True,
        source: str = "tracker",
        extensions: ExtensionHandshake | None = None,
    ) -> None:
        self.world = world
        self.address = Address(host, port or 5000 + number)
        self.peer_id = PeerId(peer_id or b"-RE0001-%012d" % number)
        self.transport = Transport(world.clock, self.address)
        ours = key = None
        if not incoming:
            ours = Handshake(world.metainfo.info_hash, OUR_ID)
            key = Dialled(world.recruit, self.address, source)
            world.state.book.add([self.address], source, world.clock.now)
            world.state.book.next_to_dial(world.clock.now, 1000)
        self.connection = Connection(world, ours=ours, key=key)
        self.transport.protocol = self.connection
        self.connection.connection_made(self.transport)  # type: ignore[arg-type]
        self._read = 0
        self._told: list[Message] = []
        world.admitted = None
        theirs = Handshake(InfoHash(world.metainfo.info_hash), self.peer_id, fast=fast, extended=extensions is not None)
        self.say(theirs.encode())
        self.member: Member = world.admitted  # type: ignore[assignment]
        if not self.closed:
            assert bytes(self.transport.sent[:20]) == b"\x13BitTorrent protocol"
            self._read = 68
            if extensions is not None:
                self.say(wire.extended(0, extensions.encode()))

    @property
    def closed(self) -> str:
        """Why the connection has ended, or an empty text."""
        return self.connection.reason if self.connection.closed else ""

    def hang_up(self) -> None:
        self.connection.connection_lost(None)
        self.world.settle()

    def say(self, *messages: bytes) -> None:
        """Send messages as one stream, in as many gulps as they need, and let the world act on them."""
        data = b"".join(messages)
        at = 0
        while at < len(data) and not self.connection.closed:
            buffer = self.connection.get_buffer(-1)
            size = min(len(buffer), len(data) - at)
            buffer[:size] = data[at : at + size]
            at += size
            self.connection.buffer_updated(size)
        self.world.settle()

    def has(self, pieces: int | None = None) -> None:
        """Say which set of pieces it has; everything if None."""
        n = self.world.metainfo.pieces
        everything = (1 << n) - 1
        value = everything if pieces is None else pieces
        raw = b"".join(bytes([sum(1 << 7 - k for k in range(8) if value >> at + k & 1)]) for at in range(0, n, 8))
        self.say(wire.bitfield(raw))

    def unchoke(self) -> None:
        self.say(wire.bare(wire.UNCHOKE))

    def choke(self) -> None:
        self.say(wire.bare(wire.CHOKE))

    def give(self, *blocks: Message, spoil: bool = False) -> None:
        """Send blocks, named as in the requests for them."""
        out = []
        for block in blocks:
            piece, begin, length = block[-3:]
            data = self.world.block(piece, begin, length)  # type: ignore[arg-type]
            if spoil:
                data = bytes([data[0] ^ 255]) + data[1:]
            out.append(wire.piece_header(piece, begin, len(data)) + data)  # type: ignore[arg-type]
        self.say(*out)

    def serve(self, most: int = 10_000, *, spoil: bool = False) -> int:
        """Answer what is asked until nothing is, at most `most` blocks; return how many."""
        given = 0
        while given < most and not self.connection.closed:
            asked = self.heard("request")
            if not asked:
                break
            self.give(*asked, spoil=spoil)
            given += len(asked)
        return given

    def frames(self) -> Iterator[tuple[int, bytes]]:
        """Take the messages that arrived since the last call."""
        sent = self.transport.sent
        while self._read + 4 <= len(sent):
            (size,) = struct.unpack_from(">I", sent, self._read)
            stop = self._read + 4 + size
            assert stop <= len(sent), "half a message was sent"
            body = bytes(sent[self._read + 4 : stop])
            self._read = stop
            if body:
                yield body[0], body[1:]

    def heard(self, kind: str = "") -> list[Message]:
        """Take what it was told and nobody took yet, of one kind or all; blocks are ("piece", piece, begin, data)."""
        told = self._told
        for number, payload in self.frames():
            name = NAMES.get(number, str(number))
            if number in (wire.REQUEST, wire.CANCEL, wire.REJECT):
                told.append((name, *struct.unpack(">III", payload)))
            elif number in (wire.HAVE, wire.ALLOWED_FAST):
                told.append((name, int.from_bytes(payload, "big")))
            elif number == wire.PIECE:
                told.append((name, *struct.unpack_from(">II", payload), payload[8:]))
            elif payload:
                told.append((name, payload))
            else:
                told.append((name,))
        self._told = [message for message in told if kind and message[0] != kind]
        return [message for message in told if not kind or message[0] == kind]


def config(**net: int) -> Config:
    """The usual settings with some of `net` changed."""
    return Config(net=replace(NetConfig(), **net))  # type: ignore[arg-type]
