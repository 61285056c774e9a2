"""What is in a .torrent file, as one immutable value (BEPs 3, 5, 12, 17, 19, 27, 38, 47, 52)?

Invariants: hashes are over the raw bytes of the info dictionary, never over a re-encoding; every length, count, offset
and path has been checked; what `piece_hashes` answers has been proven against the roots. Nothing is built per piece: a
torrent of two million pieces is one string of hashes, sliced when asked.

What a hostile file may try is stopped in the rooms behind: `bencode` (shapes), `info_v1`, `info_v2` and `info`
(lengths, counts, disagreement), `names` (paths), `fields` (addresses, text).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from hashlib import sha1, sha256
from typing import Literal

from torrent import bencode
from torrent.bencode import Value
from torrent.errors import BencodeError, MetainfoError
from torrent.metainfo import fields, info_v2, limits, merkle
from torrent.metainfo import info as info_dictionary
from torrent.metainfo.info import File
from torrent.metainfo.info_v1 import Entry
from torrent.metainfo.magnet import Magnet
from torrent.metainfo.outer import Outer, write
from torrent.terms import InfoHash


@dataclass(frozen=True, slots=True)
class PieceHashes:
    """What one piece must hash to.

    `v1`: SHA-1 of the whole piece. `v2`: merkle root of its first `v2_length` bytes, cut in 16 KiB leaves and filled
    with zero hashes up to `leaves` (a power of two). None where the torrent has no such hash, or (v2) not yet.
    """

    v1: bytes | None
    v2: bytes | None
    v2_length: int
    leaves: int


@dataclass(frozen=True, slots=True)
class _Tree:
    """One v2 file: where its pieces start and what they must be."""

    first: int
    length: int
    root: bytes
    layer: bytes | None
    leaves: int


@dataclass(frozen=True)
class Metainfo:
    """A torrent: its content, its names, and where it may be had.

    `length`: bytes of the piece space, pads and (v2) alignment included. `size`: bytes of real files. `files`: all,
    pads too; in v2-only torrents the gaps between files belong to no file. `notes`: what was unusual, for the user.
    """

    name: str
    info_hash_v1: bytes | None
    info_hash_v2: bytes | None
    version: Literal["v1", "v2", "hybrid"]
    piece_length: int
    pieces: int
    length: int
    size: int
    files: tuple[File, ...]
    multi_file: bool
    private: bool
    source: str
    comment: str
    created_by: str
    creation_date: int | None
    trackers: tuple[tuple[str, ...], ...]
    web_seeds: tuple[str, ...]
    http_seeds: tuple[str, ...]
    nodes: tuple[tuple[str, int], ...]
    similar: tuple[bytes, ...]
    collections: tuple[str, ...]
    notes: tuple[str, ...]
    raw_info: bytes = field(repr=False)
    _hashes_at: int | None = field(repr=False, compare=False)
    """Where in `raw_info` the SHA-1 hashes of the pieces stand."""
    _trees: tuple[_Tree, ...] = field(repr=False, compare=False)
    _firsts: tuple[int, ...] = field(repr=False, compare=False)

    def __hash__(self) -> int:
        return hash(self.hex)

    @property
    def info_hash(self) -> InfoHash:
        """The 20 bytes this torrent goes by: v1, else v2 cut short."""
        return self.swarm_hashes[0]

    @property
    def swarm_hashes(self) -> tuple[InfoHash, ...]:
        """The names of all its swarms on the wire, v1 first."""
        both = (self.info_hash_v1, self.info_hash_v2[:20] if self.info_hash_v2 else None)
        return tuple(InfoHash(value) for value in both if value)

    @property
    def hex(self) -> str:
        """The main hash in hex: 40 letters of v1, else all 64 of v2."""
        return (self.info_hash_v1 or self.info_hash_v2 or b"").hex()

    @property
    def missing_layers(self) -> tuple[int, ...]:
        """The indices of files whose piece layer is not known yet (after a magnet, BEP 52)."""
        missing = {tree.root for tree in self._trees if tree.layer is None and tree.length > self.piece_length}
        return tuple(file.index for file in self.files if file.root in missing) if missing else ()

    def piece_size(self, index: int) -> int:
        """Return the bytes of a piece; in v2-only torrents the last piece of each file may be short."""
        if not 0 <= index < self.pieces:
            raise IndexError(index)
        if self.version == "v2":
            tree = self._trees[bisect_right(self._firsts, index) - 1]
            return min(self.piece_length, tree.length - (index - tree.first) * self.piece_length)
        return min(self.piece_length, self.length - index * self.piece_length)

    def piece_hashes(self, index: int) -> PieceHashes:
        """Return what a piece must hash to; IndexError outside the torrent."""
        if not 0 <= index < self.pieces:
            raise IndexError(index)
        at = self._hashes_at
        v1 = self.raw_info[at + 20 * index : at + 20 * index + 20] if at is not None else None
        if not self._trees:
            return PieceHashes(v1, None, 0, 0)
        tree = self._trees[bisect_right(self._firsts, index) - 1]
        nth = index - tree.first
        v2: bytes | None
        if tree.length <= self.piece_length:
            v2 = tree.root
        else:
            v2 = tree.layer[32 * nth : 32 * nth + 32] if tree.layer is not None else None
        return PieceHashes(v1, v2, min(self.piece_length, tree.length - nth * self.piece_length), tree.leaves)

    @classmethod
    def from_bytes(cls, data: bytes, *, max_size: int = limits.MAX_TORRENT_SIZE) -> Metainfo:
        """Read a .torrent file; MetainfoError when it is not an acceptable one."""
        if len(data) > max_size:
            raise MetainfoError(f"the file is larger than {max_size} bytes")
        data = bytes(data)
        try:
            document, spans, canonical = bencode.decode_document(data)
        except BencodeError as error:
            raise MetainfoError(f"this is not a .torrent file: {error}") from None
        if b"info" not in document:
            raise MetainfoError("this is not a .torrent file: it has no 'info'")
        info = document[b"info"]
        start, end = spans[b"info"]
        notes = [] if canonical else ["keys are out of order; the hash is that of the file"]
        layers = info_v2.read_layers(document.get(b"piece layers"))
        outer = Outer(
            trackers=fields.tiers(document, notes),
            web_seeds=fields.urls(document.get(b"url-list"), fields.SEED_SCHEMES, limits.MAX_SEEDS),
            http_seeds=fields.urls(document.get(b"httpseeds"), fields.SEED_SCHEMES, limits.MAX_SEEDS),
            nodes=fields.nodes(document.get(b"nodes")),
            comment=fields.text(document, b"comment", fields.encoding(document)),
            created_by=fields.text(document, b"created by", fields.encoding(document), 256),
            creation_date=fields.date(document.get(b"creation date")),
            similar=fields.hashes(document.get(b"similar")),
            collections=fields.words(document.get(b"collections")),
            layers=layers,
        )
        found = _assemble(data[start:end], info, outer, notes, fields.encoding(document))
        if found.missing_layers:
            raise MetainfoError("'piece layers' lacks a file")
        return found

    @classmethod
    def from_info(
        cls,
        raw_info: bytes,
        *,
        trackers: tuple[tuple[str, ...], ...] = (),
        web_seeds: tuple[str, ...] = (),
        piece_layers: Mapping[bytes, bytes] | None = None,
    ) -> Metainfo:
        """Read an info dictionary that came from peers (BEP 9); v2 piece layers may be missing or partial."""
        if len(raw_info) > limits.MAX_INFO_SIZE:
            raise MetainfoError(f"the info dictionary is larger than {limits.MAX_INFO_SIZE} bytes")
        try:
            info = bencode.decode(raw_info)
        except BencodeError as error:
            raise MetainfoError(f"the info dictionary cannot be read: {error}") from None
        notes = [] if bencode.encode(info) == raw_info else ["keys are out of order; the hash is that of the file"]
        outer = Outer(trackers=trackers, web_seeds=web_seeds, layers=dict(piece_layers or {}))
        return _assemble(bytes(raw_info), info, outer, notes, "")

    def with_layers(self, layers: Mapping[bytes, bytes]) -> Metainfo:
        """Return this torrent with piece layers learnt from peers, by root; MetainfoError when one is wrong."""
        trees = list(self._trees)
        for index, tree in enumerate(trees):
            layer = layers.get(tree.root)
            if layer is not None and tree.layer is None and tree.length > self.piece_length:
                info_v2.check_layer(tree.length, tree.root, layer, self.piece_length)
                trees[index] = replace(tree, layer=layer)
        return replace(self, _trees=tuple(trees))

    def piece_layers(self) -> dict[bytes, bytes]:
        """Return the known v2 layers: joined piece hashes by root, for files longer than a piece."""
        return {tree.root: tree.layer for tree in self._trees if tree.layer is not None}

    def to_bytes(self) -> bytes:
        """Return a .torrent file with the same info dictionary, byte for byte."""
        outer = Outer(
            trackers=self.trackers,
            web_seeds=self.web_seeds,
            http_seeds=self.http_seeds,
            nodes=self.nodes,
            comment=self.comment,
            created_by=self.created_by,
            creation_date=self.creation_date,
            similar=self.similar,
            collections=self.collections,
            layers=self.piece_layers(),
        )
        return write(self.raw_info, outer)

    def magnet(self) -> Magnet:
        """Return the link to this torrent, with its trackers and web seeds."""
        return Magnet(
            info_hash_v1=self.info_hash_v1,
            info_hash_v2=self.info_hash_v2,
            name=self.name,
            trackers=tuple(url for tier in self.trackers for url in tier),
            web_seeds=self.web_seeds,
            length=self.size,
        )


def _assemble(raw_info: bytes, info: Value, outer: Outer, notes: list[str], encoding: str) -> Metainfo:
    if not isinstance(info, dict):
        raise MetainfoError("'info' is not a dictionary")
    v2 = sha256(raw_info).digest()
    v1 = sha1(raw_info).digest()
    parsed = info_dictionary.read(info, encoding=encoding, fallback_name=v1.hex())
    trees: tuple[_Tree, ...] = ()
    if parsed.version != "v1":
        trees = _trees(parsed.entries, parsed.piece_length, outer.layers)
    pieces = -(-parsed.length // parsed.piece_length)
    notes = notes + parsed.notes
    if len(notes) > limits.MAX_NOTES:
        notes = [*notes[: limits.MAX_NOTES - 1], f"and {len(notes) - limits.MAX_NOTES + 1} more"]
    return Metainfo(
        name=parsed.name,
        info_hash_v1=v1 if parsed.version != "v2" else None,
        info_hash_v2=v2 if parsed.version != "v1" else None,
        version=parsed.version,
        piece_length=parsed.piece_length,
        pieces=pieces,
        length=parsed.length,
        size=sum(file.length for file in parsed.files if not file.is_pad),
        files=parsed.files,
        multi_file=parsed.multi_file,
        private=isinstance(info.get(b"private"), int) and info[b"private"] != 0,
        source=fields.text(info, b"source", encoding, 256),
        comment=outer.comment,
        created_by=outer.created_by,
        creation_date=outer.creation_date,
        trackers=outer.trackers,
        web_seeds=outer.web_seeds,
        http_seeds=outer.http_seeds,
        nodes=outer.nodes,
        similar=tuple(dict.fromkeys(outer.similar + fields.hashes(info.get(b"similar")))),
        collections=tuple(dict.fromkeys(outer.collections + fields.words(info.get(b"collections")))),
        notes=tuple(notes),
        raw_info=raw_info,
        _hashes_at=raw_info.find(parsed.hashes_v1) if parsed.hashes_v1 else None,  # not kept twice
        _trees=trees,
        _firsts=tuple(tree.first for tree in trees),
    )


def _trees(entries: list[Entry], piece_length: int, given: Mapping[bytes, bytes]) -> tuple[_Tree, ...]:
    layers = info_v2.choose_layers(entries, piece_length, given)
    trees: list[_Tree] = []
    first = 0
    for entry in entries:
        if entry.root is None:
            continue
        leaves = merkle.piece_leaves(entry.length, piece_length)
        trees.append(_Tree(first, entry.length, entry.root, layers.get(entry.root), leaves))
        first += -(-entry.length // piece_length)
    return tuple(trees)
