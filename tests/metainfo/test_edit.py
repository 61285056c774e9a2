"""Editing: the hash stays unless it has to change, and what nobody asked about stays byte for byte."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from torrent import bencode
from torrent.errors import MetainfoError
from torrent.metainfo import KEEP, Metainfo, edit

Make = Callable[..., bytes]


@pytest.fixture
def data(make: Make, payload: dict[str, bytes]) -> bytes:
    return make(payload, "hybrid", trackers=[["http://old/"]], comment="old", creation_date=5, created_by="me")


def test_nothing_asked_nothing_changed(data: bytes) -> None:
    assert edit(data) == data
    assert edit(data, comment=KEEP) == data


def test_the_outside_changes_and_the_hash_stays(data: bytes) -> None:
    before = Metainfo.from_bytes(data)
    after = Metainfo.from_bytes(
        edit(
            data,
            trackers=[["http://new/a", "udp://b:1"], ["http://c/"]],
            web_seeds=["http://w/1", "http://w/2"],
            http_seeds=["http://h/"],
            comment="new",
            created_by="you",
            creation_date=7,
        )
    )
    assert after.raw_info == before.raw_info
    assert after.trackers == (("http://new/a", "udp://b:1"), ("http://c/",))
    assert after.web_seeds == ("http://w/1", "http://w/2")
    assert (after.http_seeds, after.comment, after.created_by) == (("http://h/",), "new", "you")
    assert after.creation_date == 7


def test_empty_values_remove(data: bytes) -> None:
    after = edit(data, trackers=[], comment="", created_by="", creation_date=None, web_seeds=[])
    assert set(bencode.spans(after)) == {b"info", b"piece layers"}


def test_source_and_private_make_a_new_torrent(data: bytes) -> None:
    before = Metainfo.from_bytes(data)
    changed = edit(data, source="SRC", private=True)
    after = Metainfo.from_bytes(changed)
    assert (after.source, after.private) == ("SRC", True)
    assert after.info_hash_v1 != before.info_hash_v1
    assert after.info_hash_v2 != before.info_hash_v2
    assert after.files == before.files
    assert edit(changed, source="", private=False) == data
    assert edit(changed, source="SRC", private=True) == changed


def test_unknown_and_unordered_keys_stay_as_they_are() -> None:
    info = b"d6:pieces20:" + bytes(20) + b"4:name1:a12:piece lengthi100e6:lengthi5e7:strangei1ee"
    data = b"d4:info" + info + b"7:unknownd1:bi1e1:ai2ee8:announce9:http://a/e"
    after = edit(data, comment="x")
    raw: dict[bytes, Any] = {key: after[start:end] for key, (start, end) in bencode.spans(after).items()}
    assert raw[b"info"] == info
    assert raw[b"unknown"] == b"d1:bi1e1:ai2ee"
    private = Metainfo.from_bytes(edit(data, private=True))
    assert bencode.is_canonical(private.raw_info)
    assert b"7:strangei1e" in private.raw_info


def test_what_is_no_torrent_is_refused() -> None:
    for wrong in (b"", b"de", b"d4:infodee"):
        with pytest.raises(MetainfoError):
            edit(wrong, comment="x")
