"""Which piece in progress holds memory in vain?

Asked only when somebody was refused memory. A piece is stuck when no block of it came for `STUCK_SECONDS`: its sources
left, choke us or sit on it. For a taker that would be done soon, a piece is also given up that would take longer than
`_WINDOWS` such spans at the pace it has: else a few peers that alone claim a piece and drip it could hold all memory.
Pieces that nobody here has go first, then those of which little is there. What was received is lost, the piece is
wanted again, and a slow peer goes on with it once nobody else lacks the memory.

The notes are made when asked, so nothing of this is on the path of a block.
"""

from __future__ import annotations

from typing import Final

from torrent.pieces.availability import Availability
from torrent.pieces.board import Board
from torrent.pieces.partial import Partial
from torrent.pieces.requests import Requests

STUCK_SECONDS: Final = 20.0
_WINDOWS: Final = 64


class Stuck:
    """The look for stuck pieces of one torrent."""

    def __init__(self, board: Board, requests: Requests, availability: Availability) -> None:
        self._board = board
        self._requests = requests
        self._availability = availability

    def give_up(self, now: float, pace: int) -> bool:
        """Drop one stuck piece and give its memory back; False if there is none."""
        found = [partial for partial in self._board.partials.values() if self._is_stuck(partial, now, pace)]
        if not found:
            return False
        anyone = self._availability.anyone()
        victim = min(found, key=lambda one: (anyone >> one.piece & 1, one.count - one.missing))
        self._requests.release(victim)
        self._requests.withdraw(victim)
        self._board.discard(victim)
        return True

    def _is_stuck(self, partial: Partial, now: float, pace: int) -> bool:
        if not partial.missing:
            return False
        if partial.looked_at is None:
            partial.looked_at, partial.looked_missing = now, partial.missing
        gained = float(partial.looked_missing - partial.missing)
        span = now - partial.looked_at
        if span >= STUCK_SECONDS:
            partial.looked_gain = gained * STUCK_SECONDS / span
            partial.looked_at, partial.looked_missing = now, partial.missing
            gained = 0.0
        if partial.looked_gain is None:
            return False
        gained += partial.looked_gain
        return gained <= 0 or (pace > 0 and gained * _WINDOWS < partial.count)
