"""Who pays for the memory of unfinished pieces?

One byte budget for the whole process. A buffer is taken when the first block of a piece is asked for and given back
when the piece is written (or dropped). When the budget is spent, `take` says None and the caller stops *asking*;
nothing is ever dropped. Buffers are recycled by size, because a fresh one has to be zeroed and faulted in first.

Invariants: bytes out plus bytes kept for reuse never pass the budget, except that one piece is always allowed when
nothing is out (a piece may be larger than the budget). Used from the loop thread only.
"""

from __future__ import annotations


class Buffers:
    """A budget of `budget` bytes of piece buffers."""

    def __init__(self, budget: int) -> None:
        self.budget = budget
        self.out = 0
        self._kept: dict[int, list[bytearray]] = {}
        self._kept_bytes = 0

    def take(self, size: int) -> bytearray | None:
        """Return a buffer of `size` bytes with undefined content, or None when the budget is spent."""
        if self.out and self.out + size > self.budget:
            return None
        self.out += size
        kept = self._kept.get(size)
        if kept:
            self._kept_bytes -= size
            return kept.pop()
        if self.out + self._kept_bytes > self.budget:
            self._kept.clear()
            self._kept_bytes = 0
        return bytearray(size)

    def give(self, buffer: bytearray) -> None:
        """Take a buffer back; nobody may use it any more."""
        size = len(buffer)
        self.out -= size
        if self.out < 0:
            raise ValueError("a buffer was given back twice")
        if self.out + self._kept_bytes + size <= self.budget:
            self._kept.setdefault(size, []).append(buffer)
            self._kept_bytes += size
