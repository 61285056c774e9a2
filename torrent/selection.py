"""Which pieces do the chosen files need?

Pure questions about a `Metainfo`: which indices are files one may choose, the priority of each piece, and the
pieces at the ends of files.
"""

from __future__ import annotations

from collections.abc import Collection

from torrent.errors import InputError
from torrent.metainfo import Metainfo


def wanted_files(metainfo: Metainfo, files: Collection[int] | None) -> frozenset[int] | None:
    """Return the indices of the chosen files, or None if all are; raises InputError for an index that is no file."""
    if files is None:
        return None
    wanted = frozenset(files)
    known = {file.index for file in metainfo.files if not file.is_pad}
    if not wanted <= known:
        raise InputError(f"{metainfo.name} has no file number {min(wanted - known)}")
    return None if wanted == known else wanted


def piece_priorities(metainfo: Metainfo, wanted: frozenset[int] | None) -> list[int] | None:
    """Return 1 for each piece that touches a wanted file and 0 for the others; None if all are wanted."""
    if wanted is None:
        return None
    priorities = [0] * metainfo.pieces
    for file in metainfo.files:
        if file.index in wanted and file.length:
            first = file.offset // metainfo.piece_length
            last = (file.end - 1) // metainfo.piece_length
            priorities[first : last + 1] = [1] * (last - first + 1)
    return priorities


def ends_of_files(metainfo: Metainfo, wanted: frozenset[int] | None) -> int:
    """Return the first and last piece of every wanted file, as bits."""
    ends = 0
    for file in metainfo.files:
        if file.length and not file.is_pad and (wanted is None or file.index in wanted):
            ends |= 1 << file.offset // metainfo.piece_length
            ends |= 1 << (file.end - 1) // metainfo.piece_length
    return ends


def pad_bytes(metainfo: Metainfo) -> dict[int, int]:
    """Return for each piece that holds padding how many bytes of it are padding (BEP 47)."""
    found: dict[int, int] = {}
    length = metainfo.piece_length
    for file in metainfo.files:
        at = file.offset
        while file.is_pad and at < file.end:
            piece = at // length
            stop = min(file.end, (piece + 1) * length)
            found[piece] = found.get(piece, 0) + stop - at
            at = stop
    return found
