"""How does our own small tracker listen?

A shell (S) around `torrent.tracker.serve`, for demos, tests and local networks: HTTP and UDP on the same port, on
loopback unless told otherwise. It reads one request of at most `MAX_HEAD` bytes per connection within `REQUEST_TIME`
seconds and serves at most `MAX_CONNECTIONS` at once; who comes after that is closed at once. BEP 3, 15.
"""

from __future__ import annotations

import asyncio
import os
from contextlib import suppress
from random import SystemRandom
from types import TracebackType
from typing import Self

from torrent.errors import NetworkError
from torrent.net import canonical_ip
from torrent.terms import Address
from torrent.tracker.registry import Registry
from torrent.tracker.serve import answer_http, answer_udp

MAX_HEAD = 16 * 1024
MAX_CONNECTIONS = 500
REQUEST_TIME = 10.0
PORT_TRIES = 20
_REASONS = {200: "OK", 400: "Bad Request", 404: "Not Found", 405: "Method Not Allowed"}


class TrackerServer:
    """`async with TrackerServer() as tracker:` serves until the block ends; announce to `url` or `udp_url`."""

    def __init__(self, host: str = "127.0.0.1", port: int = 0, *, interval: int = 300, udp: bool = True) -> None:
        self.host = host
        self.port = port
        self.registry = Registry(SystemRandom(), interval=interval)
        self._udp = udp
        self._secret = os.urandom(16)
        self._server: asyncio.Server | None = None
        self._datagrams: asyncio.DatagramTransport | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        """Where to announce over HTTP."""
        return f"http://{self._shown}/announce"

    @property
    def udp_url(self) -> str:
        """Where to announce over UDP."""
        return f"udp://{self._shown}/announce"

    async def __aenter__(self) -> Self:
        """Listen; raises `NetworkError` if the port cannot be had."""
        for attempt in range(PORT_TRIES):
            try:
                await self._listen()
                return self
            except OSError as error:
                await self._close()
                if self.port or attempt == PORT_TRIES - 1:
                    raise NetworkError(f"cannot listen on {self.host}: {error.strerror or 'no port is free'}") from None
        raise NetworkError(f"cannot listen on {self.host}")

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._close()

    async def serve_forever(self) -> None:
        """Serve until cancelled."""
        await asyncio.get_running_loop().create_future()

    @property
    def _shown(self) -> str:
        host = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)
        return f"[{host}]:{self.port}" if ":" in host else f"{host}:{self.port}"

    async def _listen(self) -> None:
        server = await asyncio.start_server(self._on_connection, self.host or "0.0.0.0", self.port, limit=MAX_HEAD)
        self._server = server
        port = int(server.sockets[0].getsockname()[1])
        if self._udp:
            self._datagrams, _ = await asyncio.get_running_loop().create_datagram_endpoint(
                lambda: _Datagrams(self), local_addr=(self.host or "0.0.0.0", port)
            )
        self.port = port

    async def _close(self) -> None:
        if self._datagrams is not None:
            self._datagrams.close()
        if self._server is not None:
            self._server.close()
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        self._server = self._datagrams = None

    async def _on_connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is None or len(self._tasks) >= MAX_CONNECTIONS:
            writer.close()
            return
        self._tasks.add(task)
        try:
            # Only `_close` cancels, and a handler that ends cancelled is reported by asyncio as a failure of its own.
            with suppress(OSError, EOFError, asyncio.LimitOverrunError, asyncio.CancelledError):
                async with asyncio.timeout(REQUEST_TIME):
                    await self._serve(reader, writer)
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        peer = writer.get_extra_info("peername")
        source = Address(canonical_ip(str(peer[0])) or "0.0.0.0", peer[1])
        words = head.split(b"\r\n", 1)[0].decode("latin-1").split(" ")
        if len(words) != 3 or not words[2].startswith("HTTP/1.") or not words[1].startswith("/"):
            status, body = 400, b"this is a BitTorrent tracker\n"
        elif words[0] != "GET":
            status, body = 405, b"only GET is served here\n"
        else:
            status, body = answer_http(self.registry, words[1], source, asyncio.get_running_loop().time())
        lines = (
            f"HTTP/1.1 {status} {_REASONS[status]}",
            "Content-Type: text/plain",
            f"Content-Length: {len(body)}",
            "Connection: close",
        )
        writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
        await writer.drain()

    def answer(self, data: bytes, source: Address) -> bytes | None:
        """Answer a datagram, if it deserves an answer."""
        return answer_udp(self.registry, data, source, asyncio.get_running_loop().time(), self._secret)


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, server: TrackerServer) -> None:
        self._server = server
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        host = canonical_ip(str(addr[0]))
        if host is None or self._transport is None:
            return
        answer = self._server.answer(data, Address(host, addr[1]))
        if answer is not None:
            self._transport.sendto(answer, addr)
