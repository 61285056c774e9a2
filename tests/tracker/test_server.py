"""Does our tracker serve clients, its own and strange ones, and survive rude ones?"""

from __future__ import annotations

import asyncio
import socket

import pytest

from torrent.errors import NetworkError
from torrent.terms import Address, InfoHash, PeerId
from torrent.tracker import Announce, TrackerClient, TrackerServer
from torrent.tracker.announce import ScrapeReply

HASH = InfoHash(b"h" * 20)


def announce(port: int, event: str = "started", left: int = 1) -> Announce:
    return Announce(HASH, PeerId(port.to_bytes(2, "big") * 10), port, left=left, event=event)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
@pytest.mark.parametrize("kind", ["url", "udp_url"])
async def test_announce_scrape_and_leave(client: TrackerClient, host: str, kind: str) -> None:
    async with TrackerServer(host) as server:
        url = getattr(server, kind)
        assert (await client.announce(url, announce(1001, left=0))).peers == ()
        reply = await client.announce(url, announce(1002))
        assert reply.peers == (Address(host, 1001),)
        assert (reply.seeds, reply.leechers, reply.interval) == (1, 1, 300)
        assert await client.scrape(url, [HASH]) == {HASH: ScrapeReply(1, 0, 1)}
        await client.announce(url, announce(1001, "stopped"))
        assert (await client.announce(url, announce(1002, ""))).peers == ()


async def raw(server: TrackerServer, data: bytes) -> bytes:
    reader, writer = await asyncio.open_connection(server.host, server.port)
    writer.write(data)
    writer.write_eof()
    answer = await reader.read()
    writer.close()
    return answer


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"POST /announce HTTP/1.1\r\n\r\n", b"405"),
        (b"GET /nothing HTTP/1.1\r\n\r\n", b"404"),
        (b"nonsense\r\n\r\n", b"400"),
        (b"GET http://h/announce HTTP/1.1\r\n\r\n", b"400"),
        (b"\xff\xfe /\x00 HTTP/1.1\r\n\r\n", b"405"),
    ],
)
async def test_strange_requests(request_: bytes, status: bytes) -> None:
    async with TrackerServer(udp=False) as server:
        assert (await raw(server, request_)).startswith(b"HTTP/1.1 " + status)


@pytest.mark.parametrize("data", [b"", b"GET / HTTP/1.1\r\n", b"GET /" + b"x" * 100_000])
async def test_requests_that_never_end_are_cut(data: bytes) -> None:
    async with TrackerServer(udp=False) as server:
        try:
            assert await raw(server, data) == b""
        except ConnectionError:
            pass
        assert (await raw(server, b"GET /nothing HTTP/1.1\r\n\r\n")).startswith(b"HTTP/1.1 404")


async def test_it_ends_while_somebody_is_still_connected() -> None:
    async with TrackerServer() as server:
        reader, writer = await asyncio.open_connection(server.host, server.port)
        await raw(server, b"GET /nothing HTTP/1.1\r\n\r\n")
    try:
        assert await reader.read() == b""
    except ConnectionError:
        pass
    writer.close()


async def test_a_taken_port_is_an_error_of_this_machine() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(NetworkError):
            async with TrackerServer(port=taken.getsockname()[1]):
                pass
