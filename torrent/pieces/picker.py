"""Which blocks should this taker be asked for next?

In this order: a piece on parole (see `blame`), (1) the open blocks of pieces it owns, (2) those of pieces without an
owner, (3) a new piece: by priority, then those wanted first, then random ones until a few are complete, then the
rarest; or the lowest when sequential, (4) open blocks of other takers' pieces, the slowest owner first, each as much as
evens out the two, (5) what `endgame` finds. A fast taker owns the piece it opens: fewer pieces are in progress and a
bad one has one culprit. A suspect of an open case owns what it opens too, and mixes its blocks with those of others
only when it finds nothing to fetch alone: whether it lies comes out sooner.

Nothing here loops over all pieces: candidates are worked out by operations on whole sets, once per call at most unless
they run out, and kept for a while where they are dear (see `pool`).
"""

from __future__ import annotations

import random
from typing import Final

from torrent.pieces import bits
from torrent.pieces.availability import Availability
from torrent.pieces.board import WANTED, Board
from torrent.pieces.endgame import FLOOR, PAROLE_SECONDS, Endgame
from torrent.pieces.partial import Partial
from torrent.pieces.pool import Pool
from torrent.pieces.requests import Requests
from torrent.pieces.taker import Taker
from torrent.terms import BLOCK_SIZE

RANDOM_FIRST: Final = 4
"""So many pieces are taken at random before the rarest: a newcomer needs something to trade, soon."""
OWN_SECONDS: Final = 10.0
"""A taker that fetches a piece in this time is fast, and owns it."""
_OWN_SECONDS_IN_ORDER: Final = 2.0
"""The same where somebody waits for just this piece."""
_POOL_SECONDS: Final = 1e-6
"""How long a pool may be used, per piece of the torrent: rarity may be as stale as a pool is dear."""
_SHARED_AT_ONCE: Final = 64
_LOOK_SECONDS: Final = 0.5
"""How old what is known of all takers together may be."""
QUEUED: Final = 16 * 1024 * 1024
"""Bytes to have asked for in all beyond what is on its way: peers that share the fastest of links do not want more."""
_LEAST: Final = 2
"""Blocks that any taker may be asked for, however little memory there is."""
_MUCH: Final = 16
"""A taker that many times slower than the fastest is slow: it gets no new piece while memory is short."""
_TRIAL: Final = 4
"""Blocks of others' pieces for a taker of which nothing is known yet, so that it can show its speed."""


class Picker:
    """The order of picking for one torrent. `first` is a set of pieces to fetch before others."""

    def __init__(
        self,
        board: Board,
        requests: Requests,
        availability: Availability,
        rng: random.Random,
        *,
        sequential: bool,
        first: int,
    ) -> None:
        self._board = board
        self._requests = requests
        self._availability = availability
        self._rng = rng
        self.endgame = Endgame(board, requests, availability)
        self._looked_until = 0.0
        self._fastest = 0.0
        self._all_speeds = 0.0
        self._busy = 1
        self._most_asked = 0
        self._pool_seconds = board.geometry.pieces * _POOL_SECONDS
        self.sequential = sequential
        self.first = first

    def pick(self, taker: Taker, n: int, now: float, only: int | None) -> list[tuple[int, int, int]]:
        """Choose up to `n` blocks and put them in flight."""
        out: list[tuple[int, int, int]] = []
        board = self._board
        alone = False
        n = self._fair(taker, n, now)
        if board.blame.parole:
            n -= self._on_parole(taker, n, now, only, out)
            alone = board.blame.is_suspected(taker.name)
        if taker.mine and n > 0:
            n -= self._own(taker, n, now, only, out)
        if alone and n > 0 and board.wanted:
            n -= self._new(taker, n, now, only, out, alone)
        if n > 0 and board.shared:
            n -= self._ownerless(taker, n, now, only, out)
        if n > 0 and board.wanted:
            n -= self._new(taker, n, now, only, out, alone)
        if n > 0 and board.owned:
            n -= self._share(taker, n, now, only, out)
        if n > 0 and board.partials:
            self.endgame.help(taker, n, now, taker.has if only is None else taker.has & only, out)
        return out

    def _own(self, taker: Taker, n: int, now: float, only: int | None, out: list[tuple[int, int, int]]) -> int:
        asked = 0
        for piece in list(taker.mine):
            if asked >= n:
                break
            if only is None or only >> piece & 1:
                asked += self._requests.ask(taker, self._board.partials[piece], n - asked, now, out)
        return asked

    def _ownerless(self, taker: Taker, n: int, now: float, only: int | None, out: list[tuple[int, int, int]]) -> int:
        usable = self._board.shared & taker.has
        if only is not None:
            usable &= only
        asked = 0
        for piece in bits.iterate(usable):
            if asked >= n:
                break
            partial = self._board.partials[piece]
            if partial.exclusive:
                if not self._may_try(taker, piece, now):
                    continue
                partial.opened = now
                self._board.set_owner(partial, taker)
            asked += self._requests.ask(taker, partial, n - asked, now, out)
        return asked

    def _new(
        self, taker: Taker, n: int, now: float, only: int | None, out: list[tuple[int, int, int]], alone: bool
    ) -> int:
        board, ask = self._board, self._requests.ask
        asked = 0
        pool = taker.pool if only is None else None
        if pool is not None and (pool.epoch != board.epoch or pool.until < now):
            pool = None
        seconds = _OWN_SECONDS_IN_ORDER if self.sequential else OWN_SECONDS
        fast = taker.speed * seconds > board.geometry.piece_length
        pace = -1 if taker.speed * _MUCH < self._fastest else int(fast)
        owns = alone or fast
        state, rng = board.state, self._rng
        while asked < n:
            piece = pool.pop(rng) if pool is not None else -1
            if piece < 0:
                pool = self._candidates(taker, now, only)
                if pool is None:
                    break
                continue
            if state[piece] != WANTED:
                continue
            partial = board.open(piece, now, pace)
            if partial is None:
                if pool is not None:
                    pool.put_back(piece)
                break
            if owns:
                partial.owner = taker
            asked += ask(taker, partial, n - asked, now, out)
        if only is None:
            taker.pool = pool
        return asked

    def _fair(self, taker: Taker, n: int, now: float) -> int:
        """Return how many of `n` blocks a taker may be asked for, so that all are done at about the same time.

        What is in flight from all has to fit in half of our share of the memory: else the first few takers would hold
        every block that there is memory for, and all others would wait for the slowest of them. And it is no more than
        keeps all of them busy: each piece begun is memory that has left the processor's caches when the piece is done.
        """
        if not self._looked_until - _LOOK_SECONDS <= now < self._looked_until:
            self._look(now)
        asked = len(taker.inflight)
        most = self._most_asked
        takers = self._busy
        if (asked + n) * takers <= most:
            return n
        part = taker.speed / self._all_speeds if taker.speed and self._all_speeds else 1 / takers
        room = max(_LEAST, int(most * min(part, 1.0))) - asked
        return min(n, room) if not asked or room > asked >> 2 else 0

    def _look(self, now: float) -> None:
        self._looked_until = now + _LOOK_SECONDS
        speeds = [taker.speed for taker in self._requests.takers if taker.inflight]
        self._fastest = max(speeds, default=0.0)
        self._all_speeds = sum(speeds)
        self._busy = max(1, len(speeds))
        on_the_way = sum(taker.speed * taker.delay for taker in self._requests.takers if taker.inflight)
        most = min(self._board.buffers.share // 2, QUEUED + int(2 * on_the_way))
        self._most_asked = most // BLOCK_SIZE

    def _candidates(self, taker: Taker, now: float, only: int | None) -> Pool | None:
        board = self._board
        usable = board.wanted if taker.is_seed else board.wanted & taker.has
        if only is not None:
            usable &= only
        if board.blame.parole:
            usable ^= usable & board.blame.parole
        if not usable:
            return None
        if len(board.levels) > 1:
            usable = next(level for value in board.levels if (level := usable & value))
        if self.first:
            usable = usable & self.first or usable
        if not self.sequential:
            if board.have_count >= RANDOM_FIRST:
                usable = self._availability.rarest(usable)
            if taker.suggested:
                usable = usable & taker.suggested or usable
        return Pool(usable, ordered=self.sequential, epoch=board.epoch, until=now + self._pool_seconds)

    def _on_parole(self, taker: Taker, n: int, now: float, only: int | None, out: list[tuple[int, int, int]]) -> int:
        board = self._board
        usable = board.wanted & board.blame.parole & taker.has
        if only is not None:
            usable &= only
        asked = 0
        for piece in bits.iterate(usable):
            if asked >= n:
                break
            exclusive = board.blame.is_exclusive(piece)
            if exclusive and not self._may_try(taker, piece, now):
                continue
            partial = board.open(piece, now)
            if partial is None:
                break
            partial.exclusive = exclusive
            partial.owner = taker if exclusive else None
            asked += self._requests.ask(taker, partial, n - asked, now, out)
        return asked

    def _may_try(self, taker: Taker, piece: int, now: float) -> bool:
        blame = self._board.blame
        if not blame.is_suspect(piece, taker.name) or not blame.may_wait(piece, now):
            return True
        others = self._requests.takers
        return not any(other.has >> piece & 1 and not blame.is_suspect(piece, other.name) for other in others)

    def _share(self, taker: Taker, n: int, now: float, only: int | None, out: list[tuple[int, int, int]]) -> int:
        usable = self._board.owned & taker.has
        if only is not None:
            usable &= only
        rate = max(taker.speed, FLOOR)
        partials: list[tuple[float, int, Partial, Taker]] = []
        for piece in bits.iterate(usable):
            partial = self._board.partials[piece]
            owner = partial.owner
            if len(partials) >= _SHARED_AT_ONCE:
                break
            if owner is None or owner is taker:
                continue
            if partial.exclusive:
                if now - partial.opened < PAROLE_SECONDS:
                    continue
                partial.exclusive = False
            partials.append((max(owner.speed, FLOOR), piece, partial, owner))
        partials.sort(key=lambda entry: entry[:2])
        asked = 0
        for pace, _, partial, owner in partials:
            if asked >= n:
                break
            waiting = len(owner.inflight) + partial.open_count
            even = int((rate * waiting - pace * len(taker.inflight)) / (rate + pace))
            if not taker.speed:
                even = max(even, _TRIAL - len(taker.inflight))
            if even > 0:
                asked += self._requests.ask(taker, partial, min(n - asked, even, partial.open_count), now, out)
        return asked
