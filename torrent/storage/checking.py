"""Which of these pieces on disk are right? (shell)

Pieces are hashed in batches of a few megabytes by the disk threads; only a few batches are queued at a time, so that
reads and writes of other torrents get their turn in between.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence

from torrent.errors import DiskError
from torrent.metainfo import Metainfo
from torrent.storage.files import Tree
from torrent.storage.hashing import is_good_at, scratch
from torrent.storage.workers import Workers

BATCH = 8 * 1024 * 1024
"""Bytes hashed in one job; a batch holds at least one piece."""

Progress = Callable[[int, int], None]
"""Told how many bytes are done, of how many."""


def batches(pieces: Sequence[int], piece_length: int) -> Iterator[Sequence[int]]:
    """Yield runs of `pieces` of about `BATCH` bytes."""
    step = max(1, BATCH // piece_length)
    for at in range(0, len(pieces), step):
        yield pieces[at : at + step]


def good_pieces(tree: Tree, metainfo: Metainfo, pieces: Sequence[int]) -> list[int]:
    """Return those of `pieces` that are right; one that cannot be read is not."""
    view = scratch()
    good = []
    for piece in pieces:
        offset, size = piece * metainfo.piece_length, metainfo.piece_size(piece)
        try:
            if is_good_at(tree.fill, metainfo.piece_hashes(piece), offset, size, view):
                good.append(piece)
        except DiskError:
            continue
    return good


async def check_pieces(
    workers: Workers, tree: Tree, metainfo: Metainfo, pieces: Sequence[int], on_progress: Progress | None = None
) -> int:
    """Return the bits of those of `pieces` that are right. `on_progress` is called on the loop thread."""
    if not pieces:
        return 0
    finished: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    waiting = batches(pieces, metainfo.piece_length)
    flags = bytearray(b"0") * metainfo.pieces
    total = sum(map(metainfo.piece_size, pieces))
    done = running = 0

    def feed() -> None:
        nonlocal running
        while running < workers.threads * 2 and (batch := next(waiting, None)) is not None:
            running += 1
            workers.submit(lambda batch=batch: (batch, good_pieces(tree, metainfo, batch)), judged)  # type: ignore[misc]

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
    await finished
    return int(flags[::-1], 2)
