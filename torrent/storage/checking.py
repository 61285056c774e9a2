"""Which of these pieces on disk are right? (shell)

Pieces are hashed in batches of a few megabytes by the disk threads; only a few batches are queued at a time, so that
reads and writes of other torrents get their turn in between. Each thread reads into a room of at most `BATCH` bytes,
which is let go of when the check ends.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from functools import partial

from torrent.errors import DiskError
from torrent.metainfo import Metainfo
from torrent.storage.files import Tree
from torrent.storage.hashing import Asked, Hashed, Read, Rooms, asked, digest, groups, is_right
from torrent.storage.workers import Workers

BATCH = 16 * 1024 * 1024
"""Bytes hashed in one job; a batch holds at least one piece."""

Progress = Callable[[int, int], None]
"""Told how many bytes are done, of how many."""


def batches(pieces: Sequence[int], sizes: Callable[[int], int], most: int = 0) -> Iterator[Sequence[int]]:
    """Yield runs of `pieces` of up to `most` bytes (`BATCH` if 0), as `sizes` tells them."""
    start = held = 0
    most = most or BATCH
    for at, piece in enumerate(pieces):
        size = sizes(piece)
        if held + size > most and at > start:
            yield pieces[start:at]
            start, held = at, 0
        held += size
    if start < len(pieces):
        yield pieces[start:]


def good_pieces(read: Read, metainfo: Metainfo, pieces: Sequence[int], into: memoryview) -> list[int]:
    """Return those of `pieces` that are right; one that cannot be read is not. `into`: the room to read into."""
    good = []
    v1 = metainfo.info_hash_v1 is not None
    known = {}
    for piece in pieces:
        hashes = metainfo.piece_hashes(piece)
        want = asked(hashes, piece * metainfo.piece_length, metainfo.piece_size(piece))
        known[want] = piece, hashes
    for group in groups(list(known), len(into)):
        for want, hashed in _readable(read, group, into, v1=v1):
            piece, hashes = known[want]
            if is_right(hashes, hashed):
                good.append(piece)
    return good


def _readable(read: Read, group: Sequence[Asked], into: memoryview, *, v1: bool) -> list[tuple[Asked, Hashed]]:
    """Return those of the pieces that can be read, with their hashes."""
    try:
        return list(zip(group, digest(read, group, into, v1=v1), strict=True))
    except DiskError:
        if len(group) == 1:
            return []
        return [pair for want in group for pair in _readable(read, [want], into, v1=v1)]


async def check_pieces(
    workers: Workers, tree: Tree, metainfo: Metainfo, pieces: Sequence[int], on_progress: Progress | None = None
) -> int:
    """Return the bits of those of `pieces` that are right. `on_progress` is called on the loop thread."""
    if not pieces:
        return 0
    finished: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    waiting = batches(pieces, metainfo.piece_size)
    total = sum(map(metainfo.piece_size, pieces))
    rooms = Rooms(metainfo.piece_length, min(BATCH, total), v1=metainfo.info_hash_v1 is not None)
    flags = bytearray(b"0") * metainfo.pieces
    done = running = 0

    def work(batch: Sequence[int]) -> tuple[Sequence[int], list[int]]:
        with rooms.one() as into:
            return batch, good_pieces(tree.fill, metainfo, batch, into)

    def feed() -> None:
        nonlocal running
        while running < workers.threads * 2 and (batch := next(waiting, None)) is not None:
            running += 1
            workers.submit(partial(work, batch), judged)

    def judged(result: tuple[Sequence[int], list[int]] | None, error: BaseException | None) -> None:
        nonlocal running, done
        running -= 1
        if finished.done():
            return
        if result is None:
            finished.set_exception(error or RuntimeError("nothing was checked"))
            return
        for piece in result[1]:
            flags[piece] = 0x31
        done += sum(map(metainfo.piece_size, result[0]))
        if on_progress is not None:
            on_progress(done, total)
        feed()
        if not running:
            finished.set_result(None)

    feed()
    try:
        await finished
    finally:
        rooms.drop()  # the callbacks above know each other: nothing here is freed before the collector comes
    return int(flags[::-1], 2)
