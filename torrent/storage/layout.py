"""Which bytes of which file hold a range of the torrent?

Piece space is the torrent's files laid end to end, as the metainfo says. Every byte of it has one *place*:

- a file on disk (the place is the index of the file in `Metainfo.files`),
- the part file (`Layout.part`), which holds what boundary pieces need of files that are not wanted, at the same
  offset as in piece space, so the sparse file never needs an index of its own,
- `GAP`: pad files (BEP 47) and the alignment between files of v2 torrents (BEP 52); never on disk, always zeros.

Invariants: the spans of a range tile it exactly, in order, without overlap (property tested). Offsets are trusted
here: `torrent.metainfo` has checked the files, `torrent.pieces` has checked what a remote asks for.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Sequence
from typing import NamedTuple, Protocol

GAP = -1


class Span(NamedTuple):
    """`length` bytes at `offset` of the file at `place` (a file index, `Layout.part` or `GAP`)."""

    place: int
    offset: int
    length: int


class Placeable(Protocol):
    """What the layout needs to know of a file; `metainfo.File` is one."""

    @property
    def path(self) -> tuple[str, ...]: ...
    @property
    def length(self) -> int: ...
    @property
    def offset(self) -> int: ...
    @property
    def is_pad(self) -> bool: ...
    @property
    def is_symlink(self) -> bool: ...


def part_name(name: str) -> str:
    """Return the name of the part file of the torrent called `name` on disk."""
    raw = name.encode("utf-8", "surrogatepass")[:240].decode("utf-8", "ignore")
    return f".{raw}.parts"


class Layout:
    """The map of one torrent; immutable.

    `placed` are the indices of the files that are on disk as themselves (None: all); the others live in the part file.
    """

    def __init__(
        self,
        files: Sequence[Placeable],
        *,
        piece_length: int,
        length: int,
        placed: Collection[int] | None = None,
    ) -> None:
        self.files = files
        self.piece_length = piece_length
        self.length = length
        self.pieces = -(-length // piece_length) if length else 0
        self.part = len(files)
        real = [index for index, file in enumerate(files) if not (file.is_pad or file.is_symlink)]
        self.real = tuple(real)
        chosen = set(real) if placed is None else set(placed)
        self.placed = frozenset(index for index in real if index in chosen)
        self.has_part = any(files[index].length and index not in self.placed for index in real)
        laid = [(file, index) for index, file in enumerate(files) if file.length and not file.is_symlink]
        self._indices = [index for _, index in laid]
        self._starts = [file.offset for file, _ in laid]
        self._ends = [file.offset + file.length for file, _ in laid]
        self._places = [GAP if file.is_pad else index if index in self.placed else self.part for file, index in laid]

    def place_of(self, index: int) -> int:
        """Return where the bytes of a real file are: its own index or `part`."""
        return index if index in self.placed else self.part

    def path(self, place: int) -> tuple[str, ...]:
        """Return the path of a place on disk, below the download folder."""
        return (part_name(self.files[0].path[0]),) if place == self.part else self.files[place].path

    def place_length(self, place: int) -> int:
        """Return how many bytes a place holds when it is complete."""
        return self.length if place == self.part else self.files[place].length

    def spans(self, offset: int, length: int) -> list[Span]:
        """Return the spans that tile `length` bytes of piece space from `offset`."""
        found: list[Span] = []
        starts, ends, places = self._starts, self._ends, self._places
        at = max(0, bisect_right(starts, offset) - 1)
        end = offset + length
        while offset < end:
            while at < len(ends) and ends[at] <= offset:
                at += 1
            if at == len(ends) or starts[at] > offset:
                stop = end if at == len(ends) else min(end, starts[at])
                found.append(Span(GAP, 0, stop - offset))
            else:
                stop = min(end, ends[at])
                place = places[at]
                found.append(Span(place, offset if place == self.part else offset - starts[at], stop - offset))
            offset = stop
        return found

    def pieces_of(self, index: int) -> range:
        """Return the pieces that touch a file."""
        file = self.files[index]
        if not file.length or file.is_symlink:
            return range(0)
        return range(file.offset // self.piece_length, (file.offset + file.length - 1) // self.piece_length + 1)

    def pieces_at(self, place: int, start: int, end: int) -> range:
        """Return the pieces that touch the bytes from `start` to `end` of a place."""
        offset = 0 if place == self.part else self.files[place].offset
        if start >= end:
            return range(0)
        return range((offset + start) // self.piece_length, (offset + end - 1) // self.piece_length + 1)

    def files_of(self, piece: int) -> list[int]:
        """Return the indices of the real files that a piece touches."""
        start = piece * self.piece_length
        end = min(start + self.piece_length, self.length)
        found = []
        for at in range(max(0, bisect_right(self._starts, start) - 1), len(self._starts)):
            if self._starts[at] >= end:
                break
            if self._ends[at] > start and not self.files[self._indices[at]].is_pad:
                found.append(self._indices[at])
        return found

    def needed(self, wanted: Collection[int] | None = None) -> int:
        """Return the bits of the pieces that touch a wanted file (None: every real file)."""
        flags = bytearray(b"0") * self.pieces
        for index in self.real if wanted is None else sorted(set(wanted) & set(self.real)):
            touched = self.pieces_of(index)
            flags[touched.start : touched.stop] = b"1" * len(touched)
        return to_bits(flags)

    def file_progress(self, have: int) -> list[int]:
        """Return how many bytes of each file lie in pieces of `have`; pad files and symlinks count as 0."""
        wire = have.to_bytes(self.pieces // 8 + 1, "little")
        done = [0] * len(self.files)
        size = self.piece_length
        for index in self.real:
            touched = self.pieces_of(index)
            if not touched:
                continue
            first, last = touched.start, touched.stop - 1
            mine = int.from_bytes(wire[first >> 3 : (last >> 3) + 1], "little") >> (first & 7)
            mine &= (1 << len(touched)) - 1
            count = mine.bit_count() * size
            file = self.files[index]
            if mine & 1:
                count -= file.offset - first * size
            if mine >> (last - first) & 1:
                count -= (last + 1) * size - (file.offset + file.length)
            done[index] = count
        return done


def to_flags(bits: int, count: int) -> bytearray:
    """Return one byte, `0` or `1`, for each of `count` pieces."""
    return bytearray(f"{bits:0{count}b}".encode()[::-1][:count]) if count else bytearray()


def to_bits(flags: bytes | bytearray) -> int:
    """Return the bits of what `to_flags` gives."""
    return int(flags[::-1], 2) if flags else 0


def indices(bits: int, count: int) -> list[int]:
    """Return the pieces that are set in `bits`, in order."""
    return [piece for piece, flag in enumerate(to_flags(bits, count)) if flag == 0x31]
