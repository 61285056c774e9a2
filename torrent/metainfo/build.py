"""How do files on a disk become a .torrent? The pure half: order, pads, and the document; no file is touched here.

Rules, so that the same input always gives the same bytes:

- Order: by the raw bytes of the path components, which is also the order of a v2 file tree (BEP 52).
- Pads (BEP 47): hybrid torrents of several files get one after every file that does not end on a piece boundary, the
  last one too, as the creators of BEP 52 and libtorrent do; padded v1 torrents only between files. v2 alone needs none.
- Piece length: the smallest power of two, from 16 KiB to 16 MiB, that makes at most 2,000 pieces (so between 1,000 and
  2,000 for anything from 16 MiB to 32 GiB); beyond 2,097,152 pieces it grows further.

The shell that walks and hashes asks `plan` what to read in which order, then hands the hashes to `assemble`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal, TypeAlias

from torrent.bencode import Encodable, encode
from torrent.errors import MetainfoError
from torrent.metainfo import limits
from torrent.metainfo.merkle import HASH_SIZE
from torrent.metainfo.outer import Outer, write

Version: TypeAlias = Literal["v1", "v2", "hybrid"]

_AIM = 2000
_AUTO_MIN = 16 * 1024
_AUTO_MAX = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class FileEntry:
    """One thing to share. `path` is relative to the torrent's root; `()` makes a torrent of that single file.

    `attr`: letters of BEP 47 ("x", "h", "l"). `symlink`: target relative to the root, with `length` 0.
    Names are str as `os.fsdecode` gives them; bytes that are no UTF-8 survive as surrogates.
    """

    path: tuple[str, ...]
    length: int
    attr: str = ""
    symlink: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class PlannedFile:
    """A file or pad in its place. `source` is its index in the entries given to `plan`; None for a pad."""

    path: tuple[str, ...]
    length: int
    offset: int
    attr: str
    symlink: tuple[str, ...] | None
    source: int | None

    @property
    def is_pad(self) -> bool:
        return self.source is None


@dataclass(frozen=True, slots=True)
class Plan:
    """Every file in order with its offset. `length`: piece space in bytes; a v2 plan has gaps where nothing is."""

    version: Version
    piece_length: int
    files: tuple[PlannedFile, ...]
    length: int

    @property
    def pieces(self) -> int:
        """How many pieces there are."""
        return -(-self.length // self.piece_length)

    @property
    def single(self) -> bool:
        """Whether this is a torrent of one file without a folder."""
        return len(self.files) == 1 and not self.files[0].path


def auto_piece_length(total: int) -> int:
    """Return the piece length for `total` bytes by the rule above."""
    length = _AUTO_MIN
    while length < _AUTO_MAX and total > length * _AIM:
        length *= 2
    while total > length * limits.MAX_PIECES:
        length *= 2
    return length


def plan(entries: Iterable[FileEntry], piece_length: int, version: Version, *, pad: bool = False) -> Plan:
    """Put `entries` in order and give each its offset, with the pads the version needs; `pad` aligns v1 too.

    MetainfoError when names clash or cannot be stored, or a length or count is outside the limits.
    """
    _check_piece_length(piece_length, version)
    ordered = sorted(((_raw(entry.path), source, entry) for source, entry in enumerate(entries)), key=lambda e: e[:2])
    if not ordered:
        raise MetainfoError("there is no file to make a torrent of")
    _check_names([path for path, _, _ in ordered])
    with_pads = (version == "hybrid" or (version == "v1" and pad)) and len(ordered) > 1
    files: list[PlannedFile] = []
    offset = 0
    for _, source, entry in ordered:
        if entry.length < 0 or (entry.symlink is not None and entry.length):
            raise MetainfoError(f"a file cannot be {entry.length} bytes long")
        if version == "v2" and entry.length:
            offset += -offset % piece_length
        attr = "".join(letter for letter in "hlx" if letter in entry.attr or (letter == "l" and entry.symlink))
        files.append(PlannedFile(entry.path, entry.length, offset, attr, entry.symlink, source))
        offset += entry.length
        gap = -offset % piece_length
        if gap and with_pads:
            files.append(PlannedFile((".pad", str(gap)), gap, offset, "p", None, None))
            offset += gap
    if with_pads and version == "v1" and files[-1].is_pad:
        offset = files.pop().offset
    if offset > limits.MAX_LENGTH or -(-offset // piece_length) > limits.MAX_PIECES:
        raise MetainfoError(f"too many pieces: {-(-offset // piece_length)}", hint="choose a larger piece length")
    return Plan(version, piece_length, tuple(files), offset)


def assemble(
    plan: Plan,
    *,
    name: str,
    v1_hashes: bytes | None = None,
    v2_roots: Sequence[bytes | None] | None = None,
    v2_layers: Sequence[bytes | None] | None = None,
    trackers: Sequence[Sequence[str]] = (),
    web_seeds: Sequence[str] = (),
    http_seeds: Sequence[str] = (),
    private: bool = False,
    source: str = "",
    comment: str = "",
    created_by: str = "",
    creation_date: int | None = None,
    nodes: Sequence[tuple[str, int]] = (),
) -> bytes:
    """Return the .torrent file.

    `v1_hashes`: 20 bytes for each piece. `v2_roots` and `v2_layers` run parallel to `plan.files`: the root of every
    file that is not empty (None for pads, links and empty files), and the joined piece hashes of every file longer than
    a piece (empty or None for others).
    """
    raw_name = _component(name)
    info: dict[bytes, Encodable] = {b"name": raw_name, b"piece length": plan.piece_length}
    if private:
        info[b"private"] = 1
    if source:
        info[b"source"] = source.encode()
    layers: dict[bytes, bytes] = {}
    if plan.version != "v2":
        if v1_hashes is None or len(v1_hashes) != 20 * plan.pieces:
            raise MetainfoError(f"{plan.pieces} v1 piece hashes are needed")
        info[b"pieces"] = v1_hashes
        info.update(_v1_files(plan))
    if plan.version != "v1":
        if v2_roots is None or v2_layers is None or not len(v2_roots) == len(v2_layers) == len(plan.files):
            raise MetainfoError(f"{len(plan.files)} v2 roots and layers are needed")
        info[b"meta version"] = 2
        info[b"file tree"] = _v2_tree(plan, raw_name, v2_roots)
        layers = _layers(plan, v2_roots, v2_layers)
    outer = Outer(
        trackers=tuple(tuple(tier) for tier in trackers),
        web_seeds=tuple(web_seeds),
        http_seeds=tuple(http_seeds),
        nodes=tuple(nodes),
        comment=comment,
        created_by=created_by,
        creation_date=creation_date,
        layers=layers,
    )
    return write(encode(info), outer)


def _v1_files(plan: Plan) -> dict[bytes, Encodable]:
    if plan.single:
        return {b"length": plan.files[0].length, **_attributes(plan.files[0])}
    return {
        b"files": [{b"length": file.length, b"path": list(_raw(file.path)), **_attributes(file)} for file in plan.files]
    }


def _v2_tree(plan: Plan, name: bytes, roots: Sequence[bytes | None]) -> Encodable:
    tree: dict[bytes, Any] = {}
    for file, root in zip(plan.files, roots, strict=True):
        if file.is_pad:
            continue
        leaf: dict[bytes, Encodable] = {b"length": file.length, **_attributes(file)}
        if file.length:
            if root is None or len(root) != HASH_SIZE:
                raise MetainfoError("a file has no v2 root")
            leaf[b"pieces root"] = root
        place = tree
        for component in _raw(file.path) or (name,):
            place = place.setdefault(component, {})
        place[b""] = leaf
    return tree


def _layers(plan: Plan, roots: Sequence[bytes | None], layers: Sequence[bytes | None]) -> dict[bytes, bytes]:
    found: dict[bytes, bytes] = {}
    for file, root, layer in zip(plan.files, roots, layers, strict=True):
        if file.is_pad or file.length <= plan.piece_length:
            continue
        if layer is None or root is None or len(layer) != HASH_SIZE * -(-file.length // plan.piece_length):
            raise MetainfoError("a file has no v2 piece layer")
        found[root] = layer
    return found


def _attributes(file: PlannedFile) -> dict[bytes, Encodable]:
    keys: dict[bytes, Encodable] = {}
    if file.attr:
        keys[b"attr"] = file.attr.encode()
    if file.symlink is not None:
        keys[b"symlink path"] = list(_raw(file.symlink))
    return keys


def _component(text: str) -> bytes:
    raw = text.encode("utf-8", "surrogateescape")
    if raw in (b"", b".", b"..") or b"/" in raw or b"\0" in raw:
        raise MetainfoError(f"{text!a} cannot be a file name in a torrent")
    return raw


def _raw(path: tuple[str, ...]) -> tuple[bytes, ...]:
    return tuple(_component(part) for part in path)


def _check_names(paths: list[tuple[bytes, ...]]) -> None:
    if len(paths) > 1 and not paths[0]:
        raise MetainfoError("a torrent of a single file holds one file")
    for before, after in pairwise(paths):
        if after[: len(before)] == before:
            name = b"/".join(before).decode("utf-8", "replace")
            raise MetainfoError(f"{name!a} is there twice, or is a file and a folder at once")
    if any(len(path) > limits.MAX_PATH_DEPTH for path in paths):
        raise MetainfoError(f"folders are nested deeper than {limits.MAX_PATH_DEPTH}")


def _check_piece_length(piece_length: int, version: Version) -> None:
    if not 1 <= piece_length <= limits.MAX_PIECE_LENGTH:
        raise MetainfoError(f"a piece length of {piece_length} is outside 1 byte to 512 MiB")
    if version != "v1" and (piece_length < limits.MIN_V2_PIECE_LENGTH or piece_length & (piece_length - 1)):
        raise MetainfoError("v2 needs a piece length that is a power of two, at least 16 KiB")
