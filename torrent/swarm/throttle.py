"""Who has to wait for the rate limits? (S)

Buckets say how many bytes may pass (`torrent.ratelimit`); this keeps those who wait and wakes them. There is one timer
per session, armed only while somebody waits and always for the first of them, so a limit costs nothing when it is not
reached and a slow one does not hold up a fast one.

A connection over the download limit stops reading and TCP slows the peer down. While a limit is set, gulps are kept
short so that one of them never spends much more than there is.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from torrent.peer import GULP

if TYPE_CHECKING:
    from torrent.swarm.member import Member

LEAST_GULP = 2 * 1024
_SHORTEST_WAIT = 0.005

LIMIT = "limit"
"""Why a connection is not read."""


class Throttle:
    """Members that wait for a bucket, of all torrents of a session."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._readers: dict[Member, None] = {}
        self._servers: dict[Member, None] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._wake_at = 0.0

    def gulp(self, member: Member, now: float) -> memoryview:
        """Return the buffer for the next bytes of `member`: short while the limit is near."""
        chain, gulp = member.parts.state.limit_down, member.parts.gulp
        return gulp[: max(LEAST_GULP, min(GULP, chain.available(now)))] if chain.is_limited else gulp

    def received(self, member: Member, size: int, now: float) -> None:
        """Account a gulp; make the member wait if the limit is spent."""
        chain = member.parts.state.limit_down
        connection = member.connection
        if not chain.is_limited:
            if len(connection.gulp) != GULP:
                connection.gulp = member.parts.gulp
            return
        chain.take(size, now)
        connection.gulp = self.gulp(member, now)
        delay = chain.delay(now)
        if delay > 0:
            connection.pause_reading(LIMIT)
            self._readers[member] = None
            self._arm(delay)

    def wait_to_serve(self, member: Member, delay: float) -> None:
        """Call `seed.serve` again when the upload limit allows it."""
        self._servers[member] = None
        self._arm(delay)

    def forget(self, member: Member) -> None:
        """Drop a member that left."""
        self._readers.pop(member, None)
        self._servers.pop(member, None)

    def close(self) -> None:
        """Stop the timer."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _arm(self, delay: float) -> None:
        wake_at = self._loop.time() + max(delay, _SHORTEST_WAIT)
        if self._timer is not None:
            if wake_at >= self._wake_at:
                return
            self._timer.cancel()
        self._wake_at = wake_at
        self._timer = self._loop.call_later(max(delay, _SHORTEST_WAIT), self._wake)

    def _wake(self) -> None:
        self._timer = None
        now = self._loop.time()
        readers, self._readers = self._readers, {}
        soonest = 0.0
        for member in readers:
            delay = member.parts.state.limit_down.delay(now)
            if delay > 0:
                self._readers[member] = None
                soonest = min(soonest or delay, delay)
            else:
                member.connection.resume_reading(LIMIT)
        servers, self._servers = self._servers, {}
        for member in servers:
            member.parts.seed.serve(member, now)
        if self._readers:
            self._arm(soonest)
