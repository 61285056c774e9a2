"""Which bytes is a message?

Messages of the peer wire protocol (BEP 3), the fast extension (BEP 6), the extension protocol (BEP 10) and the hash
messages of BEP 52: their numbers, the lengths they may have, and the bytes we send. A frame is a 4-byte big-endian
length, one byte of type and the payload; a length of 0 is a keep-alive.

A hostile peer may announce a length it never sends or that no message can have. `LENGTHS` gives the payload each
type must have, and `protocol` closes on anything else before a byte is stored.
"""

from __future__ import annotations

from collections.abc import Iterable
from struct import Struct

CHOKE = 0
UNCHOKE = 1
INTERESTED = 2
NOT_INTERESTED = 3
HAVE = 4
BITFIELD = 5
REQUEST = 6
PIECE = 7
CANCEL = 8
PORT = 9
SUGGEST = 13
HAVE_ALL = 14
HAVE_NONE = 15
REJECT = 16
ALLOWED_FAST = 17
EXTENDED = 20
HASH_REQUEST = 21
HASHES = 22
HASH_REJECT = 23

FAST_ONLY = frozenset((SUGGEST, HAVE_ALL, HAVE_NONE, REJECT, ALLOWED_FAST))
"""Valid only where both sides set the fast bit (BEP 6)."""

LENGTHS = {
    CHOKE: 0,
    UNCHOKE: 0,
    INTERESTED: 0,
    NOT_INTERESTED: 0,
    HAVE: 4,
    REQUEST: 12,
    CANCEL: 12,
    PORT: 2,
    SUGGEST: 4,
    HAVE_ALL: 0,
    HAVE_NONE: 0,
    REJECT: 12,
    ALLOWED_FAST: 4,
    HASH_REQUEST: 48,
    HASH_REJECT: 48,
}
"""Bytes of payload of the types whose length is fixed."""

MAX_BLOCK = 32 * 1024
"""Bytes of the largest block we send or take; others ask for 16 KiB and some close above that (BEP 3)."""

MAX_EXTENDED = 1024 * 1024
"""Bytes of the largest extension message; peers send metadata in parts of 16 KiB and short dictionaries."""

MAX_HASHES = 48 + 32 * 8192
"""Bytes of the largest `hashes` payload (BEP 52 allows 8192 hashes in one request)."""

KEEP_ALIVE = b"\0\0\0\0"

_FRAME = Struct(">IB")
_FRAME_INT = Struct(">IBI")
_FRAME_SPAN = Struct(">IBIII")
_FRAME_PIECE = Struct(">IBII")

PIECE_HEADER = _FRAME_PIECE.size
"""Bytes in front of the data of a PIECE message, the length prefix included."""


def bare(kind: int) -> bytes:
    """Return a message without payload."""
    return _FRAME.pack(1, kind)


def numbered(kind: int, piece: int) -> bytes:
    """Return a message whose payload is a piece: HAVE, SUGGEST or ALLOWED_FAST."""
    return _FRAME_INT.pack(5, kind, piece)


def haves(pieces: Iterable[int]) -> bytes:
    """Return a HAVE for each of `pieces`, joined."""
    pack = _FRAME_INT.pack
    return b"".join([pack(5, HAVE, piece) for piece in pieces])


def spans(kind: int, blocks: Iterable[tuple[int, int, int]]) -> bytes:
    """Return a REQUEST, CANCEL or REJECT for each (piece, begin, length), joined: one write asks for many blocks."""
    pack = _FRAME_SPAN.pack
    return b"".join([pack(13, kind, piece, begin, length) for piece, begin, length in blocks])


def piece_header(piece: int, begin: int, length: int) -> bytes:
    """Return what stands in front of the `length` bytes of a block."""
    return _FRAME_PIECE.pack(9 + length, PIECE, piece, begin)


def bitfield(payload: bytes) -> bytes:
    """Return a BITFIELD."""
    return _FRAME.pack(1 + len(payload), BITFIELD) + payload


def port(number: int) -> bytes:
    """Return a PORT: the UDP port of our DHT node (BEP 5)."""
    return b"\0\0\0\x03\x09" + number.to_bytes(2, "big")


def extended(kind: int, payload: bytes) -> bytes:
    """Return an extension message; `kind` 0 is the extension handshake (BEP 10)."""
    return _FRAME.pack(2 + len(payload), EXTENDED) + bytes((kind,)) + payload


def hash_reject(request: bytes) -> bytes:
    """Return the refusal of the hash request with this 48-byte payload (BEP 52)."""
    return _FRAME.pack(1 + len(request), HASH_REJECT) + request
