"""What does the v2 half of an info dictionary say (BEP 52), and do its piece layers prove it?

Files come out in the order of the tree, which is the order of the piece space; each starts on a piece boundary.
A hostile tree may nest deep (walked with a stack, bounded by bencode and `MAX_PATH_DEPTH`) and wide at the bottom
(`MAX_COMPONENTS`), be a file and a folder at once, carry roots of the wrong size, or layers that do not hash to their
root (`check_layer`).
"""

from __future__ import annotations

from collections.abc import Mapping

from torrent.bencode import Value
from torrent.errors import MetainfoError
from torrent.metainfo import fields, limits, merkle
from torrent.metainfo.info_v1 import Entry
from torrent.metainfo.names import RawPath


def read(info: dict[bytes, Value], piece_length: int) -> list[Entry]:
    """Return the files of `file tree` in order; paths as in the tree."""
    if piece_length < limits.MIN_V2_PIECE_LENGTH or piece_length & (piece_length - 1):
        raise MetainfoError("v2 needs a piece length that is a power of two, at least 16 KiB")
    tree = info.get(b"file tree")
    if not isinstance(tree, dict) or not tree:
        raise MetainfoError("'file tree' is missing or empty")
    if b"" in tree:
        raise MetainfoError("the root of 'file tree' cannot be a file")
    entries: list[Entry] = []
    pieces = components = 0
    todo: list[tuple[RawPath, Value]] = [((name,), node) for name, node in reversed(tree.items())]
    while todo:
        path, node = todo.pop()
        if not isinstance(node, dict):
            raise MetainfoError("a place in 'file tree' is not a dictionary")
        if b"" not in node:
            if len(path) >= limits.MAX_PATH_DEPTH:
                raise MetainfoError(f"folders are nested deeper than {limits.MAX_PATH_DEPTH}")
            todo.extend(((*path, name), below) for name, below in reversed(node.items()))
            continue
        if len(node) != 1:
            raise MetainfoError("a place in 'file tree' is a file and a folder at once")
        entry = _file(path, node[b""])
        components += len(path)
        if components > limits.MAX_COMPONENTS:
            raise MetainfoError(f"the paths together have more than {limits.MAX_COMPONENTS} components")
        pieces += -(-entry.length // piece_length)
        if pieces > limits.MAX_PIECES:
            raise MetainfoError(f"more than {limits.MAX_PIECES} pieces")
        entries.append(entry)
    if not entries:
        raise MetainfoError("'file tree' holds no file")
    return entries


def _file(path: RawPath, leaf: Value) -> Entry:
    if not isinstance(leaf, dict):
        raise MetainfoError("a file in 'file tree' is not a dictionary")
    attr = fields.attributes(leaf)
    if "p" in attr:
        raise MetainfoError("a v2 torrent has no padding files")
    if "l" in attr:
        return Entry(path, 0, attr, None, fields.raw_path(leaf.get(b"symlink path")) or ())
    length = fields.need_int(leaf, b"length", 0, limits.MAX_LENGTH)
    root: bytes | None = None
    if length:
        root = fields.need_bytes(leaf, b"pieces root")
        if len(root) != merkle.HASH_SIZE:
            raise MetainfoError("'pieces root' is not 32 bytes")
    return Entry(path, length, attr, root)


def check_layer(entry_length: int, root: bytes, layer: bytes, piece_length: int) -> None:
    """Prove that `layer` is the piece layer of the file with that root; MetainfoError otherwise."""
    if len(layer) != merkle.HASH_SIZE * -(-entry_length // piece_length):
        raise MetainfoError("a piece layer has the wrong size")
    if merkle.file_root(layer, piece_length) != root:
        raise MetainfoError("a piece layer does not match its root")


def read_layers(value: Value | None) -> dict[bytes, bytes]:
    """Return `piece layers` as a dictionary of strings; unproven."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise MetainfoError("'piece layers' is not a dictionary")
    layers: dict[bytes, bytes] = {}
    for root, layer in value.items():
        if not isinstance(layer, bytes):
            raise MetainfoError("a piece layer is not a string")
        layers[root] = layer
    return layers


def choose_layers(entries: list[Entry], piece_length: int, given: Mapping[bytes, bytes]) -> dict[bytes, bytes]:
    """Return the proven layers of all files longer than a piece; those not `given` are left out, others dropped."""
    layers: dict[bytes, bytes] = {}
    sizes: dict[bytes, int] = {}
    for entry in entries:
        if entry.root is None or entry.length <= piece_length:
            continue
        count = -(-entry.length // piece_length)
        if sizes.setdefault(entry.root, count) != count:
            raise MetainfoError("two files of different size have the same root")
        if entry.root in given and entry.root not in layers:
            check_layer(entry.length, entry.root, given[entry.root], piece_length)
            layers[entry.root] = given[entry.root]
    return layers
