"""Do announces and scrapes reach real trackers, and does a hostile one get no further than a TrackerError?"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tests.support.opentracker import Opentracker
from torrent import bencode
from torrent.config import TrackerConfig
from torrent.errors import TrackerError
from torrent.terms import Address, InfoHash, PeerId
from torrent.tracker import Announce, AnnounceReply, TrackerClient, TrackerRefused, TrackerServer
from torrent.tracker.announce import ScrapeReply
from torrent.tracker.client import _credible
from torrent.tracker.udp import CONNECT, ERROR, PROTOCOL_ID

Start = Callable[..., Awaitable[Any]]
HASH = InfoHash(b"\x00\xff%&=+ hash of a test"[:20])


def announce(port: int, *, info_hash: bytes = HASH, event: str = "started", left: int = 1) -> Announce:
    return Announce(InfoHash(info_hash), PeerId(port.to_bytes(2, "big") * 10), port, left=left, event=event, key=port)


@pytest.mark.foreign("opentracker")
@pytest.mark.parametrize("kind", ["http", "udp"])
async def test_a_real_tracker(opentracker: Opentracker, client: TrackerClient, kind: str) -> None:
    other = InfoHash(b"o" * 20)
    await asyncio.to_thread(opentracker.allow, HASH, other)
    url = getattr(opentracker, kind)
    first = await client.announce(url, announce(1001, left=0))
    assert first.seeds == 1
    assert 60 <= first.interval <= 3600
    second = await client.announce(url, announce(1002))
    assert Address("127.0.0.1", 1001) in second.peers
    assert (second.seeds, second.leechers) == (1, 1)
    await client.announce(url, announce(1002, event="completed", left=0))
    await client.announce(url, announce(1001, event="stopped", left=0))
    scraped = await client.scrape(url, [HASH, other])
    assert scraped[HASH] == ScrapeReply(1, 1, 0)
    replies = await asyncio.gather(*(client.announce(url, announce(2000 + n, info_hash=other)) for n in range(40)))
    assert len({reply.leechers for reply in replies}) == 40


@pytest.mark.foreign("opentracker")
@pytest.mark.parametrize("kind", ["http", "udp"])
async def test_a_real_refusal(opentracker: Opentracker, client: TrackerClient, kind: str) -> None:
    with pytest.raises(TrackerRefused):
        await client.announce(getattr(opentracker, kind), announce(1, info_hash=b"x" * 20))


@pytest.mark.parametrize("bind", ["127.0.0.1", "127.0.0.5"])
@pytest.mark.parametrize("kind", ["url", "udp_url"])
async def test_the_bound_address_is_used_by_every_socket(kind: str, bind: str) -> None:
    client = TrackerClient(TrackerConfig(timeout=20.0), bind=bind)
    async with TrackerServer() as server:
        await client.announce(getattr(server, kind), announce(7))
        other = await client.announce(getattr(server, kind), announce(8))
        assert other.peers == (Address(bind, 7),)
    await client.close()


@pytest.mark.parametrize("kind", ["http", "udp"])
async def test_a_name_with_two_families_is_announced_over_both(
    client: TrackerClient, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    async with TrackerServer("127.0.0.1") as four, TrackerServer("::1", four.port) as six:

        async def getaddrinfo(host: str, port: int, **more: Any) -> list[tuple[Any, ...]]:
            return [(0, 0, 0, "", (ip, port)) for ip in ("::1", "127.0.0.1")]

        for server in (four, six):
            await client.announce(getattr(server, "url" if kind == "http" else "udp_url"), announce(1001))
        monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", getaddrinfo)
        url = f"{kind}://tracker.example:{four.port}/announce"
        reply = await client.announce(url, announce(1002))
        assert set(reply.peers) == {Address("127.0.0.1", 1001), Address("::1", 1001)}
        await six.__aexit__(None, None, None)
        if kind == "http":
            assert Address("127.0.0.1", 1001) in (await client.announce(url, announce(1002))).peers


async def test_an_ipv6_only_bind_asks_over_ipv6_only(monkeypatch: pytest.MonkeyPatch) -> None:
    client = TrackerClient(TrackerConfig(timeout=20.0), bind="::1")
    async with TrackerServer("::1") as server:
        assert (await client.announce(server.url, announce(7))).external_ip == "::1"
        with pytest.raises(TrackerError, match="bound address"):
            await client.announce("udp://127.0.0.1:9/announce", announce(7))
    await client.close()


async def test_defaults_come_from_the_settings(fake_http: Start) -> None:
    client = TrackerClient(TrackerConfig(timeout=20.0, numwant=33, announce_ip="9.8.7.6"), user_agent="agent/1")
    fake = await fake_http(body=b"de")
    await client.announce(fake.url, announce(1))
    await client.announce(fake.url, announce(1, event="stopped"))
    assert b"numwant=33" in fake.heads[0]
    assert b"ip=9.8.7.6" in fake.heads[0]
    assert b"User-Agent: agent/1" in fake.heads[0]
    assert b"numwant=0&event=stopped" in fake.heads[1]
    await client.close()


HOSTILE = {
    "interval zero": b"d8:intervali0ee",
    "interval negative": b"d8:intervali-1ee",
    "interval huge": b"d8:intervali" + b"9" * 3000 + b"ee",
    "many peers": bencode.encode({b"peers": b"".join(struct.pack(">IH", 0x08080000 + n, 80) for n in range(100_000))}),
    "peers of wrong kinds": bencode.encode({b"peers": [1, b"x", [], {b"ip": 5}], b"peers6": 7}),
}


@pytest.mark.parametrize("name", HOSTILE)
async def test_answers_that_exaggerate_are_bounded(fake_http: Start, client: TrackerClient, name: str) -> None:
    fake = await fake_http(body=HOSTILE[name])
    reply = await client.announce(fake.url, announce(1))
    assert 60 <= reply.interval <= 86400
    assert len(reply.peers) <= 2000


@pytest.mark.parametrize("body", [b"", b"<html>hi</html>", b"li1ee", b"l" * 500_000, b"d5:peers", b"x" * 2_000_000])
async def test_answers_that_are_none(fake_http: Start, client: TrackerClient, body: bytes) -> None:
    fake = await fake_http(body=body)
    with pytest.raises(TrackerError):
        await client.announce(fake.url, announce(1))
    with pytest.raises(TrackerError):
        await client.scrape(fake.url, [HASH])


async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
    await writer.drain()
    await reader.read()


async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()


@pytest.mark.parametrize("handler", [drip, hang])
async def test_slow_trackers_end_with_the_timeout(fake_http: Start, client: TrackerClient, handler: Any) -> None:
    fake = await fake_http(handler)
    with pytest.raises(TrackerError, match="timed out"):
        await client.announce(fake.url, announce(1), timeout=0.1)


async def test_the_last_words_have_their_own_timeout(fake_http: Start) -> None:
    client = TrackerClient(TrackerConfig(timeout=1000.0, stop_timeout=0.1), first_byte=1000.0)
    fake = await fake_http(hang)
    with pytest.raises(TrackerError, match="timed out"):
        await client.announce(fake.url, announce(1, event="stopped"))
    await client.close()


UDP_LIARS: dict[str, Callable[[bytes], list[bytes]]] = {
    "silent": lambda data: [],
    "mirror": lambda data: [data],
    "wrong transaction": lambda data: [data[8:12] + bytes(4) + bytes(12)],
    "wrong action": lambda data: [struct.pack(">I", 7) + data[12:16] + bytes(20)],
    "too short": lambda data: [data[8:16]],
    "garbage": lambda data: [bytes(range(200))],
    "error": lambda data: [struct.pack(">I", ERROR) + data[12:16] + b"\x1b[31mno"],
    "error after connect": lambda data: [
        data[8:16] + bytes(8) if data[:8] == struct.pack(">Q", PROTOCOL_ID) else struct.pack(">I", ERROR) + data[12:16]
    ],
    "short reply": lambda data: [data[8:16] + bytes(8)],
}


@pytest.mark.parametrize("name", UDP_LIARS)
async def test_udp_liars(fake_udp: Start, client: TrackerClient, name: str) -> None:
    fake = await fake_udp(UDP_LIARS[name])
    with pytest.raises(TrackerError) as caught:
        await client.announce(fake.url, announce(1), timeout=0.3)
    assert str(caught.value).isprintable()


async def test_a_udp_tracker_that_forgot_our_connection(fake_udp: Start, client: TrackerClient) -> None:
    valid = [1]

    def answer(data: bytes) -> list[bytes]:
        connection, action, transaction = struct.unpack_from(">QII", data)
        if action == CONNECT:
            return [struct.pack(">IIQ", CONNECT, transaction, valid[0])]
        if connection != valid[0]:
            return [struct.pack(">II", ERROR, transaction) + b"unknown connection"]
        return [struct.pack(">IIIII", action, transaction, 900, 2, 3)]

    fake = await fake_udp(answer)
    assert (await client.announce(fake.url, announce(1))).interval == 900
    valid[0] = 2
    assert (await client.announce(fake.url, announce(1))).seeds == 3


async def test_url_data_reaches_a_udp_tracker(fake_udp: Start, client: TrackerClient) -> None:
    def answer(data: bytes) -> list[bytes]:
        action, transaction = struct.unpack_from(">II", data, 8)
        return [struct.pack(">IIIII", action, transaction, 900, 0, 0)]

    fake = await fake_udp(answer)
    await client.announce(f"{fake.url}/announce?passkey=x", announce(1))
    assert fake.seen[1][98:] == b"\x02\x13/announce?passkey=x"


async def test_scrapes_of_many_are_cut_into_several(client: TrackerClient) -> None:
    hashes = [InfoHash(struct.pack(">I", n) * 5) for n in range(200)]
    async with TrackerServer() as server:
        for one in hashes[::10]:
            await client.announce(server.url, announce(1, info_hash=one))
        for url in (server.url, server.udp_url):
            found = await client.scrape(url, hashes)
            assert {one for one, reply in found.items() if reply.leechers} == set(hashes[::10])


@pytest.mark.parametrize(
    "url",
    [
        "http://169.254.169.254/announce",
        "http://127.0.0.1:1/admin",
        "http://[::]/announce",
        "udp://0.0.0.0:1",
        "ftp://h/announce",
        "http://127.1/admin",
        "http://2130706433/admin",
        "nonsense",
    ],
)
async def test_places_where_no_tracker_can_be(client: TrackerClient, url: str) -> None:
    with pytest.raises(TrackerError):
        await client.announce(url, announce(1))


def test_a_distant_tracker_does_not_name_peers_on_this_machine() -> None:
    reply = AnnounceReply(peers=(Address("127.0.0.1", 22), Address("::1", 22), Address("8.8.8.8", 1)))
    assert _credible(reply, ["9.9.9.9"]).peers == (Address("8.8.8.8", 1),)
    assert _credible(reply, ["127.0.0.1"]).peers == reply.peers
    assert _credible(reply, ["192.168.1.1"]).peers == reply.peers


async def test_a_closed_client_says_so(fake_udp: Start) -> None:
    client = TrackerClient()
    asked = asyncio.Event()

    def answer(data: bytes) -> list[bytes]:
        asked.set()
        return []

    fake = await fake_udp(answer)
    waiting = asyncio.ensure_future(client.announce(fake.url, announce(1)))
    await asked.wait()
    await client.close()
    with pytest.raises(TrackerError, match="closed"):
        await waiting
    with pytest.raises(TrackerError, match="closed"):
        await client.announce(fake.url, announce(1))


async def test_a_port_nobody_listens_on(client: TrackerClient) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        with pytest.raises(TrackerError, match="cannot connect"):
            await client.announce(f"http://127.0.0.1:{closed.getsockname()[1]}/announce", announce(1))
