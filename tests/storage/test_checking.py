"""Are all pieces judged once, in batches, and is the loop told how far it is?"""

from __future__ import annotations

import asyncio

import pytest

from torrent.storage import Descriptors, Tree, batches, good_pieces, layout_of
from torrent.storage import checking as checking_module
from torrent.storage.checking import check_pieces
from torrent.storage.workers import Workers


@pytest.fixture
async def workers():
    mine = Workers(2, "t")
    yield mine
    await mine.close()


@pytest.fixture
def checking(make):
    sample = make({"a": 300_000, "b": 77})
    tree = Tree(sample.source, layout_of(sample.metainfo), Descriptors(8))
    yield sample, tree
    tree.close()


def test_batches_hold_every_piece_once():
    assert [list(b) for b in batches([1, 2, 5], lambda _: 1 << 25)] == [[1], [2], [5]]
    assert [p for b in batches(range(1000), lambda _: 16384) for p in b] == list(range(1000))
    assert all(len(b) * 16384 <= checking_module.BATCH for b in batches(range(10_000), lambda _: 16384))
    assert [list(b) for b in batches([0, 1, 2, 3], [5, 5, 11, 1].__getitem__, 10)] == [[0, 1], [2], [3]]
    assert not list(batches([], len))


async def test_all_are_judged_and_progress_only_grows(workers, checking, monkeypatch):
    monkeypatch.setattr(checking_module, "BATCH", 3 * 16384)
    sample, tree = checking
    path = sample.source / "data" / "a"
    data = bytearray(path.read_bytes())
    data[16384 * 4] ^= 1
    path.write_bytes(data)
    seen = []
    pieces = range(sample.metainfo.pieces)
    good = await check_pieces(workers, tree, sample.metainfo, pieces, lambda *told: seen.append(told))
    assert good == (1 << len(pieces)) - 1 & ~(1 << 4)
    assert seen == sorted(seen) and seen[-1] == (300_077, 300_077) and len(seen) == 7


async def test_nothing_to_check(workers, checking):
    sample, tree = checking
    assert await check_pieces(workers, tree, sample.metainfo, []) == 0


async def test_a_missing_file_is_bad_pieces_not_an_error(workers, checking):
    sample, tree = checking
    (sample.source / "data" / "b").unlink()
    last = sample.metainfo.pieces - 1
    assert good_pieces(tree.fill, sample.metainfo, [0, last], memoryview(bytearray(1 << 20))) == [0]
    assert good_pieces(tree.fill, sample.metainfo, [0, last], memoryview(bytearray(100_000))) == [0]


async def test_a_bug_in_a_thread_arrives_at_the_caller(workers, checking, monkeypatch):
    sample, tree = checking
    monkeypatch.setattr(tree, "fill", lambda *_: 1 // 0)
    with pytest.raises(ZeroDivisionError):
        await check_pieces(workers, tree, sample.metainfo, range(sample.metainfo.pieces))


async def test_cancelling_stops_feeding(workers, checking, monkeypatch):
    monkeypatch.setattr(checking_module, "BATCH", 1)
    sample, tree = checking
    started = asyncio.Event()
    seen = []

    def progress(done, total):
        seen.append(done)
        started.set()

    task = asyncio.ensure_future(check_pieces(workers, tree, sample.metainfo, range(sample.metainfo.pieces), progress))
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    count = len(seen)
    await workers.run(lambda: None)
    await workers.run(lambda: None)
    assert len(seen) == count


async def test_no_memory_is_held_when_a_check_is_over(make, disks, target, write, monkeypatch):
    rooms = []

    class Watched(checking_module.Rooms):
        def __init__(self, *arguments, **more):
            super().__init__(*arguments, **more)
            rooms.append(self)

    monkeypatch.setattr(checking_module, "Rooms", Watched)
    sample = make()
    store = await disks().open(sample.metainfo, target)
    await write(store, sample)
    assert await store.check()
    assert rooms and not any(room._spare for room in rooms)
