"""Trackers that hang, lie or flood, while a download goes on beside them."""

import asyncio
import gzip
import struct

import pytest

from tests.support.sessions import eventually
from torrent import bencode
from torrent.errors import LocalError

FLOOD = b"".join(struct.pack(">BBBBH", 127, 1, n >> 8, n & 255, 9) for n in range(1, 20_000))


def reply(body, status="200 OK", head=""):
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{head}\r\n".encode() + body


ANSWERS = {
    "nothing": b"",
    "garbage": b"\x00\xff" * 5000,
    "half an answer": b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nd8:inter",
    "not bencoded": reply(b"<html>"),
    "no dictionary": reply(b"le"),
    "deep": reply(b"l" * 100_000),
    "wrong types": reply(b"d8:intervall1:xe5:peersi7e12:min interval1:xe"),
    "torn peers": reply(bencode.encode({b"interval": 1800, b"peers": b"12345"})),
    "negative interval": reply(bencode.encode({b"interval": -5, b"min interval": -1, b"peers": b""})),
    "no interval at all": reply(bencode.encode({b"interval": 0, b"peers": b""})),
    "endless interval": reply(bencode.encode({b"interval": 1 << 80, b"peers": b""})),
    "twenty thousand peers": reply(bencode.encode({b"interval": 1800, b"peers": FLOOD})),
    "a gzip bomb": reply(gzip.compress(bytes(50_000_000)), head="Content-Encoding: gzip\r\n"),
    "an endless body": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"10000\r\n" + bytes(65536) * 40,
    "a refusal that paints": reply(bencode.encode({b"failure reason": b"\x1b[2J\x07go\xff away"})),
    "a warning that paints": reply(bencode.encode({b"warning message": b"\x1b[31m\n", b"peers": b""})),
    "redirect to itself": "self",
    "redirect inside": reply(b"", "302 Found", "Location: http://169.254.169.254/announce\r\n"),
    "redirect to nowhere": reply(b"", "302 Found", "Location: ://\r\n"),
    "an error": reply(b"sorry", "500 Oops"),
    "headers for ever": b"HTTP/1.1 200 OK\r\n" + b"X-Y: z\r\n" * 30_000,
}


@pytest.fixture
async def tracker():
    """Start trackers that answer every request with the same bytes, or never."""
    servers = []

    async def start(answer):
        async def serve(reader, writer):
            try:
                await reader.readuntil(b"\r\n\r\n")
                if answer is None:
                    await reader.read()
                else:
                    port = writer.get_extra_info("sockname")[1]
                    again = reply(b"", "302 Found", f"Location: http://127.0.0.1:{port}/announce\r\n")
                    writer.write(again if answer == "self" else answer)
                    await writer.drain()
            except (EOFError, ConnectionError, asyncio.CancelledError, asyncio.LimitOverrunError):
                pass
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        servers.append(server)
        return f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/announce"

    yield start
    for server in servers:
        server.close()
        await server.wait_closed()


@pytest.mark.parametrize("what", ANSWERS)
async def test_no_answer_stops_a_download(leech, tracker, what):
    url = await tracker(ANSWERS[what])
    prey = await leech(honest=20_000_000, trackers=[[url]])
    await prey.completes()
    await eventually(lambda: all(view.status not in ("asking", "not asked yet") for view in prey.torrent.trackers()))
    (view,) = prey.torrent.trackers()
    assert view.status.isprintable() and view.message.isprintable()
    assert len(prey.torrent._swarm.state.book) <= 3000
    assert prey.session.view().peers <= 2


async def test_a_tracker_that_hangs_holds_up_neither_the_download_nor_the_end(leech, tracker):
    prey = await leech(honest=20_000_000, trackers=[[await tracker(None)], [await tracker(None)]])
    await prey.completes()
    async with asyncio.timeout(20):
        await prey.session.remove(prey.torrent)
    assert prey.torrent.view().status == "stopped"
    await prey.torrent.stopped()


async def test_many_trackers_that_hang_at_once(leech, tracker):
    url = await tracker(None)
    urls = [[f"{url}?{number}"] for number in range(60)]
    prey = await leech(honest=20_000_000, trackers=urls)
    await prey.completes()
    async with asyncio.timeout(20):
        await prey.session.remove(prey.torrent)


async def test_names_and_addresses_no_tracker_can_have(leech):
    urls = [
        "http://" + "a" * 300 + ".example/announce",
        "http://" + "a" * 64 + ".example/announce",
        "http://[::1/announce",
        "http://127.0.0.1:0/announce",
        "http://127.0.0.1:99999/announce",
        "http://169.254.169.254/announce",
        "http://127.0.0.1:9/latest/meta-data",
        "udp://127.0.0.1",
        "udp://0.0.0.0:9",
        "wss://127.0.0.1/announce",
        "http://\u2603.invalid/announce",
        "nonsense",
        "",
    ]
    prey = await leech(honest=20_000_000, trackers=[[url] for url in urls])
    await prey.completes()


async def test_a_udp_tracker_that_lies(leech):
    loop = asyncio.get_running_loop()

    class Liar(asyncio.DatagramProtocol):
        def connection_made(self, transport):
            self.transport = transport

        def datagram_received(self, data, source):
            for answer in (b"", b"\0" * 7, data[::-1], data, struct.pack(">IIQ", 0, 0, 1), bytes(60_000)):
                self.transport.sendto(answer, source)

    transport, _ = await loop.create_datagram_endpoint(Liar, local_addr=("127.0.0.1", 0))
    try:
        url = f"udp://127.0.0.1:{transport.get_extra_info('sockname')[1]}"
        prey = await leech(honest=20_000_000, trackers=[[url]])
        await prey.completes()
        await prey.session.remove(prey.torrent)
    finally:
        transport.close()


async def test_a_tracker_that_sends_us_to_ourselves(leech, tracker, sessions):
    """Our own address among the peers is found out once and not dialled again."""
    prey = await leech()
    own = struct.pack(">BBBBH", 127, 0, 0, 1, prey.session.port)
    url = await tracker(reply(bencode.encode({b"interval": 1800, b"peers": own * 3})))
    prey.torrent._swarm._announcers[0].add_tier((url,))
    await eventually(lambda: prey.torrent.trackers() and prey.torrent.trackers()[0].status == "working")
    await eventually(lambda: len(prey.torrent._swarm.state.book) == 0)
    assert prey.torrent.peers() == []
    waiting = asyncio.ensure_future(prey.torrent.completed())
    await asyncio.sleep(0)
    await prey.session.remove(prey.torrent)
    with pytest.raises(LocalError):
        await waiting
