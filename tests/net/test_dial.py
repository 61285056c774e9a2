"""Dials that work, are refused, and leave from where we are bound."""

import asyncio
import socket

import pytest

from torrent.errors import RemoteError
from torrent.net import dial, listen
from torrent.terms import Address


async def test_it_leaves_from_the_bound_address():
    seen = asyncio.Event()
    peers = []

    class Listener(asyncio.Protocol):
        def connection_made(self, transport):
            peers.append(transport.get_extra_info("peername")[0])
            seen.set()
            transport.close()

    servers, port = await listen(Listener, 0, "127.0.0.1")
    await dial(asyncio.Protocol, Address("127.0.0.1", port), "127.0.0.3")
    await seen.wait()
    assert peers == ["127.0.0.3"]
    for server in servers:
        server.close()


async def test_nobody_there():
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        with pytest.raises(RemoteError):
            await dial(asyncio.Protocol, Address("127.0.0.1", unused.getsockname()[1]))


async def test_the_other_family_is_refused_before_a_packet_leaves():
    with pytest.raises(RemoteError, match="family"):
        await dial(asyncio.Protocol, Address("::1", 1), "127.0.0.1")


async def test_a_host_that_never_answers_is_given_up():
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        address = Address("127.0.0.1", full.getsockname()[1])
        waiting = [socket.socket() for _ in range(4)]
        try:
            for sock in waiting:
                sock.setblocking(False)
                sock.connect_ex(address)
            with pytest.raises(RemoteError, match="did not answer"):
                await dial(asyncio.Protocol, address, seconds=0.2)
        finally:
            for sock in waiting:
                sock.close()
