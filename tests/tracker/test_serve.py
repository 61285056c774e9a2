"""Does our tracker answer what the BEPs say, and nothing to those who only guess?"""

from __future__ import annotations

import struct
from random import Random
from urllib.parse import quote_from_bytes

import pytest
from hypothesis import given
from hypothesis import strategies as st

from torrent import bencode
from torrent.terms import Address, InfoHash, PeerId
from torrent.tracker.announce import Announce
from torrent.tracker.registry import Registry
from torrent.tracker.serve import answer_http, answer_udp
from torrent.tracker.udp import ANNOUNCE, CONNECT, ERROR, PROTOCOL_ID, SCRAPE, announce_body

HASH = InfoHash(bytes(range(20)))
ME = Address("8.8.8.8", 40000)
YOU = Address("2001:db8::1", 40001)
SECRET = b"s" * 16


def target(port: int = 6881, *, left: int = 1, more: str = "", info_hash: bytes = HASH) -> str:
    ids = f"info_hash={quote_from_bytes(info_hash)}&peer_id={'p' * 20}"
    return f"/announce?{ids}&port={port}&uploaded=0&downloaded=0&left={left}{more}"


def get(registry: Registry, path: str, source: Address = ME) -> dict[bytes, bencode.Value]:
    status, body = answer_http(registry, path, source, 0.0)
    value = bencode.decode(body)
    assert status == 200
    assert isinstance(value, dict)
    return value


def test_both_families_meet() -> None:
    registry = Registry(Random(1))
    get(registry, target(1, left=0))
    get(registry, target(2), YOU)
    reply = get(registry, target(3), YOU)
    assert reply[b"peers"] == bytes((8, 8, 8, 8, 0, 1))
    assert reply[b"peers6"] == bytes.fromhex("20010db8000000000000000000000001") + b"\0\2"
    assert (reply[b"complete"], reply[b"incomplete"]) == (1, 2)
    assert reply[b"external ip"] == bytes.fromhex("20010db8000000000000000000000001")


def test_peers_in_words() -> None:
    registry = Registry(Random(1))
    get(registry, target(1))
    assert get(registry, target(2, more="&compact=0"))[b"peers"] == [
        {b"ip": b"8.8.8.8", b"peer id": b"p" * 20, b"port": 1}
    ]
    assert get(registry, target(1, more="&compact=0&no_peer_id=1"))[b"peers"] == [{b"ip": b"8.8.8.8", b"port": 2}]


def test_nobody_can_enlist_somebody_else() -> None:
    registry = Registry(Random(1))
    get(registry, target(1, more="&ip=9.9.9.9"))
    assert get(registry, target(2))[b"peers"] == bytes((8, 8, 8, 8, 0, 1))


@pytest.mark.parametrize(
    "path",
    [
        "/announce",
        target(0),
        target(99999),
        target(info_hash=b"short"),
        "/announce?port=x&info_hash=%zz",
        "/scrape",
        "/scrape?info_hash=short",
    ],
)
def test_bad_requests_get_a_reason(path: str) -> None:
    assert b"failure reason" in get(Registry(Random(1)), path)


def test_other_paths_are_not_here() -> None:
    assert answer_http(Registry(Random(1)), "/", ME, 0.0)[0] == 404
    assert answer_http(Registry(Random(1)), "/announce/../x", ME, 0.0)[0] == 404


def test_scrapes_leave_out_what_is_unknown() -> None:
    registry = Registry(Random(1))
    get(registry, target(1))
    path = f"/scrape?info_hash={quote_from_bytes(HASH)}&info_hash={'u' * 20}"
    assert get(registry, path) == {b"files": {HASH: {b"complete": 0, b"downloaded": 0, b"incomplete": 1}}}


@given(st.text(max_size=120))
def test_any_target_has_an_answer(text: str) -> None:
    for start in ("/announce?", "/scrape?", target()):
        status, body = answer_http(Registry(Random(1)), start + text, ME, 0.0)
        assert status == 404 or bencode.decode(body)


def udp(registry: Registry, data: bytes, source: Address = ME, now: float = 0.0) -> bytes | None:
    return answer_udp(registry, data, source, now, SECRET)


def connect(registry: Registry, source: Address = ME, now: float = 0.0) -> bytes:
    answer = udp(registry, struct.pack(">QII", PROTOCOL_ID, CONNECT, 7), source, now)
    assert answer is not None
    assert answer[:8] == struct.pack(">II", CONNECT, 7)
    return answer[8:]


def announce(registry: Registry, connection_id: bytes, source: Address = ME, now: float = 0.0) -> bytes | None:
    body = announce_body(Announce(HASH, PeerId(b"p" * 20), source.port, left=1, event="started"))
    return udp(registry, connection_id + struct.pack(">II", ANNOUNCE, 8) + body, source, now)


def test_udp_peers_are_of_the_family_that_asks() -> None:
    registry = Registry(Random(1))
    for source in (ME, YOU):
        announce(registry, connect(registry, source), source)
    third, fourth = Address("8.8.4.4", 5), Address("2001:db8::2", 6)
    head = struct.pack(">IIIII", ANNOUNCE, 8, 300, 3, 0)
    assert announce(registry, connect(registry, third), third) == head + bytes((8, 8, 8, 8)) + struct.pack(">H", 40000)
    answer = announce(registry, connect(registry, fourth), fourth)
    assert answer is not None
    assert answer[20:] == bytes.fromhex("20010db8000000000000000000000001") + struct.pack(">H", 40001)


def test_connection_ids_belong_to_one_address_for_a_while() -> None:
    registry = Registry(Random(1))
    its_id = connect(registry, now=30.0)
    assert announce(registry, its_id, now=119.0) is not None
    assert announce(registry, its_id, now=120.0) is None
    assert announce(registry, its_id, YOU, now=31.0) is None
    assert announce(registry, its_id, Address(ME.host, 1), now=31.0) is None
    assert announce(registry, bytes(8), now=31.0) is None


def test_udp_scrapes() -> None:
    registry = Registry(Random(1))
    its_id = connect(registry)
    announce(registry, its_id)
    answer = udp(registry, its_id + struct.pack(">II", SCRAPE, 9) + HASH + b"u" * 20)
    assert answer == struct.pack(">IIIIIIII", SCRAPE, 9, 0, 0, 1, 0, 0, 0)
    longest = udp(registry, its_id + struct.pack(">II", SCRAPE, 9) + HASH * 500)
    assert longest is not None
    assert len(longest) <= 8 + 12 * 74


def test_udp_requests_that_make_no_sense() -> None:
    registry = Registry(Random(1))
    its_id = connect(registry)
    assert udp(registry, struct.pack(">QII", 1, CONNECT, 7)) is None
    assert udp(registry, b"x" * 15) is None
    for data in (
        struct.pack(">II", ANNOUNCE, 9),
        struct.pack(">II", 9, 9),
        struct.pack(">II", ANNOUNCE, 9) + bytes(82),
    ):
        answer = udp(registry, its_id + data)
        assert answer is not None
        assert answer[:8] == struct.pack(">II", ERROR, 9)


@given(st.binary(max_size=150), st.booleans())
def test_any_datagram_is_survived_and_strangers_get_little(data: bytes, known: bool) -> None:
    registry = Registry(Random(1))
    answer = udp(registry, (connect(registry) if known else b"") + data)
    if not known:
        assert answer is None or len(answer) <= 16
