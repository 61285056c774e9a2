"""Does what is written come back, and is nothing believed that was not written?"""

from __future__ import annotations

import asyncio
import errno
import os
from pathlib import Path

import pytest

from tests.support.payload import sha256_tree
from torrent.errors import DiskError, DiskFullError
from torrent.storage import files


@pytest.mark.parametrize("version", ["v1", "v2", "hybrid"])
async def test_a_whole_torrent_is_written_and_read_back(version, make, disks, target, write, read):
    sample = make(version=version)
    store = await disks().open(sample.metainfo, target)
    assert store.have == 0 and store.path == target / "data"
    assert await write(store, sample) == [(True, None)] * sample.metainfo.pieces
    assert store.complete
    assert sha256_tree(target) == sha256_tree(sample.source)
    for piece in range(sample.metainfo.pieces):
        size = sample.metainfo.piece_size(piece)
        assert await read(store, piece, 0, size) == sample.piece(piece)
        into = bytearray(size - 7)
        if store.read_now(piece, 7, size - 7, memoryview(into)):
            assert into == sample.piece(piece)[7:]
    await store.close()


async def test_a_single_file(make, disks, target, write):
    sample = make({"": 50_000}, name="alone.bin")
    store = await disks().open(sample.metainfo, target)
    await write(store, sample)
    assert store.path == target / "alone.bin"
    assert sha256_tree(target) == sha256_tree(sample.source)


async def test_a_wrong_piece_is_refused_and_nothing_is_written(make, disks, target, write):
    sample = make()
    store = await disks().open(sample.metainfo, target)
    broken = sample.piece(3)
    broken[5] ^= 1
    told = asyncio.get_running_loop().create_future()
    store.write(3, broken, lambda *result: told.set_result(result))
    assert await told == (3, False, None)
    assert store.have == 0
    assert not (target / "data" / "a" / "one.bin").exists()


async def test_completions_are_delivered_on_the_loop_thread_in_one_batch(make, disks, target, write):
    import threading

    sample = make({"x": 1_000_000})
    store = await disks().open(sample.metainfo, target)
    seen = set()
    left = sample.metainfo.pieces
    finished = asyncio.get_running_loop().create_future()

    def done(piece, good, error):
        nonlocal left
        seen.add(threading.current_thread())
        left -= 1
        if not left:
            finished.set_result(None)

    for piece in range(sample.metainfo.pieces):
        store.write(piece, sample.piece(piece), done)
    await finished
    assert seen == {threading.main_thread()}


async def test_short_writes_are_continued(make, disks, target, write, monkeypatch):
    real = os.pwrite
    monkeypatch.setattr(files.os, "pwrite", lambda fd, view, at: real(fd, view[: min(len(view), 1000)], at))
    sample = make()
    store = await disks().open(sample.metainfo, target)
    await write(store, sample)
    assert sha256_tree(target) == sha256_tree(sample.source)


@pytest.mark.parametrize(
    ("code", "kind", "words"),
    [
        (errno.ENOSPC, DiskFullError, "no space left"),
        (errno.EDQUOT, DiskFullError, "quota"),
        (errno.EIO, DiskError, "input/output"),
        (errno.EROFS, DiskError, "read-only"),
        (errno.EACCES, DiskError, "permission"),
    ],
)
async def test_a_failed_write_marks_nothing_and_the_next_one_goes_on(
    code, kind, words, make, disks, target, write, monkeypatch
):
    sample = make()
    store = await disks().open(sample.metainfo, target)
    with monkeypatch.context() as patch:

        def fail(*_):
            raise OSError(code, "injected")

        patch.setattr(files.os, "pwrite", fail)
        results = await write(store, sample, [0, 1])
    assert store.have == 0
    for good, error in results:
        assert not good and type(error) is kind and words in str(error) and "one.bin" in str(error)
    await write(store, sample)
    assert sha256_tree(target) == sha256_tree(sample.source)


async def test_a_piece_that_fails_halfway_is_not_had_after_a_restart(make, disks, target, write, monkeypatch):
    sample = make()
    disk = disks()
    store = await disk.open(sample.metainfo, target)
    crossing = next(p for p in range(sample.metainfo.pieces) if len(store.layout.files_of(p)) > 1)
    real, calls = os.pwrite, []

    def second_fails(fd, view, at):
        calls.append(at)
        if len(calls) > 1:
            raise OSError(errno.ENOSPC, "injected")
        return real(fd, view, at)

    with monkeypatch.context() as patch:
        patch.setattr(files.os, "pwrite", second_fails)
        ((good, error),) = await write(store, sample, [crossing])
    assert not good and isinstance(error, DiskFullError)
    await store.close()
    assert (await disk.open(sample.metainfo, target)).have == 0


async def test_a_file_cut_short_is_an_error_not_garbage(make, disks, target, write, read):
    sample = make({"x": 100_000})
    store = await disks().open(sample.metainfo, target)
    await write(store, sample)
    os.truncate(target / "data" / "x", 20_000)
    assert not store.read_now(3, 0, 16384, memoryview(bytearray(16384)))
    with pytest.raises(DiskError, match="shorter"):
        await read(store, 3, 0, 16384)
    assert await read(store, 0, 0, 16384) == sample.piece(0)


async def test_a_vanished_file_fails_until_it_is_checked_and_is_then_fetched_again(make, disks, target, write, read):
    sample = make()
    store = await disks().open(sample.metainfo, target)
    await write(store, sample)
    (target / "data" / "a" / "one.bin").unlink()
    assert not store.read_now(0, 0, 100, memoryview(bytearray(100)))
    with pytest.raises(DiskError, match="gone"):
        await read(store, 0, 0, 100)
    ((good, error),) = await write(store, sample, [0])
    assert not good and "gone" in str(error)
    assert not (target / "data" / "a" / "one.bin").exists()
    touched = store.layout.pieces_of(0) if sample.metainfo.files[0].path[-1] == "one.bin" else range(7)
    good_bits = await store.check()
    assert good_bits == store.have
    lost = [piece for piece in range(sample.metainfo.pieces) if not store.have >> piece & 1]
    assert lost == list(touched)
    await write(store, sample, lost)
    assert sha256_tree(target) == sha256_tree(sample.source)


async def test_check_finds_the_changed_piece_and_reports_bytes(make, disks, target, write):
    sample = make({"x": 200_000})
    store = await disks().open(sample.metainfo, target)
    await write(store, sample)
    with (target / "data" / "x").open("r+b") as file:
        file.seek(5 * 16384 + 3)
        file.write(b"\0\0\0\0")
    seen = []
    good = await store.check(on_progress=lambda done, total: seen.append((done, total)))
    assert good == ((1 << sample.metainfo.pieces) - 1) & ~(1 << 5)
    assert seen[-1] == (200_000, 200_000)


async def test_a_closed_store_refuses_work(make, disks, target, write, read):
    sample = make()
    store = await disks().open(sample.metainfo, target)
    await store.close()
    await store.close()
    ((good, error),) = await write(store, sample, [0])
    assert not good and "closed" in str(error)
    with pytest.raises(DiskError, match="closed"):
        await read(store, 0, 0, 10)
    with pytest.raises(DiskError, match="closed"):
        await store.check()


def open_descriptors() -> int:
    """Return how many descriptors this process has open; 0 where that cannot be seen."""
    folder = Path("/proc/self/fd")
    return len(list(folder.iterdir())) if folder.exists() else 0


async def test_many_files_need_few_descriptors(make, disks, target, write):
    sample = make({f"d{n % 7}/{n:04}": 700 for n in range(600)})
    before = open_descriptors()
    store = await disks(open_files=16).open(sample.metainfo, target)
    await write(store, sample)
    assert open_descriptors() - before < 16 + 64
    assert sha256_tree(target) == sha256_tree(sample.source)
    await store.close()
    assert open_descriptors() <= before + 2


async def test_executables_and_inside_links_are_made_at_completion(disks, target, write, tmp_path):
    from torrent.create import create
    from torrent.metainfo import Metainfo
    from torrent.terms import BLOCK_SIZE

    source = tmp_path / "src" / "data"
    (source / "bin").mkdir(parents=True)
    (source / "bin" / "run").write_bytes(b"#!/bin/sh\n" * 5000)
    (source / "bin" / "run").chmod(0o755)
    (source / "run").symlink_to("bin/run")
    metainfo = Metainfo.from_bytes(create(source, version="v1", piece_length=BLOCK_SIZE, links="keep"))
    store = await disks().open(metainfo, target)
    data = (source / "bin" / "run").read_bytes()

    class Whole:
        def __init__(self):
            self.metainfo = metainfo

        def piece(self, index):
            return bytearray(data[index * BLOCK_SIZE : (index + 1) * BLOCK_SIZE])

    await write(store, Whole(), [0, 1])
    assert not (target / "data" / "run").is_symlink()
    await write(store, Whole())
    assert (target / "data" / "run").readlink() == Path("bin/run")
    assert os.access(target / "data" / "bin" / "run", os.X_OK)
