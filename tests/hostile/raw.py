"""What does a peer look like that speaks the wire with its own mouth? A socket, a handshake, and no manners."""

from __future__ import annotations

import asyncio
import socket
import struct
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Self

from torrent.peer import Handshake, wire
from torrent.session import Session
from torrent.terms import InfoHash, PeerId

PATIENCE = 30.0
_numbers = count(1)


class Raw:
    """A stream to a session on 127.0.0.1: `async with Raw(session) as peer`."""

    def __init__(self, session: Session, host: str = "127.0.0.1", *, source: str = "") -> None:
        self._to = (host, session.port)
        self._from = (source, 0) if source else None
        self.peer_id = PeerId(b"-RW0001-%012d" % next(_numbers))

    async def __aenter__(self) -> Self:
        self.reader, self.writer = await asyncio.open_connection(*self._to, local_addr=self._from, limit=1 << 22)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.writer.transport.abort()

    def reset(self) -> None:
        """Vanish without a goodbye."""
        raw = self.writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()

    async def greet(self, info_hash: InfoHash, *, fast: bool = True, extended: bool = False) -> Handshake:
        """Shake hands and return the answer."""
        self.send(Handshake(info_hash, self.peer_id, fast=fast, extended=extended).encode())
        async with asyncio.timeout(PATIENCE):
            head = await self.reader.readexactly(68)
        return Handshake(InfoHash(head[28:48]), PeerId(head[48:68]))

    def send(self, *messages: bytes) -> None:
        """Queue messages; nobody waits for them to be taken."""
        self.writer.write(b"".join(messages))

    async def push(self, *messages: bytes) -> None:
        """Send messages and wait until the socket took them, or the other side had enough."""
        self.send(*messages)
        try:
            async with asyncio.timeout(PATIENCE):
                await self.writer.drain()
        except ConnectionError:
            pass

    async def message(self) -> tuple[int, bytes]:
        """Return the next message that says anything, as its type and payload."""
        async with asyncio.timeout(PATIENCE):
            while True:
                (size,) = struct.unpack(">I", await self.reader.readexactly(4))
                if size:
                    body = await self.reader.readexactly(size)
                    return body[0], body[1:]

    async def until(self, kind: int) -> bytes:
        """Read on to the next message of a type and return its payload."""
        while True:
            number, payload = await self.message()
            if number == kind:
                return payload

    async def end(self) -> bytes:
        """Read until the other side hangs up."""
        async with asyncio.timeout(PATIENCE):
            try:
                return await self.reader.read(-1)
            except ConnectionError:
                return b""


def resident() -> int:
    """Return the memory this process holds, in bytes."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


def requests(*blocks: tuple[int, int, int]) -> bytes:
    """Return REQUESTs for (piece, begin, length)."""
    return wire.spans(wire.REQUEST, blocks)
