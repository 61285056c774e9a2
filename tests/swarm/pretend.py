"""What stands in for the loop, the sockets and the disk? Pretend time, streams that take notes, files in memory."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable
from hashlib import sha1
from itertools import count
from pathlib import Path

from torrent.errors import DiskError
from torrent.metainfo import Metainfo
from torrent.peer import Connection
from torrent.storage import Totals
from torrent.terms import Address


class Timer:
    """A call that can be taken back."""

    def __init__(self, callback: Callable[[], object]) -> None:
        self.callback: Callable[[], object] | None = callback

    def cancel(self) -> None:
        self.callback = None


class Clock:
    """The part of an event loop that the swarm's parts use, in pretend time."""

    def __init__(self, now: float = 1000.0) -> None:
        self.now = now
        self._soon: deque[Callable[[], object]] = deque()
        self._timers: list[tuple[float, int, Timer]] = []
        self._order = count()

    def time(self) -> float:
        return self.now

    def call_soon(self, callback: Callable[..., object], *arguments: object) -> None:
        self._soon.append(lambda: callback(*arguments))

    def call_later(self, delay: float, callback: Callable[[], object]) -> Timer:
        timer = Timer(callback)
        heapq.heappush(self._timers, (self.now + delay, next(self._order), timer))
        return timer

    def run_ready(self) -> bool:
        ran = bool(self._soon)
        for _ in range(len(self._soon)):
            self._soon.popleft()()
        return ran

    def next_timer(self) -> float | None:
        while self._timers and self._timers[0][2].callback is None:
            heapq.heappop(self._timers)
        return self._timers[0][0] if self._timers else None

    def fire(self) -> None:
        at, _, timer = heapq.heappop(self._timers)
        self.now = max(self.now, at)
        if timer.callback is not None:
            timer.callback()


class Transport:
    """The sending half of a pretend stream."""

    def __init__(self, clock: Clock, address: Address) -> None:
        self.clock = clock
        self.address = address
        self.sent = bytearray()
        self.queued = 0
        self.takes = True
        self.reading = True
        self.ended = ""
        self.protocol: Connection | None = None

    def get_extra_info(self, name: str) -> object:
        return tuple(self.address) if name == "peername" else None

    def set_write_buffer_limits(self, high: int) -> None:
        pass

    def get_write_buffer_size(self) -> int:
        return self.queued

    def write(self, data: bytes | memoryview) -> None:
        self.sent += data
        if not self.takes:
            self.queued += len(data)
            if self.protocol is not None and not self.protocol.write_paused:
                self.protocol.pause_writing()

    def writelines(self, parts: list[bytes | memoryview]) -> None:
        for part in parts:
            self.write(part)

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True

    def close(self) -> None:
        self.abort()

    def abort(self) -> None:
        if not self.ended:
            self.ended = "ended"
            assert self.protocol is not None
            self.clock.call_soon(self.protocol.connection_lost, None)


class Store:
    """A disk in memory. Jobs wait in `jobs` until `World.settle`, or for ever while `holds` is true."""

    def __init__(self, metainfo: Metainfo, have: int) -> None:
        self.metainfo = metainfo
        self.have = have
        self.totals = Totals()
        self.path = Path("pretend") / metainfo.name
        self.data = b""
        self.jobs: deque[Callable[[], None]] = deque()
        self.holds = False
        self.cached = True
        self.write_error: DiskError | None = None
        self.read_error: DiskError | None = None
        self.written: dict[int, bytes] = {}
        self.reads: list[tuple[int, int, int]] = []
        self.closed = False
        self.touched = 0

    def touch(self) -> None:
        self.touched += 1

    def write(self, piece: int, buffer: bytearray, done: Callable[[int, bool, DiskError | None], None]) -> None:
        def job() -> None:
            if self.write_error is not None:
                done(piece, False, self.write_error)
                return
            good = sha1(buffer).digest() == self.metainfo.piece_hashes(piece).v1
            if good:
                self.written[piece] = bytes(buffer)
            done(piece, good, None)

        self.jobs.append(job)

    def _fill(self, piece: int, begin: int, length: int, into: memoryview) -> None:
        at = piece * self.metainfo.piece_length + begin
        self.reads.append((piece, begin, length))
        into[:length] = self.data[at : at + length]

    def read_now(self, piece: int, begin: int, length: int, into: memoryview) -> bool:
        if self.cached and self.read_error is None:
            self._fill(piece, begin, length, into)
            return True
        return False

    def read(
        self, piece: int, begin: int, length: int, into: memoryview, done: Callable[[DiskError | None], None]
    ) -> None:
        def job() -> None:
            if self.read_error is None:
                self._fill(piece, begin, length, into)
            done(self.read_error)

        self.jobs.append(job)

    def file_progress(self, have: int | None = None) -> list[int]:
        return [self.metainfo.length if have == (1 << self.metainfo.pieces) - 1 else 0]

    async def close(self) -> None:
        self.closed = True
