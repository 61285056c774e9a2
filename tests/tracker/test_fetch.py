"""Does fetching from a hostile HTTP server end with an answer or a TrackerError, and nothing else?"""

from __future__ import annotations

import asyncio
import gzip
import ssl
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from torrent.errors import TrackerError
from torrent.tracker.fetch import MAX_REDIRECTS, fetch
from torrent.tracker.urls import TrackerUrl

Start = Callable[..., Awaitable[Any]]


async def get(url: str, **more: Any) -> bytes:
    body, ips = await fetch(TrackerUrl.parse(url), ["127.0.0.1"], user_agent="test/1", **more)
    assert ips == ["127.0.0.1"]
    return body


async def test_a_request_says_no_more_than_it_must(fake_http: Start) -> None:
    fake = await fake_http(body=b"de", head="Set-Cookie: a=b\r\n")
    assert await get(f"{fake.url}?info_hash=%01%ff~%2B") == b"de"
    await get(fake.url)
    lines = fake.heads[0].decode().split("\r\n")
    assert lines[0] == "GET /announce?info_hash=%01%ff~%2B HTTP/1.1"
    assert {line.split(":")[0].lower() for line in lines[1:] if line} <= {
        "host",
        "user-agent",
        "accept",
        "accept-encoding",
        "connection",
    }
    assert "User-Agent: test/1" in lines
    assert b"ookie" not in fake.heads[1]


async def test_names_are_not_looked_up_again(fake_http: Start) -> None:
    fake = await fake_http(body=b"de")
    assert await get(fake.url.replace("127.0.0.1", "no-such-name.invalid")) == b"de"
    assert b"Host: no-such-name.invalid:" in fake.heads[0]


async def test_packed_answers(fake_http: Start) -> None:
    fake = await fake_http(body=gzip.compress(b"d1:ai1ee"), head="Content-Encoding: gzip\r\n")
    assert await get(fake.url) == b"d1:ai1ee"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirects_are_followed(fake_http: Start, status: int) -> None:
    last = await fake_http(body=b"de")
    first = await fake_http(status=f"{status} Moved", head=f"Location: {last.url}?x=1\r\n")
    assert await get(first.url.replace("http://", "http://me:secret@")) == b"de"
    assert b"Authorization: Basic bWU6c2VjcmV0" in first.heads[0]
    assert b"GET /announce?x=1 " in last.heads[0]
    assert b"Authorization" not in last.heads[0]


async def test_circles_end(fake_http: Start) -> None:
    fake = await fake_http(status="302 Found", head="Location: /announce\r\n")
    with pytest.raises(TrackerError, match="too often"):
        await get(fake.url)
    assert len(fake.heads) == MAX_REDIRECTS + 1


@pytest.mark.parametrize(
    "location",
    [
        "/admin",
        "http://127.0.0.1:1/admin",
        "http://169.254.169.254/announce",
        "file:///etc/passwd",
        "udp://h:1",
        "http://[",
        "",
    ],
)
async def test_redirects_to_where_no_tracker_is(fake_http: Start, location: str) -> None:
    fake = await fake_http(status="302 Found", head=f"Location: {location}\r\n")
    with pytest.raises(TrackerError) as caught:
        await get(fake.url)
    if location:
        assert "too often" not in str(caught.value)
        assert len(fake.heads) == 1


@pytest.mark.parametrize("status", ["500 Oops", "404 Not Found", "204 No Content", "304 Not Modified", "999 What"])
async def test_other_statuses_are_errors(fake_http: Start, status: str) -> None:
    fake = await fake_http(body=b"", status=status)
    with pytest.raises(TrackerError, match=status[:3]):
        await get(fake.url)


async def test_a_reason_counts_whatever_the_status(fake_http: Start) -> None:
    body = b"d14:failure reason4:fulle"
    fake = await fake_http(body=body, status="503 Busy")
    assert await get(fake.url) == body


async def test_a_packed_bomb(fake_http: Start) -> None:
    fake = await fake_http(body=gzip.compress(bytes(100 * 1024 * 1024)), head="Content-Encoding: gzip\r\n")
    with pytest.raises(TrackerError, match="too large"):
        await get(fake.url)


async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, head: bytes, chunk: bytes) -> None:
    writer.write(head)
    while True:
        writer.write(chunk)
        await writer.drain()


@pytest.mark.parametrize(
    ("head", "chunk"),
    [
        (b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 65536),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"10000\r\n" + b"x" * 65536 + b"\r\n"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999\r\n\r\n", b"x" * 65536),
        (b"HTTP/1.1 200 OK\r\n", b"X-Header: " + b"y" * 500 + b"\r\n"),
        (b"HTTP/1.1 200 OK\r\nX-Header: ", b"y" * 65536),
        (b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n", b"x" * 65536),
        (b"", b"y" * 65536),
        (b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 100 Continue\r\n\r\n" * 100),
    ],
)
async def test_floods(fake_http: Start, head: bytes, chunk: bytes) -> None:
    fake = await fake_http(lambda reader, writer: flood(reader, writer, head, chunk))
    with pytest.raises(TrackerError):
        await get(fake.url, first_byte=1.0)


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"\0",
        b"garbage\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 2000000 OK\r\n\r\n",
        b"HTTP/9.9 200 OK\r\nContent-Encoding: \xff\xfe\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: br\r\nContent-Length: 1\r\n\r\nx",
        b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 302 Found\r\nLocation: http://\xff\xfe/\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
    ],
)
async def test_answers_that_are_not_http(fake_http: Start, answer: bytes) -> None:
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answer)
        await writer.drain()

    fake = await fake_http(handler)
    with pytest.raises(TrackerError):
        await get(fake.url, first_byte=5.0)


async def test_silence_ends_with_the_first_byte_deadline(fake_http: Start) -> None:
    gone = asyncio.Event()

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        gone.set()

    fake = await fake_http(handler)
    with pytest.raises(TrackerError, match="timed out"):
        await get(fake.url, first_byte=0.05)
    await asyncio.wait_for(gone.wait(), 10)


async def test_nobody_there() -> None:
    with pytest.raises(TrackerError, match="cannot connect"):
        await get("http://127.0.0.1:1/announce")


async def test_plain_http_behind_https() -> None:
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Speak Plainly\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(handler, "127.0.0.1", 0) as server:
        with pytest.raises(TrackerError, match="cannot connect"):
            await get(f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/announce")


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[str, str]:
    """Make a certificate for t.example that nobody trusts; returns its file and that of its key."""
    key, certificate = str(tmp_path / "key.pem"), str(tmp_path / "certificate.pem")
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=t.example"
    files = ["-addext", "subjectAltName=DNS:t.example", "-keyout", key, "-out", certificate]
    subprocess.run([*command.split(), *files], check=True, capture_output=True)
    return certificate, key


@pytest.mark.foreign("openssl")
async def test_certificates_are_verified(certificate: tuple[str, str]) -> None:
    served = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    served.load_cert_chain(*certificate)

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nde")
        writer.close()

    async with await asyncio.start_server(handler, "127.0.0.1", 0, ssl=served) as server:
        port = server.sockets[0].getsockname()[1]
        trusting = ssl.create_default_context(cafile=certificate[0])
        assert await get(f"https://t.example:{port}/announce", tls=trusting) == b"de"
        with pytest.raises(TrackerError, match="certificate"):
            await get(f"https://t.example:{port}/announce")
        with pytest.raises(TrackerError, match="certificate"):
            await get(f"https://other.example:{port}/announce", tls=trusting)


def test_importing_the_face_does_not_load_aiohttp() -> None:
    code = "import sys, torrent.tracker; sys.exit('aiohttp' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
