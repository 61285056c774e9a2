"""How does a file or a folder become a .torrent? (shell)

`create` walks, hashes and assembles; what the document looks like is decided in `torrent.metainfo.build`. Hashing runs
in threads (hashlib and the reads let go of the GIL), each over a run of pieces of a few megabytes, which the kernel is
told to read ahead; memory is bounded by the threads, not by the torrent.

Rules of the walk, so that the same tree always gives the same bytes:

- Order does not depend on the disk: `build.plan` sorts. Devices, pipes and sockets are left out; hidden files are not.
- Links: "follow" stores what a link leads to, as if it were there, unless that lies outside of the folder or the link
  leads to a folder it stands in; "keep" stores links to inside as links (BEP 47); "skip" stores none. Links that lead
  outside or nowhere are left out in each case.
- An exclude pattern is a glob for a file name or for the whole path below the root; an excluded folder is not entered.

A file that changes while it is hashed ends the work: the torrent would describe something that never existed.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Literal, NamedTuple

from torrent.errors import InputError
from torrent.metainfo import FileEntry, Plan, build, merkle
from torrent.storage import BATCH, Asked, Hashed, Layout, Reading, Rooms, batches, digest, disk_error
from torrent.text import safe_text

Links = Literal["follow", "keep", "skip"]
Progress = Callable[[int, int], None]
"""Told how many bytes are hashed, of how many."""

_ROOMS = 128 * 1024 * 1024
"""Bytes of memory for what is read, all threads together."""


class _Found(NamedTuple):
    """A file on disk: what the torrent says of it, where to read it, and what proves that it did not change."""

    entry: FileEntry
    source: str
    mtime_ns: int


def create(
    path: str | Path,
    *,
    version: build.Version = "hybrid",
    piece_length: int | Literal["auto"] = "auto",
    name: str = "",
    trackers: Sequence[Sequence[str]] = (),
    web_seeds: Sequence[str] = (),
    http_seeds: Sequence[str] = (),
    nodes: Sequence[tuple[str, int]] = (),
    private: bool = False,
    source: str = "",
    comment: str = "",
    created_by: str = "",
    creation_date: int | None = None,
    exclude: Sequence[str] = (),
    links: Links = "follow",
    attributes: bool = True,
    pad: bool = False,
    threads: int = 0,
    on_progress: Progress | None = None,
) -> bytes:
    """Return the .torrent file of `path`, a file or a folder.

    `trackers`: tiers. `creation_date`: seconds since 1970, None leaves it out. `attributes`: note executable files.
    `pad`: align the files of a v1 torrent. `threads`: 0 for one per processor. `on_progress` is called in the calling
    thread. `InputError` if there is nothing to share or a file changes meanwhile, `DiskError` if one cannot be read.
    """
    root = Path(os.path.realpath(path))
    found = list(_walk(root, exclude, links, attributes))
    if not found:
        raise InputError(f"{safe_text(str(path))}: there is nothing to share")
    total = sum(file.entry.length for file in found)
    if not total:
        raise InputError(f"{safe_text(str(path))}: all files are empty")
    size = build.auto_piece_length(total) if piece_length == "auto" else piece_length
    plan = build.plan([file.entry for file in found], size, version, pad=pad)
    v1, pieces = _hash(plan, found, threads or os.cpu_count() or 1, on_progress)
    _require_unchanged(found)
    roots, layers = _trees(plan, pieces)
    return build.assemble(
        plan,
        name=name or root.name,
        v1_hashes=v1 if version != "v2" else None,
        v2_roots=roots if version != "v1" else None,
        v2_layers=layers if version != "v1" else None,
        trackers=trackers,
        web_seeds=web_seeds,
        http_seeds=http_seeds,
        private=private,
        source=source,
        comment=comment,
        created_by=created_by,
        creation_date=creation_date,
        nodes=nodes,
    )


def _walk(root: Path, exclude: Sequence[str], links: Links, attributes: bool) -> Iterator[_Found]:
    try:
        state = root.stat()
        if stat.S_ISREG(state.st_mode):
            yield _found((), str(root), state, attributes)
            return
        if not stat.S_ISDIR(state.st_mode):
            raise InputError(f"{safe_text(str(root))} is neither a file nor a folder")
        inside = str(root).rstrip("/") + "/"
        waiting: list[tuple[tuple[str, ...], str]] = [((), str(root))]
        while waiting:
            above, folder = waiting.pop()
            with os.scandir(folder) as entries:
                for entry in entries:
                    path = (*above, entry.name)
                    if exclude and any(
                        fnmatchcase(entry.name, glob) or fnmatchcase("/".join(path), glob) for glob in exclude
                    ):
                        continue
                    target = entry.path
                    if entry.is_symlink():
                        target = os.path.realpath(entry.path)
                        if links == "skip" or not target.startswith(inside) or not os.path.lexists(target):
                            continue
                        if links == "keep":
                            yield _Found(FileEntry(path, 0, "l", tuple(target[len(inside) :].split("/"))), "", 0)
                            continue
                        if f"{os.path.realpath(folder)}/".startswith(f"{target}/"):
                            continue
                    if entry.is_dir():
                        waiting.append((path, target))
                    elif entry.is_file():
                        yield _found(path, target, entry.stat(), attributes)
    except OSError as error:
        raise disk_error(error, "read", str(error.filename or root)) from error


def _found(path: tuple[str, ...], source: str, state: os.stat_result, attributes: bool) -> _Found:
    attr = "x" if attributes and state.st_mode & stat.S_IXUSR else ""
    return _Found(FileEntry(path, state.st_size, attr), source, state.st_mtime_ns)


def _require_unchanged(found: Sequence[_Found]) -> None:
    for file in found:
        if file.source:
            try:
                now = os.stat(file.source)  # noqa: PTH116
            except OSError as error:
                raise disk_error(error, "read", file.source) from error
            if (now.st_size, now.st_mtime_ns) != (file.entry.length, file.mtime_ns):
                raise _changed(file.source)


def _changed(source: str) -> InputError:
    return InputError(f"{safe_text(source)} changed while it was being hashed")


def _hash(
    plan: Plan, found: Sequence[_Found], threads: int, on_progress: Progress | None
) -> tuple[bytes, list[tuple[int, bytes]]]:
    """Return the joined v1 hashes, and for each piece of a v2 torrent the file it belongs to and its root."""
    layout = Layout(_placed(plan), piece_length=plan.piece_length, length=plan.length)
    files = _Files(plan, found)
    owners, pieces = _asked(plan)
    rooms = Rooms(plan.piece_length, _ROOMS // threads, v1=plan.version != "v2")
    runs = list(batches(range(plan.pieces), lambda piece: pieces[piece].size, max(rooms.size, BATCH)))
    total = sum(piece.size for piece in pieces)

    def work(run: Sequence[int]) -> list[Hashed]:
        reading = Reading(layout, files)
        mine = [pieces[piece] for piece in run]
        try:
            reading.ahead(mine[0].offset, sum(piece.size for piece in mine))
            with rooms.one() as into:
                return digest(reading.fill, mine, into, v1=plan.version != "v2")
        finally:
            reading.close()

    hashes: list[Hashed] = []
    done = 0
    with ThreadPoolExecutor(threads, "hash") as pool:
        try:
            for run, some in zip(runs, pool.map(work, runs), strict=True):
                hashes += some
                done += sum(pieces[piece].size for piece in run)
                if on_progress is not None:
                    on_progress(done, total)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    roots = [(owner, hashed.v2) for owner, hashed in zip(owners, hashes, strict=True)] if plan.version != "v1" else []
    return b"".join(hashed.v1 for hashed in hashes), roots


def _asked(plan: Plan) -> tuple[list[int], list[Asked]]:
    """Return for each piece the file it belongs to (v2), and what is to be hashed of it."""
    size = plan.piece_length
    if plan.version == "v1":
        pieces = [Asked(at, min(size, plan.length - at), 0, 0) for at in range(0, plan.length, size)]
        return [0] * len(pieces), pieces
    owners, pieces = [], []
    for index, file in enumerate(plan.files):
        if not file.length or file.is_pad:
            continue
        leaves = merkle.piece_leaves(file.length, size)
        for at in range(0, file.length, size):
            filled = min(size, file.length - at)
            owners.append(index)
            whole = filled if plan.version == "v2" else min(size, plan.length - file.offset - at)
            pieces.append(Asked(file.offset + at, whole, filled, leaves))
    return owners, pieces


def _trees(plan: Plan, pieces: list[tuple[int, bytes]]) -> tuple[list[bytes | None], list[bytes | None]]:
    """Return the v2 root and the v2 piece layer of each file."""
    layers: list[list[bytes]] = [[] for _ in plan.files]
    for owner, root in pieces:
        layers[owner].append(root)
    roots: list[bytes | None] = []
    for file, layer in zip(plan.files, layers, strict=True):
        if not layer:
            roots.append(None)
        elif file.length <= plan.piece_length:
            roots.append(layer[0])
        else:
            roots.append(merkle.file_root(layer, plan.piece_length))
    return roots, [b"".join(layer) if len(layer) > 1 else None for layer in layers]


class _Placed(NamedTuple):
    path: tuple[str, ...]
    length: int
    offset: int
    is_pad: bool
    is_symlink: bool


def _placed(plan: Plan) -> list[_Placed]:
    return [
        _Placed(file.path or ("",), file.length, file.offset, file.is_pad, file.symlink is not None)
        for file in plan.files
    ]


class _Files:
    """The files of a plan where they were found."""

    def __init__(self, plan: Plan, found: Sequence[_Found]) -> None:
        self._paths = [found[file.source].source if file.source is not None else "" for file in plan.files]

    def open(self, place: int) -> int:
        return os.open(self._paths[place], os.O_RDONLY | os.O_CLOEXEC)

    def name(self, place: int) -> str:
        return self._paths[place]

    def short(self, place: int) -> InputError:
        return _changed(self._paths[place])
