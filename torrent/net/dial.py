"""How is a stream to a remote opened? (S)

A dial is bounded in time, leaves from the address the user bound us to, and fails with one kind of error.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

from torrent.errors import RemoteError
from torrent.terms import Address

DIAL_SECONDS = 10.0
"""A peer that does not accept by then is not worth the slot."""

P = TypeVar("P", bound=asyncio.BaseProtocol)


async def dial(factory: Callable[[], P], address: Address, bind: str = "", seconds: float = DIAL_SECONDS) -> P:
    """Open a stream to `address` and return its protocol; raises RemoteError if nobody answers in time."""
    if bind and (":" in bind) != (":" in address.host):
        raise RemoteError("the bound address is of the other IP family")
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(seconds):
            local = (bind, 0) if bind else None
            _, protocol = await loop.create_connection(factory, address.host, address.port, local_addr=local)
    except TimeoutError:
        raise RemoteError("did not answer") from None
    except OSError as error:
        raise RemoteError(error.strerror or str(error)) from None
    return protocol
