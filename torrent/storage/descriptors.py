"""Which file descriptors stay open, and who may close them? (shell)

One pool for the process, at most `limit` descriptors, least recently used closed first. A descriptor in use is pinned:
it is never closed under a read or write, because its number could by then belong to another file.

Invariants: everything returned by `take` or `peek` is given back with `give`; a handle that left the pool (replaced
or forgotten) is closed when the last pin goes. Safe to use from any thread; no system call that may block runs under
the lock.
"""

from __future__ import annotations

import os
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from itertools import islice

LOOK_AGAIN = 0.5
"""Seconds between two looks at whether an open file is still there; a system call for each piece is too dear."""

Key = tuple[int, int]


class Handle:
    """An open file: `fd` may be used until the handle is given back.

    Whoever writes holds `turn`: the kernel lets one write at a time into a file, and spins while others wait.
    `look_at` is the monotonic time at which to see again whether the file is still there.
    """

    __slots__ = ("fd", "gone", "look_at", "pins", "turn", "writable")

    def __init__(self, fd: int, writable: bool, look_at: float) -> None:
        self.fd = fd
        self.writable = writable
        self.pins = 1
        self.gone = False
        self.turn = threading.Lock()
        self.look_at = look_at


class Descriptors:
    """A pool of at most `limit` open files, each under a key of (owner, place)."""

    def __init__(self, limit: int, look_again: float = LOOK_AGAIN) -> None:
        self.limit = max(1, limit)
        self.look_again = look_again
        self._open: OrderedDict[Key, Handle] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._open)

    def take(self, key: Key, writable: bool, opener: Callable[[], int]) -> Handle:
        """Return the pinned handle under `key`; `opener` opens the file when the pool has none that fits."""
        with self._lock:
            handle = self._open.get(key)
            if handle is not None and (handle.writable or not writable):
                self._open.move_to_end(key)
                handle.pins += 1
                return handle
        fresh = Handle(opener(), writable, time.monotonic() + self.look_again)
        close: list[int] = []
        with self._lock:
            rival = self._open.get(key)
            if rival is not None and (rival.writable or not writable):
                rival.pins += 1
                close.append(fresh.fd)
                fresh = rival
            else:
                if rival is not None:
                    self._drop(key, rival, close)
                self._open[key] = fresh
                if len(self._open) > self.limit:
                    self._evict(close)
        for fd in close:
            os.close(fd)
        return fresh

    def peek(self, key: Key) -> Handle | None:
        """Return the pinned handle under `key` if it is open already."""
        with self._lock:
            handle = self._open.get(key)
            if handle is not None:
                self._open.move_to_end(key)
                handle.pins += 1
            return handle

    def give(self, handle: Handle) -> None:
        """Unpin a handle."""
        with self._lock:
            handle.pins -= 1
            close = handle.gone and handle.pins == 0
        if close:
            os.close(handle.fd)

    def forget(self, key: Key) -> None:
        """Let go of the file under `key`, as soon as nobody uses it."""
        close: list[int] = []
        with self._lock:
            handle = self._open.get(key)
            if handle is not None:
                self._drop(key, handle, close)
        for fd in close:
            os.close(fd)

    def forget_owner(self, owner: int) -> None:
        """Let go of all files of one owner."""
        if not self._open:
            return
        for key in [key for key in list(self._open) if key[0] == owner]:
            self.forget(key)

    def _drop(self, key: Key, handle: Handle, close: list[int]) -> None:
        del self._open[key]
        if handle.pins:
            handle.gone = True
        else:
            close.append(handle.fd)

    def _evict(self, close: list[int]) -> None:
        spare = len(self._open) - self.limit
        oldest = list(islice(self._open.items(), spare + 16))
        for key, handle in [entry for entry in oldest if not entry[1].pins][:spare]:
            self._drop(key, handle, close)
