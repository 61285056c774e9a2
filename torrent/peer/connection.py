"""How does one TCP stream become one conversation with a peer? (S)

`Connection` is the asyncio end of a stream: it reads gulps into a buffer shared by all connections of the loop, takes
the handshake, and from then on hands each gulp to the conversation its `Host` attached. The loop fills the buffer and
calls `buffer_updated` with nothing in between, so one buffer serves everybody as long as nobody keeps a view.

A peer that says nothing, drips its handshake or stops reading is ended by the session's tick through `overdue`: every
wait has an absolute deadline, none has a timer of its own.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Protocol, cast

from torrent.errors import PeerError, RemoteError
from torrent.net import canonical_ip
from torrent.peer import handshake
from torrent.peer.handshake import Handshake
from torrent.terms import Address

HANDSHAKE_SECONDS = 10.0
"""A handshake that is not whole by then ends the connection, however steadily it drips."""

IDLE_SECONDS = 120.0
"""A peer that sends nothing for this long is gone (BEP 3 has keep-alives every two minutes)."""

KEEP_ALIVE_SECONDS = 90.0
"""We say something at least this often."""

GULP = 256 * 1024
"""Bytes read from a socket at once, at most."""

_log = logging.getLogger(__name__)


class Conversation(Protocol):
    """What a connection feeds once the handshake is done."""

    def receive(self, data: memoryview, now: float) -> None: ...
    def on_writable(self) -> None: ...
    def on_closed(self, reason: str) -> None: ...


class Host(Protocol):
    """Who owns the connections: it knows the torrents and keeps the deadlines."""

    gulp: memoryview

    def time(self) -> float: ...
    def on_open(self, connection: Connection) -> None: ...
    def on_handshake(self, connection: Connection, theirs: Handshake) -> Conversation: ...
    def on_closed(self, connection: Connection, reason: str) -> None: ...
    def on_seen_at(self, host: str, voter: str) -> None: ...


class Connection(asyncio.BufferedProtocol):
    """One stream to or from a peer.

    `ours` is the handshake to send at once when we dialled; None for an accepted stream, where the host answers after
    it has seen which torrent is meant. `key` is what the host files the dialled connection under.
    """

    def __init__(self, host: Host, *, ours: Handshake | None = None, key: object = None) -> None:
        self._host = host
        self._ours = ours
        self.key = key
        self.gulp = host.gulp
        self.address = Address("", 0)
        self.incoming = ours is None
        self.opened = host.time()
        self.last_received = self.opened
        self.last_sent = self.opened
        self.write_paused = False
        self.closed = False
        self.reason = ""
        self._pauses: set[str] = set()
        self._transport: asyncio.Transport | None = None
        self._head = bytearray()
        self._conversation: Conversation | None = None

    # what asyncio calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        name = transport.get_extra_info("peername")
        if name:
            self.address = Address(canonical_ip(name[0]) or name[0], name[1])
        self._transport.set_write_buffer_limits(high=0)
        self._host.on_open(self)
        if self._ours is not None:
            self.write(self._ours.encode())

    def get_buffer(self, sizehint: int) -> memoryview:
        return self.gulp

    def buffer_updated(self, nbytes: int) -> None:
        if self.closed:
            return
        now = self.last_received = self._host.time()
        try:
            if self._conversation is not None:
                self._conversation.receive(self.gulp[:nbytes], now)
            else:
                self._take_handshake(bytes(self.gulp[:nbytes]), now)
        except RemoteError as error:
            self.abort(str(error))
        except Exception:
            _log.exception("closing the connection to %s", self.address)
            self.abort("internal error")

    def pause_writing(self) -> None:
        self.write_paused = True

    def resume_writing(self) -> None:
        self.write_paused = False
        if self._conversation is not None and not self.closed:
            self._conversation.on_writable()

    def eof_received(self) -> bool:
        self.reason = self.reason or "the peer closed the connection"
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self._end(self.reason or (f"connection lost: {exc}" if exc else "the peer closed the connection"))

    # what the rest of the program calls

    def write(self, data: bytes) -> None:
        """Send `data`, or queue it if the peer is slow to read."""
        if not self.closed and self._transport is not None:
            self.last_sent = self._host.time()
            self._transport.write(data)

    def write_many(self, parts: Sequence[bytes | memoryview]) -> None:
        """Send parts in one system call. They must not change before `write_paused` is false again."""
        if not self.closed and self._transport is not None:
            self.last_sent = self._host.time()
            self._transport.writelines(parts)

    def backlog(self) -> int:
        """Return how many bytes wait to be sent."""
        return self._transport.get_write_buffer_size() if self._transport is not None else 0

    def pause_reading(self, why: str) -> None:
        """Stop taking bytes until `why` and every other reason is gone; TCP then slows the peer down."""
        if self.closed or self._transport is None:
            return
        if not self._pauses:
            self._transport.pause_reading()
        self._pauses.add(why)

    def resume_reading(self, why: str) -> None:
        """Take back one reason not to read."""
        if why not in self._pauses or self.closed or self._transport is None:
            return
        self._pauses.discard(why)
        if not self._pauses:
            self.last_received = self._host.time()
            self._transport.resume_reading()

    def close(self, reason: str) -> None:
        """End the connection after what is queued has been sent."""
        if not self.closed:
            if self._transport is not None:
                self._transport.close()
            self._end(reason)

    def abort(self, reason: str) -> None:
        """End the connection now."""
        if self._transport is not None:
            self._transport.abort()
        self._end(reason)

    def overdue(self, now: float) -> str:
        """Return why the connection has had its time, or an empty text."""
        if self._conversation is None:
            return "no handshake in time" if now - self.opened > HANDSHAKE_SECONDS else ""
        if not self._pauses and now - self.last_received > IDLE_SECONDS:
            return "silent for too long"
        return ""

    def _take_handshake(self, data: bytes, now: float) -> None:
        head = self._head
        head += data
        handshake.check_prefix(head)
        if len(head) < handshake.LENGTH:
            return
        theirs = handshake.decode(head)
        if self._ours is not None and theirs.info_hash != self._ours.info_hash:
            raise PeerError("answered for another torrent")
        rest = bytes(head[handshake.LENGTH :])
        self._head = bytearray()
        self._conversation = self._host.on_handshake(self, theirs)
        if rest and not self.closed:
            self._conversation.receive(memoryview(rest), now)

    def _end(self, reason: str) -> None:
        if self.closed:
            return
        self.closed = True
        self.reason = reason
        conversation, self._conversation = self._conversation, None
        if conversation is not None:
            conversation.on_closed(reason)
        self._host.on_closed(self, reason)
