"""Is a piece good exactly when every known hash of it is right, whatever its size and the room it is read into?"""

from __future__ import annotations

import random
from dataclasses import replace
from hashlib import sha1

import pytest

from torrent import lanes
from torrent.metainfo import PieceHashes, merkle
from torrent.storage.hashing import (
    CHUNK,
    Asked,
    Rooms,
    asked,
    digest,
    groups,
    is_good,
    is_good_zeros,
    is_right,
)
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


def is_good_at(data, known, offset, size, into):
    found = digest(reader(data), [asked(known, offset, size)], into, v1=known.v1 is not None)
    return is_right(known, found[0])


@pytest.fixture(params=["auto", "hashlib"])
def way(request, monkeypatch):
    monkeypatch.setattr(lanes, "_mode", request.param)


@pytest.mark.parametrize("size", [1, BLOCK_SIZE, BLOCK_SIZE + 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK + 70_000])
@pytest.mark.parametrize("kind", ["v1", "v2", "hybrid"])
def test_in_memory_and_from_disk_agree(way, size, kind):
    piece = bytes(i * 7 % 251 for i in range(size))
    expected = hashes(piece, v1=kind != "v2", v2_length=None if kind == "v1" else size)
    view = memoryview(bytearray(CHUNK))
    assert is_good(expected, piece) and is_good_at(b"x" * 100 + piece, expected, 100, size, view)
    for at in {0, size // 2, size - 1}:
        broken = bytearray(piece)
        broken[at] ^= 1
        assert not is_good(expected, broken)
        assert not is_good_at(b"x" * 100 + broken, expected, 100, size, view)


@pytest.mark.parametrize("filled", [5, BLOCK_SIZE, CHUNK + 100, 2 * CHUNK])
@pytest.mark.parametrize("space", [CHUNK, 4 * CHUNK])
def test_the_pad_behind_a_hybrid_file_counts_for_v1_only(way, filled, space):
    piece = b"a" * filled + bytes(3 * CHUNK - filled)
    expected = hashes(piece, v2_length=filled)
    assert is_good(expected, piece)
    assert is_good_at(piece, expected, 0, len(piece), memoryview(bytearray(space)))


@pytest.mark.parametrize("space", [20_000, CHUNK, 1 << 20, 1 << 23])
@pytest.mark.parametrize("v1", [True, False])
@pytest.mark.parametrize("v2", [True, False])
@pytest.mark.parametrize("size", [BLOCK_SIZE, 3 * BLOCK_SIZE // 2, 4 * BLOCK_SIZE, 1 << 19])
def test_many_pieces_in_one_go_are_as_each_alone(way, space, v1, v2, size):
    rng = random.Random(size)
    data = rng.randbytes(23 * size + 1000)
    pieces, expected = [], []
    for number in sorted(rng.sample(range(24), 19)):
        offset = number * size
        length = min(size, len(data) - offset)
        filled = (length if number % 3 else rng.randrange(1, length + 1)) if v2 else 0
        leaves = merkle.width(-(-size // BLOCK_SIZE)) << (number % 2) if v2 else 0
        pieces.append(Asked(offset, length, filled, leaves))
        piece = data[offset : offset + length]
        root = merkle.piece_root(piece[:filled], leaves) if v2 else b""
        expected.append((sha1(piece).digest() if v1 else b"", root))
    assert digest(reader(data), pieces, memoryview(bytearray(space)), v1=v1) == expected


def test_full_pieces_of_one_width_share_their_trees(way):
    data = random.Random(3).randbytes(20 * 65536)
    pieces = [Asked(at, 65536, 65536, 4) for at in range(0, len(data), 65536)]
    found = digest(reader(data), pieces, memoryview(bytearray(len(data))), v1=False)
    assert [hashed.v2 for hashed in found] == [
        merkle.piece_root(data[piece.offset :][: piece.size], 4) for piece in pieces
    ]


def test_neighbours_are_read_at_once():
    calls = []
    pieces = [Asked(at, 100, 0, 0) for at in (0, 100, 200, 500, 600, 900)]
    digest(lambda offset, view: calls.append((offset, len(view))), pieces, memoryview(bytearray(CHUNK)), v1=True)
    assert calls == [(0, 300), (500, 200), (900, 100)]


def test_groups_fit_into_the_room():
    pieces = [Asked(0, size, 0, 0) for size in (10, 10, 25, 5, 15, 1)]
    assert [[piece.size for piece in group] for group in groups(pieces, 20)] == [[10, 10], [25], [5, 15], [1]]
    assert not list(groups([], 20))


@pytest.mark.parametrize("wide", [1, 2, 16])
def test_rooms_hold_what_the_lanes_take_up_to_the_limit(wide, monkeypatch):
    monkeypatch.setattr(lanes, "width", lambda algorithm: wide)
    mib = 1 << 20
    small = CHUNK if wide == 1 else 2 * mib
    assert Rooms(mib, 16 * mib, v1=True).size == (CHUNK if wide == 1 else wide * mib)
    assert Rooms(mib, 4 * mib, v1=True).size == (CHUNK if wide == 1 else min(wide, 4) * mib)
    assert Rooms(8 * mib, 12 * mib, v1=True).size == small
    assert Rooms(16384, 16 * mib, v1=True).size == small
    assert Rooms(mib, 16 * mib, v1=False).size == small
    assert Rooms(mib, 1000, v1=True).size == CHUNK


def test_a_room_is_one_threads_and_used_again():
    rooms = Rooms(1 << 20, 1 << 20, v1=True)
    with rooms.one() as first, rooms.one() as second:
        assert first is not second
    with rooms.one() as third:
        assert third is first and len(third) == rooms.size


def test_both_hashes_of_a_hybrid_must_be_right():
    piece = b"a" * 40_000
    right = hashes(piece, v2_length=40_000)
    for wrong in (replace(right, v1=bytes(20)), replace(right, v2=bytes(32))):
        assert not is_good(wrong, piece)
        assert not is_good_at(piece, wrong, 0, len(piece), memoryview(bytearray(CHUNK)))


def test_a_piece_without_a_known_hash_is_never_good():
    nothing = PieceHashes(None, None, 0, 0)
    assert not is_good(nothing, b"")
    assert not is_good(nothing, b"x")
    assert not is_good_at(b"x", nothing, 0, 1, memoryview(bytearray(CHUNK)))
    assert not is_good_zeros(nothing, 1)


@pytest.mark.parametrize("size", [1, BLOCK_SIZE, CHUNK + 5])
def test_zeros_are_known_without_reading(size):
    piece = bytes(size)
    assert is_good_zeros(hashes(piece), size)
    assert is_good_zeros(hashes(piece, v1=False, v2_length=size), size)
    assert not is_good_zeros(hashes(b"\1" + piece[1:]), size)
