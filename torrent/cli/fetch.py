"""How is a .torrent fetched from a URL that the user typed?

The body is capped, the whole takes `TIMEOUT` at most, TLS is verified, no cookie is kept and nothing is sent along.
The user may name any host; a redirect (at most `REDIRECTS`) is a stranger's word: it never leads from a public host
into the local network, nor from https to http. The address that was checked is the address that is used.
"""

from __future__ import annotations

import asyncio
import socket
from typing import Any
from urllib.parse import urljoin, urlsplit

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from torrent.errors import InputError, RemoteError
from torrent.net import canonical_ip, why_not_fetch
from torrent.text import safe_text

TIMEOUT = 30.0
REDIRECTS = 5


class CheckedResolver(AbstractResolver):
    """Look names up and refuse what `allowed` refuses; remembers the addresses of the hop before as the origin."""

    def __init__(self) -> None:
        self.origin: list[str] | None = None
        self.last: list[str] = []

    def check(self, ips: list[str]) -> None:
        """Raise `RemoteError` if these addresses may not be asked now."""
        refused = why_not_fetch(ips, path="/announce", origin_ips=self.origin)
        if refused:
            raise RemoteError(refused)
        self.last = ips

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Return the addresses of `host`, all of them checked."""
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(host, port, family=family, type=socket.SOCK_STREAM)
        results = [
            ResolveResult(hostname=host, host=str(address[0]), port=port, family=kind, proto=proto, flags=0)
            for kind, _, proto, _, address in found
        ]
        self.check([canonical_ip(result["host"]) or result["host"] for result in results])
        return results

    async def close(self) -> None:
        """Nothing is held."""


async def fetch(url: str, limit: int) -> bytes:
    """Return the body behind `url`, at most `limit` bytes; raises `RemoteError` or `InputError`."""
    resolver = CheckedResolver()
    connector = aiohttp.TCPConnector(resolver=resolver, use_dns_cache=False)
    try:
        async with (
            asyncio.timeout(TIMEOUT),
            aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar()) as session,
        ):
            return await _follow(session, resolver, url, limit)
    except TimeoutError:
        raise RemoteError(f"no answer within {TIMEOUT:.0f}s") from None
    except (aiohttp.ClientError, OSError) as error:
        raise RemoteError(_reason(error)) from None
    except ValueError:
        raise InputError("not a URL that can be fetched") from None


async def _follow(session: aiohttp.ClientSession, resolver: CheckedResolver, url: str, limit: int) -> bytes:
    for _ in range(REDIRECTS + 1):
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise InputError("not a URL that can be fetched")
        literal = canonical_ip(parts.hostname)
        if literal is not None:
            resolver.check([literal])
        async with session.get(url, allow_redirects=False, headers={"User-Agent": "torrent"}) as answer:
            location = answer.headers.get("Location", "")
            if answer.status not in (301, 302, 303, 307, 308) or not location:
                if answer.status != 200:
                    raise RemoteError(
                        f"the server answered {answer.status} {safe_text(answer.reason or '', 60)}".rstrip()
                    )
                return await _body(answer, limit)
        resolver.origin = resolver.last
        target = urljoin(url, location)
        if parts.scheme == "https" and urlsplit(target).scheme != "https":
            raise RemoteError("the server redirects from https to http")
        url = target
    raise RemoteError(f"more than {REDIRECTS} redirects")


async def _body(answer: Any, limit: int) -> bytes:
    parts, size = [], 0
    async for chunk in answer.content.iter_chunked(64 * 1024):
        size += len(chunk)
        if size > limit:
            raise InputError(f"larger than {limit >> 20} MiB: this is no .torrent")
        parts.append(chunk)
    return b"".join(parts)


def _reason(error: Exception) -> str:
    cause = error.__cause__ if isinstance(error.__cause__, RemoteError) else error
    if isinstance(cause, OSError) and cause.strerror:
        return safe_text(cause.strerror, 200)
    return safe_text(str(cause) or type(cause).__name__, 200)
