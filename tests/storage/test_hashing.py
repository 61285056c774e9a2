"""Is a piece good exactly when every known hash of it is right, whatever its size and form?"""

from __future__ import annotations

from hashlib import sha1

import pytest

from torrent.metainfo import PieceHashes, merkle
from torrent.storage import hashing
from torrent.storage.hashing import CHUNK, is_good, is_good_at, is_good_zeros
from torrent.terms import BLOCK_SIZE


def reader(data):
    def read(offset, view):
        view[:] = data[offset : offset + len(view)]

    return read


def hashes(piece, *, v1=True, v2_length=None):
    if v2_length is None:
        return PieceHashes(sha1(piece).digest() if v1 else None, None, 0, 0)
    leaves = merkle.width(-(-v2_length // BLOCK_SIZE))
    root = merkle.piece_root(piece[:v2_length], leaves)
    return PieceHashes(sha1(piece).digest() if v1 else None, root, v2_length, leaves)


@pytest.mark.parametrize("size", [1, BLOCK_SIZE, BLOCK_SIZE + 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK + 70_000])
@pytest.mark.parametrize("kind", ["v1", "v2", "hybrid"])
def test_in_memory_and_from_disk_agree(size, kind):
    piece = bytes(i * 7 % 251 for i in range(size))
    expected = hashes(piece, v1=kind != "v2", v2_length=None if kind == "v1" else size)
    view = hashing.scratch()
    data = b"x" * 100 + piece
    assert is_good(expected, piece) and is_good_at(reader(data), expected, 100, size, view)
    for at in {0, size // 2, size - 1}:
        broken = bytearray(piece)
        broken[at] ^= 1
        assert not is_good(expected, broken)
        assert not is_good_at(reader(b"x" * 100 + broken), expected, 100, size, view)


@pytest.mark.parametrize("filled", [5, BLOCK_SIZE, CHUNK + 100, 2 * CHUNK])
def test_the_pad_behind_a_hybrid_file_counts_for_v1_only(filled):
    piece = b"a" * filled + bytes(3 * CHUNK - filled)
    expected = hashes(piece, v2_length=filled)
    assert is_good(expected, piece)
    assert is_good_at(reader(piece), expected, 0, len(piece), hashing.scratch())


def test_both_hashes_of_a_hybrid_must_be_right():
    piece = b"a" * 40_000
    right = hashes(piece, v2_length=40_000)
    assert not is_good(PieceHashes(bytes(20), right.v2, right.v2_length, right.leaves), piece)
    assert not is_good(PieceHashes(right.v1, bytes(32), right.v2_length, right.leaves), piece)


def test_a_piece_without_a_known_hash_is_never_good():
    nothing = PieceHashes(None, None, 0, 0)
    assert not is_good(nothing, b"")
    assert not is_good(nothing, b"x")
    assert not is_good_at(reader(b"x"), nothing, 0, 1, hashing.scratch())
    assert not is_good_zeros(nothing, 1)


@pytest.mark.parametrize("size", [1, BLOCK_SIZE, CHUNK + 5])
def test_zeros_are_known_without_reading(size):
    piece = bytes(size)
    assert is_good_zeros(hashes(piece), size)
    assert is_good_zeros(hashes(piece, v1=False, v2_length=size), size)
    assert not is_good_zeros(hashes(b"\1" + piece[1:]), size)
