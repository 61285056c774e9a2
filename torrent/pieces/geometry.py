"""How is the torrent cut into pieces and blocks, and which numbers from the wire are inside it?

Every piece or offset that arrives from a peer becomes an index only through `check_piece`, `check_request` or
`check_block`; they raise PeerError and nothing else. Pieces have `piece_length` bytes, except the last one and, in
v2-only torrents, the last one of each file (BEP 52). Blocks are 16 KiB (BEP 3), the last of a piece may be shorter.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol, Self

from torrent.errors import PeerError
from torrent.pieces import bits
from torrent.terms import BLOCK_SIZE

MAX_REQUEST = 32 * 1024
"""Longest block a peer may ask for. BEP 3 asks to drop those above 16 KiB; a few old clients still ask for 32."""


class Span(Protocol):
    """A file in piece space."""

    @property
    def offset(self) -> int: ...
    @property
    def length(self) -> int: ...
    @property
    def is_pad(self) -> bool: ...


class Shape(Protocol):
    """What geometry needs to know of a `Metainfo`."""

    @property
    def length(self) -> int: ...
    @property
    def piece_length(self) -> int: ...
    @property
    def pieces(self) -> int: ...
    @property
    def version(self) -> str: ...
    @property
    def files(self) -> Sequence[Span]: ...
    def piece_size(self, piece: int, /) -> int: ...


class Geometry:
    """The numbers of one torrent: immutable.

    `pieces` is their count, `stride` the blocks of a full piece (block n of piece p has the key p * stride + n),
    `everything` the set of all pieces.
    """

    __slots__ = ("_short", "_short_bits", "everything", "length", "piece_length", "pieces", "stride")

    def __init__(self, length: int, piece_length: int, short: Mapping[int, int] | None = None) -> None:
        """Cut `length` bytes; `short` names pieces below the full size, beside the last one which is worked out."""
        if length < 0 or piece_length <= 0:
            raise ValueError(f"no geometry of {length} bytes in pieces of {piece_length}")
        self.length = length
        self.piece_length = piece_length
        self.pieces = -(-length // piece_length)
        self.stride = -(-piece_length // BLOCK_SIZE)
        self.everything = bits.full(self.pieces)
        sizes = {}
        if length % piece_length:
            sizes[self.pieces - 1] = length % piece_length
        sizes.update(short or {})
        for piece, size in sizes.items():
            if not (0 <= piece < self.pieces and 0 < size <= piece_length):
                raise ValueError(f"piece {piece} cannot have {size} bytes")
        self._short = sizes
        self._short_bits = bits.of(sizes)

    @classmethod
    def of(cls, metainfo: Shape) -> Self:
        """Read the geometry of a torrent."""
        full, short = metainfo.piece_length, {}
        ends: Iterable[int] = ()
        if metainfo.version == "v2":
            ends = (file.offset + file.length for file in metainfo.files if file.length)
        for end in ends:
            piece = (end - 1) // full
            if metainfo.piece_size(piece) != full:
                short[piece] = metainfo.piece_size(piece)
        return cls(metainfo.length, full, short)

    def size(self, piece: int) -> int:
        """Return the bytes of a piece."""
        return self._short.get(piece, self.piece_length)

    def bytes_in(self, value: int) -> int:
        """Return the bytes of a set of pieces."""
        missing = sum(self.piece_length - self._short[piece] for piece in bits.iterate(value & self._short_bits))
        return value.bit_count() * self.piece_length - missing

    def check_piece(self, piece: int) -> int:
        """Let a piece number from the wire in; PeerError if there is no such piece."""
        if not 0 <= piece < self.pieces:
            raise PeerError(f"no piece {piece} in a torrent of {self.pieces}")
        return piece

    def check_request(self, piece: int, begin: int, length: int) -> None:
        """Let a request, cancel or reject from the wire in; PeerError if it is outside the piece or too long."""
        size = self.size(self.check_piece(piece))
        if not 0 < length <= MAX_REQUEST:
            raise PeerError(f"a request for {length} bytes")
        if begin < 0 or begin + length > size:
            raise PeerError(f"a request for bytes {begin} to {begin + length} of a piece of {size}")

    def check_block(self, piece: int, begin: int, length: int) -> None:
        """Let the header of a block from the wire in; PeerError if it is outside the piece, empty or too long."""
        size = self.size(self.check_piece(piece))
        if not 0 < length <= MAX_REQUEST or begin < 0 or begin + length > size:
            raise PeerError(f"a block of bytes {begin} to {begin + length} of a piece of {size}")


def pad_blocks(metainfo: Shape) -> dict[int, range]:
    """Return for each piece the blocks that lie wholly in a pad file (BEP 47): they are zero and need no fetching.

    Only pads that align to a piece count (shorter than one); of several in a piece the longest is kept. So the answer
    stays small whatever the torrent says.
    """
    found: dict[int, range] = {}
    for file in metainfo.files:
        if not file.is_pad or not BLOCK_SIZE <= file.length < metainfo.piece_length:
            continue
        start, end = file.offset, file.offset + file.length
        while start < end:
            piece = start // metainfo.piece_length
            origin = piece * metainfo.piece_length
            size = metainfo.piece_size(piece)
            stop = min(end, origin + size)
            last = -(-size // BLOCK_SIZE) if stop == origin + size else (stop - origin) // BLOCK_SIZE
            blocks = range(-(-(start - origin) // BLOCK_SIZE), last)
            if len(blocks) > len(found.get(piece, ())):
                found[piece] = blocks
            start = max(stop, origin + metainfo.piece_length)
    return found
