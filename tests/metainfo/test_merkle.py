"""The v2 hash tree against a plain reference that builds every zero leaf."""

from __future__ import annotations

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from torrent.metainfo import merkle
from torrent.terms import BLOCK_SIZE


def plain_root(hashes: list[bytes], width: int) -> bytes:
    layer = hashes + [bytes(32)] * (width - len(hashes))
    while len(layer) > 1:
        layer = [sha256(layer[i] + layer[i + 1]).digest() for i in range(0, len(layer), 2)]
    return layer[0]


@given(st.integers(0, 70), st.integers(0, 3))
def test_root_equals_a_tree_with_every_leaf_built(count: int, extra: int) -> None:
    hashes = [sha256(bytes([n])).digest() for n in range(count)]
    width = merkle.width(count) << extra
    assert merkle.root(hashes, width) == plain_root(hashes, width)
    assert merkle.root(b"".join(hashes), width) == plain_root(hashes, width)


@given(st.integers(0, 5), st.integers(0, 7))
def test_roots_of_full_trees_side_by_side(trees: int, height: int) -> None:
    width = 1 << height
    hashes = [sha256(bytes([n & 255, n >> 8])).digest() for n in range(trees * width)]
    each = [plain_root(hashes[at : at + width], width) for at in range(0, len(hashes), width)]
    assert merkle.roots(b"".join(hashes), width) == b"".join(each)


def test_a_wide_layer_is_hashed_in_lanes_to_the_same_root() -> None:
    hashes = [sha256(n.to_bytes(4, "big")).digest() for n in range(700)]
    assert merkle.root(hashes, 1024) == plain_root(hashes, 1024)


@given(st.integers(1, 40), st.sampled_from([1, 2, 4, 8]))
def test_file_root_from_pieces_equals_root_from_leaves(blocks: int, blocks_per_piece: int) -> None:
    hashes = [sha256(bytes([n])).digest() for n in range(blocks)]
    pieces = [
        merkle.root(hashes[at : at + blocks_per_piece], blocks_per_piece) for at in range(0, blocks, blocks_per_piece)
    ]
    if len(pieces) == 1:
        return
    whole = plain_root(hashes, merkle.width(blocks))
    assert merkle.file_root(pieces, blocks_per_piece * BLOCK_SIZE) == whole
    assert merkle.file_root(b"".join(pieces), blocks_per_piece * BLOCK_SIZE) == whole


def test_leaves_and_piece_root_cut_at_16_kib() -> None:
    data = bytes(range(256)) * 150  # 38,400 bytes: three leaves, the last one short
    parts = [sha256(data[at : at + BLOCK_SIZE]).digest() for at in (0, BLOCK_SIZE, 2 * BLOCK_SIZE)]
    assert merkle.leaves(data) == b"".join(parts)
    assert merkle.leaves(memoryview(bytearray(data))) == b"".join(parts)
    assert merkle.piece_root(data, 4) == plain_root(parts, 4)
    assert merkle.piece_root(data, 8) == plain_root(parts, 8)
    assert merkle.leaves(b"") == b""


def test_piece_leaves_is_the_whole_file_or_a_full_piece() -> None:
    assert merkle.piece_leaves(1, 65536) == 1
    assert merkle.piece_leaves(40_000, 65536) == 4
    assert merkle.piece_leaves(65_536, 65536) == 4
    assert merkle.piece_leaves(65_537, 65536) == 4


@pytest.mark.parametrize("width", [0, 3, -1, 1])
def test_a_width_that_cannot_hold_the_hashes_is_refused(width: int) -> None:
    with pytest.raises(ValueError):
        merkle.root([bytes(32)] * 2, width)
    with pytest.raises(ValueError):
        merkle.roots(bytes(32 * 5), max(width, 2))
