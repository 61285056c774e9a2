"""Are the files of a torrent on disk what it says they are? (shell)

`verify` only looks: it creates, changes and locks nothing. Pieces are hashed as `Store.check` does it, in threads of
its own. Links below the folder are not followed, as when downloading. Bad pieces are told with the files they touch;
a file that is too long is bad even when all of its pieces are right.

`quick` hashes nothing: it believes sizes and, where a resume record is known, the record as far as its proof fits.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from torrent.errors import DiskError
from torrent.metainfo import Metainfo
from torrent.storage import (
    BATCH,
    Descriptors,
    Layout,
    Reading,
    Record,
    Resume,
    Rooms,
    Tree,
    batches,
    good_pieces,
    layout_of,
)
from torrent.text import safe_text

ROOMS = 128 * 1024 * 1024
"""Bytes of memory for what is read, all threads together."""

Progress = Callable[[int, int], None]
"""Told how many bytes are done, of how many."""

Fault = Literal["missing", "too short", "too long", "unusable", "changed", "bad"]


@dataclass(frozen=True, slots=True)
class FileFault:
    """A file that is not right. `path` as on disk below the folder; `pieces`: the bad ones that touch it."""

    index: int
    path: str
    fault: Fault
    pieces: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Verification:
    """What `verify` found. `bad`: pieces that are not right, `bytes_bad` their bytes; `files`: only the faulty ones."""

    ok: bool
    pieces: int
    bad: tuple[int, ...]
    bytes_bad: int
    files: tuple[FileFault, ...]
    quick: bool

    @property
    def missing(self) -> tuple[str, ...]:
        """The paths of files that are not there."""
        return tuple(file.path for file in self.files if file.fault == "missing")


def verify(
    metainfo: Metainfo,
    directory: str | Path,
    *,
    wanted: frozenset[int] | None = None,
    threads: int = 0,
    quick: bool = False,
    state_dir: Path | None = None,
    on_progress: Progress | None = None,
) -> Verification:
    """Compare the files below `directory` (which holds the torrent's file or folder) with the torrent.

    `wanted`: indices of the files to look at (None: all). `threads`: 0 for one per processor. `state_dir`: where resume
    records are, for `quick`. `on_progress` is called in the calling thread. `DiskError` if the folder cannot be read.
    """
    root = Path(directory).absolute()
    every = layout_of(metainfo)
    tree = Tree(root, every, Descriptors(256))
    try:
        chosen = [index for index in every.real if wanted is None or index in wanted]
        states, faults = _look(tree)
        tree.layout = layout = layout_of(metainfo, frozenset([*chosen, *(i for i in states if i != every.part)]))
        unknown = every.part not in states and layout.has_part
        asked = [
            piece
            for piece in sorted({piece for index in chosen for piece in layout.pieces_of(index)})
            if not (unknown and any(index not in layout.placed for index in layout.files_of(piece)))
        ]
        if quick and state_dir is not None:
            past, _ = Record(state_dir, metainfo.hex, root).load()
            lost = _doubted(past, metainfo, layout, states, faults)
        else:
            lost = set()
        for index in chosen:
            lost |= _lost(layout, index, states.get(index), faults)
        bad = lost & set(asked)
        if not quick:
            rest = [piece for piece in asked if piece not in bad]
            bad |= set(rest) - _good(tree, metainfo, rest, threads or os.cpu_count() or 1, on_progress)
        return _verification(metainfo, layout, chosen, len(asked), bad, faults, quick)
    finally:
        tree.close()


def _look(tree: Tree) -> tuple[dict[int, os.stat_result], dict[int, Fault]]:
    """Return the state of every place that is there, and the files that are no plain files or behind a link."""
    states: dict[int, os.stat_result] = {}
    faults: dict[int, Fault] = {}
    for place in (*tree.layout.real, tree.layout.part):
        try:
            if (state := tree.stat(place)) is not None:
                states[place] = state
        except DiskError:
            faults[place] = "unusable"
    return states, faults


def _lost(layout: Layout, index: int, state: os.stat_result | None, faults: dict[int, Fault]) -> set[int]:
    """Return the pieces that cannot be good because of what a file looks like, and note its fault."""
    length = layout.files[index].length
    if state is None:
        faults.setdefault(index, "missing")
        return set(layout.pieces_of(index))
    if state.st_size < length:
        faults[index] = "too short"
        return set(layout.pieces_at(index, state.st_size, length))
    if state.st_size > length:
        faults[index] = "too long"
    return set()


def _doubted(
    past: Resume | None,
    metainfo: Metainfo,
    layout: Layout,
    states: dict[int, os.stat_result],
    faults: dict[int, Fault],
) -> set[int]:
    """Return the pieces that a resume record does not vouch for, and note the files changed since it was written."""
    if past is None or past.pieces != metainfo.pieces or len(past.proofs) != layout.part + 1:
        return set()
    doubted = {piece for piece in range(metainfo.pieces) if not past.have >> piece & 1}
    for index in layout.placed:
        state = states.get(index)
        if past.clean and state is not None and (state.st_size, state.st_mtime_ns) != past.proofs[index]:
            faults[index] = "changed"
            doubted |= set(layout.pieces_of(index))
    return doubted


def _good(
    tree: Tree, metainfo: Metainfo, pieces: Sequence[int], threads: int, on_progress: Progress | None
) -> set[int]:
    sizes = {piece: metainfo.piece_size(piece) for piece in pieces}
    total = sum(sizes.values())
    files = _Files(tree)
    rooms = Rooms(metainfo.piece_length, ROOMS // threads, v1=metainfo.info_hash_v1 is not None)
    runs = list(batches(pieces, sizes.__getitem__, max(rooms.size, BATCH)))
    good: set[int] = set()
    done = 0

    def work(run: Sequence[int]) -> list[int]:
        reading = Reading(tree.layout, files)
        try:
            with rooms.one() as into:
                return good_pieces(reading.fill, metainfo, run, into)
        finally:
            reading.close()

    with ThreadPoolExecutor(threads, "verify") as pool:
        try:
            for run, found in zip(runs, pool.map(work, runs), strict=True):
                good.update(found)
                done += sum(sizes[piece] for piece in run)
                if on_progress is not None:
                    on_progress(done, total)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return good


class _Files:
    """The files of a tree, each opened as it is reached."""

    def __init__(self, tree: Tree) -> None:
        self.open = tree.open
        self.name = tree.name

    def short(self, place: int) -> DiskError:
        return DiskError(f"cannot read {safe_text(self.name(place))}: the file is shorter than it should be")


def _verification(
    metainfo: Metainfo,
    layout: Layout,
    chosen: Sequence[int],
    asked: int,
    bad: set[int],
    faults: dict[int, Fault],
    quick: bool,
) -> Verification:
    touched: dict[int, list[int]] = {}
    for piece in sorted(bad):
        for index in layout.files_of(piece):
            touched.setdefault(index, []).append(piece)
    files = tuple(
        FileFault(index, "/".join(layout.path(index)), faults.get(index, "bad"), tuple(touched.get(index, ())))
        for index in chosen
        if index in faults or index in touched
    )
    size = sum(map(metainfo.piece_size, bad))
    return Verification(not files, asked, tuple(sorted(bad)), size, files, quick)
