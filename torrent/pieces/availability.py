"""How many peers have each piece, and which pieces are rarest?

The counters are bit-sliced: plane k is a set holding bit k of every piece's count. Adding a whole bitfield is a ripple
carry over the planes and removing one a ripple borrow: a handful of big-int operations whatever the number of pieces.
The rarest of some candidates are found from the highest plane down: where any candidate has a 0, those with a 1 drop
out. Nothing is sorted and nothing loops over pieces. Peers that have everything are only counted, so a swarm of seeds
costs nothing. Single pieces (`have` messages) wait in a set and are added together when somebody asks.

Invariant: what is removed was added before; the callers are told facts about takers, never numbers from the wire.
"""

from __future__ import annotations

from torrent.pieces import bits

_BATCH = 1024
_CODES = bytes.maketrans(b"01", b"\x00\x01")


class Availability:
    """The counters of one torrent of `n` pieces."""

    __slots__ = ("_fresh", "_n", "_planes", "seeds")

    def __init__(self, n: int) -> None:
        self._n = n
        self._planes: list[int] = []
        self._fresh: set[int] = set()
        self.seeds = 0

    def add(self, value: int) -> None:
        """Count one more peer that has these pieces."""
        planes = self._planes
        for k, plane in enumerate(planes):
            if not value:
                return
            planes[k] = plane ^ value
            value &= plane
        if value:
            planes.append(value)

    def add_piece(self, piece: int) -> None:
        """Count one more peer that has this piece."""
        fresh = self._fresh
        if piece in fresh or len(fresh) >= _BATCH:
            self._settle()
        fresh.add(piece)

    def remove(self, value: int) -> None:
        """Count one peer less for these pieces."""
        self._settle()
        planes = self._planes
        for k, plane in enumerate(planes):
            if not value:
                break
            planes[k] = plane = plane ^ value
            value &= plane
        while planes and not planes[-1]:
            planes.pop()

    def _settle(self) -> None:
        fresh = self._fresh
        if fresh:
            self.add(bits.of(fresh))
            fresh.clear()

    def rarest(self, candidates: int) -> int:
        """Return those of the candidates that the fewest peers have."""
        self._settle()
        for plane in reversed(self._planes):
            rarer = candidates ^ (candidates & plane)
            if rarer:
                candidates = rarer
        return candidates

    def anyone(self) -> int:
        """Return the pieces that at least one peer has."""
        if self.seeds:
            return bits.full(self._n)
        self._settle()
        value = 0
        for plane in self._planes:
            value |= plane
        return value

    def distributed(self) -> float:
        """Return the number of whole copies around, the fraction being the pieces with one more than the rarest."""
        if not self._n:
            return float(self.seeds)
        self._settle()
        rare, least = bits.full(self._n), 0
        for k in range(len(self._planes) - 1, -1, -1):
            rarer = rare ^ (rare & self._planes[k])
            if rarer:
                rare = rarer
            else:
                least += 1 << k
        return self.seeds + least + (self._n - rare.bit_count()) / self._n

    def count(self, piece: int) -> int:
        """Return how many peers have this piece."""
        self._settle()
        return self.seeds + sum((plane >> piece & 1) << k for k, plane in enumerate(self._planes))

    def counts(self, start: int, stop: int) -> bytes:
        """Return how many peers have each of the pieces `start` to `stop` - 1, one byte each, 255 standing for more."""
        self._settle()
        width = stop - start
        if width <= 0:
            return b""
        span = bits.full(width)
        total = over = 0
        ones = int.from_bytes(b"\x01" * width, "little")
        for k, plane in enumerate(self._planes):
            digits = f"{plane >> start & span:0{width}b}".encode().translate(_CODES)
            column = int.from_bytes(digits, "big")
            if k < 8:
                total += column << k
            else:
                over |= column
        if (1 << len(self._planes)) + self.seeds <= 256:
            return (total + ones * self.seeds).to_bytes(width, "little")
        raw, more = total.to_bytes(width, "little"), over.to_bytes(width, "little")
        return bytes(255 if extra else min(255, low + self.seeds) for low, extra in zip(raw, more, strict=True))
