"""What is known of one piece that is being fetched?

A `Partial` has the piece's buffer, who sent each block, and which blocks are open (not asked of anybody): those from
`next` on were never asked, those in `returned` came back. An owner is the fast taker that fetches the piece alone;
an exclusive partial (a piece that failed before) takes blocks from its owner and nobody else. `looked_at`,
`looked_gain` and `looked_missing` are notes of `stuck`.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Hashable, Sequence
from enum import IntEnum
from typing import Final, NamedTuple

from torrent.pieces.taker import Taker
from torrent.terms import BLOCK_SIZE


class Received(IntEnum):
    """What became of a block that arrived."""

    STORED = 0
    COMPLETE = 1
    DUPLICATE = 2
    UNREQUESTED = 3


class Progress(NamedTuple):
    """A piece in progress for display: sets of block numbers as ints, bit n for block n."""

    piece: int
    blocks: int
    received: int
    asked: int
    owner: Hashable | None
    hashing: bool


class _Pad:
    """The sender of blocks that nobody needs to send."""


PAD: Final = _Pad()


def _falling(block: int) -> int:
    return -block


class Partial:
    """One piece in progress. Owned by the board; only `board` and `requests` change it."""

    __slots__ = (
        "base",
        "buffer",
        "count",
        "exclusive",
        "flag",
        "looked_at",
        "looked_gain",
        "looked_missing",
        "missing",
        "next",
        "opened",
        "owner",
        "padded",
        "piece",
        "returned",
        "senders",
        "size",
        "tail",
        "view",
    )

    def __init__(self, piece: int, stride: int, size: int, buffer: bytearray, now: float) -> None:
        self.piece = piece
        self.base = piece * stride
        self.size = size
        self.count = count = -(-size // BLOCK_SIZE)
        self.tail = size - (count - 1) * BLOCK_SIZE
        self.buffer = buffer
        self.view = memoryview(buffer)
        self.senders: list[Hashable | None] = [None] * count
        self.missing = count
        self.returned: list[int] = []
        self.next = 0
        self.owner: Taker | None = None
        self.exclusive = False
        self.flag = 0
        self.opened = now
        self.looked_at: float | None = None
        self.looked_gain: float | None = None
        self.looked_missing = 0
        self.padded = False

    def pad(self, pads: Sequence[int]) -> None:
        """Fill these blocks of a new partial with zeros (BEP 47): nobody is asked for them."""
        self.padded = True
        for block in pads:
            begin = block * BLOCK_SIZE
            self.view[begin : begin + self.length(block)] = bytes(self.length(block))
            self.senders[block] = PAD
        self.reset()

    def reset(self) -> None:
        """Forget every block received and asked."""
        senders = self.senders
        if self.padded:
            senders[:] = [PAD if sender is PAD else None for sender in senders]
            self.returned = [block for block in range(self.count - 1, -1, -1) if senders[block] is None]
            self.next, self.missing = self.count, len(self.returned)
        else:
            senders[:] = [None] * self.count
            self.returned, self.next, self.missing = [], 0, self.count

    def length(self, block: int) -> int:
        """Return the bytes of a block."""
        return BLOCK_SIZE if block != self.count - 1 else self.tail

    @property
    def open_count(self) -> int:
        """The number of open blocks."""
        return len(self.returned) + self.count - self.next

    def is_open(self, block: int) -> bool:
        """Answer whether nobody was asked for this block."""
        return block >= self.next or block in self.returned

    def reopen(self, block: int) -> None:
        """Make a block open that was asked or received before."""
        insort(self.returned, block, key=_falling)

    def close(self, block: int) -> None:
        """Make an open block that came back no longer open."""
        if block in self.returned:
            self.returned.remove(block)

    def progress(self, *, hashing: bool) -> Progress:
        """Return what to show of this piece."""
        received = sum(1 << block for block, sender in enumerate(self.senders) if sender is not None)
        unasked = sum(1 << block for block in self.returned) | (1 << self.count) - (1 << self.next)
        asked = ((1 << self.count) - 1) & ~unasked & ~received
        owner = self.owner.name if self.owner else None
        return Progress(self.piece, self.count, received, asked, owner, hashing)
