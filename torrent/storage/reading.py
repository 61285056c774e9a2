"""How is piece space read once, from front to back? (shell)

For creating and verifying, where nothing is written and no file is read twice: each file is opened when it is reached
and closed when it is left, without the pool of descriptors and its locks, which cost more than the reading of a small
file. A `Reading` belongs to one thread; which files there are, how they are opened and what is said of one that is too
short is told by its `Source`.
"""

from __future__ import annotations

import os
from typing import Protocol

from torrent.storage.failures import disk_error
from torrent.storage.layout import GAP, Layout
from torrent.storage.positioned import read_at


class Source(Protocol):
    """Where the files of a layout are."""

    def open(self, place: int) -> int:
        """Return a descriptor to read a place with; OSError."""

    def name(self, place: int) -> str:
        """Return what to call a place in a message."""

    def short(self, place: int) -> Exception:
        """Return what to raise when a place ends too early."""


class Reading:
    """Piece space as one pass of one thread sees it. Call `close` when done."""

    def __init__(self, layout: Layout, source: Source) -> None:
        self._spans = layout.spans
        self._source = source
        self._place = GAP
        self._fd = -1

    def fill(self, offset: int, view: memoryview) -> None:
        """Read piece space from `offset` into all of `view`; `DiskError`, or what the source says of a short file."""
        at = 0
        for place, start, size in self._spans(offset, len(view)):
            end = at + size
            if place == GAP:
                view[at:end] = bytes(size)
                at = end
                continue
            try:
                self._enter(place)
                while at < end:
                    got = read_at(self._fd, view[at:end], start)
                    if not got:
                        raise self._source.short(place)
                    at += got
                    start += got
            except OSError as error:
                raise disk_error(error, "read", self._source.name(place)) from error

    def ahead(self, offset: int, length: int) -> None:
        """Ask the kernel to read on in the file at `offset`, if it is a large one; errors come when it is read."""
        place, start, size = self._spans(offset, length)[0]
        if place == GAP or size <= 1 << 20 or not hasattr(os, "posix_fadvise"):
            return
        try:
            self._enter(place)
            os.posix_fadvise(self._fd, start, size, os.POSIX_FADV_WILLNEED)
        except OSError as error:
            raise disk_error(error, "read", self._source.name(place)) from error

    def _enter(self, place: int) -> None:
        if place != self._place:
            self.close()
            self._fd = self._source.open(place)
            self._place = place

    def close(self) -> None:
        """Leave the file that is open."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
            self._place = GAP
