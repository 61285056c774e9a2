"""Trackers to test against: opentracker, and fakes that answer whatever a test wants."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from tests.support.opentracker import Opentracker
from torrent.config import TrackerConfig
from torrent.tracker import TrackerClient

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
Answer = Callable[[bytes], list[bytes]]


class FakeHttp:
    """A TCP server that runs a handler for each connection and keeps the heads of the requests it saw."""

    def __init__(self) -> None:
        self.heads: list[bytes] = []
        self.url = ""

    async def listen(self, host: str, handler: Handler) -> asyncio.Server:
        async def on_connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with contextlib.suppress(OSError, EOFError):
                self.heads.append(await reader.readuntil(b"\r\n\r\n"))
                await handler(reader, writer)
            writer.close()

        server = await asyncio.start_server(on_connection, host, 0)
        shown = f"[{host}]" if ":" in host else host
        self.url = f"http://{shown}:{server.sockets[0].getsockname()[1]}/announce"
        return server


class FakeUdp(asyncio.DatagramProtocol):
    """A UDP server whose answers are made by a function from datagram to datagrams."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.seen: list[bytes] = []
        self.url = ""

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        self.transport = transport
        self.url = f"udp://127.0.0.1:{transport.get_extra_info('sockname')[1]}"

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.seen.append(data)
        for out in self.answer(data):
            self.transport.sendto(out, addr)


@pytest.fixture
async def fake_http() -> AsyncIterator[Callable[..., Awaitable[FakeHttp]]]:
    """Start fake HTTP trackers: `await fake_http(handler)` or `await fake_http(body=b"...", status=..., head=...)`."""
    servers: list[asyncio.Server] = []

    async def start(
        handler: Handler | None = None,
        *,
        body: bytes = b"",
        status: str = "200 OK",
        head: str = "",
        host: str = "127.0.0.1",
    ) -> FakeHttp:
        async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            text = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{head}\r\n"
            writer.write(text.encode() + body)
            await writer.drain()

        fake = FakeHttp()
        servers.append(await fake.listen(host, handler or plain))
        return fake

    yield start
    for server in servers:
        server.close()


@pytest.fixture
async def fake_udp() -> AsyncIterator[Callable[[Answer], Awaitable[FakeUdp]]]:
    """Start fake UDP trackers: `await fake_udp(answer)`."""
    fakes: list[FakeUdp] = []

    async def start(answer: Answer) -> FakeUdp:
        _, fake = await asyncio.get_running_loop().create_datagram_endpoint(
            lambda: FakeUdp(answer), local_addr=("127.0.0.1", 0)
        )
        fakes.append(fake)
        return fake

    yield start
    for fake in fakes:
        fake.transport.close()


@pytest.fixture
async def client() -> AsyncIterator[TrackerClient]:
    """A client with patience for a busy machine; tests of silence give their own timeout."""
    client = TrackerClient(TrackerConfig(timeout=20.0))
    yield client
    await client.close()


@pytest.fixture
def opentracker(tmp_path: Path) -> Iterator[Opentracker]:
    """A real tracker; swarms must be allowed first."""
    with Opentracker(tmp_path) as tracker:
        yield tracker
