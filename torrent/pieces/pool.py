"""From which pieces may one taker open the next, when several are equally good?

Working out the candidates costs a few passes over the whole set; taking one of them should not. So a pool is made once
and used until it is empty or too old, and it takes its pieces from a window, a small int cut from the set at a random
place. A pool may name pieces that somebody else has opened since: whoever pops one looks whether it is still wanted.
"""

from __future__ import annotations

import random

WINDOW = 8192
"""Pieces in a window: operations on it take a fraction of a microsecond."""
_MASK = (1 << WINDOW) - 1


class Pool:
    """A set of equally good pieces; `epoch` and `until` say how long it may be used."""

    __slots__ = ("_base", "_ordered", "_rest", "_window", "epoch", "until")

    def __init__(self, candidates: int, *, ordered: bool, epoch: int, until: float) -> None:
        self._rest = candidates
        self._window = 0
        self._base = 0
        self._ordered = ordered
        self.epoch = epoch
        self.until = until

    def pop(self, rng: random.Random) -> int:
        """Take the lowest piece of an ordered pool or any of another; -1 when it is empty."""
        window = self._window
        if not window:
            if not self._rest:
                return -1
            window = self._turn(rng)
        if self._ordered:
            at = (window & -window).bit_length() - 1
        else:
            at = int(rng.random() * window.bit_length())
            high = window >> at
            at += (high & -high).bit_length() - 1
        self._window = window ^ (1 << at)
        return self._base + at

    def put_back(self, piece: int) -> None:
        """Undo the last `pop`."""
        self._window |= 1 << (piece - self._base)

    def _turn(self, rng: random.Random) -> int:
        rest, base = self._rest, 0
        length = rest.bit_length()
        if length <= WINDOW:
            self._rest = 0
        else:
            if not self._ordered:
                base = int(rng.random() * length)
                rest >>= base
            skip = (rest & -rest).bit_length() - 1
            base += skip
            rest = rest >> skip & _MASK
            self._rest ^= rest << base
        self._base = base
        return rest
