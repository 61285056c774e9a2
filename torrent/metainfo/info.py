"""What does an info dictionary say, both halves together (BEPs 3, 47, 52)?

Reads v1, v2 and hybrid into one list of files with offsets in the piece space. A hybrid whose halves describe different
content is refused: two clients would otherwise write different files for one torrent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from torrent.bencode import Value
from torrent.errors import MetainfoError
from torrent.metainfo import fields, info_v1, info_v2, limits, names
from torrent.metainfo.info_v1 import Entry


@dataclass(frozen=True, slots=True)
class File:
    """One file of a torrent.

    `path`: safe components as they are on disk, relative to the download folder; in a torrent of several files the
    first is the torrent's name. `offset`: first byte in the piece space. `attr`: letters of BEP 47, of "phxl".
    `root`: the v2 `pieces root`, None for v1 and for empty files. `symlink`: where a link points, in the same form as
    `path`; None for other files and for a link that must not be made (see `is_symlink`).
    """

    index: int
    path: tuple[str, ...]
    length: int
    offset: int
    attr: str = ""
    root: bytes | None = None
    symlink: tuple[str, ...] | None = None

    @property
    def is_pad(self) -> bool:
        """Whether this is zeros for alignment, never on disk."""
        return "p" in self.attr

    @property
    def is_symlink(self) -> bool:
        """Whether this is a link; with `symlink` None its target was refused, and nothing is put on disk."""
        return "l" in self.attr

    @property
    def end(self) -> int:
        """The offset behind the last byte."""
        return self.offset + self.length


@dataclass(frozen=True, slots=True)
class Info:
    """The facts of an info dictionary. `length`: bytes of the piece space; `hashes_v1`: joined, or None."""

    version: Literal["v1", "v2", "hybrid"]
    name: str
    multi_file: bool
    piece_length: int
    files: tuple[File, ...]
    length: int
    hashes_v1: bytes | None
    entries: list[Entry]
    notes: list[str]


def read(info: dict[bytes, Value], *, encoding: str = "", fallback_name: str = "_") -> Info:
    """Return what `info` says; MetainfoError for anything it must not say."""
    has_v2 = _has_v2(info)
    has_v1 = b"pieces" in info or not has_v2
    piece_length = fields.need_int(info, b"piece length", 1, limits.MAX_PIECE_LENGTH)
    raw_name = info.get(b"name.utf-8")
    if not isinstance(raw_name, bytes) or not raw_name:
        raw_name = fields.need_bytes(info, b"name")
    notes: list[str] = []
    hashes: bytes | None = None
    entries: list[Entry]
    if has_v2:
        entries = info_v2.read(info, piece_length)
        if not has_v1 and len(entries) == 1 and len(entries[0].path) == 1:
            raw_name, entries = entries[0].path[0], [_as_single(entries[0])]
    if has_v1:
        first, hashes = info_v1.read(info, piece_length)
        entries = _agree(first, entries, raw_name, piece_length) if has_v2 else first
    multi_file = entries[0].path != () or entries[0].is_pad
    name = names.component(raw_name, encoding, fallback=fallback_name)
    if name.encode() != raw_name:
        notes.append(f"the torrent is stored as {name!r}")
    files, length = _lay_out(entries, name if multi_file else None, name, piece_length, encoding, notes, not has_v1)
    if -(-length // piece_length) > limits.MAX_PIECES:
        raise MetainfoError(f"more than {limits.MAX_PIECES} pieces")
    version: Literal["v1", "v2", "hybrid"] = "hybrid" if has_v1 and has_v2 else "v2" if has_v2 else "v1"
    return Info(version, name, multi_file, piece_length, files, length, hashes, entries, notes)


def _has_v2(info: dict[bytes, Value]) -> bool:
    version = info.get(b"meta version")
    if isinstance(version, int) and version > 2:
        raise MetainfoError(f"metainfo version {version} is newer than this client")
    return version == 2


def _as_single(entry: Entry) -> Entry:
    return Entry((), entry.length, entry.attr.replace("l", ""), entry.root)


def _agree(v1: Sequence[Entry], v2: Sequence[Entry], name: bytes, piece_length: int) -> list[Entry]:
    """Return the v1 list with the roots of v2; MetainfoError unless both put the same bytes in the same places."""
    real = iter(v2)
    joined: list[Entry] = []
    offset = expected = 0
    for entry in v1:
        if entry.is_pad:
            joined.append(entry)
        else:
            other = next(real, None)
            path = entry.path or (name,)
            if other is None or other.path != path or other.length != entry.length or _link(other) != _link(entry):
                raise MetainfoError("the v1 and v2 halves name different files")
            if entry.length and offset != expected:
                raise MetainfoError("the v1 half does not align files as the v2 half does")
            expected += -(-entry.length // piece_length) * piece_length
            joined.append(Entry(entry.path, entry.length, entry.attr, other.root, entry.symlink))
        offset += entry.length
    if next(real, None) is not None:
        raise MetainfoError("the v1 and v2 halves name different files")
    if offset > expected:
        raise MetainfoError("the v1 half has more pieces than the v2 half")
    return joined


def _link(entry: Entry) -> bool:
    return "l" in entry.attr


def _lay_out(
    entries: Sequence[Entry],
    root: str | None,
    name: str,
    piece_length: int,
    encoding: str,
    notes: list[str],
    aligned: bool,
) -> tuple[tuple[File, ...], int]:
    raw = [None if entry.is_pad else entry.path or (b"",) for entry in entries]
    paths: list[names.DiskPath]
    if root is None:
        paths = [(name,)]
    else:
        paths, changed = names.disk_paths(root, raw, encoding)
        notes.extend(changed)
    links = {index: entry.symlink or () for index, entry in enumerate(entries) if "l" in entry.attr}
    targets = names.link_targets(links, root, raw, paths) if links else {}
    if len(targets) < len(links):
        notes.append(f"{len(links) - len(targets)} links point outside the torrent or at nothing; they are not made")
    files: list[File] = []
    offset = 0
    for index, entry in enumerate(entries):
        path = paths[index]
        if entry.is_pad:
            path = (name, ".pad", str(entry.length))
        if aligned and entry.length:
            offset += -offset % piece_length
        files.append(File(index, path, entry.length, offset, entry.attr, entry.root, targets.get(index)))
        offset += entry.length
    if offset > limits.MAX_LENGTH:
        raise MetainfoError("the files together are too large")
    return tuple(files), offset
