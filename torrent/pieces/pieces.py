"""What do we have, what is being fetched, and what is asked of whom?

`Pieces` is the piece manager of one torrent as the swarm sees it: told facts (`peer_has`, `received`, `verified`),
asked questions (`pick`, `is_interesting`). It puts together the sets of pieces (`board`), the requests (`requests`),
the order of picking (`picker`), the rarity (`availability`) and the blame for bad pieces (`blame`).

Numbers from the wire come in through geometry (`peer_has`) or are compared with what was asked (`received`,
`rejected`): a block is only ever copied to where exactly this block was asked for, so a hostile peer can neither write
outside a buffer nor into another piece. BEP 3, 6, 16, 47, 52.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Hashable, Mapping, Sequence

from torrent.pieces.availability import Availability
from torrent.pieces.board import Board, Buffers
from torrent.pieces.geometry import Geometry
from torrent.pieces.partial import Progress, Received
from torrent.pieces.picker import Picker
from torrent.pieces.requests import Requests
from torrent.pieces.stuck import Stuck
from torrent.pieces.taker import Taker
from torrent.terms import BLOCK_SIZE, Block

_STORED, _COMPLETE = Received.STORED, Received.COMPLETE


class Pieces:
    """The piece manager of one torrent.

    `have` is the set of verified pieces at the start; `priorities` one number per piece, 0 (skip) to 7, or None for
    all wanted; `first` the pieces to fetch before others; `pad_blocks` the blocks that are zero by definition.
    """

    def __init__(
        self,
        geometry: Geometry,
        have: int,
        *,
        buffers: Buffers,
        rng: random.Random,
        priorities: Sequence[int] | None = None,
        sequential: bool = False,
        first: int = 0,
        pad_blocks: Mapping[int, Sequence[int]] | None = None,
    ) -> None:
        self.geometry = geometry
        self.availability = Availability(geometry.pieces)
        self._board = Board(geometry, have, priorities, buffers.account(), pad_blocks or {})
        self._requests = Requests(self._board)
        self._stuck = Stuck(self._board, self._requests, self.availability)
        self._board.buffers.give_up = self._stuck.give_up
        self._picker = Picker(self._board, self._requests, self.availability, rng, sequential=sequential, first=first)
        self._stride = geometry.stride
        self._partials = self._board.partials
        self._duplicates = self._requests.duplicates

    @property
    def have(self) -> int:
        """The set of pieces verified and written."""
        return self._board.have

    @property
    def have_count(self) -> int:
        """How many pieces `have` holds."""
        return self._board.have_count

    @property
    def wanted(self) -> int:
        """The set of pieces to fetch that are not in progress."""
        return self._board.wanted

    @property
    def missing(self) -> int:
        """The set of pieces selected and not had, those in progress included."""
        return self._board.missing

    @property
    def left(self) -> int:
        """The bytes of `missing`."""
        return self._board.left

    @property
    def done(self) -> bool:
        """Whether every selected piece is had."""
        return not self._board.missing

    @property
    def bytes_done(self) -> int:
        """The bytes of `have`."""
        return self._board.bytes_have

    @property
    def bytes_pending(self) -> int:
        """The bytes received for pieces in progress, to the nearest block."""
        board = self._board
        hashing = sum(partial.size for partial in board.hashing.values())
        fetched = sum(max(0, partial.size - partial.missing * BLOCK_SIZE) for partial in board.partials.values())
        return hashing + fetched

    @property
    def endgame(self) -> bool:
        """Whether all that is left and that anybody has is in progress."""
        return bool(self._board.missing) and self._picker.endgame.is_on()

    def join(self, taker: Taker) -> None:
        """Let a peer take part."""
        self._requests.takers[taker] = None
        self._count(taker, taker.has)

    def leave(self, taker: Taker) -> None:
        """Let a peer go: its blocks are open for others and its pieces are rarer."""
        if taker not in self._requests.takers:
            return
        del self._requests.takers[taker]
        self._requests.drop(taker, list(taker.inflight))
        self._requests.disown(taker)
        if taker.is_seed:
            self.availability.seeds -= 1
        else:
            self.availability.remove(taker.has)
        taker.pool = None

    def _count(self, taker: Taker, has: int) -> None:
        taker.has = has
        taker.is_seed = has == self.geometry.everything
        taker.pool = None
        taker.rest_until = 0.0
        if taker.is_seed:
            self.availability.seeds += 1
        else:
            self.availability.add(has)

    def peer_has(self, taker: Taker, piece: int) -> None:
        """Note a HAVE; PeerError if there is no such piece."""
        bit = 1 << self.geometry.check_piece(piece)
        has = taker.has | bit
        if has == taker.has:
            return
        if has == self.geometry.everything:
            self.peer_has_bits(taker, has)
            return
        taker.has = has
        taker.rest_until = 0.0
        self.availability.add_piece(piece)

    def peer_has_all(self, taker: Taker) -> None:
        """Note a HAVE ALL (BEP 6)."""
        self.peer_has_bits(taker, self.geometry.everything)

    def peer_has_bits(self, taker: Taker, has: int) -> None:
        """Note a bitfield, already read with `bits.from_wire`; it takes the place of what was known."""
        if taker.is_seed:
            self.availability.seeds -= 1
        else:
            self.availability.remove(taker.has)
        self._count(taker, self.geometry.everything & has)

    def tell_of_room(self, told: Callable[[], None]) -> None:
        """Have `told` called when memory that we were refused comes back from other torrents; it may only make a note,
        as it is called in the midst of their work."""
        self._board.buffers.on_room = told

    def is_interesting(self, taker: Taker) -> bool:
        """Answer whether a peer has anything we still need."""
        return bool(self._board.missing & taker.has)

    def pick(self, taker: Taker, n: int, now: float, *, only: int | None = None) -> list[tuple[int, int, int]]:
        """Choose up to `n` blocks (piece, begin, length) to ask of a peer and note them as asked.

        `only` restricts the choice to a set of pieces (allowed fast). Times are those of `lapse`.
        """
        if n <= 0 or not self._board.missing:
            return []
        return self._picker.pick(taker, n, now, only)

    def received(self, taker: Taker, piece: int, begin: int, data: memoryview) -> Received:
        """Copy a block to its place; COMPLETE says that `take_complete` is due."""
        partial = self._partials.get(piece)
        block = begin // BLOCK_SIZE
        key = piece * self._stride + block
        if (
            partial is None
            or key not in taker.inflight
            or not 0 <= block < partial.count
            or begin % BLOCK_SIZE
            or len(data) != (BLOCK_SIZE if block != partial.count - 1 else partial.tail)
        ):
            return self._odd(taker, piece, begin, data)
        del taker.inflight[key]
        partial.view[begin : begin + len(data)] = data
        partial.senders[block] = taker.name
        if self._duplicates and key in self._duplicates:
            self._requests.settle(taker, partial, key)
        partial.missing = missing = partial.missing - 1
        return _STORED if missing else _COMPLETE

    def _odd(self, taker: Taker, piece: int, begin: int, data: memoryview) -> Received:
        block = begin // BLOCK_SIZE
        if not 0 <= piece < self.geometry.pieces or begin < 0 or begin % BLOCK_SIZE:
            return Received.UNREQUESTED
        if len(data) != min(BLOCK_SIZE, self.geometry.size(piece) - begin):
            return Received.UNREQUESTED
        return self._requests.late(taker, piece * self._stride + block, block, data)

    def take_complete(self, piece: int) -> bytearray:
        """Hand over the buffer of a complete piece; it stays in progress until one of the next three is called."""
        return self._board.hash(piece)

    def verified(self, piece: int, buffer: bytearray) -> list[Hashable]:
        """Note that a piece is right and written; return the names of proven liars."""
        convicted = self._board.verified(piece, buffer)
        self._requests.distrust(convicted)
        return convicted

    def failed(self, piece: int, buffer: bytearray) -> list[Hashable]:
        """Note that a piece does not match its hash; return the names of proven liars."""
        convicted = self._board.failed(piece, buffer)
        self._requests.distrust(convicted)
        return convicted

    def unwritten(self, piece: int, buffer: bytearray) -> None:
        """Note that the disk did not take a piece: it has to be fetched again."""
        self._board.unwritten(piece, buffer)

    def lost(self, piece: int) -> None:
        """Note that a piece we had is gone from the disk."""
        self._board.lost(piece)

    def rejected(self, taker: Taker, piece: int, begin: int) -> bool:
        """Note a REJECT (BEP 6); return False if nothing like it was asked."""
        block, odd = divmod(begin, BLOCK_SIZE)
        if odd or not 0 <= piece < self.geometry.pieces or not 0 <= begin < self.geometry.size(piece):
            return False
        return self._requests.rejected(taker, piece * self._stride + block)

    def choked(self, taker: Taker, keep: int = 0) -> None:
        """Note that a peer dropped our requests, except those for the pieces in `keep` (allowed fast)."""
        stride = self._stride
        keys = [key for key in taker.inflight if not (keep and keep >> key // stride & 1)]
        self._requests.drop(taker, keys)
        self._requests.disown(taker)

    def lapse(self, taker: Taker, before: float) -> int:
        """Give back the blocks asked before this time; a taker that has any owns nothing any more. Return how many."""
        keys = []
        for key, asked in taker.inflight.items():
            if asked >= before:
                break
            keys.append(key)
        if keys:
            self._requests.drop(taker, keys)
            self._requests.disown(taker)
        return len(keys)

    def cancel_all(self, taker: Taker) -> list[Block]:
        """Give back every block asked of a peer; return them, so that CANCELs can be sent."""
        keys = list(taker.inflight)
        self._requests.drop(taker, keys)
        self._requests.disown(taker)
        return self._requests.blocks(keys)

    def take_cancels(self) -> list[tuple[Taker, int, int, int]]:
        """Return the blocks (taker, piece, begin, length) to cancel, once."""
        cancels = self._requests.cancels
        if cancels:
            self._requests.cancels = []
        return cancels

    def set_priorities(self, priorities: Sequence[int] | None) -> None:
        """Say anew what is wanted; pieces in progress that no longer are, are dropped."""
        for partial in self._board.set_priorities(priorities):
            self._requests.withdraw(partial)
            self._board.discard(partial)

    def set_sequential(self, sequential: bool) -> None:
        """Fetch in order, or rarest first."""
        self._picker.sequential = sequential
        self._board.epoch += 1

    def set_first(self, pieces: int) -> None:
        """Fetch this set of pieces before others of the same priority."""
        self._picker.first = pieces
        self._board.epoch += 1

    def in_progress(self) -> list[Progress]:
        """List the pieces in progress for display."""
        board = self._board
        views = [partial.progress(hashing=False) for partial in board.partials.values()]
        return views + [partial.progress(hashing=True) for partial in board.hashing.values()]
