"""Who has been asked for which block?

Invariants: a block of a partial is open, received, or in flight from exactly one taker; from two or three only while
it stands in `duplicates`. Every way out of `Taker.inflight` goes through this module or the hot path of `pieces`.
A block is named by its key, piece * stride + number.

A hostile peer may be asked and never answer, choke and unchoke, or reject what it was asked: each time its blocks are
open again for others, and what it still sends is judged by `late`.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from itertools import repeat

from torrent.pieces.board import Board
from torrent.pieces.partial import Partial, Received
from torrent.pieces.taker import Taker
from torrent.terms import BLOCK_SIZE, Block


class Requests:
    """The requests of one torrent. `cancels` waits for `take_cancels`."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self._stride = board.geometry.stride
        self.takers: dict[Taker, None] = {}
        self.duplicates: dict[int, list[Taker]] = {}
        self.cancels: list[tuple[Taker, int, int, int]] = []

    def ask(self, taker: Taker, partial: Partial, n: int, now: float, out: list[tuple[int, int, int]]) -> int:
        """Put up to `n` open blocks of a partial in flight; return how many."""
        piece, base, inflight = partial.piece, partial.base, taker.inflight
        before, returned = n, partial.returned
        while returned and n:
            block = returned.pop()
            inflight[base + block] = now
            out.append((piece, block * BLOCK_SIZE, partial.length(block)))
            n -= 1
        start = partial.next
        stop = min(start + n, partial.count)
        if start < stop:
            partial.next = stop
            n -= stop - start
            inflight.update(zip(range(base + start, base + stop), repeat(now)))
            whole = stop if stop < partial.count else stop - 1
            begins = range(start * BLOCK_SIZE, whole * BLOCK_SIZE, BLOCK_SIZE)
            out.extend(zip(repeat(piece), begins, repeat(BLOCK_SIZE)))
            if whole < stop:
                out.append((piece, whole * BLOCK_SIZE, partial.tail))
        self._board.reflag(partial)
        return before - n

    def give_back(self, taker: Taker, key: int) -> None:
        """Open a block again that was just taken out of this taker's `inflight`, unless others fetch it too."""
        askers = self.duplicates.get(key)
        if askers is not None:
            askers.remove(taker)
            if len(askers) < 2:
                del self.duplicates[key]
            return
        partial = self._board.partials[key // self._stride]
        partial.reopen(key - partial.base)
        self._board.reflag(partial)

    def drop(self, taker: Taker, keys: Iterable[int]) -> None:
        """Take these blocks back from a taker that may still answer."""
        for key in keys:
            del taker.inflight[key]
            taker.remember(key)
            self.give_back(taker, key)

    def settle(self, taker: Taker | None, partial: Partial, key: int) -> None:
        """Cancel a duplicated block at everybody but this taker, as the first copy came."""
        for other in self.duplicates.pop(key):
            if other is not taker:
                self.cancel(other, partial, key)

    def cancel(self, taker: Taker, partial: Partial, key: int) -> None:
        """Take one block from a taker and have a CANCEL sent."""
        del taker.inflight[key]
        taker.remember(key)
        block = key - partial.base
        self.cancels.append((taker, partial.piece, block * BLOCK_SIZE, partial.length(block)))

    def withdraw(self, partial: Partial) -> None:
        """Cancel whatever is in flight for a partial; the blocks stay as they are (see `Partial.reset`)."""
        for block, sender in enumerate(partial.senders):
            if sender is None and not partial.is_open(block):
                key = partial.base + block
                if key in self.duplicates:
                    self.settle(None, partial, key)
                else:
                    self._cancel_asked(partial, key)

    def _cancel_asked(self, partial: Partial, key: int) -> None:
        for taker in self.takers:
            if key in taker.inflight:
                self.cancel(taker, partial, key)

    def disown(self, taker: Taker) -> None:
        """Let others have the pieces this taker owns."""
        for partial in [partial for partial in self._board.partials.values() if partial.owner is taker]:
            self.release(partial)

    def release(self, partial: Partial) -> None:
        """Let others have a piece; a piece on parole starts over, so that it has one source again."""
        board = self._board
        if partial.exclusive and partial.missing:
            self.withdraw(partial)
            partial.reset()
            board.blame.give_up(partial.piece)
            partial.exclusive = board.blame.is_exclusive(partial.piece)
        board.set_owner(partial, None)

    def rejected(self, taker: Taker, key: int) -> bool:
        """Note that a taker will not answer; return whether it had been asked."""
        known = key in taker.lapsed
        taker.lapsed.pop(key, None)
        if key not in taker.inflight:
            return known
        del taker.inflight[key]
        self.give_back(taker, key)
        partial = self._board.partials[key // self._stride]
        if partial.owner is taker:
            self.release(partial)
        return True

    def late(self, taker: Taker, key: int, block: int, data: memoryview) -> Received:
        """Judge a block of the right length that is not in flight from this taker."""
        if key not in taker.lapsed:
            return Received.UNREQUESTED
        del taker.lapsed[key]
        partial = self._board.partials.get(key // self._stride)
        if partial is None or partial.senders[block] is not None:
            return Received.DUPLICATE
        if partial.exclusive and partial.owner is not taker:
            return Received.DUPLICATE
        if block >= partial.next:
            return Received.DUPLICATE
        begin = block * BLOCK_SIZE
        partial.view[begin : begin + len(data)] = data
        partial.senders[block] = taker.name
        partial.missing -= 1
        if block in partial.returned:
            partial.close(block)
            self._board.reflag(partial)
        elif key in self.duplicates:
            self.settle(taker, partial, key)
        else:
            self._cancel_asked(partial, key)
        return Received.STORED if partial.missing else Received.COMPLETE

    def distrust(self, names: Iterable[Hashable]) -> None:
        """Fetch again what convicted senders gave to pieces that are not complete yet."""
        guilty = set(names)
        if not guilty:
            return
        for partial in self._board.partials.values():
            if partial.missing and guilty.intersection(partial.senders):
                for block, sender in enumerate(partial.senders):
                    if sender in guilty:
                        partial.senders[block] = None
                        partial.missing += 1
                        partial.reopen(block)
                self._board.reflag(partial)

    def blocks(self, keys: Iterable[int]) -> list[Block]:
        """Name blocks by piece, begin and length."""
        named = []
        for key in keys:
            piece, block = divmod(key, self._stride)
            begin = block * BLOCK_SIZE
            named.append(Block(piece, begin, min(BLOCK_SIZE, self._board.geometry.size(piece) - begin)))
        return named
