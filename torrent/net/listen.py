"""Where do peers reach us? (S)

One port for all torrents, on IPv4 and IPv6, as stream listeners. Knows no BitTorrent: it opens sockets and tells which
port it got.
"""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Callable

from torrent.errors import NetworkError

BACKLOG = 512
_TRIES = 20


async def listen(
    factory: Callable[[], asyncio.BaseProtocol], port: int, bind: str = ""
) -> tuple[list[asyncio.Server], int]:
    """Accept streams on `port` (0: any free one) of `bind`, or of every local address; return the servers and the port.

    Raises NetworkError when no socket can be opened; a machine without IPv6 listens on IPv4 alone.
    """
    hosts = [bind] if bind else ["0.0.0.0", "::"]
    for _ in range(_TRIES):
        try:
            return await _listen_all(factory, hosts, port)
        except OSError as error:
            if port == 0 and error.errno == errno.EADDRINUSE:
                continue
            raise NetworkError(f"cannot listen on port {port}: {error.strerror or error}") from None
    raise NetworkError("no port is free on both IPv4 and IPv6")


async def _listen_all(
    factory: Callable[[], asyncio.BaseProtocol], hosts: list[str], port: int
) -> tuple[list[asyncio.Server], int]:
    loop = asyncio.get_running_loop()
    servers: list[asyncio.Server] = []
    try:
        for host in hosts:
            try:
                sock = _socket(host, port)
            except OSError as error:
                missing = error.errno in (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL)
                if missing and servers and host == "::":
                    continue
                raise
            server = await loop.create_server(factory, sock=sock, backlog=BACKLOG)
            servers.append(server)
            port = sock.getsockname()[1]
    except OSError:
        for server in servers:
            server.close()
        raise
    return servers, port


def _socket(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind((host, port))
    except OSError:
        sock.close()
        raise
    return sock
