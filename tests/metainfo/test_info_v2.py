"""The v2 half: trees that are none, roots that are none, layers that prove nothing."""

from __future__ import annotations

from typing import Any

import pytest

from torrent.errors import MetainfoError
from torrent.metainfo import info_v2, merkle
from torrent.metainfo.info_v1 import Entry

KIB16 = 16 * 1024
ROOT = b"r" * 32


def read(tree: Any, piece_length: int = KIB16) -> list[Entry]:
    return info_v2.read({b"file tree": tree}, piece_length)


def leaf(length: int, **more: Any) -> dict[bytes, Any]:
    root = {b"pieces root": ROOT} if length else {}
    return {b"": {b"length": length, **root, **{key.encode(): value for key, value in more.items()}}}


def test_files_come_in_the_order_of_the_tree() -> None:
    entries = read({b"a": leaf(5), b"d": {b"b": leaf(0), b"e": {b"c": leaf(7, attr=b"x")}}, b"z": leaf(1)})
    assert [(entry.path, entry.length, entry.attr) for entry in entries] == [
        ((b"a",), 5, ""),
        ((b"d", b"b"), 0, ""),
        ((b"d", b"e", b"c"), 7, "x"),
        ((b"z",), 1, ""),
    ]
    assert [entry.root for entry in entries] == [ROOT, None, ROOT, ROOT]


def test_a_link_takes_no_room() -> None:
    link = {b"": {b"attr": b"l", b"symlink path": [b"a"]}}
    assert read({b"a": leaf(5), b"l": link})[1] == Entry((b"l",), 0, "l", None, (b"a",))


def deep(levels: int) -> dict[bytes, Any]:
    tree: dict[bytes, Any] = leaf(1)
    for _ in range(levels):
        tree = {b"d": tree}
    return tree


@pytest.mark.parametrize(
    "tree",
    [
        None,
        b"x",
        {},
        leaf(5),
        {b"a": 5},
        {b"a": {}},
        {b"a": {b"": 5}},
        {b"a": {**leaf(5), b"b": leaf(5)}},
        {b"a": leaf(-1)},
        {b"a": leaf(2**63)},
        {b"a": {b"": {b"pieces root": ROOT}}},
        {b"a": {b"": {b"length": 5}}},
        {b"a": {b"": {b"length": 5, b"pieces root": ROOT[:31]}}},
        {b"a": {b"": {b"length": 5, b"pieces root": 5}}},
        {b"a": leaf(5, attr=b"p")},
        {b"a": leaf(2**40)},
        deep(102),
    ],
)
def test_refused(tree: Any) -> None:
    with pytest.raises(MetainfoError):
        read(tree)


def test_many_files_deep_down_are_refused_before_they_fill_the_memory() -> None:
    tree: dict[bytes, Any] = {b"%d" % number: leaf(0) for number in range(25_000)}
    for _ in range(90):
        tree = {b"d": tree}
    with pytest.raises(MetainfoError):
        read(tree)


@pytest.mark.parametrize("piece_length", [1, 16 * 1024 - 1, 8192, 3 * 16 * 1024])
def test_piece_lengths_that_v2_does_not_have(piece_length: int) -> None:
    with pytest.raises(MetainfoError):
        read({b"a": leaf(5)}, piece_length)


def test_layers_are_proven_against_their_root() -> None:
    layer = b"".join(bytes([number]) * 32 for number in range(3))
    root = merkle.file_root(layer, KIB16)
    entries = [Entry((b"a",), 3 * KIB16, "", root), Entry((b"b",), 5, "", ROOT)]
    assert info_v2.choose_layers(entries, KIB16, {root: layer, ROOT: b"unneeded"}) == {root: layer}
    assert info_v2.choose_layers(entries, KIB16, {}) == {}
    for wrong in (layer[:-1], layer[:-32], layer + bytes(32), layer[:-1] + b"x", b""):
        with pytest.raises(MetainfoError):
            info_v2.choose_layers(entries, KIB16, {root: wrong})


def test_one_root_cannot_belong_to_files_of_two_sizes() -> None:
    with pytest.raises(MetainfoError):
        info_v2.choose_layers([Entry((b"a",), 3 * KIB16, "", ROOT), Entry((b"b",), 4 * KIB16, "", ROOT)], KIB16, {})


@pytest.mark.parametrize("value", [5, [], {b"a": 5}])
def test_layers_that_are_no_dictionary_of_strings(value: Any) -> None:
    with pytest.raises(MetainfoError):
        info_v2.read_layers(value)
    assert info_v2.read_layers(None) == {}
