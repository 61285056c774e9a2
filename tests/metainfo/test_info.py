"""Both halves together: offsets, agreement, links, names."""

from __future__ import annotations

from typing import Any

import pytest

from torrent.errors import MetainfoError
from torrent.metainfo import info

KIB16 = 16 * 1024
ROOT = b"r" * 32


def read(keys: Any, **options: Any) -> info.Info:
    return info.read(keys, **options)


def leaf(length: int) -> dict[bytes, Any]:
    return {b"": {b"length": length, **({b"pieces root": ROOT} if length else {})}}


def pad(length: int) -> dict[bytes, Any]:
    return {b"length": length, b"attr": b"p", b"path": [b".pad", b"%d" % length]}


def file(name: bytes, length: int) -> dict[bytes, Any]:
    return {b"length": length, b"path": [name]}


def hybrid(files: list[dict[bytes, Any]], tree: dict[bytes, Any], pieces: int) -> info.Info:
    return read(
        {
            b"name": b"t",
            b"piece length": KIB16,
            b"meta version": 2,
            b"pieces": bytes(20 * pieces),
            b"files": files,
            b"file tree": tree,
        }
    )


TREE = {b"a": leaf(5), b"b": leaf(KIB16 + 1), b"e": leaf(0)}
FILES = [file(b"a", 5), pad(KIB16 - 5), file(b"b", KIB16 + 1), file(b"e", 0)]


def test_a_v2_torrent_has_gaps_where_no_file_is() -> None:
    found = read({b"name": b"t", b"piece length": KIB16, b"meta version": 2, b"file tree": TREE})
    assert [(f.path, f.offset, f.end) for f in found.files] == [
        (("t", "a"), 0, 5),
        (("t", "b"), KIB16, 2 * KIB16 + 1),
        (("t", "e"), 2 * KIB16 + 1, 2 * KIB16 + 1),
    ]
    assert (found.version, found.length, found.multi_file) == ("v2", 2 * KIB16 + 1, True)


def test_a_v2_tree_of_one_file_is_a_single_file() -> None:
    found = read({b"name": b"t", b"piece length": KIB16, b"meta version": 2, b"file tree": {b"a": leaf(5)}})
    assert [f.path for f in found.files] == [("a",)]
    assert (found.name, found.multi_file) == ("a", False)


def test_a_hybrid_has_pads_and_roots() -> None:
    found = hybrid(FILES, TREE, 3)
    assert [(f.is_pad, f.offset, f.root) for f in found.files] == [
        (False, 0, ROOT),
        (True, 5, None),
        (False, KIB16, ROOT),
        (False, 2 * KIB16 + 1, None),
    ]
    assert found.version == "hybrid"
    assert hybrid([*FILES, pad(KIB16 - 1)], TREE, 3).length == 3 * KIB16


@pytest.mark.parametrize(
    ("files", "pieces"),
    [
        ([file(b"x", 5), *FILES[1:]], 3),
        ([file(b"a", 6), pad(KIB16 - 6), *FILES[2:]], 3),
        ([file(b"a", 5), file(b"b", KIB16 + 1), file(b"e", 0)], 2),
        ([file(b"a", 5), pad(KIB16), file(b"b", KIB16 + 1), file(b"e", 0)], 3),
        (FILES[:3], 3),
        ([*FILES, file(b"f", 0)], 3),
        ([*FILES, pad(KIB16)], 4),
        ([FILES[2], pad(KIB16 - 1), FILES[0], FILES[3]], 3),
    ],
    ids=["name", "length", "no pad", "wrong pad", "too few", "too many", "long tail", "order"],
)
def test_halves_that_disagree_are_refused(files: list[dict[bytes, Any]], pieces: int) -> None:
    with pytest.raises(MetainfoError):
        hybrid(files, TREE, pieces)


def test_a_link_in_one_half_only_is_a_disagreement() -> None:
    link = {b"path": [b"e"], b"attr": b"l", b"symlink path": [b"a"]}
    linked = {**TREE, b"e": {b"": {b"attr": b"l", b"symlink path": [b"a"]}}}
    assert hybrid([*FILES[:3], link], linked, 3).files[3].symlink == ("t", "a")
    for files, tree in (([*FILES[:3], link], TREE), (FILES, linked)):
        with pytest.raises(MetainfoError):
            hybrid(files, tree, 3)


def test_a_single_file_hybrid_must_carry_the_same_name() -> None:
    keys: dict[bytes, Any] = {b"piece length": KIB16, b"meta version": 2, b"pieces": bytes(20), b"length": 5}
    good = read({**keys, b"name": b"a", b"file tree": {b"a": leaf(5)}})
    assert (good.version, good.files[0].path, good.files[0].root) == ("hybrid", ("a",), ROOT)
    with pytest.raises(MetainfoError):
        read({**keys, b"name": b"b", b"file tree": {b"a": leaf(5)}})


def test_the_first_thing_said_about_a_newer_version_is_that() -> None:
    with pytest.raises(MetainfoError, match="newer"):
        read({b"meta version": 3})


@pytest.mark.parametrize("value", [0, -1, 512 * 1024 * 1024 + 1, b"1", None, 2**70])
def test_piece_lengths_that_nobody_can_divide_by(value: Any) -> None:
    keys: dict[bytes, Any] = {b"name": b"t", b"length": 5, b"pieces": bytes(20)}
    with pytest.raises(MetainfoError):
        read(keys if value is None else {**keys, b"piece length": value})


def test_names_and_links_are_made_safe() -> None:
    link = {b"path": [b"link"], b"attr": b"l", b"symlink path": [b"..", b"x"]}
    away = {b"path": [b"away"], b"attr": b"l", b"symlink path": [b"..", b"..", b"etc", b"passwd"]}
    found = read(
        {
            b"name": b"../t",
            b"piece length": 10,
            b"pieces": bytes(20),
            b"files": [{b"length": 5, b"path": [b"..", b"x"]}, link, away, pad(5)],
        }
    )
    assert [f.path for f in found.files] == [
        (".._t", "_", "x"),
        (".._t", "link"),
        (".._t", "away"),
        (".._t", ".pad", "5"),
    ]
    assert [f.symlink for f in found.files] == [None, (".._t", "_", "x"), None, None]
    assert [f.is_symlink for f in found.files] == [False, True, True, False]
    assert len(found.notes) == 3


def test_a_name_of_which_nothing_is_left_becomes_the_hash() -> None:
    keys: dict[bytes, Any] = {b"name": b"..", b"piece length": 10, b"pieces": bytes(20), b"length": 5}
    assert read(keys, fallback_name="abcd").name == "abcd"
    wrong: list[Any] = [None, 5, []]
    for name in wrong:
        with pytest.raises(MetainfoError):
            read({**keys, b"name": name} if name is not None else {b"piece length": 10})
