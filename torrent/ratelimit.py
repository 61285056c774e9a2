"""How many bytes may move now, and when may the next ones?

A token bucket fills at its rate and holds a quarter of a second's worth, so a late timer loses nothing. Whoever finds
it above zero may take more than is in it: the debt is paid before anybody moves again, and what was taken over any
second or longer is the rate, however large the gulps.

Invariants
- A rate of 0 means no limit: `available` is `UNLIMITED`, `delay` is 0, and nothing is counted.
- `delay` names a moment at which `available` is above zero, at least `WAKE` seconds' worth above it: an owner that
  sleeps as told wakes at most 1 / `WAKE` times a second, and never spins.
- After a change of rate a debt is no larger than it was, in bytes and in seconds: nobody waits half a minute because
  the limit used to be low, and nobody pays for bytes that an old, higher limit allowed.
- A clock that goes backwards fills nothing and takes nothing away.

A remote decides only how much it sends; a gulp of it can put the bucket into debt by one gulp and no more, as long as
its owner asks before each.
"""

from __future__ import annotations

from typing import Final

UNLIMITED: Final = 1 << 62
"""What `available` says when there is no limit: more bytes than anybody moves."""

BURST: Final = 0.25
"""Seconds' worth of bytes that a rested bucket holds."""

WAKE: Final = 0.01
"""Seconds' worth of bytes that must be there before a sleeper is woken."""

_LEAST: Final = 2.0  # bytes to sleep for at the very least: one more than `available` can show, so rounding is harmless


def _full(rate: float) -> float:
    return max(rate * BURST, _LEAST)


class TokenBucket:
    """One limit in bytes per second; 0 is no limit. Starts full."""

    __slots__ = ("_at", "_rate", "_tokens")

    def __init__(self, rate: float = 0) -> None:
        self._rate = float(rate)
        self._tokens = _full(self._rate)
        self._at = 0.0

    @property
    def rate(self) -> float:
        """The limit in bytes per second; 0 is none."""
        return self._rate

    @property
    def is_limited(self) -> bool:
        """Whether there is a limit at all."""
        return self._rate > 0

    def _fill(self, now: float) -> None:
        if now > self._at:
            self._tokens = min(self._tokens + (now - self._at) * self._rate, _full(self._rate))
            self._at = now

    def set_rate(self, rate: float, now: float) -> None:
        """Change the limit from `now` on; a rest or debt shrinks with the rate and never grows with it."""
        self._fill(now)
        if self._rate <= 0:
            self._tokens = 0.0
        elif rate < self._rate:
            self._tokens *= rate / self._rate
        self._rate = float(rate)

    def available(self, now: float) -> int:
        """Return how many bytes may move without debt; 0 means wait for `delay`."""
        if self._rate <= 0:
            return UNLIMITED
        self._fill(now)
        return int(self._tokens) if self._tokens > 0 else 0

    def take(self, n: int, now: float) -> None:
        """Count `n` bytes that move, into debt if need be."""
        if self._rate > 0:
            self._fill(now)
            self._tokens -= n

    def delay(self, now: float) -> float:
        """Return the seconds until bytes may move again; 0 if they may now."""
        if self._rate <= 0 or self.available(now) > 0:
            return 0.0
        return (max(self._rate * WAKE, _LEAST) - self._tokens) / self._rate


class Chain:
    """Several limits that hold at once, such as the torrent's and the whole program's."""

    __slots__ = ("_buckets",)

    def __init__(self, *buckets: TokenBucket) -> None:
        self._buckets = buckets

    @property
    def is_limited(self) -> bool:
        """Whether any of the limits is one; test it once per gulp to skip all the rest."""
        return any(bucket._rate > 0 for bucket in self._buckets)

    def available(self, now: float) -> int:
        """Return how many bytes may move without debt in any bucket."""
        return min((bucket.available(now) for bucket in self._buckets), default=UNLIMITED)

    def take(self, n: int, now: float) -> None:
        """Count `n` bytes in every bucket."""
        for bucket in self._buckets:
            bucket.take(n, now)

    def delay(self, now: float) -> float:
        """Return the seconds until bytes may move in all buckets."""
        return max((bucket.delay(now) for bucket in self._buckets), default=0.0)
