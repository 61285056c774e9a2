"""Bencode: one error whatever comes in, round trips, and each bomb by name."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from torrent import bencode
from torrent.errors import BencodeError

values = st.recursive(
    st.integers(-(10**40), 10**40) | st.binary(max_size=40),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.binary(max_size=8), inner, max_size=5),
    max_leaves=25,
)


@given(values)
def test_what_is_encoded_is_decoded(value: Any) -> None:
    data = bencode.encode(value)
    assert bencode.decode(data) == value
    assert bencode.is_canonical(data)
    assert bencode.decode_prefix(data + b"payload") == (value, len(data))
    assert bencode._scan(data, 0) == (len(data), bencode._nodes(value))


@given(values, st.integers(0, 10**6))
def test_any_cut_is_an_error(value: Any, cut: int) -> None:
    data = bencode.encode(value)
    with pytest.raises(BencodeError):
        bencode.decode(data[: cut % len(data)])


@given(st.binary(max_size=80))
def test_garbage_is_a_value_or_a_bencode_error(data: bytes) -> None:
    for read in (bencode.decode, bencode.decode_prefix, bencode.spans):
        try:
            read(data)
        except BencodeError:
            pass
    bencode.is_canonical(data)


def test_mutations_never_escape_and_what_is_read_is_written_the_same() -> None:
    rng = random.Random(1)
    seed = bencode.encode({b"a": [1, -5, b"xyz", {b"k": b"", b"l": []}], b"info": {b"name": b"n", b"z": 10**20}})
    read = 0
    for _ in range(20_000):
        data = bytearray(seed)
        for _ in range(rng.randint(1, 4)):
            at = rng.randrange(len(data))
            choice = rng.random()
            if choice < 0.6:
                data[at] = rng.choice(b"0123456789:ilde-\x00\xff")
            elif choice < 0.8:
                del data[at : at + rng.randint(1, 4)]
            else:
                data[at:at] = data[rng.randrange(len(data)) :][: rng.randint(1, 9)]
            if not data:
                break
        try:
            value = bencode.decode(bytes(data))
        except BencodeError:
            continue
        read += 1
        again = bencode.encode(value)
        assert bencode.is_canonical(again)
        assert bencode.decode(again) == value
        assert bencode.is_canonical(bytes(data)) == (again == data)
    assert read > 100  # else the mutations test nothing but refusals


def test_unsorted_keys_are_read_and_seen() -> None:
    data = b"d1:bi1e1:ai2ee"
    assert bencode.decode(data) == {b"a": 2, b"b": 1}
    assert not bencode.is_canonical(data)
    nested = b"l" + data + b"e"
    assert bencode.decode(nested) == [{b"a": 2, b"b": 1}]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"e",
        b"i",
        b"ie",
        b"i-e",
        b"i-0e",
        b"i03e",
        b"i+3e",
        b"i 3e",
        b"i1_0e",
        b"i1.0e",
        b"-1:a",
        b"01:a",
        b"1:",
        b"2:a",
        b"1 :a",
        b"99999999999999999999:a",
        b"l",
        b"li1e",
        b"d1:a",
        b"d1:ae",
        b"di1ei2ee",
        b"dli1eei2ee",
        b"i1ei2e",
        b"i1e ",
        b" i1e",
        b"d1:ai1e1:ai2ee",
        b"d1:bi1e1:ai1e1:bi2ee",
        b"d1:bi1e1:ad1:ci1e1:ci2eee",
        "i١e".encode(),
    ],
)
def test_refused(data: bytes) -> None:
    with pytest.raises(BencodeError):
        bencode.decode(data)
    assert not bencode.is_canonical(data)


def test_integers_of_any_reasonable_size() -> None:
    for number in (2**63, -(2**64), 10**4000, -(10**4000)):
        assert bencode.decode(bencode.encode(number)) == number


@pytest.mark.parametrize(
    "bomb",
    [
        b"l" * 101 + b"e" * 101,
        b"l" * 100_000,
        b"d1:a" * 200 + b"i1e" + b"e" * 200,
        b"i" + b"9" * 4097 + b"e",
        b"i" + b"9" * 1_000_000 + b"e",
        b"9" * 1_000_000,
        b"l" + b"le" * 3_000_001 + b"e",
        b"l" + b"0:" * 3_000_001 + b"e",
        b"d" + b"0:0:" * 500_000 + b"e",
        b"d1:b0:1:a0:" + b"1:cl" * 50_000,
    ],
    ids=[
        "depth 101",
        "open only",
        "dict depth",
        "digits",
        "many digits",
        "length",
        "lists",
        "strings",
        "same key",
        "keys",
    ],
)
def test_bombs_are_refused_quickly(bomb: bytes) -> None:  # a quadratic reader would run into the timeout
    with pytest.raises(BencodeError):
        bencode.decode(bomb)
    with pytest.raises(BencodeError):
        bencode.decode_prefix(bomb)


def test_a_hundred_levels_are_fine_in_both_readers() -> None:
    deep = b"l" * 100 + b"e" * 100
    assert bencode.encode(bencode.decode(deep)) == deep
    unsorted = b"d1:b" + b"l" * 99 + b"e" * 99 + b"1:ai1ee"
    assert isinstance(bencode.decode(unsorted), dict)


def test_small_and_large_inputs_follow_the_same_rules() -> None:
    pad = b"5000:" + bytes(5000)
    for data in (b"i03e", b"d1:ai1e1:ai2ee", b"d1:bi1e1:ai2ee", b"2:a", b"di1ei1ee"):
        for text in (b"l" + data + b"e", b"l" + pad + data + b"e"):
            if data == b"d1:bi1e1:ai2ee":
                assert bencode.decode(text)
            else:
                with pytest.raises(BencodeError):
                    bencode.decode(text)


def test_spans_are_the_raw_text_even_when_it_is_not_canonical() -> None:
    info = b"d4:name1:a1:bi1ee"
    data = b"d3:foold4:infoi9eee4:info" + info + b"1:zi0ee"
    start, end = bencode.spans(data)[b"info"]
    assert data[start:end] == info
    assert list(bencode.spans(data)) == [b"foo", b"info", b"z"]


@pytest.mark.parametrize("data", [b"", b"le", b"d1:ai1e", b"d1:ai1ee1:b", b"d4:infoi1e4:infoi2ee", b"d9:info"])
def test_what_is_no_dictionary_has_no_spans(data: bytes) -> None:
    for read in (bencode.spans, bencode.decode_document):
        with pytest.raises(BencodeError):
            read(data)


@given(st.dictionaries(st.binary(max_size=4), values, max_size=6), st.randoms())
def test_a_document_has_the_spans_of_its_values_in_any_order(
    value: dict[bytes, bencode.Value], rng: random.Random
) -> None:
    data = bencode.encode(value)
    assert bencode.decode_document(data) == (value, bencode.spans(data), True)
    parts = [bencode.encode(key) + bencode.encode(item) for key, item in value.items()]
    rng.shuffle(parts)
    shuffled = b"d" + b"".join(parts) + b"e"
    assert bencode.decode_document(shuffled) == (value, bencode.spans(shuffled), shuffled == data)


def test_depth_is_judged_the_same_in_every_position() -> None:
    most, pad = bencode.MAX_DEPTH, b"4096:" + bytes(4096)
    for extra in (b"", pad):
        fine = b"l" * most + extra + b"e" * most
        assert bencode.decode(fine)
        for bomb in (b"l" + fine + b"e", b"d1:a" + fine + b"e", b"l" + b"le" * 200 + fine + b"e"):
            with pytest.raises(BencodeError, match="deeper"):
                bencode.decode(bomb)


def test_prefix_stops_where_the_value_ends() -> None:
    header = b"d8:msg_typei1e5:piecei0e10:total_sizei34256ee"
    assert bencode.decode_prefix(header + b"x" * 16384) == (
        {b"msg_type": 1, b"piece": 0, b"total_size": 34256},
        len(header),
    )


@pytest.mark.parametrize("value", [None, 1.5, {1: 2}, [None], {b"a": object()}])
def test_what_has_no_encoding_is_refused(value: Any) -> None:
    with pytest.raises(BencodeError):
        bencode.encode(value)


def test_any_bytes_like_is_read() -> None:
    kinds: list[Any] = [bytearray, memoryview]
    for kind in kinds:
        assert bencode.decode(kind(b"li1ee")) == [1]


@pytest.mark.parametrize("data", [b"5:ab", b"l5:abe", b"d1:a5:abe", b"d5:ab"])
def test_a_string_that_runs_past_the_end_is_named_as_such(data: bytes) -> None:
    for read in (bencode.decode, bencode.decode_prefix):
        with pytest.raises(BencodeError, match="longer than the data"):
            read(data)
