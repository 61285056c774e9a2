"""What may a taker do that finds nothing left to ask for?

Two things. In the *endgame* (no wanted piece that anybody has is unopened) it is asked for blocks that others were
asked for already, where it is likely to be sooner; the first copy cancels the others. Before the endgame it *takes
over* blocks from a taker that is stalled or much slower, and no block is asked twice. When a block is expected is
worked out from the taker's queue and speed, for a stalled taker from how long it has kept us waiting: so a healthy one
loses its last blocks, a stalled one those that wait longest. Nothing is asked twice that its holder would send about as
soon: a cancel takes a round trip, and what is on its way by then comes in vain. A third taker is asked only when very
few blocks are left and both others are late.

Work and waste are bounded: a few holders and a few blocks of each are looked at, and a taker for which nothing was
found rests; at most `MAX_DUPLICATES` blocks are asked of several takers at once.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from operator import itemgetter
from typing import Final

from torrent.pieces.availability import Availability
from torrent.pieces.board import Board
from torrent.pieces.requests import Requests
from torrent.pieces.taker import Taker
from torrent.terms import BLOCK_SIZE

MAX_DUPLICATES: Final = 256
FEW: Final = 20
"""With fewer blocks left than this, waste is small and the wait is what counts."""
GRACE: Final = 0.5
"""Seconds by which any answer may be later than its queue and speed say."""
SOONER: Final = 0.1
"""Seconds by which an answer has to be sooner elsewhere, at least."""
FLOOR: Final = 16 * 1024.0
"""Bytes per second that an unknown taker is taken for."""
PAROLE_SECONDS: Final = 20.0
"""After this time others may help the sole source of a piece on parole."""
_BUSY: Final = 2
"""Pieces with the disk threads beyond which blocks change hands in the endgame only: no peer is what all wait for."""
_HOLDERS: Final = 32
_BLOCKS: Final = 64
_REST: Final = 0.2


class Endgame:
    """The last resort of one torrent's picker."""

    def __init__(self, board: Board, requests: Requests, availability: Availability) -> None:
        self._board = board
        self._requests = requests
        self._availability = availability
        self._stride = board.geometry.stride

    def is_on(self) -> bool:
        """Answer whether every wanted piece that anybody has is in progress or had."""
        wanted = self._board.wanted
        return not wanted or not wanted & self._availability.anyone()

    def help(self, taker: Taker, n: int, now: float, usable: int, out: list[tuple[int, int, int]]) -> None:
        """Find up to `n` blocks in flight elsewhere, of the pieces in `usable`, and put them in flight here."""
        if now < taker.rest_until:
            return
        before = len(out)
        is_on = self.is_on()
        found = self._find(taker, n, now, usable) if is_on or len(self._board.hashing) < _BUSY else None
        if found:
            if is_on:
                self._duplicate(taker, n, now, found, out)
            else:
                self._take_over(taker, n, now, found, out)
        if len(out) == before:
            taker.rest_until = now + _REST

    def _few(self) -> bool:
        left = 0
        for partial in self._board.partials.values():
            left += partial.missing
            if left >= FEW:
                return False
        return True

    def _find(self, taker: Taker, n: int, now: float, usable: int) -> list[tuple[float, int, Taker]]:
        """List (seconds until it is expected, key, holder), the longest first."""
        partials, stride, mine = self._board.partials, self._stride, taker.inflight
        found: list[tuple[float, int, Taker]] = []
        holders = 0
        for holder in self._requests.takers:
            inflight = holder.inflight
            if not inflight or holder is taker:
                continue
            holders += 1
            if holders > _HOLDERS:
                break
            pace = max(holder.speed, FLOOR) / BLOCK_SIZE
            queued = len(inflight)
            stalled = now - next(iter(inflight.values())) > GRACE + 2 * queued / pace
            entries: Iterable[tuple[int, float]] = inflight.items() if stalled else reversed(inflight.items())
            for place, (key, asked) in enumerate(islice(entries, _BLOCKS)):
                piece = key // stride
                if key in mine or not usable >> piece & 1:
                    continue
                partial = partials[piece]
                if partial.exclusive:
                    if now - partial.opened < PAROLE_SECONDS:
                        continue
                    partial.exclusive = False
                found.append((now - asked if stalled else (queued - place) / pace, key, holder))
        found.sort(key=itemgetter(0), reverse=True)
        return found

    def _duplicate(
        self, taker: Taker, n: int, now: float, found: list[tuple[float, int, Taker]], out: list[tuple[int, int, int]]
    ) -> None:
        duplicates, mine = self._requests.duplicates, taker.inflight
        few = self._few()
        most = 3 if few else 2
        rate = max(taker.speed, FLOOR) / BLOCK_SIZE
        for expected, key, holder in found:
            if n <= 0 or expected <= SOONER + 1.5 * (len(mine) + 1) / rate:
                break
            askers = duplicates.get(key)
            if key in mine or (askers is not None and (len(askers) >= most or not self._are_late(askers, key, now))):
                continue
            if askers is None:
                if len(duplicates) >= MAX_DUPLICATES:
                    continue
                askers = duplicates[key] = [holder]
            askers.append(taker)
            self._put(taker, key, now, out)
            n -= 1

    def _are_late(self, askers: list[Taker], key: int, now: float) -> bool:
        """Answer whether everybody asked for a block has kept us waiting for it."""
        return all(now - one.inflight[key] > GRACE for one in askers)

    def _take_over(
        self, taker: Taker, n: int, now: float, found: list[tuple[float, int, Taker]], out: list[tuple[int, int, int]]
    ) -> None:
        requests, mine = self._requests, taker.inflight
        rate = max(taker.speed, FLOOR) / BLOCK_SIZE
        for expected, key, holder in found:
            if n <= 0 or expected <= GRACE + 3 * (len(mine) + 1) / rate:
                break
            if key in mine or key in requests.duplicates:
                continue
            requests.cancel(holder, self._board.partials[key // self._stride], key)
            self._put(taker, key, now, out)
            n -= 1

    def _put(self, taker: Taker, key: int, now: float, out: list[tuple[int, int, int]]) -> None:
        partial = self._board.partials[key // self._stride]
        block = key - partial.base
        taker.inflight[key] = now
        out.append((partial.piece, block * BLOCK_SIZE, partial.length(block)))
