"""In which of the four sets is each piece, and which pieces are in progress?

Invariants: every piece is in exactly one of *have*, *in progress*, *wanted* and *skipped*; `state` (a byte per piece)
and the ints `have`, `wanted` say the same; `move` is the only line that changes them. A piece in progress is either in
`partials` (blocks are fetched) or in `hashing` (the disk has its buffer), and has exactly one buffer of the budget
either way. `missing` is what is selected and not had, whatever its progress.

A hostile peer reaches this module only through `requests` and `pieces`, with numbers that geometry has checked.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Protocol

from torrent.pieces import bits
from torrent.pieces.blame import Blame
from torrent.pieces.geometry import Geometry
from torrent.pieces.partial import Partial
from torrent.pieces.taker import Taker

SKIPPED, WANTED, IN_PROGRESS, HAVE = range(4)
_CLOSED, _SHARED, _OWNED = range(3)
MAX_PRIORITY = 7


class Account(Protocol):
    """Where the piece buffers of one torrent come from, and whom it tells when there is room or too little."""

    on_room: Callable[[], None] | None
    give_up: Callable[[float, int], bool] | None

    @property
    def share(self) -> int: ...
    def take(self, size: int, now: float, pace: int, /) -> bytearray | None: ...
    def give(self, buffer: bytearray, /) -> None: ...


class Buffers(Protocol):
    """One byte budget for the process, with an account for each torrent."""

    def account(self) -> Account: ...


class Board:
    """The pieces of one torrent. `owned` and `shared` are the partials with open blocks, with and without an owner."""

    def __init__(
        self,
        geometry: Geometry,
        have: int,
        priorities: Sequence[int] | None,
        buffers: Account,
        pads: Mapping[int, Sequence[int]],
    ) -> None:
        if have & ~geometry.everything or have < 0:
            raise ValueError("have holds pieces beyond the last one")
        self.geometry = geometry
        self.buffers = buffers
        self.pads = pads
        self.blame = Blame()
        self.have = have
        self.have_count = have.bit_count()
        self.bytes_have = geometry.bytes_in(have)
        self.wanted = 0
        self.missing = 0
        self.left = 0
        self.shared = 0
        self.owned = 0
        self.partials: dict[int, Partial] = {}
        self.hashing: dict[int, Partial] = {}
        self.epoch = 0
        self._unpadded: set[int] = set()
        self.priority = b""
        self.levels: list[int] = []
        self.state = bytearray(geometry.pieces)
        self.set_priorities(priorities)

    def set_priorities(self, priorities: Sequence[int] | None) -> list[Partial]:
        """Say anew what is wanted, 0 to 7 per piece; return the partials that are no longer (see `discard`)."""
        n = self.geometry.pieces
        self.priority = bytes(priorities) if priorities is not None else b"\x01" * n
        if len(self.priority) != n or max(self.priority, default=0) > MAX_PRIORITY:
            raise ValueError(f"priorities must be {n} numbers from 0 to {MAX_PRIORITY}")
        self.levels = [level for value in range(MAX_PRIORITY, 0, -1) if (level := bits.marked(self.priority, value))]
        selected = 0
        for level in self.levels:
            selected |= level
        busy = bits.of([*self.partials, *self.hashing])
        self.missing = selected & ~self.have
        self.wanted = self.missing & ~busy
        self.left = self.geometry.bytes_in(self.missing)
        self._paint(busy)
        self.epoch += 1
        return [partial for piece, partial in self.partials.items() if not self.priority[piece] and partial.missing]

    def _paint(self, busy: int) -> None:
        # One byte per piece: the digits of each set, read as a number in base 256; disjoint sets never share a byte.
        n = self.geometry.pieces
        total = 0
        for value, state in ((self.wanted, WANTED), (busy, IN_PROGRESS), (self.have, HAVE)):
            digits = f"{value:0{n}b}".encode().translate(bytes.maketrans(b"01", bytes((0, state))))
            total |= int.from_bytes(digits, "big")
        self.state[:] = total.to_bytes(n, "little")

    def move(self, piece: int, state: int) -> None:
        """Put a piece into another set."""
        bit = 1 << piece
        old = self.state[piece]
        self.state[piece] = state
        if old == WANTED or state == WANTED:
            self.wanted ^= bit
        if old == HAVE or state == HAVE:
            sign = 1 if state == HAVE else -1
            size = self.geometry.size(piece)
            self.have ^= bit
            self.have_count += sign
            self.bytes_have += sign * size
            if self.priority[piece]:
                self.missing ^= bit
                self.left -= sign * size

    def open(self, piece: int, now: float, pace: int = 0) -> Partial | None:
        """Start a wanted piece for a fast taker (pace 1), a slow one (-1) or any; None if it gets no buffer."""
        size = self.geometry.size(piece)
        buffer = self.buffers.take(size, now, pace)
        if buffer is None:
            return None
        pads: Sequence[int] = self.pads.get(piece, ()) if self.pads and piece not in self._unpadded else ()
        partial = Partial(piece, self.geometry.stride, size, buffer, now)
        if pads and len(pads) < partial.count:
            partial.pad(pads)
        self.partials[piece] = partial
        self.move(piece, IN_PROGRESS)
        return partial

    def reflag(self, partial: Partial) -> None:
        """Bring `shared`, `owned` and the owner's list up to date after the open blocks of a partial changed."""
        owner = partial.owner
        if not partial.returned and partial.next >= partial.count:
            flag = _CLOSED
        else:
            flag = _SHARED if owner is None else _OWNED
        old = partial.flag
        if flag == old:
            return
        partial.flag = flag
        bit = 1 << partial.piece
        if old == _SHARED or flag == _SHARED:
            self.shared ^= bit
        if old == _OWNED or flag == _OWNED:
            self.owned ^= bit
        if owner is not None:
            if flag == _OWNED:
                owner.mine[partial.piece] = None
            else:
                owner.mine.pop(partial.piece, None)

    def set_owner(self, partial: Partial, owner: Taker | None) -> None:
        """Give a partial to a taker, or to all."""
        if partial.owner is not None:
            partial.owner.mine.pop(partial.piece, None)
        partial.owner = owner
        if owner is not None and partial.flag == _OWNED:
            owner.mine[partial.piece] = None
        self.reflag(partial)

    def discard(self, partial: Partial) -> None:
        """Drop a partial of which nothing is in flight, and give its buffer back."""
        self.set_owner(partial, None)
        partial.returned, partial.next = [], partial.count
        self.reflag(partial)
        del self.partials[partial.piece]
        self._free(partial)
        self._back(partial.piece)

    def hash(self, piece: int) -> bytearray:
        """Hand over the buffer of a complete partial."""
        partial = self.partials.pop(piece)
        if partial.missing:
            raise ValueError(f"piece {piece} is not complete")
        self.set_owner(partial, None)
        self.hashing[piece] = partial
        return partial.buffer

    def verified(self, piece: int, buffer: bytearray) -> list[Hashable]:
        """Settle a piece whose hash is right; return the senders convicted."""
        self._end_hashing(piece)
        self.move(piece, HAVE)
        convicted = self.blame.verified(piece, buffer)
        self.buffers.give(buffer)
        return convicted

    def failed(self, piece: int, buffer: bytearray) -> list[Hashable]:
        """Settle a piece whose hash is wrong; return the senders convicted."""
        partial = self._end_hashing(piece)
        if partial.padded:
            self._unpadded.add(piece)
        convicted = self.blame.failed(piece, buffer, partial.senders)
        self.buffers.give(buffer)
        self._back(piece)
        self.epoch += 1
        return convicted

    def unwritten(self, piece: int, buffer: bytearray) -> None:
        """Settle a piece that the disk could not take."""
        self._end_hashing(piece)
        self.buffers.give(buffer)
        self._back(piece)

    def _end_hashing(self, piece: int) -> Partial:
        partial = self.hashing.pop(piece)
        partial.view = memoryview(b"")
        return partial

    def _free(self, partial: Partial) -> None:
        partial.view = memoryview(b"")
        self.buffers.give(partial.buffer)

    def _back(self, piece: int) -> None:
        self.move(piece, WANTED if self.priority[piece] else SKIPPED)

    def lost(self, piece: int) -> None:
        """Note that a piece we had is gone."""
        if self.state[piece] == HAVE:
            self._back(piece)
