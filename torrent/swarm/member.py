"""What is one connected peer to this torrent?

A `Member` marries a connection to the parts that decide: it hears what the peer says (`peer.protocol.Listener`), keeps
what is known about that peer, and passes each matter on: blocks to `leech`, requests to `seed`, its end to `recruit`.
`receive` runs once per gulp of the socket; `on_block` is the only method on the path of every block.

What a hostile peer may try, and where it ends: pieces and spans outside the torrent (`geometry`, PeerError), requests
for pieces we lack or while choked (rejected), a flood of requests (`MOST_ASKED`, then the connection), blocks nobody
asked for (`leech.on_uncommon`), questions whose answers it never reads (`MOST_BACKLOG`). What a peer may say thousands
of times in one gulp, at five bytes each, is acted on once per gulp.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from torrent.errors import PeerError
from torrent.peer import (
    Connection,
    ExtensionHandshake,
    Handshake,
    PeerProtocol,
    Pipeline,
    client_name,
    extensions,
)
from torrent.pieces import Taker, bits
from torrent.rates import Speed
from torrent.terms import Address, PeerId

if TYPE_CHECKING:
    from torrent.swarm.parts import Parts

MOST_ASKED = 2000
"""Requests of one peer that we queue; we say so in our extension handshake (`reqq`)."""

FLOOD = 4 * MOST_ASKED
"""Refused requests in a row that end the connection."""

MOST_BACKLOG = 4 * 1024 * 1024
"""Bytes we queue for a peer that goes on talking and does not read."""


class Member:
    """One connected peer of one torrent."""

    __slots__ = (
        "_got",
        "_pieces_received",
        "_refused",
        "address",
        "allowed",
        "asked",
        "asked_idle",
        "bytes_down",
        "bytes_up",
        "client",
        "connected_at",
        "connection",
        "granted",
        "host",
        "incoming",
        "last_block",
        "last_unchoked",
        "name",
        "now",
        "outbox",
        "parts",
        "peer_id",
        "pipeline",
        "protocol",
        "reading",
        "sent_before_unchoke",
        "snubbed",
        "source",
        "speed_down",
        "speed_up",
        "super_piece",
        "taker",
        "their_extensions",
        "upload_only",
        "wants_blocks",
        "wants_service",
    )

    def __init__(self, parts: Parts, connection: Connection, theirs: Handshake, source: str, now: float) -> None:
        state = parts.state
        self.parts = parts
        self.connection = connection
        self.address = connection.address
        self.host = connection.address.host
        self.incoming = connection.incoming
        self.peer_id: PeerId = theirs.peer_id
        self.name = (self.host, bytes(theirs.peer_id))
        self.client = client_name(theirs.peer_id)
        self.source = source
        self.protocol = PeerProtocol(
            self, connection.write, pieces=state.geometry.pieces, fast=theirs.fast, extended=theirs.extended
        )
        self.taker = Taker(self.name)
        self.pipeline = Pipeline(state.config.net.pipeline)
        self.their_extensions = ExtensionHandshake()
        self.upload_only = False
        self.speed_down = Speed(now)
        self.speed_up = Speed(now)
        self.bytes_down = 0
        self.bytes_up = 0
        self.now = now
        self.connected_at = now
        self.last_unchoked = -math.inf
        self.sent_before_unchoke = 0
        self.last_block = now
        self.asked_idle: float | None = None
        self.snubbed = False
        self.allowed = 0  # pieces they let us have while we are choked
        self.granted = 0  # pieces we let them have while they are choked
        self.super_piece: int | None = None
        self.asked: dict[tuple[int, int, int], None] = {}
        self.wants_blocks = False
        self.wants_service = False
        self.reading = False
        self.outbox: bytearray | None = None
        self._refused = 0
        self._got = 0
        self._pieces_received = state.pieces.received

    # what the choker asks (`choker.ChokePeer`)

    @property
    def is_interested(self) -> bool:
        return self.protocol.peer_interested

    @property
    def is_choked_by_us(self) -> bool:
        return self.protocol.am_choking

    @property
    def is_seed(self) -> bool:
        return self.taker.is_seed

    @property
    def is_snubbed(self) -> bool:
        return self.snubbed

    @property
    def rate_down(self) -> float:
        return self.speed_down.slow_rate(self.now)

    @property
    def rate_up(self) -> float:
        return self.speed_up.slow_rate(self.now)

    @property
    def sent_since_unchoked(self) -> int:
        return self.bytes_up - self.sent_before_unchoke

    # what the connection calls

    def receive(self, data: memoryview, now: float) -> None:
        """Take one gulp of the stream."""
        self.now = now
        self._got = 0
        parts = self.parts
        self.protocol.receive(data)
        if self.connection.closed:
            return
        if self.connection.write_paused and self.connection.backlog() > MOST_BACKLOG:
            raise PeerError("does not read what it is sent")
        parts.throttle.received(self, len(data), now)
        if self._got:
            parts.leech.after_gulp(self, self._got, now)
        if self.wants_blocks:
            self.wants_blocks = False
            parts.leech.refill(self, now)
        if self.wants_service:
            self.wants_service = False
            parts.seed.serve(self, now)

    def on_writable(self) -> None:
        """Go on serving: what we sent has left."""
        if self.asked:
            self.parts.seed.serve(self, self.connection.last_sent)

    def on_closed(self, reason: str) -> None:
        """Leave the swarm."""
        self.parts.recruit.left(self, reason)

    # what the peer says

    def on_block(self, piece: int, begin: int, data: memoryview) -> None:
        self._got += len(data)
        received = self._pieces_received(self.taker, piece, begin, data)
        if received:
            self.parts.leech.on_uncommon(self, received, piece, begin, len(data))

    def on_choke(self) -> None:
        self.parts.leech.on_choke(self)

    def on_unchoke(self) -> None:
        self.wants_blocks = True

    def on_interest(self, interested: bool) -> None:
        self.parts.seed.on_interest(self, interested)

    # Behind a message that ended the connection others may follow in the same gulp: the pieces of a peer that has left
    # are not counted again.

    def on_have(self, piece: int) -> None:
        if self.connection.closed:
            return
        self.parts.state.geometry.check_piece(piece)
        self.parts.state.pieces.peer_has(self.taker, piece)
        self.parts.leech.on_offer(self)
        self.parts.seed.on_peer_has(self, piece)

    def on_bitfield(self, payload: bytes) -> None:
        if self.connection.closed:
            return
        state = self.parts.state
        state.pieces.peer_has_bits(self.taker, bits.from_wire(payload, state.geometry.pieces))
        self.parts.leech.on_offer(self)

    def on_have_all(self) -> None:
        if self.connection.closed:
            return
        self.parts.state.pieces.peer_has_all(self.taker)
        self.parts.leech.on_offer(self)

    def on_have_none(self) -> None:
        pass

    def on_request(self, piece: int, begin: int, length: int) -> None:
        state = self.parts.state
        state.geometry.check_request(piece, begin, length)
        may = not self.protocol.am_choking or self.granted >> piece & 1
        if not may or not state.pieces.have >> piece & 1 or len(self.asked) >= MOST_ASKED:
            self._refused += 1
            if self._refused > FLOOD:
                raise PeerError("a flood of requests we refused")
            self.protocol.reject([(piece, begin, length)])
            return
        self._refused = 0
        self.asked[(piece, begin, length)] = None
        self.wants_service = True

    def on_cancel(self, piece: int, begin: int, length: int) -> None:
        block = (piece, begin, length)
        if block in self.asked:
            del self.asked[block]
            self.protocol.reject([block])

    def on_reject(self, piece: int, begin: int, length: int) -> None:
        self.parts.state.geometry.check_request(piece, begin, length)
        self.parts.leech.on_reject(self, piece, begin)

    def on_suggest(self, piece: int) -> None:
        self.parts.state.geometry.check_piece(piece)
        self.taker.suggested |= 1 << piece

    def on_allowed_fast(self, piece: int) -> None:
        self.parts.state.geometry.check_piece(piece)
        self.allowed |= 1 << piece
        self.wants_blocks = True

    def on_port(self, port: int) -> None:
        pass

    def on_extended(self, kind: int, payload: bytes) -> None:
        if kind != extensions.HANDSHAKE:
            return
        theirs = self.their_extensions = extensions.decode(payload)
        if theirs.reqq:
            self.pipeline.limit(min(theirs.reqq, self.parts.state.config.net.pipeline))
        if theirs.client:
            self.client = theirs.client
        self.upload_only = theirs.upload_only
        if theirs.port and self.incoming:
            self.parts.recruit.learnt_port(self, Address(self.host, theirs.port))
        self.parts.recruit.seen_at(self)
        self.parts.recruit.part_if_useless(self)
