"""What of a torrent is on disk already, and is everything there that writing it needs? (shell)

The steps of `Disk.open` that touch the disk, in their order: `survey` (look, change nothing), `migrate` (what the part
file holds of files that are wanted now becomes those files), `weigh` (record and files become: trusted, to be hashed),
`require_space`, `prepare` (empty files, reserved space, no part file that nobody needs).

A file longer than the torrent says is not what the torrent describes: its last piece counts as missing, and the write
that fetches it again cuts the file.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from torrent.errors import DiskError, DiskFullError
from torrent.metainfo import Metainfo
from torrent.storage.failures import disk_error
from torrent.storage.files import Tree
from torrent.storage.hashing import is_good_zeros, scratch
from torrent.storage.layout import indices, to_bits
from torrent.storage.positioned import read_at
from torrent.storage.resume import Proof, Resume, judge
from torrent.text import safe_text


class Known(NamedTuple):
    """Bits to believe, pieces to hash, and what the user should be told."""

    trusted: int
    doubtful: list[int]
    notes: tuple[str, ...]


def survey(tree: Tree) -> dict[int, os.stat_result]:
    """Return the state of every place that is on disk; `DiskError` if one is not a plain file."""
    found = {}
    folders: dict[tuple[str, ...], bool] = {}
    for place in (*tree.layout.real, tree.layout.part):
        folder = tree.layout.path(place)[:-1]
        if folder not in folders:
            folders[folder] = tree.has_folder(folder)
        if folders[folder] and (state := tree.stat(place)) is not None:
            found[place] = state
    return found


def migrate(tree: Tree) -> None:
    """Move what the part file holds of placed files into those files, where they are not on disk yet."""
    layout = tree.layout
    if layout.part not in tree.present:
        return
    moved = [index for index in layout.placed if layout.files[index].length and index not in tree.present]
    try:
        source = tree.open(layout.part)
    except OSError as error:
        raise disk_error(error, "read", tree.name(layout.part)) from error
    try:
        for index in sorted(moved):
            file = layout.files[index]
            held = list(extents(source, file.offset, file.offset + file.length))
            if held:
                _move(tree, source, index, held)
                tree.present.add(index)
    finally:
        os.close(source)


def _move(tree: Tree, source: int, index: int, held: list[tuple[int, int]]) -> None:
    file = tree.layout.files[index]
    name = f".{index}.moving"
    view = scratch()
    try:
        target = tree.open_beside(index, name)
        try:
            for start, end in held:
                while start < end:
                    got = read_at(source, view[: end - start], start)
                    if not got:
                        break
                    os.pwrite(target, view[:got], start - file.offset)
                    start += got
            os.ftruncate(target, file.length)
        finally:
            os.close(target)
        tree.rename(name, index)
    except OSError as error:
        raise disk_error(error, "write", tree.name(index)) from error


def weigh(
    tree: Tree,
    metainfo: Metainfo,
    record: Resume | None,
    found: Mapping[int, os.stat_result],
    *,
    boot_id: str,
    check: bool,
) -> Known:
    """Return what to believe and what to hash. Without a record (or to `check`), everything with data is hashed."""
    layout = tree.layout
    everything = (1 << layout.pieces) - 1
    trusted, doubtful, search, notes = 0, everything, False, tuple[str, ...]()
    if record is not None:
        proofs = {place: proof(state) for place, state in found.items()}
        trusted, doubtful, search, notes = judge(record, layout, proofs, boot_id=boot_id)
        if check:
            trusted, doubtful, search = 0, everything, False
    long = [index for index in layout.placed if index in found and found[index].st_size > layout.files[index].length]
    cut = bytearray(b"0") * layout.pieces
    for index in long:
        notes += (f"{safe_text(tree.name(index))} is longer than the torrent says",)
        if touched := layout.pieces_of(index):
            cut[touched.stop - 1] = 0x31
    trusted &= ~to_bits(cut)
    doubtful &= ~to_bits(cut)
    if not (doubtful or search) or not tree.present:
        return Known(trusted, [], notes)
    data, holes, absent = scan(tree)
    seen = to_bits(data)
    hashed = doubtful & seen
    if search:
        hashed |= seen & ~to_bits(holes) & ~trusted & ~to_bits(cut)
    for piece in indices(doubtful & ~seen & ~to_bits(absent), layout.pieces):
        if is_good_zeros(metainfo.piece_hashes(piece), metainfo.piece_size(piece)):
            trusted |= 1 << piece
    return Known(trusted, indices(hashed, layout.pieces), notes)


def scan(tree: Tree) -> tuple[bytearray, bytearray, bytearray]:
    """Return flags for pieces that touch data, that touch a hole, and that touch what is not there at all."""
    layout = tree.layout
    data, holes, absent = (bytearray(b"0") * layout.pieces for _ in range(3))
    for index in layout.real:
        file = layout.files[index]
        place = layout.place_of(index)
        touched = layout.pieces_of(index)
        if place not in tree.present:
            holes[touched.start : touched.stop] = absent[touched.start : touched.stop] = b"1" * len(touched)
        elif touched:
            first = file.offset if place == layout.part else 0
            try:
                fd = tree.open(place)
                try:
                    size = os.fstat(fd).st_size
                    at = first
                    for start, end in extents(fd, first, first + file.length):
                        _mark(holes, layout.pieces_at(place, at, start))
                        _mark(data, layout.pieces_at(place, start, end))
                        at = end
                    _mark(holes, layout.pieces_at(place, at, first + file.length))
                    _mark(absent, layout.pieces_at(place, max(first, size), first + file.length))
                finally:
                    os.close(fd)
            except OSError as error:
                raise disk_error(error, "read", tree.name(place)) from error
    return data, holes, absent


def _mark(flags: bytearray, pieces: range) -> None:
    flags[pieces.start : pieces.stop] = b"1" * len(pieces)


def extents(fd: int, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Yield the ranges between `start` and `end` of a file that hold data; all of it where the disk cannot say."""
    end = min(end, os.fstat(fd).st_size)
    if not hasattr(os, "SEEK_DATA"):
        if start < end:
            yield start, end
        return
    while start < end:
        try:
            first = os.lseek(fd, start, os.SEEK_DATA)
            last = os.lseek(fd, first, os.SEEK_HOLE)
        except OSError as error:
            if error.errno == errno.ENXIO:
                return
            first, last = start, end
        if first >= end:
            return
        yield first, min(last, end)
        start = last


def proof(state: os.stat_result | None) -> Proof:
    """Return what a resume record keeps of a file's state."""
    return Proof(-1, 0) if state is None else Proof(state.st_size, state.st_mtime_ns)


def free_space(directory: Path) -> int:
    """Return how many bytes may be written below `directory`, which need not exist yet."""
    for folder in (directory, *directory.absolute().parents):
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            return shutil.disk_usage(folder).free
    return 0


def require_space(tree: Tree, have: int, wanted: frozenset[int], free: int) -> None:
    """Raise `DiskFullError` if what is missing of the wanted files does not fit into `free` bytes."""
    layout = tree.layout
    done = layout.file_progress(have)
    missing = 0
    for index in wanted:
        length = layout.files[index].length
        if done[index] < length:
            state = tree.stat(index) if index in tree.present else None
            held = state.st_blocks * 512 if state is not None else 0
            missing += length - max(done[index], min(held, length))
    if missing > free:
        raise DiskFullError(
            f"no space left on the disk: {_mib(missing)} are needed in {safe_text(str(tree.root))}, {_mib(free)} free"
        )


def _mib(size: int) -> str:
    return f"{size / 1048576:.1f} MiB"


def prepare(tree: Tree, have: int, wanted: frozenset[int], preallocate: str) -> None:
    """Make the folder, the empty files and the reserved space; undo what was created if that does not fit."""
    layout = tree.layout
    created = []
    complete = not layout.needed(wanted) & ~have
    try:
        for index in sorted(wanted):
            length = layout.files[index].length
            if index in tree.present if not length else complete or preallocate != "fallocate":
                continue
            try:
                if index not in tree.present:
                    created.append(index)
                fd = tree.create(index)
                try:
                    if length and hasattr(os, "posix_fallocate"):
                        os.posix_fallocate(fd, 0, length)
                finally:
                    os.close(fd)
                tree.present.add(index)
            except OSError as error:
                raise disk_error(error, "create", tree.name(index)) from error
        if not complete:
            require_writable(tree.root)
    except DiskError:
        for index in created:
            with contextlib.suppress(OSError):
                tree.remove(index)
        raise
    if not layout.has_part and layout.part in tree.present:
        with contextlib.suppress(OSError):
            tree.remove(layout.part)


def require_writable(root: Path) -> None:
    """Create the download folder if need be; `DiskError` if nothing can be written there."""
    try:
        root.mkdir(parents=True, exist_ok=True)
        if not os.access(root, os.W_OK | os.X_OK):
            raise OSError(errno.EROFS if os.statvfs(root).f_flag & os.ST_RDONLY else errno.EACCES, "")
    except OSError as error:
        raise disk_error(error, "write to", str(root)) from error
