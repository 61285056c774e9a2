"""Fetching a .torrent: caps, redirects, and nobody led into the local network."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from torrent.cli import fetch as module
from torrent.cli.fetch import CheckedResolver, fetch
from torrent.errors import InputError, RemoteError

Answer = Callable[[str], bytes]


@asynccontextmanager
async def server(answer: Answer) -> AsyncIterator[str]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        try:
            writer.write(answer(head.split()[1].decode()))
            await writer.drain()
        except ConnectionError:
            return
        finally:
            writer.close()

    listener = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with listener:
        yield f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}"


def ok(body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body


def to(location: str) -> bytes:
    return f"HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n".encode()


async def test_a_body_and_a_redirect_beside() -> None:
    async with server(lambda path: ok(b"d4:infodee") if path == "/b" else to("/b")) as url:
        assert await fetch(f"{url}/a", 100) == b"d4:infodee"


async def test_a_body_beyond_the_cap() -> None:
    endless = b"HTTP/1.1 200 OK\r\n\r\n" + bytes(300_000)
    async with server(lambda path: endless) as url:
        with pytest.raises(InputError, match="larger than"):
            await fetch(url, 200_000)


async def test_a_gzip_bomb_stops_at_the_cap() -> None:
    import gzip

    packed = gzip.compress(bytes(20_000_000))
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(packed)
    async with server(lambda path: head + packed) as url:
        with pytest.raises(InputError, match="larger than"):
            await fetch(url, 1_000_000)


async def test_redirects_without_end() -> None:
    async with server(lambda path: to(path + "x")) as url:
        with pytest.raises(RemoteError, match="redirects"):
            await fetch(f"{url}/", 100)


@pytest.mark.parametrize(
    "answer", [b"HTTP/1.1 404 Not\x1b[31m here\r\nContent-Length: 0\r\n\r\n", b"garbage\r\n\r\n", b""]
)
async def test_answers_that_are_none(answer: bytes) -> None:
    async with server(lambda path: answer) as url:
        with pytest.raises(RemoteError) as caught:
            await fetch(url, 100)
    assert "\x1b" not in str(caught.value)


@pytest.mark.parametrize("location", ["file:///etc/passwd", "ftp://x/", "http://", "http://[::1"])
async def test_redirects_to_nowhere(location: str) -> None:
    async with server(lambda path: to(location)) as url:
        with pytest.raises((InputError, RemoteError)):
            await fetch(url, 100)


async def test_silence_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "TIMEOUT", 0.05)

    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async with await asyncio.start_server(hang, "127.0.0.1", 0) as listener:
        with pytest.raises(RemoteError, match="no answer"):
            await fetch(f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}/", 100)


def test_a_public_host_leads_nobody_inside() -> None:
    resolver = CheckedResolver()
    resolver.check(["93.184.216.34"])
    resolver.origin = resolver.last
    for inside in ("127.0.0.1", "10.0.0.1", "169.254.169.254", "::1", "fd00::1"):
        with pytest.raises(RemoteError):
            resolver.check([inside])
    resolver.check(["93.184.216.35"])


def test_the_user_may_name_a_local_host_but_no_metadata_service() -> None:
    CheckedResolver().check(["127.0.0.1"])
    CheckedResolver().check(["192.168.1.5"])
    with pytest.raises(RemoteError):
        CheckedResolver().check(["169.254.169.254"])
