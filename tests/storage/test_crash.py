"""Killed at any moment: is every piece that was reported as written had afterwards, and nothing else believed?"""

from __future__ import annotations

import random
import subprocess
import sys

import pytest

from tests.support.payload import sha256_tree

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
