"""The v1 half: each lie about lengths and counts is refused."""

from __future__ import annotations

from typing import Any

import pytest

from torrent.errors import MetainfoError
from torrent.metainfo import info_v1, limits
from torrent.metainfo.info_v1 import Entry

HASH = bytes(20)


def read(keys: dict[bytes, Any], piece_length: int = 10) -> list[Entry]:
    return info_v1.read(keys, piece_length)[0]


def test_a_single_file() -> None:
    assert read({b"length": 25, b"pieces": HASH * 3, b"attr": b"x"}) == [Entry((), 25, "x")]


def test_files_pads_and_links() -> None:
    entries = read(
        {
            b"pieces": HASH * 2,
            b"files": [
                {b"length": 4, b"path": [b"d", b"a"], b"attr": b"hx?"},
                {b"length": 6, b"attr": b"p"},
                {b"length": 3, b"path": [b"wrong"], b"path.utf-8": [b"b"]},
                {b"length": 7, b"path": [b"_____padding_file_0_if you see this file"]},
                {b"length": 99, b"path": [b"l"], b"attr": b"l", b"symlink path": [b"d", b"a"]},
                {b"path": [b"m"], b"attr": b"l"},
                {b"length": 0, b"path": [b"z"], b"md5sum": b"ignored"},
            ],
        }
    )
    assert [(entry.path, entry.length, entry.attr) for entry in entries] == [
        ((b"d", b"a"), 4, "hx"),
        ((), 6, "p"),
        ((b"b",), 3, ""),
        ((), 7, "p"),
        ((b"l",), 0, "l"),
        ((b"m",), 0, "l"),
        ((b"z",), 0, ""),
    ]
    assert [entry.symlink for entry in entries if "l" in entry.attr] == [(b"d", b"a"), ()]


def test_nothing_but_empty_files_needs_no_hash() -> None:
    assert read({b"length": 0, b"pieces": b""}) == [Entry((), 0, "")]


@pytest.mark.parametrize(
    "keys",
    [
        {b"length": 10},
        {b"length": 10, b"pieces": 5},
        {b"length": 10, b"pieces": HASH[:19]},
        {b"length": 10, b"pieces": b""},
        {b"length": 11, b"pieces": HASH},
        {b"length": 10, b"pieces": HASH * 2},
        {b"length": -1, b"pieces": HASH},
        {b"length": 2**63, b"pieces": HASH},
        {b"length": b"10", b"pieces": HASH},
        {b"pieces": HASH},
        {b"length": 10, b"files": [], b"pieces": HASH},
        {b"files": [], b"pieces": HASH},
        {b"files": {}, b"pieces": HASH},
        {b"files": [3], b"pieces": HASH},
        {b"files": [{b"length": 10}], b"pieces": HASH},
        {b"files": [{b"length": 10, b"path": []}], b"pieces": HASH},
        {b"files": [{b"length": 10, b"path": b"a"}], b"pieces": HASH},
        {b"files": [{b"length": 10, b"path": [3]}], b"pieces": HASH},
        {b"files": [{b"path": [b"a"]}], b"pieces": HASH},
        {b"files": [{b"length": -5, b"path": [b"a"]}, {b"length": 15, b"path": [b"b"]}], b"pieces": HASH},
        {b"files": [{b"length": 10, b"attr": b"p"}], b"pieces": HASH},
        {b"files": [{b"length": 2**62, b"path": [b"a"]}] * 2, b"pieces": HASH},
    ],
)
def test_refused(keys: dict[bytes, Any]) -> None:
    with pytest.raises(MetainfoError):
        read(keys)


def test_a_total_that_no_offset_reaches_is_named_as_such() -> None:
    with pytest.raises(MetainfoError, match="too large"):
        read({b"files": [{b"length": 2**62, b"path": [b"a"]}] * 2, b"pieces": HASH})


def test_too_many_pieces() -> None:
    count = limits.MAX_PIECES + 1
    with pytest.raises(MetainfoError):
        read({b"length": count, b"pieces": bytes(20 * count)}, 1)
