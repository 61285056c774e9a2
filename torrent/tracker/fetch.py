"""How is the answer of an HTTP tracker fetched when everything about it may be hostile?

A shell (S) around aiohttp, which (with ssl) is loaded at the first fetch and not before. What a tracker may try, and
what answers it: redirects into the local network or in circles (`resolve` at each hop, `MAX_REDIRECTS`), a name that
resolves differently the second time (`_Pinned`: only addresses that were checked are connected to), endless or packed
bodies (`Body`), silence and drip (`FIRST_BYTE` and the caller's deadline), cookies (none are kept), a proxy from the
environment (none is used). Certificates are verified. BEP 3.
"""

from __future__ import annotations

import asyncio
import socket
import sys
from base64 import b64encode
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

from torrent.errors import TrackerError
from torrent.tracker.http import Body
from torrent.tracker.resolve import resolve
from torrent.tracker.urls import TrackerUrl

if TYPE_CHECKING:
    import ssl

FIRST_BYTE = 10.0
"""Seconds until the head of an answer must be there."""

MAX_REDIRECTS = 5
_REDIRECTS = frozenset({301, 302, 303, 307, 308})


async def fetch(
    url: TrackerUrl,
    ips: list[str],
    *,
    user_agent: str,
    bind: str = "",
    first_byte: float = FIRST_BYTE,
    tls: ssl.SSLContext | None = None,
) -> tuple[bytes, list[str]]:
    """Get `url` and return the body and the addresses the last host had; raises only `TrackerError`.

    `ips` are those of the first host, as `resolve` gave them. The whole time is the caller's to limit. `tls` replaces
    the system's certificates.
    """
    if "aiohttp" not in sys.modules:  # a tenth of a second, which the loop has better uses for
        await asyncio.to_thread(import_module, "aiohttp")
    import aiohttp

    if tls is None and url.scheme == "https":
        tls = await asyncio.to_thread(_tls)
    for _ in range(MAX_REDIRECTS + 1):
        try:
            status, location, body = await _get(url, ips, user_agent, bind, first_byte, tls)
        except aiohttp.ClientConnectorCertificateError:
            raise TrackerError("the certificate of the tracker is not valid") from None
        except aiohttp.ClientConnectorError:
            raise TrackerError("cannot connect to the tracker") from None
        except (aiohttp.ClientError, OSError, ValueError, EOFError) as error:
            if isinstance(error, TimeoutError):
                raise TrackerError("timed out") from None
            raise TrackerError("the tracker does not speak HTTP properly") from None
        if status not in _REDIRECTS:
            if status != 200 and not (body.startswith(b"d") and b"14:failure reason" in body):
                raise TrackerError(f"the tracker answers with HTTP status {status}")
            return body, ips
        url = url.redirected(location)
        ips = await resolve(url.host, url.port, path=url.path, origin_ips=ips, bind=bind)
    raise TrackerError("the tracker redirects too often")


async def _get(
    url: TrackerUrl, ips: list[str], user_agent: str, bind: str, first_byte: float, tls: ssl.SSLContext | None
) -> tuple[int, str, bytes]:
    import aiohttp
    from yarl import URL

    connector = aiohttp.TCPConnector(
        resolver=_pinned(ips),
        use_dns_cache=False,
        force_close=True,
        local_addr=(bind, 0) if bind else None,
        ssl=(tls or _tls()) if url.scheme == "https" else True,
    )
    async with aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        timeout=aiohttp.ClientTimeout(total=None),
        headers={"User-Agent": user_agent, "Accept-Encoding": "gzip", "Accept": "*/*"},
    ) as session:
        secret = b64encode(url.userinfo.encode()).decode("ascii")
        auth = {"Authorization": f"Basic {secret}"} if secret else {}
        async with asyncio.timeout(first_byte):
            response = await session.get(URL(str(url), encoded=True), allow_redirects=False, headers=auth)
        async with response:
            if response.status in _REDIRECTS:
                return response.status, response.headers.get("Location", ""), b""
            body = Body(response.headers.get("Content-Encoding", ""))
            async for chunk in response.content.iter_any():
                body.feed(chunk)
            return response.status, "", body.value()


@cache
def _tls() -> ssl.SSLContext:
    import ssl

    return ssl.create_default_context()


def _pinned(ips: list[str]) -> Any:
    from aiohttp.abc import AbstractResolver, ResolveResult

    class Pinned(AbstractResolver):
        """Answers with the addresses that were checked, whatever the name may mean by now."""

        async def resolve(
            self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
        ) -> list[ResolveResult]:
            return [
                ResolveResult(
                    hostname=host,
                    host=ip,
                    port=port,
                    family=socket.AF_INET6 if ":" in ip else socket.AF_INET,
                    proto=socket.IPPROTO_TCP,
                    flags=socket.AI_NUMERICHOST,
                )
                for ip in ips
            ]

        async def close(self) -> None:
            return

    return Pinned()
