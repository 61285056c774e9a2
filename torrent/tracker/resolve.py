"""Which addresses does a tracker's host have, and which of them may we ask?

A shell (S) around the system's resolver and the rule in `torrent.net`. Whoever connects uses the addresses returned
here and no others, so a name cannot point somewhere harmless while it is checked and somewhere else afterwards.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Collection

from torrent.errors import TrackerError
from torrent.net import canonical_ip, why_not_fetch

MAX_ADDRESSES = 16


async def resolve(
    host: str, port: int, *, path: str, origin_ips: Collection[str] | None = None, bind: str = ""
) -> list[str]:
    """Return the literal IPs of `host` that may be asked, of the family of `bind` if there is one.

    `path` and `origin_ips` are those of `torrent.net.why_not_fetch`. Raises `TrackerError` if there are none.
    """
    ip = canonical_ip(host)
    if ip is not None:
        found = [ip]
    else:
        try:
            infos = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            raise TrackerError("the name of the tracker is not known") from None
        ips = (canonical_ip(str(info[4][0])) for info in infos)
        found = list(dict.fromkeys(ip for ip in ips if ip is not None))[:MAX_ADDRESSES]
    reason = why_not_fetch(found, path=path, origin_ips=origin_ips)
    if reason:
        raise TrackerError(f"not asked: {reason}")
    if bind:
        found = [ip for ip in found if (":" in ip) == (":" in bind)]
        if not found:
            raise TrackerError("the tracker has no address that the bound address can reach")
    return found
