"""Torrents of small payloads, hashed the slow and obvious way."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from hashlib import sha1
from typing import Any, TypeAlias

import pytest

from torrent.metainfo import FileEntry, build, merkle

Make: TypeAlias = Callable[..., bytes]


def make_torrent(
    files: Mapping[str, bytes], version: build.Version, piece_length: int = 16384, *, pad: bool = False, **options: Any
) -> bytes:
    """Return a .torrent of `files` by path; the path "" makes a single file."""
    entries = [FileEntry(tuple(path.split("/")) if path else (), len(data)) for path, data in files.items()]
    contents = list(files.values())
    plan = build.plan(entries, piece_length, version, pad=pad)
    space = bytearray(plan.length)
    roots: list[bytes | None] = []
    layers: list[bytes | None] = []
    for file in plan.files:
        data = b"" if file.source is None else contents[file.source]
        roots.append(None)
        layers.append(None)
        if not data:
            continue
        space[file.offset : file.offset + file.length] = data
        width = merkle.piece_leaves(len(data), piece_length)
        pieces = [merkle.piece_root(data[at : at + piece_length], width) for at in range(0, len(data), piece_length)]
        roots[-1] = merkle.file_root(pieces, piece_length) if len(pieces) > 1 else pieces[0]
        layers[-1] = b"".join(pieces)
    v1 = b"".join(sha1(space[at : at + piece_length]).digest() for at in range(0, plan.length, piece_length))
    options.setdefault("name", "t")
    return build.assemble(plan, v1_hashes=v1, v2_roots=roots, v2_layers=layers, **options)


@pytest.fixture
def make() -> Make:
    return make_torrent


@pytest.fixture(scope="session")
def payload() -> dict[str, bytes]:
    rng = random.Random(7)
    sizes = {"a": 40_000, "b": 32_768, "e": 0, "sub/c": 5, "z": 100_000}
    return {path: rng.randbytes(size) for path, size in sizes.items()}
