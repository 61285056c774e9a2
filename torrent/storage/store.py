"""What may be done with the files of one open torrent? (shell)

A `Store` writes verified pieces, reads blocks, checks pieces again, and keeps the resume record true. It lives on the
loop; the work happens in disk threads, the record and all flushing in one background thread of its own, so that a slow
flush never delays a piece.

Invariants:
- `have` gains a piece only after all of its bytes were written without an error; a failed write marks nothing.
- The record on disk never claims more than `have` of some earlier moment, and `synced` in it only what was flushed
  after it was written. While pieces are missing the record says "not clean".
- `done` of `write` and `read` is called exactly once, on the loop thread.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from torrent.errors import DiskError
from torrent.metainfo import Metainfo
from torrent.storage.checking import Progress, check_pieces
from torrent.storage.files import Tree
from torrent.storage.hashing import is_good
from torrent.storage.journal import Claim, Journal
from torrent.storage.layout import Layout
from torrent.storage.workers import Workers

SAVE_EVERY = 2.0
SYNC_EVERY = 30.0
CLOSE_WITHIN = 4.0
CLOSE_SYNC_LIMIT = 32 * 1024 * 1024
"""Unflushed bytes up to which closing waits for the disk; above, the record just claims them as not flushed."""

WriteDone = Callable[[int, bool, DiskError | None], None]
ReadDone = Callable[[DiskError | None], None]

_CLOSED = "the torrent is closed"

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Totals:
    """Bytes of payload moved over the life of the download; whoever moves them adds to them."""

    uploaded: int = 0
    downloaded: int = 0


class Store:
    """The open files of one torrent. Made by `Disk.open`."""

    def __init__(
        self,
        metainfo: Metainfo,
        tree: Tree,
        journal: Journal,
        workers: Workers,
        background: Workers,
        *,
        have: int,
        synced: int,
        wanted: frozenset[int],
        totals: Totals,
        notes: tuple[str, ...],
        links: Mapping[int, str],
        on_closed: Callable[[], None],
    ) -> None:
        self.metainfo = metainfo
        self.have = have
        self.wanted = wanted
        self.totals = totals
        self.notes = notes
        self._tree = tree
        self._journal = journal
        self._workers = workers
        self._background = background
        self._on_closed = on_closed
        self._needed = tree.layout.needed(wanted)
        self._piece_length = metainfo.piece_length
        self._synced = synced
        self._last_sync = time.monotonic()
        self._timer: asyncio.TimerHandle | None = None
        self._saving = False
        self._dirty = False
        self._closed = False
        self._jobs = 0
        self._idle: asyncio.Future[None] | None = None
        self._links = {} if self.complete else dict(links)

    @property
    def layout(self) -> Layout:
        """The map from piece space to files."""
        return self._tree.layout

    @property
    def path(self) -> Path:
        """The file, or the folder of a torrent with several."""
        return self._tree.root / self.metainfo.files[0].path[0]

    @property
    def complete(self) -> bool:
        """Whether every piece that a wanted file needs is there."""
        return not self._needed & ~self.have

    def write(self, piece: int, buffer: bytearray, done: WriteDone) -> None:
        """Hash a whole piece and write it if it is right, then call `done(piece, good, error)`.

        The buffer must not change until then; it stays the caller's.
        """
        if not self._begin(lambda error: done(piece, False, error)):
            return
        self._workers.submit(
            lambda: self._hash_and_put(piece, buffer), lambda good, error: self._written(piece, done, good, error)
        )

    def read_now(self, piece: int, begin: int, length: int, into: memoryview) -> bool:
        """Fill `into` with a block that is in memory already; False if it is not (use `read`). Never blocks."""
        return self._tree.fill_now(piece * self._piece_length + begin, into[:length])

    def read(self, piece: int, begin: int, length: int, into: memoryview, done: ReadDone) -> None:
        """Fill `into` with a block, then call `done(error)`."""
        if not self._begin(done):
            return
        offset = piece * self._piece_length + begin

        def finished(_: None, error: BaseException | None) -> None:
            self._end()
            done(_as_disk_error(error))

        self._workers.submit(lambda: self._tree.fill(offset, into[:length]), finished)

    def mark(self, piece: int) -> None:
        """Note that a piece is verified and on disk (`write` does so itself)."""
        self.have |= 1 << piece
        self.touch()

    def touch(self) -> None:
        """Have the record saved soon."""
        self._dirty = True
        if self._timer is None and not self._closed:
            self._timer = asyncio.get_running_loop().call_later(SAVE_EVERY, self._on_timer)

    def file_progress(self, have: int | None = None) -> list[int]:
        """Return the bytes done of each file, for `have` or for what the store has."""
        return self.layout.file_progress(self.have if have is None else have)

    async def check(self, pieces: Iterable[int] | None = None, on_progress: Progress | None = None) -> int:
        """Hash pieces (all by default) again; return the bits of the good ones. The others are not had any more."""
        asked = sorted(set(range(self.metainfo.pieces) if pieces is None else pieces))
        if self._closed:
            raise DiskError(_CLOSED)
        self._jobs += 1
        try:
            await self._workers.run(lambda: self._recall(asked))
            good = await check_pieces(self._workers, self._tree, self.metainfo, asked, on_progress)
        except MemoryError as error:
            raise DiskError("cannot check the files: out of memory") from error
        finally:
            self._end()
        bits = sum(1 << piece for piece in asked) if pieces is not None else (1 << self.metainfo.pieces) - 1
        self.have = (self.have & ~bits) | good
        self._synced &= self.have
        self.touch()
        return good

    async def sync(self) -> None:
        """Flush everything written so far to the disk itself and save the record; `DiskError`."""
        have = self.have
        claim = self._claim()
        try:
            await self._background.run(lambda: self._journal.save(claim, sync=True))
        except MemoryError as error:
            raise DiskError("cannot flush the files: out of memory") from error
        self._synced |= have & self.have
        self._last_sync = time.monotonic()

    async def close(self) -> None:
        """Finish what was submitted, save the record as clean and let go of the files; takes a few seconds at most."""
        if self._closed:
            return
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
        try:
            if self._jobs:
                self._idle = asyncio.get_running_loop().create_future()
                await asyncio.wait([self._idle], timeout=CLOSE_WITHIN)
        finally:
            claim = self._claim()._replace(clean=not self._jobs)
            last: asyncio.Future[None] = asyncio.get_running_loop().create_future()

            def finished(_: None, error: BaseException | None) -> None:
                self._on_closed()
                if error is not None:
                    self.notes += (str(_as_disk_error(error)),)
                if not last.done():
                    last.set_result(None)

            self._background.submit(lambda: self._journal.finish(claim, CLOSE_SYNC_LIMIT), finished)
            await asyncio.wait([last], timeout=CLOSE_WITHIN)

    def _hash_and_put(self, piece: int, buffer: bytearray) -> bool:
        with memoryview(buffer)[: self.metainfo.piece_size(piece)] as view:
            if not is_good(self.metainfo.piece_hashes(piece), view):
                return False
            self._tree.put(piece * self._piece_length, view)
            return True

    def _written(self, piece: int, done: WriteDone, good: bool | None, error: BaseException | None) -> None:
        def linked(_: None, error: BaseException | None) -> None:
            self._end()
            done(piece, True, _as_disk_error(error))

        self._end()
        if good:
            self.mark(piece)
            if self._links and self.complete:
                links, self._links = self._links, {}
                self._jobs += 1
                self._workers.submit(lambda: make_links(self._tree, links), linked)
                return
        done(piece, bool(good), _as_disk_error(error))

    def _recall(self, pieces: list[int]) -> None:
        for index in {index for piece in pieces for index in self.layout.files_of(piece)}:
            place = self.layout.place_of(index)
            if self._tree.stat(place) is None:
                self._tree.forget(place)

    def _on_timer(self) -> None:
        self._timer = None
        if self._closed or self._saving:
            return
        self._saving, self._dirty = True, False
        sync = time.monotonic() - self._last_sync >= SYNC_EVERY
        have = self.have
        claim = self._claim()

        def saved(_: None, error: BaseException | None) -> None:
            self._saving = False
            if error is None and sync:
                self._synced |= have & self.have
                self._last_sync = time.monotonic()
            elif error is not None:
                _log.warning("resume record not saved: %s", error)
                self._dirty = True
            if self._dirty:
                self.touch()

        self._background.submit(lambda: self._journal.save(claim, sync=sync), saved)

    def _claim(self) -> Claim:
        return Claim(self.have, self._synced, self.totals.uploaded, self.totals.downloaded)

    def _begin(self, refused: Callable[[DiskError], object]) -> bool:
        if self._closed:
            asyncio.get_running_loop().call_soon(refused, DiskError(_CLOSED))
            return False
        self._jobs += 1
        return True

    def _end(self) -> None:
        self._jobs -= 1
        if not self._jobs and self._idle is not None and not self._idle.done():
            self._idle.set_result(None)


def make_links(tree: Tree, links: Mapping[int, str]) -> None:
    """Create the symlinks of a torrent whose files are complete; `DiskError`."""
    for index, target in links.items():
        tree.link(index, target)


def _as_disk_error(error: BaseException | None) -> DiskError | None:
    if error is None or isinstance(error, DiskError):
        return error
    _log.error("a disk job failed", exc_info=error)
    why = "out of memory" if isinstance(error, MemoryError) else type(error).__name__
    return DiskError(f"a disk job failed: {why}")
