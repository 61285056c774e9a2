"""One port on both families."""

import asyncio
import socket

import pytest

from torrent.errors import NetworkError
from torrent.net import listen


async def close(servers):
    for server in servers:
        server.close()


async def test_a_free_port_is_the_same_on_both_families():
    servers, port = await listen(asyncio.Protocol, 0)
    ports = {sock.getsockname()[1] for server in servers for sock in server.sockets}
    assert ports == {port}
    await close(servers)


async def test_a_bound_address_is_the_only_one():
    servers, port = await listen(asyncio.Protocol, 0, "127.0.0.2")
    assert [sock.getsockname() for server in servers for sock in server.sockets] == [("127.0.0.2", port)]
    await close(servers)


async def test_a_taken_port_is_a_plain_error():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(NetworkError, match="cannot listen on port"):
            await listen(asyncio.Protocol, taken.getsockname()[1], "127.0.0.1")


async def test_an_address_that_is_not_ours_is_a_plain_error():
    with pytest.raises(NetworkError):
        await listen(asyncio.Protocol, 0, "192.0.2.1")
