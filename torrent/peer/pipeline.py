"""How many requests should be in flight to one peer?

Enough to cover bandwidth x delay, so that the peer always has the next request when it is done with one, and not so
many that a choke or a slow peer holds hundreds of blocks. Like TCP the depth starts small and grows by one for each
block that arrives (doubling each round trip) until the rate stops growing; from then on it follows the measured rate.

`receive` is called once per gulp, not per block.
"""

from __future__ import annotations

from torrent.terms import BLOCK_SIZE

START = 16
"""Requests before anything is known: one round trip of a fast link is worth it, a slow peer can hold this many."""

FLOOR = 4
"""Requests to the slowest peer: one being sent, some waiting."""

QUEUE_SECONDS = 1.0
"""Seconds of the peer's rate to keep queued there, so that a late refill does not leave it idle."""

QUEUE_MOST = 4 * 1024 * 1024
"""Bytes to keep queued beyond bandwidth x delay; above 4 MB/s a second's worth is only memory."""

NEAR_MOST = 512
"""Requests during slow start to a peer less than `NEAR_SECONDS` away: more would not make it faster."""

NEAR_SECONDS = 0.01

_SAMPLE_SECONDS = 0.5
_GROWTH = 1.1


class Pipeline:
    """The depth of one peer's request queue. `most` is the smaller of our limit and the peer's `reqq`."""

    __slots__ = ("_bytes", "_rate", "_since", "_slow_start", "depth", "most", "rtt")

    def __init__(self, most: int) -> None:
        self.most = most
        self.depth = min(START, most)
        self.rtt = 0.0
        self._rate = 0.0
        self._bytes = 0
        self._since: float | None = None
        self._slow_start = True

    def limit(self, most: int) -> None:
        """Never have more than `most` requests in flight (the peer's `reqq`)."""
        self.most = max(1, most)
        self.depth = min(self.depth, self.most)

    def asked(self, now: float, *, idle: bool) -> None:
        """Note that requests went out; `idle` if none were in flight, so that the next answer shows the round trip."""
        if idle:
            self._since = now
            self._bytes = 0

    def first_answer(self, seconds: float) -> None:
        """Note the time from a request on an idle connection to its block; the shortest one is the round trip."""
        if seconds > 0 and (self.rtt == 0.0 or seconds < self.rtt):
            self.rtt = seconds

    def receive(self, size: int, now: float) -> None:
        """Note that `size` bytes of blocks arrived in one gulp."""
        self._bytes += size
        if self._slow_start:
            most = self.most if self.rtt > NEAR_SECONDS else min(self.most, NEAR_MOST)
            self.depth = min(self.depth + max(1, size // BLOCK_SIZE), most)
        if self._since is None:
            self._since = now
            return
        elapsed = now - self._since
        if elapsed < max(_SAMPLE_SECONDS, self.rtt):
            return
        rate = self._bytes / elapsed
        if self._slow_start and rate < self._rate * _GROWTH:
            self._slow_start = False
        self._rate = rate if self._slow_start else (self._rate + rate) / 2
        self._bytes = 0
        self._since = now
        if not self._slow_start:
            self.depth = self._wanted()

    def stalled(self) -> None:
        """Start again small: the peer sent nothing for too long."""
        self.depth = min(FLOOR, self.most)
        self._rate = 0.0
        self._slow_start = True
        self._since = None

    def _wanted(self) -> int:
        in_flight = self._rate * self.rtt * 2
        queued = min(self._rate * QUEUE_SECONDS, QUEUE_MOST)
        return max(FLOOR, min(self.most, int((in_flight + queued) / BLOCK_SIZE) + 1))
