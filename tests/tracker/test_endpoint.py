"""Does one UDP socket carry many questions, and end them all?"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Awaitable, Callable
from random import Random
from typing import Any

import pytest

from torrent.errors import TrackerError
from torrent.terms import Address
from torrent.tracker.endpoint import UdpEndpoint
from torrent.tracker.udp import CONNECT, SCRAPE

Start = Callable[..., Awaitable[Any]]


def echo(data: bytes) -> list[bytes]:
    """Answer every connect, and every question with what it asked."""
    action, transaction = struct.unpack_from(">II", data, 8)
    rest = struct.pack(">Q", 77) if action == CONNECT else data[16:]
    return [struct.pack(">II", action, transaction) + rest]


def address(url: str) -> Address:
    return Address("127.0.0.1", int(url.rpartition(":")[2]))


async def test_many_questions_share_one_connection(fake_udp: Start) -> None:
    fakes = [await fake_udp(echo) for _ in range(3)]
    endpoint = await UdpEndpoint.open("127.0.0.1", Random(1))
    questions = [(fake, b"%d" % n) for n in range(50) for fake in fakes]
    answers = await asyncio.gather(*(endpoint.ask(address(f.url), SCRAPE, body, 20.0) for f, body in questions))
    assert answers == [body for _, body in questions]
    for fake in fakes:
        assert sum(len(data) == 16 for data in fake.seen) == 1
    endpoint.close()


async def test_a_silent_tracker_times_out(fake_udp: Start) -> None:
    fake = await fake_udp(lambda data: [])
    endpoint = await UdpEndpoint.open("127.0.0.1", Random(1))
    with pytest.raises(TrackerError, match="timed out"):
        await endpoint.ask(address(fake.url), SCRAPE, b"", 0.05)
    assert not endpoint._waiting
    endpoint.close()


async def test_who_gives_up_leaves_nothing_behind(fake_udp: Start) -> None:
    fake = await fake_udp(lambda data: [])
    endpoint = await UdpEndpoint.open("127.0.0.1", Random(1))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            await endpoint.ask(address(fake.url), SCRAPE, b"", 60.0)
    assert endpoint._core.next_deadline() is None
    assert not endpoint._waiting
    endpoint.close()


async def test_closing_ends_who_waits(fake_udp: Start) -> None:
    fake = await fake_udp(lambda data: [])
    endpoint = await UdpEndpoint.open("127.0.0.1", Random(1))
    waiting = asyncio.gather(
        *(endpoint.ask(address(fake.url), SCRAPE, b"", 60.0) for _ in range(3)), return_exceptions=True
    )
    asyncio.get_running_loop().call_soon(endpoint.close)
    assert [str(error) for error in await waiting] == ["the client is closed"] * 3
    with pytest.raises(TrackerError, match="closed"):
        await endpoint.ask(address(fake.url), SCRAPE, b"", 60.0)


async def test_garbage_from_the_tracker_and_from_strangers(fake_udp: Start) -> None:
    def noisy(data: bytes) -> list[bytes]:
        return [b"", b"x", data, bytes(7), bytes(2000), *echo(data)]

    fake = await fake_udp(noisy)
    endpoint = await UdpEndpoint.open("127.0.0.1", Random(1))
    assert await endpoint.ask(address(fake.url), SCRAPE, b"body", 20.0) == b"body"
    endpoint.close()


async def test_an_address_that_is_not_ours() -> None:
    with pytest.raises(TrackerError, match="cannot open"):
        await UdpEndpoint.open("8.8.8.8", Random(1))
