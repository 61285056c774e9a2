"""What does a peer tell us, and what do we tell it?

The state machine of one connection after the handshake: bytes in, calls on a `Listener` out; commands in, bytes to a
writer out. It parses a whole gulp of the socket in one loop and hands a block on as a view into the gulp, so nothing is
copied and nothing is allocated for the messages that matter. Only the unfinished end of a gulp is kept, never more
than one message.

Invariants: a message that cannot be whole or cannot be legal raises PeerError before any of it is stored; a listener
never sees a message in a state that forbids it; a view given to `on_block` is valid only during the call.

A bitfield is taken at any time, not only first: aria2 sends one in place of many HAVEs.

What a hostile peer may try, and where it ends: a huge length prefix (`_refuse`, before storing), wrong payload lengths
(`wire.LENGTHS`), fast messages without the fast extension (`_dispatch`), floods of requests (the listener bounds its
queue), piece numbers out of range (the listener asks `pieces.geometry`).
BEPs 3, 5, 6, 10, 52.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from struct import Struct
from typing import Protocol

from torrent.errors import PeerError
from torrent.peer import wire
from torrent.terms import BLOCK_SIZE

_LENGTH = Struct(">I")
_NUMBER = Struct(">I")
_SPAN = Struct(">III")
_PIECE = Struct(">IBII")
_FULL_BLOCK = 9 + BLOCK_SIZE


class Listener(Protocol):
    """Who is told what the peer says; the swarm's side of a connection."""

    def on_block(self, piece: int, begin: int, data: memoryview) -> None: ...
    def on_choke(self) -> None: ...
    def on_unchoke(self) -> None: ...
    def on_interest(self, interested: bool) -> None: ...
    def on_have(self, piece: int) -> None: ...
    def on_bitfield(self, payload: bytes) -> None: ...
    def on_have_all(self) -> None: ...
    def on_have_none(self) -> None: ...
    def on_request(self, piece: int, begin: int, length: int) -> None: ...
    def on_cancel(self, piece: int, begin: int, length: int) -> None: ...
    def on_reject(self, piece: int, begin: int, length: int) -> None: ...
    def on_suggest(self, piece: int) -> None: ...
    def on_allowed_fast(self, piece: int) -> None: ...
    def on_port(self, port: int) -> None: ...
    def on_extended(self, kind: int, payload: bytes) -> None: ...


class PeerProtocol:
    """One connection's conversation. `pieces` bounds the bitfield; `fast` and `extended` are what both sides set."""

    __slots__ = (
        "_listener",
        "_max_bitfield",
        "_tail",
        "_write",
        "am_choking",
        "am_interested",
        "extended",
        "fast",
        "peer_choking",
        "peer_interested",
    )

    def __init__(
        self, listener: Listener, write: Callable[[bytes], None], *, pieces: int, fast: bool, extended: bool
    ) -> None:
        self._listener = listener
        self._write = write
        self._max_bitfield = (pieces + 7) // 8
        self._tail = bytearray()
        self.fast = fast
        self.extended = extended
        self.am_choking = True
        self.am_interested = False
        self.peer_choking = True
        self.peer_interested = False

    # bytes in

    def receive(self, data: memoryview) -> None:
        """Take the next bytes of the stream, of any size; raises PeerError if the connection has to end."""
        if self._tail:
            data = self._finish_tail(data)
        at, end = 0, len(data)
        on_block = self._listener.on_block
        unpack_piece = _PIECE.unpack_from
        while end - at >= 13:
            length, kind, piece, begin = unpack_piece(data, at)
            if kind == wire.PIECE and length >= 9:
                stop = at + 4 + length
                if stop > end:
                    if length > 9 + wire.MAX_BLOCK:
                        self._refuse(length, kind)
                    break
                on_block(piece, begin, data[at + 13 : stop])
                at = stop
                continue
            taken = self._message(data, at, end)
            if not taken:
                break
            at += taken
        while end - at >= 4:
            taken = self._message(data, at, end)
            if not taken:
                break
            at += taken
        if at < end:
            self._tail += data[at:]

    def _finish_tail(self, data: memoryview) -> memoryview:
        """Complete the message kept from the last gulp as far as `data` goes; return what follows it."""
        tail = self._tail
        data = _fill(tail, 4, data)
        if len(tail) < 4:
            return data
        length = _LENGTH.unpack_from(tail)[0]
        if length:
            data = _fill(tail, 5, data)
            if len(tail) < 5:
                return data
            self._refuse(length, tail[4])
            data = _fill(tail, 4 + length, data)
            if len(tail) < 4 + length:
                return data
        self._tail = bytearray()
        self._message(memoryview(tail), 0, len(tail))
        return data

    def _message(self, data: memoryview, at: int, end: int) -> int:
        """Handle the message at `at` if it is whole and return its size in bytes, otherwise 0."""
        length: int = _LENGTH.unpack_from(data, at)[0]
        if length == 0:
            return 4
        if end - at < 5:
            return 0
        kind = data[at + 4]
        self._refuse(length, kind)
        stop = at + 4 + length
        if stop > end:
            return 0
        if kind == wire.PIECE:
            piece, begin = _PIECE.unpack_from(data, at)[2:]
            self._listener.on_block(piece, begin, data[at + 13 : stop])
        else:
            self._dispatch(kind, data[at + 5 : stop])
        return 4 + length

    def _refuse(self, length: int, kind: int) -> None:
        """Raise PeerError if no message of this type has this length."""
        payload = length - 1
        fixed = wire.LENGTHS.get(kind)
        if length == 0 or payload == fixed:
            return
        if fixed is not None:
            raise PeerError(f"message {kind} with {payload} bytes of payload")
        if kind == wire.PIECE:
            fine = 8 <= payload <= 8 + wire.MAX_BLOCK
        elif kind == wire.BITFIELD:
            fine = payload == self._max_bitfield
        elif kind == wire.EXTENDED:
            fine = 1 <= payload <= wire.MAX_EXTENDED
        elif kind == wire.HASHES:
            fine = payload <= wire.MAX_HASHES
        else:
            fine = payload <= BLOCK_SIZE
        if not fine:
            raise PeerError(f"message {kind} with {payload} bytes of payload")

    def _dispatch(self, kind: int, payload: memoryview) -> None:
        """Hand on one whole message; unknown types are skipped."""
        listener = self._listener
        if kind in wire.FAST_ONLY and not self.fast:
            raise PeerError(f"fast message {kind} without the fast extension")
        match kind:
            case wire.HAVE:
                listener.on_have(_NUMBER.unpack(payload)[0])
            case wire.REQUEST:
                listener.on_request(*_SPAN.unpack(payload))
            case wire.CANCEL:
                listener.on_cancel(*_SPAN.unpack(payload))
            case wire.CHOKE:
                self.peer_choking = True
                listener.on_choke()
            case wire.UNCHOKE:
                self.peer_choking = False
                listener.on_unchoke()
            case wire.INTERESTED | wire.NOT_INTERESTED:
                self.peer_interested = kind == wire.INTERESTED
                listener.on_interest(self.peer_interested)
            case wire.BITFIELD:
                listener.on_bitfield(bytes(payload))
            case wire.HAVE_ALL:
                listener.on_have_all()
            case wire.HAVE_NONE:
                listener.on_have_none()
            case wire.REJECT:
                listener.on_reject(*_SPAN.unpack(payload))
            case wire.SUGGEST:
                listener.on_suggest(_NUMBER.unpack(payload)[0])
            case wire.ALLOWED_FAST:
                listener.on_allowed_fast(_NUMBER.unpack(payload)[0])
            case wire.PORT:
                listener.on_port(int.from_bytes(payload, "big"))
            case wire.EXTENDED:
                if self.extended:
                    listener.on_extended(payload[0], bytes(payload[1:]))
            case wire.HASH_REQUEST:
                self._write(wire.hash_reject(bytes(payload)))

    # commands

    def start(self, have: bytes | None, *, everything: bool, nothing: bool) -> None:
        """Send what we have as the first message: HAVE_ALL or HAVE_NONE where the peer knows them, or a bitfield."""
        if everything and self.fast:
            self._write(wire.bare(wire.HAVE_ALL))
        elif nothing:
            if self.fast:
                self._write(wire.bare(wire.HAVE_NONE))
        elif have is not None:
            self._write(wire.bitfield(have))

    def choke(self) -> None:
        """Stop serving the peer."""
        self.am_choking = True
        self._write(wire.bare(wire.CHOKE))

    def unchoke(self) -> None:
        """Serve the peer."""
        self.am_choking = False
        self._write(wire.bare(wire.UNCHOKE))

    def set_interested(self, interested: bool) -> None:
        """Tell the peer whether we want anything it has, if that changed."""
        if interested != self.am_interested:
            self.am_interested = interested
            self._write(wire.bare(wire.INTERESTED if interested else wire.NOT_INTERESTED))

    def request(self, blocks: Iterable[tuple[int, int, int]]) -> None:
        """Ask for (piece, begin, length) blocks in one write."""
        self._write(wire.spans(wire.REQUEST, blocks))

    def cancel(self, blocks: Iterable[tuple[int, int, int]]) -> None:
        """Take requests back."""
        self._write(wire.spans(wire.CANCEL, blocks))

    def reject(self, blocks: Iterable[tuple[int, int, int]]) -> None:
        """Refuse requests; only where the fast extension is on, silently elsewhere."""
        if self.fast:
            self._write(wire.spans(wire.REJECT, blocks))

    def have(self, pieces: Iterable[int]) -> None:
        """Announce pieces."""
        self._write(wire.haves(pieces))

    def allow_fast(self, pieces: Iterable[int]) -> None:
        """Let the peer ask for `pieces` while it is choked."""
        if self.fast:
            self._write(b"".join([wire.numbered(wire.ALLOWED_FAST, piece) for piece in pieces]))

    def extension(self, kind: int, payload: bytes) -> None:
        """Send an extension message, where the peer takes them."""
        if self.extended:
            self._write(wire.extended(kind, payload))

    def keep_alive(self) -> None:
        """Send a message that says nothing."""
        self._write(wire.KEEP_ALIVE)


def _fill(tail: bytearray, size: int, data: memoryview) -> memoryview:
    """Move bytes from `data` to `tail` until it holds `size`; return the rest."""
    missing = size - len(tail)
    if missing <= 0:
        return data
    tail += data[:missing]
    return data[missing:]
