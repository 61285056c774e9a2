"""What is the root of a v2 hash tree (BEP 52)?

Leaves are the SHA-256 of 16 KiB blocks; a tree is filled up to a power of two with leaves of 32 zero bytes (zero
*hashes*, not hashes of zeros). The fill is never built: a missing right half is the zero tree of that height, which is
computed once. All functions are pure and take any bytes-like object; hashlib lets go of the GIL for whole blocks.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from hashlib import sha256

from torrent.terms import BLOCK_SIZE

HASH_SIZE = 32


def leaves(data: bytes | bytearray | memoryview) -> list[bytes]:
    """Return the hash of each 16 KiB block of `data`; the last block may be shorter."""
    view = memoryview(data)
    return [sha256(view[at : at + BLOCK_SIZE]).digest() for at in range(0, len(view), BLOCK_SIZE)]


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


def root(hashes: Sequence[bytes], width: int, *, height: int = 0) -> bytes:
    """Return the root over `hashes`, filled up to `width` (a power of two, at least `len(hashes)`).

    `height` is how many layers above the leaves the hashes already are; 0 for leaves.
    """
    if width < 1 or width & (width - 1) or not len(hashes) <= width:
        raise ValueError(f"{len(hashes)} hashes do not make a tree of width {width}")
    if not hashes:
        return zero_root(height + width.bit_length() - 1)
    layer = list(hashes)
    while width > 1:
        if len(layer) & 1:
            layer.append(zero_root(height))
        pairs = iter(layer)
        layer = [sha256(left + right).digest() for left, right in zip(pairs, pairs, strict=True)]
        width >>= 1
        height += 1
    return layer[0]


def piece_root(data: bytes | bytearray | memoryview, leaves: int) -> bytes:
    """Return the root of one piece: `data` cut in blocks, filled up to `leaves` (as in `PieceHashes.leaves`)."""
    view = memoryview(data)
    return root([sha256(view[at : at + BLOCK_SIZE]).digest() for at in range(0, len(view), BLOCK_SIZE)], leaves)


def file_root(layer: bytes | Sequence[bytes], piece_length: int) -> bytes:
    """Return a file's `pieces root` from its piece layer: one hash for each piece, joined or in a list."""
    if isinstance(layer, bytes):
        layer = [layer[at : at + HASH_SIZE] for at in range(0, len(layer), HASH_SIZE)]
    return root(layer, width(len(layer)), height=(piece_length // BLOCK_SIZE).bit_length() - 1)


def piece_leaves(file_length: int, piece_length: int) -> int:
    """Return how wide the tree of one piece is: the whole file's if that fits in one piece, else a full piece's."""
    if file_length <= piece_length:
        return width(-(-file_length // BLOCK_SIZE))
    return piece_length // BLOCK_SIZE
