"""From which pieces may one taker open the next, when several are equally good?

Working out the candidates costs a few passes over the whole set; taking one of them should not. So a pool is made once
and used until it is empty or too old. Few pieces become a list; many are taken from a window, a small int cut from the
set at a random place. A pool may name pieces that somebody else has opened since: whoever pops one looks whether it is
still wanted.
"""

from __future__ import annotations

import random

from torrent.pieces import bits

WINDOW = 8192
"""Pieces in a window: operations on it take a fraction of a microsecond."""
_MASK = (1 << WINDOW) - 1
_FEW = 64
"""Up to so many pieces are listed. Among more, one behind a gap is somewhat likelier, which does no harm."""
_THROWS = 3


class Pool:
    """A set of equally good pieces; `epoch` and `until` say how long it may be used."""

    __slots__ = ("_base", "_few", "_ordered", "_rest", "_window", "epoch", "until")

    def __init__(self, candidates: int, *, ordered: bool, epoch: int, until: float) -> None:
        self._few: list[int] = []
        self._rest = candidates
        self._window = 0
        self._base = 0
        self._ordered = ordered
        self.epoch = epoch
        self.until = until
        if not ordered and candidates.bit_count() <= _FEW:
            self._few, self._rest = list(bits.iterate(candidates)), 0

    def pop(self, rng: random.Random) -> int:
        """Take the lowest piece of an ordered pool or any of another; -1 when it is empty."""
        few = self._few
        if few:
            at = int(rng.random() * len(few))
            few[at], few[-1] = few[-1], few[at]
            return few.pop()
        window = self._window
        if not window:
            if not self._rest:
                return -1
            window = self._turn(rng)
        at = (window & -window).bit_length() - 1 if self._ordered else _throw(window, rng)
        self._window = window ^ (1 << at)
        return self._base + at

    def put_back(self, piece: int) -> None:
        """Undo the last `pop`."""
        if self._ordered:
            self._window |= 1 << (piece - self._base)
        else:
            self._few.append(piece)

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


def _throw(window: int, rng: random.Random) -> int:
    length = window.bit_length()
    for _ in range(_THROWS):
        at = int(rng.random() * length)
        high = window >> at
        if high & 1:
            return at
    return at + (high & -high).bit_length() - 1
