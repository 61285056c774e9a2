"""Are HTTP announces written as the BEPs want, and are all answers survived?"""

from __future__ import annotations

import gzip
import math
import zlib
from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from torrent import bencode
from torrent.errors import TrackerError
from torrent.terms import Address, InfoHash, PeerId
from torrent.tracker.announce import Announce, AnnounceReply, ScrapeReply, TrackerRefused
from torrent.tracker.http import MAX_BODY, Body, announce_url, parse_announce, parse_scrape, scrape_url
from torrent.tracker.urls import TrackerUrl

HASH = InfoHash(bytes(range(120, 140)))
ANNOUNCE = Announce(HASH, PeerId(b"-TT0100-abcdefghijk~"), 6881, 1, 2, 3, "started", 50, 0xABC, "1.2.3.4", b"i d&")


def test_every_field_is_in_the_query() -> None:
    url = announce_url(TrackerUrl.parse("http://h/announce?passkey=p"), ANNOUNCE)
    assert url.query.startswith("passkey=p&info_hash=xyz%7B%7C%7D~%7F%80%81%82")
    fields = dict(parse_qsl(url.query, encoding="latin-1"))
    assert fields == {
        "passkey": "p",
        "info_hash": HASH.decode("latin-1"),
        "peer_id": "-TT0100-abcdefghijk~",
        "port": "6881",
        "uploaded": "1",
        "downloaded": "2",
        "left": "3",
        "compact": "1",
        "no_peer_id": "1",
        "key": "00000ABC",
        "numwant": "50",
        "event": "started",
        "ip": "1.2.3.4",
        "trackerid": "i d&",
    }


def test_what_is_empty_is_left_out() -> None:
    url = announce_url(TrackerUrl.parse("http://h/announce"), Announce(HASH, PeerId(bytes(20)), 1))
    assert not {"event", "ip", "trackerid", "numwant"} & dict(parse_qsl(url.query, encoding="latin-1")).keys()


def test_a_whole_answer() -> None:
    reply = parse_announce(
        bencode.encode(
            {
                b"interval": 1800,
                b"min interval": 900,
                b"complete": 7,
                b"incomplete": 3,
                b"peers": bytes((8, 8, 8, 8, 0, 80, 9, 9, 9, 9, 0, 0)),
                b"peers6": bytes.fromhex("20010db8000000000000000000000001") + b"\x1a\xe1",
                b"tracker id": b"tid",
                b"warning message": b"soon\x07gone",
                b"external ip": bytes((5, 6, 7, 8)),
            }
        )
    )
    assert reply == AnnounceReply(
        peers=(Address("8.8.8.8", 80), Address("2001:db8::1", 6881)),
        interval=1800,
        min_interval=900,
        seeds=7,
        leechers=3,
        warning="soon\ufffdgone",
        tracker_id=b"tid",
        external_ip="5.6.7.8",
    )


def test_peers_as_dictionaries() -> None:
    peers: list[bencode.Value] = [
        {b"ip": b"8.8.4.4", b"port": 1, b"peer id": bytes(20)},
        {b"ip": b"2001:db8:0:0::2", b"port": 2},
        {b"ip": b"::ffff:8.8.4.5", b"port": 3},
        {b"ip": b"tracker.example", b"port": 4},
        {b"ip": b"8.8.4.4", b"port": 0},
        {b"ip": b"8.8.4.4", b"port": 70000},
        {b"ip": b"8.8.4.4", b"port": b"5"},
        {b"ip": b"fe80::1%eth0", b"port": 6},
        {b"ip": b"\xff\xfe", b"port": 6},
        {b"port": 6},
        b"nonsense",
        [],
    ]
    found = parse_announce(bencode.encode({b"peers": peers})).peers
    assert found == (Address("8.8.4.4", 1), Address("2001:db8::2", 2), Address("8.8.4.5", 3))


def test_a_torn_list_of_peers_loses_only_its_end() -> None:
    assert parse_announce(bencode.encode({b"peers": bytes((8, 8, 8, 8, 0, 80, 9, 9))})).peers == (
        Address("8.8.8.8", 80),
    )


@pytest.mark.parametrize(
    ("reply", "interval", "lower"),
    [
        ({b"interval": 0}, 60, 60),
        ({b"interval": -1800}, 60, 60),
        ({b"interval": 10**40}, 86400, 60),
        ({b"interval": 120, b"min interval": 300}, 300, 300),
        ({b"interval": 1800, b"min interval": -1}, 1800, 60),
        ({b"interval": 1800, b"min interval": 10**40}, 86400, 86400),
        ({}, 1800, 60),
    ],
)
def test_absurd_intervals(reply: dict[bytes, bencode.Value], interval: float, lower: float) -> None:
    found = parse_announce(bencode.encode(reply))
    assert (found.interval, found.min_interval) == (interval, lower)


def test_failures_say_why_and_when() -> None:
    with pytest.raises(TrackerRefused, match="Overloaded") as caught:
        parse_announce(b"d14:failure reason10:Overloaded8:retry in1:5e")
    assert caught.value.retry_in == 300
    with pytest.raises(TrackerRefused) as caught:
        parse_announce(b"d14:failure reason13:Not a tracker8:retry in5:nevere")
    assert caught.value.retry_in == math.inf


@pytest.mark.parametrize("body", [b"", b"<html>", b"le", b"i1e", b"d", b"d1:ai1e1:ai2ee", b"l" * 100_000, b"de junk"])
def test_what_is_no_answer_is_an_error(body: bytes) -> None:
    with pytest.raises(TrackerError):
        parse_announce(body)
    with pytest.raises(TrackerError):
        parse_scrape(body)


VALUES = st.recursive(
    st.integers() | st.binary(max_size=40),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.binary(max_size=8), inner, max_size=4),
    max_leaves=12,
)
KEYS = st.sampled_from(
    [b"peers", b"peers6", b"interval", b"min interval", b"complete", b"incomplete", b"tracker id", b"files"]
    + [b"warning message", b"external ip", b"failure reason", b"retry in"]
)


@given(st.dictionaries(KEYS, VALUES))
def test_values_of_any_kind_anywhere(reply: dict[bytes, bencode.Value]) -> None:
    body = bencode.encode(reply)
    for parse in (parse_announce, parse_scrape):
        try:
            parse(body)
        except TrackerError:
            pass


@given(st.binary(max_size=200))
def test_garbage(body: bytes) -> None:
    for start in (b"", b"d5:peers", b"d5:filesd20:"):
        for parse in (parse_announce, parse_scrape):
            try:
                parse(start + body)
            except TrackerError:
                pass


def test_scrapes() -> None:
    other = InfoHash(b"o" * 20)
    url = scrape_url(TrackerUrl.parse("http://h/announce"), [HASH, other])
    assert [value.encode("latin-1") for _, value in parse_qsl(url.query, encoding="latin-1")] == [HASH, other]
    files: dict[bytes, bencode.Value] = {
        HASH: {b"complete": 1, b"downloaded": 2, b"incomplete": 3},
        b"short": {},
        other: b"what",
    }
    assert parse_scrape(bencode.encode({b"files": files})) == {HASH: ScrapeReply(1, 2, 3)}


def fed(body: Body, data: bytes, size: int) -> bytes:
    for at in range(0, len(data), size):
        body.feed(data[at : at + size])
    return body.value()


@pytest.mark.parametrize("size", [1, 7, 1000, 100_000])
def test_bodies_come_in_pieces_and_packed(size: int) -> None:
    data = bytes(range(256)) * 20
    assert fed(Body(), data, size) == data
    assert fed(Body("GZIP"), gzip.compress(data), size) == data
    assert fed(Body("deflate"), zlib.compress(data), size) == data


def test_a_bomb_stops_at_the_limit() -> None:
    bomb = gzip.compress(bytes(50 * MAX_BODY))
    body = Body("gzip")
    with pytest.raises(TrackerError, match="too large"):
        body.feed(bomb)
    assert len(body._data) <= MAX_BODY + 1


def test_an_endless_body_stops_at_the_limit() -> None:
    body = Body(limit=1000)
    body.feed(bytes(1000))
    with pytest.raises(TrackerError, match="too large"):
        body.feed(b"x")


@pytest.mark.parametrize("data", [b"not gzip at all", gzip.compress(b"cut short", mtime=0)[:-9]])
def test_bodies_that_are_not_what_they_say(data: bytes) -> None:
    with pytest.raises(TrackerError):
        fed(Body("gzip"), data, 5)


def test_encodings_nobody_asked_for() -> None:
    with pytest.raises(TrackerError, match="encoding"):
        Body("br")
