from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from torrent.errors import PeerError
from torrent.pieces import bits

SETS = st.sets(st.integers(0, 300))


def test_piece_0_is_the_high_bit_of_the_first_byte() -> None:
    assert bits.from_wire(b"\x80\x01", 16) == 1 | 1 << 15
    assert bits.to_wire(1 | 1 << 15, 16) == b"\x80\x01"
    assert bits.from_wire(memoryview(b"\xff\xc0"), 10) == bits.full(10)


def test_a_torrent_without_pieces_has_an_empty_bitfield() -> None:
    assert bits.from_wire(b"", 0) == 0
    assert bits.to_wire(0, 0) == b""


@given(SETS)
def test_wire_round_trip(pieces: set[int]) -> None:
    value = sum(1 << piece for piece in pieces)
    assert bits.from_wire(bits.to_wire(value, 301), 301) == value
    assert list(bits.iterate(value)) == sorted(pieces)
    assert bits.of(pieces) == value
    assert bits.count(value) == len(pieces)
    assert bits.lowest(value) == min(pieces, default=-1)


@given(st.binary(max_size=40), st.integers(0, 330))
def test_any_bytes_are_a_bitfield_or_a_peer_error(data: bytes, n: int) -> None:
    try:
        value = bits.from_wire(data, n)
    except PeerError:
        assert len(data) != (n + 7) // 8 or int.from_bytes(data, "big") & ((1 << -n % 8) - 1)
    else:
        assert bits.to_wire(value, n) == data


@pytest.mark.parametrize("data", [b"", b"\x00", b"\x00\x00\x00", b"\x00\x20", b"\x00\x01"])
def test_wrong_length_and_spare_bits_are_refused(data: bytes) -> None:
    with pytest.raises(PeerError):
        bits.from_wire(data, 10)


@given(SETS, st.integers(0, 99))
def test_a_random_bit_is_in_the_set(pieces: set[int], seed: int) -> None:
    picked = bits.random_set_bit(bits.of(pieces), random.Random(seed))
    assert picked in pieces or (not pieces and picked == -1)


def test_every_bit_can_come_up() -> None:
    rng = random.Random(3)
    assert {bits.random_set_bit(0b1011001, rng) for _ in range(500)} == {0, 3, 4, 6}


@given(st.lists(st.integers(0, 7), max_size=50), st.integers(0, 7))
def test_marked_finds_the_positions_of_a_value(values: list[int], wanted: int) -> None:
    assert bits.marked(bytes(values), wanted) == bits.of(i for i, value in enumerate(values) if value == wanted)
