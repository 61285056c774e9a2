"""Killed at any moment: is every piece that was reported as written had afterwards, and nothing else believed?"""

from __future__ import annotations

import contextlib
import copy
import errno
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.payload import sha256_tree
from torrent.errors import DiskError, InputError
from torrent.storage import files
from torrent.storage import store as store_module
from torrent.storage.layout import indices

VICTIM = """
import asyncio, sys
from pathlib import Path
from torrent.config import DiskConfig
from torrent.metainfo import Metainfo
from torrent.storage import Disk, store as store_module
torrent, source, target, state, save_every = sys.argv[1:]
store_module.SAVE_EVERY = float(save_every)

async def main():
    metainfo = Metainfo.from_bytes(Path(torrent).read_bytes())
    disk = Disk(DiskConfig(), Path(state), boot="boot-1")
    original = await Disk(DiskConfig(), None).open(metainfo, Path(source))
    store = await disk.open(metainfo, Path(target))
    print("had", *[p for p in range(metainfo.pieces) if store.have >> p & 1], flush=True)
    def done(piece, good, error):
        assert good, error
        print("wrote", piece, flush=True)
    for piece in range(metainfo.pieces):
        if not store.have >> piece & 1:
            buffer = bytearray(metainfo.piece_size(piece))
            original._tree.fill(piece * metainfo.piece_length, memoryview(buffer))
            store.write(piece, buffer, done)
            if piece % 3 == 0:
                await asyncio.sleep(0.002)
    while not store.complete:
        await asyncio.sleep(0.01)
    print("complete", flush=True)
    await asyncio.sleep(60)

asyncio.run(main())
"""


def run_and_kill(argv: list[str], patience: int) -> tuple[set[int], set[int]]:
    """Kill the victim after `patience` pieces; return what it had at the start and what it reported as written."""
    process = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)
    had: set[int] = set()
    wrote: set[int] = set()
    assert process.stdout is not None
    for line in process.stdout:
        word, *numbers = line.split()
        if word == "had":
            had.update(map(int, numbers))
        elif word == "wrote":
            wrote.add(int(numbers[0]))
        if word == "complete" or len(wrote) >= patience:
            break
    process.kill()
    process.communicate()
    return had, wrote


@pytest.mark.parametrize(("version", "save_every"), [("v1", 0.02), ("v1", 2.0), ("hybrid", 0.02)])
async def test_killed_again_and_again(version, save_every, make, disks, state, target, tmp_path):
    sample = make({"big": 1_500_000, "a/small": 20_000, "a/tiny": 10, "c": 300_000}, version=version)
    torrent = tmp_path / "t.torrent"
    torrent.write_bytes(sample.metainfo.to_bytes())
    rng = random.Random(f"{version}/{save_every}")
    argv = [sys.executable, "-c", VICTIM, torrent, sample.source, target, state, save_every]
    reported: set[int] = set()
    for _ in range(4):
        had, wrote = run_and_kill([str(a) for a in argv], rng.randrange(1, 60))
        assert reported <= had, "a piece that was written is not had after the kill"
        reported |= wrote
    seen: list[int] = []
    store = await disks("boot-1").open(sample.metainfo, target, on_progress=lambda done, total: seen.append(done))
    had = {p for p in range(sample.metainfo.pieces) if store.have >> p & 1}
    assert reported <= had
    good = await store.check(had)
    assert good == store.have, "a piece is claimed that is not there"
    missing = [p for p in range(sample.metainfo.pieces) if p not in had]
    for piece in missing:
        store._tree.put(piece * sample.metainfo.piece_length, memoryview(sample.piece(piece)))
    assert sha256_tree(target) == sha256_tree(sample.source)


async def test_after_a_kill_only_what_the_record_missed_is_hashed(make, disks, state, target, write):
    sample = make({"x": 3_000_000})
    disk = disks("boot-1")
    store = await disk.open(sample.metainfo, target)
    await write(store, sample, list(range(100)))
    await store.sync()
    await write(store, sample, [120, 150])
    # The process dies here: the last two pieces are on disk, the record does not know them.
    store._timer.cancel()
    disk._background.submit = lambda *_: None
    store._journal._record.unlock()
    seen: list[int] = []
    again = await disks("boot-1").open(sample.metainfo, target, on_progress=lambda done, total: seen.append(done))
    assert again.have == store.have
    assert seen[-1] == 2 * 16384
    del disk._background.submit


@pytest.mark.parametrize("seed", range(25))
async def test_power_cuts_never_leave_a_claim_without_its_data(seed, make, disks, target, write, monkeypatch):
    """Writes that were not flushed when the power went are lost, kept or torn at random; the record file survives."""
    rng = random.Random(seed)
    sample = make({"a": 120_000, "b": 30_000, "c/d": 200_000}, version=rng.choice(["v1", "hybrid"]))
    monkeypatch.setattr(store_module, "CLOSE_SYNC_LIMIT", -1)
    real_sync = files.Tree.sync_place
    safe: dict[int, bytes] = {}

    def sync_place(tree: files.Tree, place: int) -> None:
        real_sync(tree, place)
        safe[place] = tree.root.joinpath(*tree.layout.path(place)).read_bytes()

    monkeypatch.setattr(files.Tree, "sync_place", sync_place)
    disk = disks("boot-1")
    store = await disk.open(sample.metainfo, target)
    order = list(range(sample.metainfo.pieces))
    rng.shuffle(order)
    while order and rng.random() < 0.85:
        count = rng.randrange(1, 6)
        await write(store, sample, order[:count])
        del order[:count]
        if rng.random() < 0.4:
            await store.sync()
    claimed_synced = store._synced
    await disk.close()

    for index in store.layout.real:
        path = target.joinpath(*store.layout.path(index))
        if not path.exists():
            continue
        now, then = path.read_bytes(), safe.get(index)
        if then is None and rng.random() < 0.3:
            path.unlink()
            continue
        after = bytearray(then or bytes(len(now)))
        for at in range(0, len(now), 4096):
            if rng.random() < 0.5:
                after[at : at + 4096] = now[at : at + 4096]
        path.write_bytes(after)
    store = await disks("boot-2").open(sample.metainfo, target)
    assert not claimed_synced & ~store.have, "what was flushed is lost"
    assert await store.check() & store.have == store.have
    await write(store, sample)
    assert sha256_tree(target) == sha256_tree(sample.source)


def open_descriptors() -> int:
    """Return how many descriptors this process has open; 0 where that cannot be seen."""
    folder = Path("/proc/self/fd")
    return len(list(folder.iterdir())) if folder.exists() else 0


CALLS = ("open", "pwrite", "preadv", "fstat", "stat", "ftruncate", "mkdir", "fsync", "fdatasync", "lseek", "unlink")


@pytest.mark.parametrize("kind", [OSError(errno.EIO, "injected"), OSError(errno.ENOSPC, "injected"), MemoryError()])
@pytest.mark.parametrize("seed", range(4))
async def test_failing_calls_only_make_reported_errors(kind, seed, make, disks, target, write, read, monkeypatch):
    """Every system call of the room may fail at any time; the record stays good and the download completes after."""
    rng = random.Random(f"{kind!r}/{seed}")
    sample = make()
    armed = False
    hits = 0

    def faulty(real):
        def call(*args, **kwargs):
            nonlocal hits
            caller = sys._getframe(1)
            near = caller.f_code.co_filename + (caller.f_back.f_code.co_filename if caller.f_back else "")
            if armed and rng.random() < 0.08 and "torrent/storage/" in near:
                hits += 1
                raise copy.copy(kind)
            return real(*args, **kwargs)

        return call

    async def run(disk):
        """Go through a whole life on a failing machine; return what was had at the end."""
        try:
            store = await disk.open(sample.metainfo, target)
        except (DiskError, InputError):
            return 0
        for good, error in await write(store, sample):
            assert good is (error is None) and (error is None or isinstance(error, DiskError))
        for piece in indices(store.have, sample.metainfo.pieces):
            with contextlib.suppress(DiskError):
                assert await read(store, piece, 0, 1000) == sample.piece(piece)[:1000]
        with contextlib.suppress(DiskError):
            await store.sync()
        await store.close()
        return store.have

    before = open_descriptors()
    for name in CALLS:
        monkeypatch.setattr(os, name, faulty(getattr(os, name)))
    for _ in range(12):
        disk = disks("boot-1")
        armed = True
        try:
            had = await run(disk)
        finally:
            armed = False
        await disk.close()
        store = await disks("boot-1").open(sample.metainfo, target)
        assert not had & ~store.have, "a written piece is lost"
        assert await store.check() & store.have == store.have
        await store.close()
    assert hits > 5
    assert open_descriptors() <= before + 1, "descriptors are lost"
    store = await disks("boot-1").open(sample.metainfo, target)
    await write(store, sample)
    assert sha256_tree(target) == sha256_tree(sample.source)


def test_a_file_size_limit_is_a_plain_error(make, tmp_path):
    sample = make({"x": 400_000})
    torrent = tmp_path / "t.torrent"
    torrent.write_bytes(sample.metainfo.to_bytes())
    limited = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (200000, 200000))\n" + VICTIM.replace(
        "assert good, error", "error and (print(error, flush=True), __import__('os')._exit(3))"
    )
    argv = [sys.executable, "-c", limited, torrent, sample.source, tmp_path / "out", tmp_path / "state", 2.0]
    done = subprocess.run([str(a) for a in argv], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 3 and "cannot write" in done.stdout and "larger than the disk" in done.stdout
