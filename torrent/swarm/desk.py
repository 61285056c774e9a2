"""Which of all the announces that are due may be made now?

One desk for all torrents of a process. A thousand torrents that start together do not become a thousand requests: they
stand in line, one line for each tracker, and the lines are served in turn. So a tracker that does not answer holds
`MOST_EACH` places and not the others' too.

Who stands in line behind many that were not answered would only be the next to wait in vain: when `IN_VAIN` announces
in a row came to nothing, everybody in that line shares their fate at once and may try another tracker.

Invariants: never more than `most` announces are under way, nor more than `most_each` to one tracker; a ticket is in a
line or under way or unknown here; whoever is told to go leaves with `leave`.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from typing import Final, Generic, TypeVar

MOST: Final = 50
MOST_EACH: Final = 30
IN_VAIN: Final = 10

T = TypeVar("T", bound=Hashable)


class _Tracker(Generic[T]):
    """The line before one tracker, how many announces to it are under way, and how many failed since one did not."""

    __slots__ = ("failed", "line", "running")

    def __init__(self) -> None:
        self.line: OrderedDict[T, None] = OrderedDict()
        self.running = 0
        self.failed = 0


class Desk(Generic[T]):
    """The announces of one process; `T` is whatever stands for one of them."""

    def __init__(self, most: int = MOST, most_each: int = MOST_EACH) -> None:
        self._most = most
        self._most_each = most_each
        self._trackers: dict[str, _Tracker[T]] = {}
        self._ready: OrderedDict[str, None] = OrderedDict()  # those with a line and a free place
        self._running: dict[T, str] = {}
        self._waiting: dict[T, str] = {}

    def __len__(self) -> int:
        return len(self._running)

    @property
    def waiting(self) -> int:
        """How many stand in line."""
        return len(self._waiting)

    def enter(self, ticket: T, tracker: str, *, first: bool = False) -> None:
        """Stand in line for a tracker, before all others if `first`."""
        known = self._trackers.setdefault(tracker, _Tracker())
        known.line[ticket] = None
        if first:
            known.line.move_to_end(ticket, last=False)
        self._waiting[ticket] = tracker
        self._sort(tracker, known)

    def next(self) -> list[T]:
        """Return those who may go now."""
        found: list[T] = []
        while self._ready and len(self._running) < self._most:
            tracker, _ = self._ready.popitem(last=False)
            known = self._trackers[tracker]
            ticket, _ = known.line.popitem(last=False)
            known.running += 1
            self._running[ticket] = self._waiting.pop(ticket)
            self._sort(tracker, known)
            found.append(ticket)
        return found

    def leave(self, ticket: T, *, answered: bool | None = None) -> list[T]:
        """Give a place back, and say whether an answer came (None: nobody knows).

        Return those in line who need not wait for the same: they are in no line any more.
        """
        tracker = self._running.pop(ticket, None)
        if tracker is None:
            return []
        known = self._trackers[tracker]
        known.running -= 1
        if answered is not None:
            known.failed = 0 if answered else known.failed + 1
        others: list[T] = []
        if known.failed >= IN_VAIN:
            others = list(known.line)
            for other in others:
                del self._waiting[other]
            known.line.clear()
        self._sort(tracker, known)
        return others

    def withdraw(self, ticket: T) -> bool:
        """Step out of the line; False for one that does not stand in any."""
        tracker = self._waiting.pop(ticket, None)
        if tracker is None:
            return False
        known = self._trackers[tracker]
        del known.line[ticket]
        self._sort(tracker, known)
        return True

    def _sort(self, tracker: str, known: _Tracker[T]) -> None:
        if known.line and known.running < self._most_each:
            self._ready.setdefault(tracker)
        else:
            self._ready.pop(tracker, None)
            if not (known.line or known.running or known.failed):
                del self._trackers[tracker]
