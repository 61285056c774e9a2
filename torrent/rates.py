"""How fast is it going, and when will it be done?

`Speed` counts every byte and keeps two smoothed rates: 5 s for people, 20 s for the choker. `Eta` turns bytes done and
bytes left into a time that does not jump about.

Invariants
- `total` is exact; a rate is a mean of the past weighted by exp(-age / smoothing), unbiased from the first half second.
- An update costs one addition and one comparison; the exponentials are computed twice a second at most.
- Nothing moved for eight times the smoothing means a rate of exactly 0, not a thousandth of a byte.
"""

from __future__ import annotations

from math import exp
from typing import Final

FOLD: Final = 0.5
"""Seconds between two foldings of fresh bytes into the averages."""

QUICK: Final = 5.0
"""Seconds of smoothing for display."""

SLOW: Final = 20.0
"""Seconds of smoothing for decisions: BEP 3 asks for a rolling average of 20 s."""

_FORGET: Final = 8.0  # times the smoothing; e**-8 of a rate is noise


class Speed:
    """A byte counter with its rates. `add` is called once per gulp."""

    __slots__ = ("_at", "_fold_at", "_fresh", "_last", "_quick", "_quick_weight", "_slow", "_slow_weight", "total")

    def __init__(self, now: float) -> None:
        self.total = 0
        """Bytes counted so far."""
        self._fresh = 0
        self._at = self._last = now
        self._fold_at = now + FOLD
        self._quick = self._slow = 0.0
        self._quick_weight = self._slow_weight = 0.0

    def add(self, n: int, now: float) -> None:
        """Count `n` bytes that moved at `now`."""
        if now >= self._fold_at:
            self._fold(now)
        self.total += n
        self._fresh += n

    def rate(self, now: float) -> float:
        """Return the rate smoothed over 5 s, in bytes per second."""
        if now >= self._fold_at:
            self._fold(now)
        if not self._quick_weight:
            return self._fresh / FOLD
        return self._quick / self._quick_weight

    def slow_rate(self, now: float) -> float:
        """Return the rate smoothed over 20 s, in bytes per second."""
        if now >= self._fold_at:
            self._fold(now)
        if not self._slow_weight:
            return self._fresh / FOLD
        return self._slow / self._slow_weight

    def idle(self, now: float) -> float:
        """Return for how many seconds nothing has moved, to within half a second."""
        if now >= self._fold_at:
            self._fold(now)
        return 0.0 if self._fresh else now - self._last

    def _fold(self, now: float) -> None:
        span = now - self._at
        # When nobody asked for long, the fresh bytes came at the beginning: the add after them would have folded.
        busy = span if span < 2 * FOLD else FOLD
        rate = self._fresh / busy
        if self._fresh:
            self._last = self._at + busy
        silence = now - self._last
        for_quick, for_slow = exp(-busy / QUICK), exp(-busy / SLOW)
        self._quick = self._quick * for_quick + rate * (1 - for_quick)
        self._slow = self._slow * for_slow + rate * (1 - for_slow)
        since_quick, since_slow = exp((busy - span) / QUICK), exp((busy - span) / SLOW)
        self._quick = self._quick * since_quick if silence < QUICK * _FORGET else 0.0
        self._slow = self._slow * since_slow if silence < SLOW * _FORGET else 0.0
        self._quick_weight = 1 - (1 - self._quick_weight) * for_quick * since_quick
        self._slow_weight = 1 - (1 - self._slow_weight) * for_slow * since_slow
        self._fresh = 0
        self._at = now
        self._fold_at = now + FOLD


class Eta:
    """When the bytes left will be done, from the mean of about 30 s, changing only when it is clearly wrong.

    Between two readings the shown time runs down with the clock. A reading replaces it if it is off by more than a
    tenth and more than two seconds, so a steady transfer counts down second by second.
    """

    __slots__ = ("_at", "_rate", "_shown_end", "_total", "_weight")

    SMOOTHING: Final = 30.0
    SETTLE: Final = 2.0
    """Seconds of measuring before anything is shown."""
    LONGEST: Final = 100 * 86400.0
    """Seconds beyond which a time says nothing, and None is returned."""

    def __init__(self) -> None:
        self._at: float | None = None
        self._total = 0
        self._rate = self._weight = 0.0
        self._shown_end: float | None = None

    def update(self, total: int, left: int, now: float) -> float | None:
        """Return the seconds until `left` bytes are done, or None if nobody can say.

        `total` is a counter of bytes done that never falls (`Speed.total`). Call it as often as it is shown.
        """
        if self._at is None:
            self._at, self._total = now, total
        span = now - self._at
        if span >= FOLD:
            keep = exp(-span / self.SMOOTHING)
            self._rate = self._rate * keep + (total - self._total) / span * (1 - keep)
            self._weight = self._weight * keep + (1 - keep)
            self._at, self._total = now, total
        if left <= 0:
            return 0.0
        if self._weight < 1 - exp(-self.SETTLE / self.SMOOTHING):
            return None
        rate = self._rate / self._weight
        if rate <= 0 or left / rate > self.LONGEST:
            self._shown_end = None
            return None
        fresh = left / rate
        shown = self._shown_end - now if self._shown_end is not None else -1.0
        if abs(shown - fresh) > max(2.0, fresh / 10) or shown < 1:
            self._shown_end, shown = now + fresh, fresh
        return shown
