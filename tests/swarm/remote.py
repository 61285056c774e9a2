"""What does a peer look like from the other end of a pretend stream? It says what a test wants, and reads the rest."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import TYPE_CHECKING

from tests.swarm.pretend import Transport
from torrent.peer import Connection, ExtensionHandshake, Handshake, wire
from torrent.swarm import Dialled
from torrent.swarm.member import Member
from torrent.terms import Address, InfoHash, PeerId

if TYPE_CHECKING:
    from tests.swarm.world import World

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
Message = tuple[object, ...]


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
            ours = Handshake(world.metainfo.info_hash, world.state.peer_id)
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
