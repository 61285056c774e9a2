"""What is different while a thousand torrents come or go at once?

Python's collector of cycles: it would look at all that is there again and again while it grows, which takes as long as
all the rest of loading ten thousand torrents.
"""

from __future__ import annotations

import gc

MANY = 50
"""Torrents being added, or stopped, at once from which on the collector rests."""

LONGEST = 10
"""Ticks for which it rests at most."""


class Crowd:
    """Those who come or go; enter it for each, and say with `expect` how many there are.

    The collector is off from when `MANY` are expected until the last has left, but not for longer than `LONGEST` ticks
    at a time, and not once anything has to be hashed. An application that turned it off keeps it so.
    """

    def __init__(self) -> None:
        self._inside = 0
        self._off = False
        self._ticks = 0

    def __enter__(self) -> None:
        self._inside += 1

    def expect(self, count: int) -> None:
        """Say how many come or go."""
        if count >= MANY and not self._off and self._ticks < LONGEST and gc.isenabled():
            self._off = True
            gc.disable()

    def hashing(self) -> None:
        """Note that files have to be hashed: that takes its time, and leaves large things behind to be collected."""
        self._ticks = LONGEST
        self._on()

    def tick(self) -> None:
        """Note that a second has passed."""
        if self._inside:
            self._ticks += 1
            if self._ticks >= LONGEST:
                self._on()

    def __exit__(self, *_: object) -> None:
        self._inside -= 1
        if not self._inside:
            self._ticks = 0
            self._on()

    def _on(self) -> None:
        if self._off:
            self._off = False
            gc.enable()
