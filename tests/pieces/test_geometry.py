from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from torrent.errors import PeerError
from torrent.pieces import Geometry, bits, pad_blocks

KIB = 1024


@dataclass
class FakeFile:
    offset: int
    length: int
    is_pad: bool = False


@dataclass
class FakeMetainfo:
    length: int
    piece_length: int
    version: str = "v1"
    files: list[FakeFile] = field(default_factory=list)
    sizes: dict[int, int] = field(default_factory=dict)

    @property
    def pieces(self) -> int:
        return -(-self.length // self.piece_length)

    def piece_size(self, piece: int) -> int:
        rest = self.length - piece * self.piece_length
        return self.sizes.get(piece, min(rest, self.piece_length))


def test_the_last_piece_is_short() -> None:
    geometry = Geometry(100 * KIB, 32 * KIB)
    assert [geometry.size(piece) for piece in range(geometry.pieces)] == [32 * KIB] * 3 + [4 * KIB]
    assert geometry.stride == 2
    assert geometry.everything == 0b1111
    assert geometry.bytes_in(0b1001) == 36 * KIB


def test_pieces_need_not_be_multiples_of_a_block() -> None:
    geometry = Geometry(100_000, 20_000)
    assert (geometry.pieces, geometry.stride) == (5, 2)
    assert Geometry(10, 1).stride == 1


def test_no_bytes_no_pieces() -> None:
    geometry = Geometry(0, 16 * KIB)
    assert (geometry.pieces, geometry.everything, geometry.bytes_in(0)) == (0, 0, 0)
    with pytest.raises(PeerError):
        geometry.check_piece(0)


def test_v2_files_end_in_short_pieces() -> None:
    files = [FakeFile(0, 40 * KIB), FakeFile(64 * KIB, 0), FakeFile(64 * KIB, 10)]
    geometry = Geometry.of(FakeMetainfo(64 * KIB + 10, 32 * KIB, "v2", files, {1: 8 * KIB}))
    assert [geometry.size(piece) for piece in range(3)] == [32 * KIB, 8 * KIB, 10]
    assert geometry.bytes_in(geometry.everything) == 40 * KIB + 10


def test_v2_space_may_be_aligned_at_its_end() -> None:
    geometry = Geometry.of(FakeMetainfo(64 * KIB, 32 * KIB, "v2", [FakeFile(0, 40 * KIB)], {1: 8 * KIB}))
    assert geometry.size(1) == 8 * KIB


@pytest.mark.parametrize(
    ("length", "piece_length", "short"), [(-1, 1, {}), (1, 0, {}), (10, 5, {2: 1}), (10, 5, {1: 6})]
)
def test_impossible_shapes_are_bugs(length: int, piece_length: int, short: dict[int, int]) -> None:
    with pytest.raises(ValueError):
        Geometry(length, piece_length, short)


@given(st.integers(-5, 10), st.integers(-5, 200 * KIB), st.integers(-5, 200 * KIB))
def test_only_what_lies_inside_a_piece_comes_in(piece: int, begin: int, length: int) -> None:
    geometry = Geometry(300 * KIB + 5, 64 * KIB)
    size = {4: 44 * KIB + 5}.get(piece, 64 * KIB) if 0 <= piece < 5 else 0
    inside = begin >= 0 and 0 < length <= 32 * KIB and begin + length <= size
    for check in (geometry.check_request, geometry.check_block):
        if inside:
            check(piece, begin, length)
        else:
            with pytest.raises(PeerError):
                check(piece, begin, length)


def test_aligning_pads_need_no_fetching() -> None:
    files = [FakeFile(0, 70 * KIB), FakeFile(70 * KIB, 58 * KIB, True), FakeFile(128 * KIB, 5)]
    assert pad_blocks(FakeMetainfo(128 * KIB + 5, 128 * KIB, files=files)) == {0: range(5, 8)}


def test_a_pad_at_the_very_end_covers_the_short_block() -> None:
    files = [FakeFile(0, 16 * KIB), FakeFile(16 * KIB, 17 * KIB, True)]
    assert pad_blocks(FakeMetainfo(33 * KIB, 64 * KIB, files=files)) == {0: range(1, 3)}


def test_a_pad_across_a_boundary_counts_in_both_pieces() -> None:
    files = [FakeFile(0, 48 * KIB), FakeFile(48 * KIB, 40 * KIB, True), FakeFile(88 * KIB, 40 * KIB)]
    assert pad_blocks(FakeMetainfo(128 * KIB, 64 * KIB, files=files)) == {0: range(3, 4), 1: range(1)}


def test_huge_pads_are_fetched_like_any_file() -> None:
    files = [FakeFile(0, 1 << 50, True)]
    assert pad_blocks(FakeMetainfo(1 << 50, 64 * KIB, files=files)) == {}


def test_every_piece_is_counted_once() -> None:
    geometry = Geometry(1000, 300, {0: 20})
    assert geometry.bytes_in(bits.full(4)) == 20 + 300 + 300 + 100
