"""Who sent the bad block of a piece that failed its hash?

If one sender gave every block, it is convicted at once. Otherwise the SHA-1 of each block is kept with its sender and
the piece goes on parole: it is fetched again from one source alone. When it verifies, the good blocks are compared:
whoever sent something else is convicted. So a conviction is always proof, and a sender of good blocks is never
convicted, whatever the others do. A liar that behaves the second time is convicted by its own good blocks.

A hostile peer may try to fill the memory with failed pieces (`_MAX_BLOCKS` bounds it, oldest forgotten first), to take
a piece on parole and sit on it (`give_up` ends the exclusiveness after a few tries, `may_wait` the waiting for a
better source), or to share a piece whose pad blocks are not zero (`board` fetches them from then on; nobody is
convicted for bytes nobody sent).
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Hashable, Sequence

from torrent.pieces.partial import PAD
from torrent.terms import BLOCK_SIZE

_MAX_BLOCKS = 65_536
"""Block hashes kept: about 10 MB."""
_MAX_ROUNDS = 4
_MAX_TRIES = 3
_MAX_WAIT = 10.0
"""Seconds for which a piece on parole waits for a source that is not a suspect."""


class _Case:
    """One piece on parole."""

    __slots__ = ("rounds", "suspects", "tries", "waiting")

    def __init__(self) -> None:
        self.rounds: list[list[tuple[int, bytes, Hashable]]] = []
        self.suspects: set[Hashable] = set()
        self.tries = 0
        self.waiting: float | None = None

    def blocks(self) -> int:
        return sum(len(entries) for entries in self.rounds)


def _digest(view: memoryview, block: int) -> bytes:
    return hashlib.sha1(view[block * BLOCK_SIZE : (block + 1) * BLOCK_SIZE], usedforsecurity=False).digest()


class Blame:
    """The open cases of one torrent; `parole` is the set of their pieces."""

    __slots__ = ("_blocks", "_cases", "_suspected", "parole")

    def __init__(self) -> None:
        self._cases: dict[int, _Case] = {}
        self._suspected: Counter[Hashable] = Counter()
        self._blocks = 0
        self.parole = 0

    def failed(self, piece: int, buffer: bytearray, senders: Sequence[Hashable | None]) -> list[Hashable]:
        """Take note of a piece that failed its hash; return who is convicted already."""
        names = {sender for sender in senders if sender is not None and sender is not PAD}
        padded = any(sender is PAD for sender in senders)
        if len(names) == 1 and not padded:
            return list(names)
        case = self._cases.get(piece)
        if case is None:
            case = self._cases[piece] = _Case()
            self.parole |= 1 << piece
        view = memoryview(buffer)
        entries = [
            (block, _digest(view, block), sender)
            for block, sender in enumerate(senders)
            if sender is not None and sender is not PAD
        ]
        case.rounds.append(entries)
        self._blocks += len(entries)
        if len(case.rounds) > _MAX_ROUNDS:
            self._blocks -= len(case.rounds.pop(0))
        self._suspected -= Counter(case.suspects)
        case.suspects = {sender for entries in case.rounds for _, _, sender in entries}
        self._suspected += Counter(case.suspects)
        case.tries = 0
        case.waiting = None
        while self._blocks > _MAX_BLOCKS:
            self._close(next(iter(self._cases)))
        return []

    def verified(self, piece: int, buffer: bytearray) -> list[Hashable]:
        """Compare a good piece with what was sent for it before; return who is convicted."""
        case = self._cases.get(piece)
        if case is None:
            return []
        view, good = memoryview(buffer), dict[int, bytes]()
        convicted: dict[Hashable, None] = {}
        for entries in case.rounds:
            for block, digest, sender in entries:
                if block not in good:
                    good[block] = _digest(view, block)
                if digest != good[block]:
                    convicted[sender] = None
        self._close(piece)
        return list(convicted)

    def _close(self, piece: int) -> None:
        case = self._cases.pop(piece)
        self._blocks -= case.blocks()
        self._suspected -= Counter(case.suspects)
        self.parole ^= 1 << piece

    def is_suspect(self, piece: int, name: Hashable) -> bool:
        """Answer whether this sender gave a block when the piece failed."""
        case = self._cases.get(piece)
        return case is not None and name in case.suspects

    def is_suspected(self, name: Hashable) -> bool:
        """Answer whether this sender is a suspect of any open case."""
        return name in self._suspected

    def is_exclusive(self, piece: int) -> bool:
        """Answer whether the piece is to be fetched from one source alone."""
        case = self._cases.get(piece)
        return case is not None and case.tries < _MAX_TRIES

    def give_up(self, piece: int) -> None:
        """Note that a sole source did not deliver."""
        case = self._cases.get(piece)
        if case is not None:
            case.tries += 1

    def may_wait(self, piece: int, now: float) -> bool:
        """Answer whether the piece may still wait for a source that is not a suspect."""
        case = self._cases.get(piece)
        if case is None:
            return False
        if case.waiting is None:
            case.waiting = now
        return now - case.waiting < _MAX_WAIT
