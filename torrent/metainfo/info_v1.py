"""What does the v1 half of an info dictionary say (BEP 3, pads and links of BEP 47)?

Everything is checked before it is believed: lengths, counts, the number of hashes, the total. A hostile dictionary may
give a piece length of 0, negative or huge lengths, `pieces` cut off, both `length` and `files`, or neither.
"""

from __future__ import annotations

from dataclasses import dataclass

from torrent.bencode import Value
from torrent.errors import MetainfoError
from torrent.metainfo import fields, limits
from torrent.metainfo.names import RawPath

_BITCOMET_PAD = b"_____padding_file_"


@dataclass(slots=True)
class Entry:
    """One file as the dictionary has it. `path` is raw; `()` for the only file of a torrent without a folder.

    Nobody changes one; it is not frozen because there are thousands, and those take three times as long to make.
    """

    path: RawPath
    length: int
    attr: str
    root: bytes | None = None
    symlink: RawPath | None = None

    @property
    def is_pad(self) -> bool:
        return "p" in self.attr


def read(info: dict[bytes, Value], piece_length: int) -> tuple[list[Entry], bytes]:
    """Return the files in order, pads included, and the joined 20-byte hashes of all pieces."""
    pieces = fields.need_bytes(info, b"pieces")
    if len(pieces) % 20:
        raise MetainfoError("'pieces' is not a whole number of hashes")
    if len(pieces) // 20 > limits.MAX_PIECES:
        raise MetainfoError(f"more than {limits.MAX_PIECES} pieces")
    if (b"length" in info) == (b"files" in info):
        raise MetainfoError("exactly one of 'length' and 'files' is needed")
    if b"length" in info:
        entries = [Entry((), fields.need_int(info, b"length", 0, limits.MAX_LENGTH), _plain(fields.attributes(info)))]
    else:
        entries = _files(info[b"files"])
    total = sum(entry.length for entry in entries)
    if total > limits.MAX_LENGTH:
        raise MetainfoError("the files together are too large")
    if -(-total // piece_length) != len(pieces) // 20:
        raise MetainfoError(f"{len(pieces) // 20} piece hashes do not cover {total} bytes")
    return entries, pieces


def _plain(attr: str) -> str:
    """A single file is neither pad nor link."""
    return attr.replace("p", "").replace("l", "")


def _files(value: Value) -> list[Entry]:
    if not isinstance(value, list) or not value:
        raise MetainfoError("'files' is not a list of files")
    entries = [_file(item) for item in value]
    if all(entry.is_pad for entry in entries):
        raise MetainfoError("there are only padding files")
    return entries


def _file(item: Value) -> Entry:
    if not isinstance(item, dict):
        raise MetainfoError("an entry of 'files' is not a dictionary")
    attr = fields.attributes(item)
    path = fields.raw_path(item.get(b"path.utf-8")) or fields.raw_path(item.get(b"path"))
    if path and path[-1].startswith(_BITCOMET_PAD) and "p" not in attr:
        attr = "p" + attr
    if "p" in attr:
        return Entry((), fields.need_int(item, b"length", 0, limits.MAX_LENGTH), "p")
    if not path:
        raise MetainfoError("a file has no path")
    if "l" in attr:  # a link takes no room, whatever length it claims
        return Entry(path, 0, attr, None, fields.raw_path(item.get(b"symlink path")) or ())
    return Entry(path, fields.need_int(item, b"length", 0, limits.MAX_LENGTH), attr)
