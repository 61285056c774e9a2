"""Does a whole download keep to its memory, beside others, on a disk that is slower than the peers?"""

from __future__ import annotations

import asyncio
import threading

import pytest

from tests.support.payload import sha256_tree
from tests.support.sessions import address, finished, make_sample
from torrent.storage import Buffers
from torrent.storage.files import Tree

PIECE = 512 * 1024
TURNS = 200


@pytest.fixture
async def slow_disk(monkeypatch):
    """Let a piece be written only after the loop has turned `TURNS` times since the last: all peers are faster."""
    tokens = threading.Semaphore(0)
    put = Tree.put

    def when_it_may(self, offset, view):
        with_token = tokens.acquire(timeout=60)
        assert with_token
        put(self, offset, view)

    async def clock():
        while True:
            for _ in range(TURNS):
                await asyncio.sleep(0)
            tokens.release()

    monkeypatch.setattr(Tree, "put", when_it_may)
    ticking = asyncio.create_task(clock())
    yield
    ticking.cancel()
    await asyncio.wait([ticking])


@pytest.fixture
def watched(monkeypatch):
    """Note the most bytes that were out, and out or kept, of any budget."""
    peaks = {"out": 0, "all": 0}
    take = Buffers.take

    def noted(self, size):
        buffer = take(self, size)
        peaks["out"] = max(peaks["out"], self.out)
        peaks["all"] = max(peaks["all"], self.out + self.kept)
        return buffer

    monkeypatch.setattr(Buffers, "take", noted)
    return peaks


async def test_many_fast_peers_and_a_slow_disk(sessions, tmp_path, slow_disk, watched):
    sample = make_sample(tmp_path / "seed", 40 * PIECE, version="v1", piece_length=PIECE)
    seeds = [await sessions() for _ in range(8)]
    for seed in seeds:
        await seed.add(sample.metainfo, sample.folder)
    leech = await sessions(memory=4 * PIECE)
    torrent = await leech.add(sample.metainfo, tmp_path / "copy", peers=[address(seed) for seed in seeds])
    await finished(torrent)
    assert sha256_tree(tmp_path / "copy" / "data") == sample.digests
    assert watched["out"] == watched["all"] == 4 * PIECE
    assert leech._disk.buffers.out == 0 and leech._disk.buffers.kept <= 1 << 20


async def test_torrents_of_large_and_small_pieces_share_less_than_a_large_piece(sessions, tmp_path, slow_disk, watched):
    sizes = ((8 * PIECE, 16), (2 * PIECE, 4), (65536, 4))
    samples = [
        make_sample(tmp_path / "seed", total * PIECE, name=f"data{n}", seed=n, version="v1", piece_length=size)
        for n, (size, total) in enumerate(sizes)
    ]
    seeds = [await sessions() for _ in range(2)]
    for seed in seeds:
        for sample in samples:
            await seed.add(sample.metainfo, sample.folder)
    leech = await sessions(memory=2 * PIECE)
    peers = [address(seed) for seed in seeds]
    torrents = [await leech.add(sample.metainfo, tmp_path / "copy", peers=peers) for sample in samples]
    await finished(*torrents)
    for sample in samples:
        assert sha256_tree(tmp_path / "copy" / sample.metainfo.name) == sample.digests
    assert watched["out"] == watched["all"] == 8 * PIECE, "the large pieces, one at a time"
