"""What is the root of a v2 hash tree (BEP 52)?

Leaves are the SHA-256 of 16 KiB blocks; a tree is filled up to a power of two with leaves of 32 zero bytes (zero
*hashes*, not hashes of zeros). The fill is never built: a missing right half is the zero tree of that height, which is
computed once. All functions are pure; many blocks and many nodes are hashed at once by `torrent.lanes`.

A *layer* is the hashes of one height, joined: 32 bytes each.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from hashlib import sha256

from torrent import lanes
from torrent.terms import BLOCK_SIZE

HASH_SIZE = 32
_FEW = 24 * 2 * HASH_SIZE
"""Bytes of a layer up to which its nodes are hashed one by one."""


def leaves(data: bytes | bytearray | memoryview) -> bytes:
    """Return the layer of leaves of `data`: the hash of each 16 KiB block; the last block may be shorter."""
    return lanes.sha256_each(data, BLOCK_SIZE)


def width(count: int) -> int:
    """Return the smallest power of two that holds `count` leaves; at least 1."""
    return 1 << max(0, count - 1).bit_length()


@cache
def zero_root(height: int) -> bytes:
    """Return the root of a tree of 2 ** `height` zero hashes."""
    if height == 0:
        return bytes(HASH_SIZE)
    below = zero_root(height - 1)
    return sha256(below + below).digest()


def root(hashes: bytes | Sequence[bytes], width: int, *, height: int = 0) -> bytes:
    """Return the root over `hashes` (a layer, or a list), filled up to `width` (a power of two, at least as many).

    `height` is how many layers above the leaves the hashes already are; 0 for leaves.
    """
    layer = hashes if isinstance(hashes, bytes) else b"".join(hashes)
    count = len(layer) // HASH_SIZE
    if width < 1 or width & (width - 1) or not count <= width:
        raise ValueError(f"{count} hashes do not make a tree of width {width}")
    if not count:
        return zero_root(height + width.bit_length() - 1)
    while width > 1:
        if len(layer) & HASH_SIZE:
            layer += zero_root(height)
        layer = _above(layer)
        width >>= 1
        height += 1
    return layer


def roots(layer: bytes, width: int) -> bytes:
    """Return the joined roots of full trees of `width` leaves each, whose leaves stand one after the other."""
    if width < 1 or width & (width - 1) or len(layer) % (width * HASH_SIZE):
        raise ValueError(f"{len(layer) // HASH_SIZE} hashes do not make trees of width {width}")
    while width > 1:
        layer = _above(layer)
        width >>= 1
    return layer


def _above(layer: bytes) -> bytes:
    if len(layer) > _FEW:
        return lanes.sha256_each(layer, 2 * HASH_SIZE)
    step = 2 * HASH_SIZE
    return b"".join([sha256(layer[at : at + step]).digest() for at in range(0, len(layer), step)])


def piece_root(data: bytes | bytearray | memoryview, width: int) -> bytes:
    """Return the root of one piece: `data` cut in blocks, filled up to `width` (as in `PieceHashes.leaves`)."""
    return root(leaves(data), width)


def file_root(layer: bytes | Sequence[bytes], piece_length: int) -> bytes:
    """Return a file's `pieces root` from its piece layer: one hash for each piece, joined or in a list."""
    if not isinstance(layer, bytes):
        layer = b"".join(layer)
    return root(layer, width(len(layer) // HASH_SIZE), height=(piece_length // BLOCK_SIZE).bit_length() - 1)


def piece_leaves(file_length: int, piece_length: int) -> int:
    """Return how wide the tree of one piece is: the whole file's if that fits in one piece, else a full piece's."""
    if file_length <= piece_length:
        return width(-(-file_length // BLOCK_SIZE))
    return piece_length // BLOCK_SIZE
