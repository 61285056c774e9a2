"""The file around the info dictionary."""

from __future__ import annotations

from torrent import bencode
from torrent.metainfo.outer import Outer, join, tracker_keys, write

INFO = b"d1:b1:x1:a1:ye"  # out of order on purpose: it must come through untouched


def test_the_info_dictionary_is_never_encoded_again() -> None:
    data = write(INFO, Outer(comment="c", trackers=(("http://a/",),)))
    start, end = bencode.spans(data)[b"info"]
    assert data[start:end] == INFO


def test_only_what_is_there_is_written() -> None:
    assert write(INFO, Outer()) == b"d4:info" + INFO + b"e"
    full = Outer(
        trackers=(("http://a/", "http://b/"),),
        web_seeds=("http://w/",),
        http_seeds=("http://h/",),
        nodes=(("n", 1),),
        comment="c",
        created_by="me",
        creation_date=0,
        similar=(b"s" * 20,),
        collections=("x",),
        layers={b"r" * 32: b"l" * 64},
    )
    assert list(bencode.spans(write(INFO, full))) == sorted(
        [b"announce", b"announce-list", b"collections", b"comment", b"created by", b"creation date"]
        + [b"httpseeds", b"info", b"nodes", b"piece layers", b"similar", b"url-list"]
    )


def test_trackers_as_keys() -> None:
    assert tracker_keys(()) == {}
    assert tracker_keys(((),)) == {}
    assert tracker_keys((("a",),)) == {b"announce": b"a"}
    assert tracker_keys((("a",), (), ("b", "c"))) == {b"announce": b"a", b"announce-list": [[b"a"], [b"b", b"c"]]}


def test_keys_are_joined_in_order() -> None:
    assert join({b"b": b"i1e", b"a": b"le"}) == b"d1:ale1:bi1ee"
