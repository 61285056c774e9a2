"""How do UDP packets of all trackers travel over one socket per address family?

A shell (S) around `UdpCore`: it gives the core the time and the datagrams, sends what the core wants sent and keeps one
timer. It decides nothing. BEP 15.
"""

from __future__ import annotations

import asyncio
from random import Random

from torrent.errors import TrackerError
from torrent.net import canonical_ip
from torrent.terms import Address
from torrent.tracker.udp import UdpCore


class UdpEndpoint(asyncio.DatagramProtocol):
    """One UDP socket and the questions that are open on it."""

    def __init__(self, rng: Random) -> None:
        self._core = UdpCore(rng)
        self._loop = asyncio.get_running_loop()
        self._waiting: dict[int, asyncio.Future[bytes]] = {}
        self._transport: asyncio.DatagramTransport | None = None
        self._timer: asyncio.TimerHandle | None = None

    @classmethod
    async def open(cls, bind: str, rng: Random) -> UdpEndpoint:
        """Open a socket on the local address `bind` and any free port; raises `TrackerError`."""
        try:
            _, endpoint = await asyncio.get_running_loop().create_datagram_endpoint(
                lambda: cls(rng), local_addr=(bind, 0)
            )
        except OSError:
            raise TrackerError(f"cannot open a UDP socket on {bind}") from None
        return endpoint

    async def ask(self, to: Address, action: int, body: bytes, timeout: float) -> bytes:
        """Put a question to a tracker and return its reply after the header; raises `TrackerError`."""
        if self._transport is None:
            raise TrackerError("the client is closed")
        ticket = self._core.ask(to, action, body, self._loop.time(), timeout)
        future: asyncio.Future[bytes] = self._loop.create_future()
        self._waiting[ticket] = future
        try:
            self._work()
            return await future
        finally:
            self._core.cancel(ticket)
            self._waiting.pop(ticket, None)

    def close(self) -> None:
        """Close the socket; who still waits gets a `TrackerError`."""
        if self._timer is not None:
            self._timer.cancel()
        if self._transport is not None:
            self._transport.close()
            self._transport = None
        for future in self._waiting.values():
            if not future.done():
                future.set_exception(TrackerError("the client is closed"))

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        """Keep the transport."""
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Hand a datagram to the core."""
        host = canonical_ip(str(addr[0]))
        if host is not None:
            self._core.receive(data, Address(host, addr[1]), self._loop.time())
            self._work()

    def error_received(self, exc: Exception) -> None:
        """Ignore what the network says about an earlier datagram: the question's deadline answers it."""

    def _work(self) -> None:
        if self._transport is None:
            return
        for data, to in self._core.datagrams_to_send():
            self._transport.sendto(data, to)
        for ticket, result in self._core.results():
            future = self._waiting.get(ticket)
            if future is None or future.done():
                continue
            if isinstance(result, bytes):
                future.set_result(result)
            else:
                future.set_exception(result)
        if self._timer is not None:
            self._timer.cancel()
        deadline = self._core.next_deadline()
        self._timer = None if deadline is None else self._loop.call_at(deadline, self._on_time)

    def _on_time(self) -> None:
        self._core.tick(self._loop.time())
        self._work()
