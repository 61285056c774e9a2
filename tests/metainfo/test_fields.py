"""Facts out of a dictionary nobody vouches for."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from torrent.errors import MetainfoError
from torrent.metainfo import fields, limits

values = st.recursive(
    st.integers() | st.binary(max_size=30) | st.sampled_from([b"http://a/", b"udp://t:1/announce", b"http://[", b"x"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.binary(max_size=4), inner, max_size=3),
    max_leaves=12,
)


@given(values)
def test_no_value_escapes_as_anything_but_a_fact(value: Any) -> None:
    document = dict.fromkeys((b"announce", b"announce-list", b"comment", b"comment.utf-8", b"encoding", b"attr"), value)
    notes: list[str] = []
    for tier in fields.tiers(document, notes):
        for url in tier:
            assert url.split(":")[0].lower() in fields.TRACKER_SCHEMES
    fields.urls(value, fields.SEED_SCHEMES, 5)
    fields.nodes(value)
    fields.date(value)
    fields.hashes(value)
    fields.words(value)
    fields.raw_path(value)
    fields.attributes(document)
    fields.text(document, b"comment", fields.encoding(document))


@pytest.mark.parametrize(
    ("url", "good"),
    [
        (b"http://tracker.example/announce", True),
        (b" HTTPS://tracker.example:443/announce?key=1 ", True),
        (b"udp://[::1]:6969", True),
        (b"wss://tracker.example/", True),
        (b"file:///etc/passwd", False),
        (b"ftp://x/", False),
        (b"http://", False),
        (b"http:///announce", False),
        (b"http://x:99999/", False),
        (b"http://x:0/", False),
        (b"http://[bad/", False),
        (b"http://x/\x1b[2J", False),
        (b"http://x/a b", False),
        (b"http://x/\xff", False),
        ("http://x/\u202e".encode(), False),
        (b"http://x/" + b"a" * 3000, False),
        (b"tracker.example", False),
        (b"", False),
        (5, False),
        (None, False),
    ],
)
def test_tracker_addresses(url: Any, good: bool) -> None:
    assert (fields.url(url, fields.TRACKER_SCHEMES) is not None) == good


def test_the_list_wins_over_the_single_tracker_and_each_is_there_once() -> None:
    document: dict[bytes, Any] = {
        b"announce": b"http://old/a",
        b"announce-list": [[b"http://a/", b"http://b/"], [b"nonsense"], [b"http://a/", b"udp://c:1"], b"http://d/", 5],
    }
    notes: list[str] = []
    assert fields.tiers(document, notes) == (("http://a/", "http://b/"), ("udp://c:1",), ("http://d/",))
    assert notes == ["2 tracker addresses cannot be used"]
    document[b"announce-list"] = [[b"nonsense"], []]
    assert fields.tiers(document, []) == (("http://old/a",),)
    assert fields.tiers({}, []) == ()


def test_websocket_trackers_are_kept_and_noted() -> None:
    notes: list[str] = []
    assert fields.tiers({b"announce": b"wss://x/"}, notes) == (("wss://x/",),)
    assert len(notes) == 1


def test_a_flood_of_trackers_is_cut() -> None:
    document: dict[bytes, Any] = {b"announce-list": [[b"http://x/%d" % number] for number in range(5000)]}
    assert len(fields.tiers(document, [])) == limits.MAX_TRACKERS
    assert len(fields.urls(document[b"announce-list"][0] * 9, fields.SEED_SCHEMES, 3)) == 1


def test_text_prefers_utf8_and_is_one_safe_line() -> None:
    keys: dict[bytes, Any] = {b"comment": b"old", b"comment.utf-8": b"a\r\nb\x1b"}
    assert fields.text(keys, b"comment") == "a b\ufffd"
    assert fields.text({b"comment": "日本".encode("cp932")}, b"comment", "Shift_JIS") == "日本"
    assert fields.text({}, b"comment") == ""
    assert len(fields.text({b"comment": b"x" * 10**6}, b"comment")) <= 4096


def test_nodes() -> None:
    good: list[Any] = [[b"router.example", 6881], [b"::1", 1]]
    bad: list[Any] = [[b"x"], [b"x", 0], [b"x", 65536], [b"", 1], [b"\x1b", 1], ["é".encode(), 1], 5, [5, 5]]
    assert fields.nodes(good + bad) == (("router.example", 6881), ("::1", 1))


def test_what_is_needed_is_demanded() -> None:
    assert fields.need_int({b"a": 3}, b"a", 0, 3) == 3
    assert fields.need_bytes({b"a": b""}, b"a") == b""
    for call in (
        lambda: fields.need_int({}, b"a", 0, 3),
        lambda: fields.need_int({b"a": 4}, b"a", 0, 3),
        lambda: fields.need_int({b"a": b"3"}, b"a", 0, 3),
        lambda: fields.need_bytes({b"a": 3}, b"a"),
        lambda: fields.need_bytes({}, b"a"),
    ):
        with pytest.raises(MetainfoError):
            call()


def test_attributes_are_the_known_letters_once() -> None:
    assert fields.attributes({b"attr": b"zxhhx\xff"}) == "hx"
    assert fields.attributes({b"attr": 5}) == ""


@pytest.mark.parametrize("odd", [[b"a", 1], [1], [[b"a"]], [b"a", {}], b"a", 7, None, {b"a": b"b"}])
def test_a_path_is_a_list_of_strings_and_nothing_else(odd):
    assert fields.raw_path(odd) is None
    assert fields.raw_path([b"a", b""]) == (b"a", b"") and fields.raw_path([]) == ()
