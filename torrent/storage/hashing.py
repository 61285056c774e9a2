"""Is this piece what the metainfo says it is? (shell: it reads through a callback)

One place for downloading, checking, verifying and creating. A piece is right when every hash known for it is right:
the SHA-1 of the piece (v1), the merkle root of its 16 KiB blocks (v2), both in a hybrid. A piece with no known hash
(a v2 magnet whose piece layers did not come yet) is never right.

Pieces are read in chunks small enough to be hashed while they are still in the processor's cache, so a piece of any
length is checked in bounded memory. hashlib lets go of the GIL, so several threads hash at once.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import lru_cache
from hashlib import sha1, sha256

from torrent.metainfo import PieceHashes, merkle
from torrent.terms import BLOCK_SIZE

CHUNK = 256 * 1024
"""Bytes read and hashed at a time; a multiple of the block size."""

Read = Callable[[int, memoryview], None]
"""Fill a view from an offset of piece space."""


def is_good(hashes: PieceHashes, piece: bytes | bytearray | memoryview) -> bool:
    """Tell whether a whole piece in memory is right."""
    if hashes.v1 is not None and sha1(piece).digest() != hashes.v1:
        return False
    if hashes.v2 is not None:
        return merkle.piece_root(memoryview(piece)[: hashes.v2_length], hashes.leaves) == hashes.v2
    return hashes.v1 is not None


def is_good_at(read: Read, hashes: PieceHashes, offset: int, size: int, scratch: memoryview) -> bool:
    """Tell whether the piece of `size` bytes at `offset` of piece space is right; errors of `read` pass through."""
    v2_length = hashes.v2_length if hashes.v2 is not None else 0
    v1, leaves = digest(read, offset, size, scratch, v1=hashes.v1 is not None, v2_length=v2_length)
    if v1 != (hashes.v1 or b""):
        return False
    if hashes.v2 is not None:
        return merkle.root(leaves, hashes.leaves) == hashes.v2
    return hashes.v1 is not None


def digest(
    read: Read, offset: int, size: int, scratch: memoryview, *, v1: bool, v2_length: int
) -> tuple[bytes, list[bytes]]:
    """Read `size` bytes of piece space; return their SHA-1 (empty unless `v1`) and the 16 KiB leaves of the first
    `v2_length` of them."""
    if size <= len(scratch):
        view = scratch[:size]
        read(offset, view)
        return (sha1(view).digest() if v1 else b""), (merkle.leaves(view[:v2_length]) if v2_length else [])
    leaves: list[bytes] = []
    whole = sha1()
    for at in range(0, size, len(scratch)):
        view = scratch[: min(len(scratch), size - at)]
        read(offset + at, view)
        if v1:
            whole.update(view)
        if at < v2_length:
            leaves += merkle.leaves(view[: v2_length - at])
    return (whole.digest() if v1 else b""), leaves


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
