"""How do storage tests get torrents, disks and crashes?"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.payload import tree
from torrent.config import DiskConfig
from torrent.create import create
from torrent.metainfo import Metainfo
from torrent.storage import Disk, Store

SIZES = {"a/one.bin": 100_000, "a/two.bin": 5_000, "b/empty": 0, "b/three.bin": 70_001, "four.bin": 33_000}


@dataclass
class Sample:
    """A torrent, and the folder that holds its complete data."""

    metainfo: Metainfo
    source: Path
    data: bytes
    """All of piece space."""

    def piece(self, index: int) -> bytearray:
        start = index * self.metainfo.piece_length
        return bytearray(self.data[start : start + self.metainfo.piece_size(index)])


def space(metainfo: Metainfo, folder: Path) -> bytes:
    data = bytearray(metainfo.length)
    for file in metainfo.files:
        if not (file.is_pad or file.is_symlink):
            data[file.offset : file.end] = folder.joinpath(*file.path).read_bytes()
    return bytes(data)


Make = Callable[..., Sample]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Return a function that makes a torrent of random files."""

    def made(
        sizes: Mapping[str, int] | None = None, *, version: str = "v1", piece_length: int = 16384, name: str = "data"
    ) -> Sample:
        source = tmp_path / f"source-{version}"
        if sizes is not None and list(sizes) == [""]:
            tree(source, {name: sizes[""]})
        else:
            tree(source / name, SIZES if sizes is None else sizes)
        raw = create(source / name, version=version, piece_length=piece_length)  # type: ignore[arg-type]
        metainfo = Metainfo.from_bytes(raw)
        return Sample(metainfo, source, space(metainfo, source))

    return made


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state"


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "target"


@pytest.fixture
async def disks(state: Path) -> AsyncIterator[Callable[..., Disk]]:
    """Return a function that makes disks sharing one state folder; they are closed at the end."""
    made: list[Disk] = []

    def fresh(boot: str = "boot-1", **settings: int) -> Disk:
        disk = Disk(DiskConfig(**settings), state, boot=boot)
        disk._pool.look_again = 0.0
        made.append(disk)
        return disk

    yield fresh
    for disk in made:
        await disk.close()


@pytest.fixture
def write() -> Callable[..., object]:
    """Return a coroutine function that writes pieces and returns what `done` was told, in order of the pieces."""
    import asyncio

    async def written(store: Store, sample: Sample, pieces: list[int] | None = None) -> list[tuple[bool, object]]:
        todo = list(range(sample.metainfo.pieces)) if pieces is None else pieces
        told: dict[int, tuple[bool, object]] = {}
        finished = asyncio.get_running_loop().create_future()

        def done(piece: int, good: bool, error: object) -> None:
            told[piece] = (good, error)
            if len(told) == len(todo):
                finished.set_result(None)

        for piece in todo:
            store.write(piece, sample.piece(piece), done)
        if todo:
            await finished
        return [told[piece] for piece in todo]

    return written


@pytest.fixture
def read() -> Callable[..., object]:
    """Return a coroutine function that reads a block through `Store.read` and returns the bytes or raises."""
    import asyncio

    async def got(store: Store, piece: int, begin: int, length: int) -> bytes:
        buffer = bytearray(length)
        future = asyncio.get_running_loop().create_future()
        store.read(piece, begin, length, memoryview(buffer), future.set_result)
        error = await future
        if error is not None:
            raise error
        return bytes(buffer)

    return got
