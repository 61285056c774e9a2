"""Who pays for the memory of unfinished pieces, and whose turn is it when there is not enough?

One byte budget for the whole process. A buffer is taken when the first block of a piece is asked for and given back
when the piece is written (or dropped). When the budget is spent, `take` says None and the caller stops *asking*.
Buffers are recycled by size, because a fresh one has to be zeroed and faulted in first.

Each torrent has an `Account`, and memory goes round: whoever was told None waits, and once the others were given as
many bytes as it asked for, they get nothing more while they hold more than it does (or as much, and came later). So a
piece larger than the budget gets its turn beside any number of small ones, and no torrent starves another for ever.
Who stops asking loses its place after `PATIENCE` seconds. When the budget is spent, the accounts are asked, the
largest first and not all the time, to give up a piece that is stuck: a torrent whose peers are gone or that is
paused would hold the memory of all. Whoever is slow beside others gets nothing of the second half of the budget.

Invariants: bytes out plus bytes kept for reuse never pass the budget, except that one piece is always allowed when
nothing is out (a piece may be larger than the budget). When nothing is out, no more than `IDLE` is kept. An account
that holds nothing and does not wait is known to nobody here. Used from the loop thread only.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

PATIENCE: Final = 3.0
"""Seconds for which a place in the queue is kept for an account that does not ask again."""
LOOK_SECONDS: Final = 1.0
"""Between two looks for a piece that is stuck."""
IDLE: Final = 1024 * 1024
"""Bytes kept for reuse while nothing is out: the memory of a download goes back to the system when it is done."""


class Buffers:
    """A budget of `budget` bytes of piece buffers."""

    def __init__(self, budget: int) -> None:
        self.budget = budget
        self.out = 0
        self.granted = 0
        self.waiting: dict[Account, None] = {}
        self.holders: dict[Account, None] = {}
        self.now = 0.0
        self._kept: dict[int, list[bytearray]] = {}
        self.kept = 0

    def account(self) -> Account:
        """Return a new account on this budget."""
        return Account(self)

    def has_room(self, size: int, pace: int = 0) -> bool:
        """Answer whether `size` bytes more may be out; who is slow may not fill the second half."""
        return not self.out or self.out + size <= (self.budget // 2 if pace < 0 else self.budget)

    def take(self, size: int) -> bytearray | None:
        """Return a buffer of `size` bytes with undefined content, or None when the budget is spent."""
        if not self.has_room(size):
            return None
        self.out += size
        self.granted += size
        kept = self._kept.get(size)
        if kept:
            self.kept -= size
            return kept.pop()
        if self.out + self.kept > self.budget:
            self._forget()
        return bytearray(size)

    def give(self, buffer: bytearray) -> None:
        """Take a buffer back; nobody may use it any more."""
        size = len(buffer)
        if size > self.out:
            raise ValueError("a buffer was given back twice")
        self.out -= size
        if self.out + self.kept + size <= self.budget:
            self._kept.setdefault(size, []).append(buffer)
            self.kept += size
        if not self.out and self.kept > IDLE:
            self._forget()

    def _forget(self) -> None:
        self._kept.clear()
        self.kept = 0


class Account:
    """What one torrent holds of a budget.

    `on_room` is called when others gave back what was refused, in the midst of their work: it may only make a note.
    `give_up(now, pace)` is asked to give a stuck piece back, to somebody of this pace, and answers whether it did.
    """

    __slots__ = ("_asked_at", "_look_at", "_pool", "_size", "_turn_at", "give_up", "on_room", "out")

    def __init__(self, pool: Buffers) -> None:
        self.out = 0
        self.on_room: Callable[[], None] | None = None
        self.give_up: Callable[[float, int], bool] | None = None
        self._pool = pool
        self._size = 0
        self._asked_at = 0.0
        self._turn_at = 0
        self._look_at = [0.0, 0.0, 0.0]

    @property
    def share(self) -> int:
        """The bytes for each of those that hold or want some of the budget."""
        pool = self._pool
        return pool.budget // max(1, len(pool.holders.keys() | pool.waiting.keys() | {self}))

    def take(self, size: int, now: float, pace: int = 0) -> bytearray | None:
        """Return a buffer of `size` bytes with undefined content, or None: it is not our turn, or nothing is left.

        A `pace` of 1 says that it would come back soon, of -1 that it would take much longer than with others.
        """
        pool = self._pool
        pool.now = now
        mine = not pool.waiting or not self._must_wait(now)
        if not mine or not (pool.has_room(size, pace) or self._make_room(size, now, pace)):
            self._wait(size, now)
            return None
        buffer = pool.take(size)
        if buffer is not None:
            pool.waiting.pop(self, None)
            pool.holders[self] = None
            self.out += size
            if pool.waiting:
                self._tell()
        return buffer

    def give(self, buffer: bytearray) -> None:
        """Take a buffer back; nobody may use it any more."""
        pool = self._pool
        if len(buffer) > self.out:
            raise ValueError("a buffer was given back twice")
        pool.give(buffer)
        self.out -= len(buffer)
        if not self.out:
            pool.holders.pop(self, None)
        if pool.waiting:
            self._tell()

    def _tell(self) -> None:
        """Tell of the waiting accounts the one whose turn it is, unless there is no room for it."""
        pool = self._pool
        waiting = [one for one in pool.waiting if one is not self and pool.now - one._asked_at <= PATIENCE]
        first = min(waiting, key=lambda one: (pool.granted < one._turn_at, one.out), default=None)
        if first is not None and first.on_room is not None and pool.has_room(first._size):
            first.on_room()

    def _wait(self, size: int, now: float) -> None:
        pool = self._pool
        if self not in pool.waiting:
            pool.waiting[self] = None
            self._turn_at = pool.granted + size
        self._size = size
        self._asked_at = now

    def _must_wait(self, now: float) -> bool:
        """Answer whether somebody else comes first: whose turn has come and who holds less, or as much for longer."""
        pool = self._pool
        behind = False
        for account in list(pool.waiting):
            if account is self:
                behind = True
            elif now - account._asked_at > PATIENCE:
                del pool.waiting[account]
            elif pool.granted >= account._turn_at and (
                account.out < self.out or (account.out == self.out and not behind)
            ):
                return True
        return False

    def _make_room(self, size: int, now: float, pace: int) -> bool:
        """Have stuck pieces given up, those of others only for somebody who holds less than half of the budget."""
        pool = self._pool
        if now < self._look_at[pace]:
            return False
        self._look_at[pace] = now + LOOK_SECONDS
        poor = not self.out or self.out + size <= pool.budget // 2
        for account in sorted(pool.holders, key=lambda one: -one.out):
            if account is self or poor:
                give_up = account.give_up
                while not pool.has_room(size, pace) and give_up is not None and give_up(now, pace):
                    pass
        return pool.has_room(size, pace)
