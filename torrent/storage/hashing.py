"""Is this piece what the metainfo says it is? (shell: it reads through a callback)

One place for downloading, checking, verifying and creating. A piece is right when every hash known for it is right:
the SHA-1 of the piece (v1), the merkle root of its 16 KiB blocks (v2), both in a hybrid. A piece with no known hash
(a v2 magnet whose piece layers did not come yet) is never right.

Pieces on disk are read into a *room* and hashed there, as many at once as `torrent.lanes` likes best. A piece that is
longer than the room is read in chunks, so a piece of any length is checked in bounded memory. Without lanes a room is
small, so that what is hashed is still in the processor's cache. Hashing lets go of the GIL: several threads hash at
once, each with a room of its own.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from hashlib import sha1, sha256
from typing import NamedTuple

from torrent import lanes
from torrent.metainfo import PieceHashes, merkle
from torrent.terms import BLOCK_SIZE

CHUNK = 256 * 1024
"""Bytes read and hashed at a time where nothing else decides; a multiple of the block size."""
LEAVES_ROOM = 2 * 1024 * 1024
"""Bytes of v2 blocks that are hashed at once in lanes."""

Read = Callable[[int, memoryview], None]
"""Fill a view from an offset of piece space."""


class Asked(NamedTuple):
    """A piece to hash: `size` bytes at `offset` of piece space, and a tree of `leaves` over the first `filled` of them.

    `filled` 0: no tree is asked for.
    """

    offset: int
    size: int
    filled: int
    leaves: int


class Hashed(NamedTuple):
    """The hashes of a piece; empty if not asked for."""

    v1: bytes
    v2: bytes


def is_good(hashes: PieceHashes, piece: bytes | bytearray | memoryview) -> bool:
    """Tell whether a whole piece in memory is right."""
    if hashes.v1 is not None and sha1(piece).digest() != hashes.v1:
        return False
    if hashes.v2 is not None:
        return merkle.piece_root(memoryview(piece)[: hashes.v2_length], hashes.leaves) == hashes.v2
    return hashes.v1 is not None


def asked(hashes: PieceHashes, offset: int, size: int) -> Asked:
    """Return what has to be hashed to judge a piece."""
    return Asked(offset, size, hashes.v2_length if hashes.v2 is not None else 0, hashes.leaves)


def is_right(hashes: PieceHashes, found: Hashed) -> bool:
    """Tell whether the hashes of a piece are all that is known of it."""
    if hashes.v1 is None and hashes.v2 is None:
        return False
    return (hashes.v1 is None or found.v1 == hashes.v1) and (hashes.v2 is None or found.v2 == hashes.v2)


class Rooms:
    """Memory to read pieces into, one room for each thread that hashes: what the lanes can make use of, up to `limit`
    bytes a room, but a chunk at least. Kept for the next thread until all rooms are dropped together."""

    def __init__(self, piece_length: int, limit: int, *, v1: bool) -> None:
        self.size = CHUNK
        if lanes.width("sha256") > 1:
            self.size = max(CHUNK, min(limit, LEAVES_ROOM))
        if v1 and limit >= 2 * piece_length and lanes.width("sha1") > 1:
            self.size = max(self.size, min(lanes.width("sha1"), limit // piece_length) * piece_length)
        self._spare: list[memoryview] = []

    @contextmanager
    def one(self) -> Iterator[memoryview]:
        """Give a room that no other thread has meanwhile."""
        mine = self._spare.pop() if self._spare else memoryview(bytearray(self.size))
        try:
            yield mine
        finally:
            self._spare.append(mine)

    def drop(self) -> None:
        """Let go of the memory."""
        self._spare.clear()


def groups(pieces: Sequence[Asked], size: int) -> Iterator[Sequence[Asked]]:
    """Yield runs of pieces that fit into a room of `size` bytes; one that does not fit stands alone."""
    start = held = 0
    for at, piece in enumerate(pieces):
        if held + piece.size > size and at > start:
            yield pieces[start:at]
            start, held = at, 0
        held += piece.size
    if start < len(pieces):
        yield pieces[start:]


def digest(read: Read, pieces: Sequence[Asked], room: memoryview, *, v1: bool) -> list[Hashed]:
    """Read pieces and return their hashes, the SHA-1 only if `v1`; errors of `read` pass through."""
    found: list[Hashed] = []
    for group in groups(pieces, len(room)):
        if group[0].size > len(room):
            found.append(_streamed(read, group[0], room, v1=v1))
            continue
        places = _fill(read, group, room)
        whole = lanes.sha1(room, [(at, piece.size) for at, piece in zip(places, group, strict=True)]) if v1 else b""
        trees = _trees(group, places, room)
        found += [Hashed(whole[20 * at : 20 * at + 20], tree) for at, tree in enumerate(trees)]
    return found


def _fill(read: Read, group: Sequence[Asked], room: memoryview) -> list[int]:
    """Read pieces one behind the other, neighbours at once; return where each begins."""
    places = []
    at = first = 0
    offset = end = group[0].offset
    for piece in group:
        if piece.offset != end:
            read(offset, room[first:at])
            first, offset = at, piece.offset
        places.append(at)
        at += piece.size
        end = piece.offset + piece.size
    read(offset, room[first:at])
    return places


def _trees(group: Sequence[Asked], places: Sequence[int], room: memoryview) -> list[bytes]:
    """Return the root of each piece in the room, empty where none is asked for."""
    first = group[0]
    trees = [b""] * len(group)
    if not any(piece.filled for piece in group):
        return trees
    if all(piece.filled == piece.size == BLOCK_SIZE * piece.leaves and piece.leaves == first.leaves for piece in group):
        return _cut(merkle.roots(merkle.leaves(room[: len(group) * first.size]), first.leaves))
    blocks = [
        (place + at, min(BLOCK_SIZE, piece.filled - at))
        for place, piece in zip(places, group, strict=True)
        for at in range(0, piece.filled, BLOCK_SIZE)
    ]
    layer = lanes.sha256(room, blocks)
    alike: dict[int, list[tuple[int, bytes]]] = {}
    at = 0
    for index, piece in enumerate(group):
        size = -(-piece.filled // BLOCK_SIZE) * merkle.HASH_SIZE
        mine = layer[at : at + size]
        at += size
        missing = piece.leaves * merkle.HASH_SIZE - size
        if size and 0 <= missing <= size:
            alike.setdefault(piece.leaves, []).append((index, mine + bytes(missing)))
        elif piece.filled:
            trees[index] = merkle.root(mine, piece.leaves)
    for width, some in alike.items():
        for (index, _), root in zip(
            some, _cut(merkle.roots(b"".join(leaves for _, leaves in some), width)), strict=True
        ):
            trees[index] = root
    return trees


def _cut(layer: bytes) -> list[bytes]:
    return [layer[at : at + merkle.HASH_SIZE] for at in range(0, len(layer), merkle.HASH_SIZE)]


def _streamed(read: Read, piece: Asked, room: memoryview, *, v1: bool) -> Hashed:
    whole, leaves = sha1(), b""
    step = min(len(room), LEAVES_ROOM) // BLOCK_SIZE * BLOCK_SIZE
    for at in range(0, piece.size, step):
        view = room[: min(step, piece.size - at)]
        read(piece.offset + at, view)
        if v1:
            whole.update(view)
        if at < piece.filled:
            leaves += merkle.leaves(view[: piece.filled - at])
    return Hashed(whole.digest() if v1 else b"", merkle.root(leaves, piece.leaves) if leaves else b"")


_LOCAL = threading.local()


def scratch() -> memoryview:
    """Return this thread's own `CHUNK` bytes to read into."""
    view: memoryview | None = getattr(_LOCAL, "view", None)
    if view is None:
        view = _LOCAL.view = memoryview(bytearray(CHUNK))
    return view


@lru_cache(maxsize=64)
def zero_sha1(size: int) -> bytes:
    """Return the SHA-1 of `size` zero bytes."""
    whole = sha1()
    for at in range(0, size, CHUNK):
        whole.update(bytes(min(CHUNK, size - at)))
    return whole.digest()


@lru_cache(maxsize=64)
def zero_piece_root(size: int, leaves: int) -> bytes:
    """Return the v2 hash of a piece of `size` zero bytes."""
    full, rest = divmod(size, BLOCK_SIZE)
    block = sha256(bytes(BLOCK_SIZE)).digest()
    return merkle.root([block] * full + ([sha256(bytes(rest)).digest()] if rest else []), leaves)


def is_good_zeros(hashes: PieceHashes, size: int) -> bool:
    """Tell whether a piece of `size` zero bytes would be right, without hashing it each time."""
    if hashes.v1 is not None and zero_sha1(size) != hashes.v1:
        return False
    if hashes.v2 is not None:
        return zero_piece_root(hashes.v2_length, hashes.leaves) == hashes.v2
    return hashes.v1 is not None
