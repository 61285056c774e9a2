"""Does the record follow the files, and does a failed flush never become a claim?"""

from __future__ import annotations

import pytest

from torrent.errors import DiskError
from torrent.storage import Descriptors, Record, Tree, journal, layout_of
from torrent.storage.journal import Claim, Journal


@pytest.fixture
def parts(make, target, state):
    sample = make({f"d/{n:03}": 20_000 for n in range(80)})
    tree = Tree(target, layout_of(sample.metainfo), Descriptors(8))
    record = Record(state, sample.metainfo.hex, target)
    yield sample, tree, record, Journal(sample.metainfo, tree, record, "boot-1", {}, clock_ns=lambda: 42)
    tree.close()


def put(sample, tree, *pieces):
    for piece in pieces:
        tree.put(piece * sample.metainfo.piece_length, memoryview(sample.piece(piece)))


def test_a_saved_record_says_what_is_there(parts):
    sample, tree, record, mine = parts
    put(sample, tree, 0)
    mine.save(Claim(1, 0, 5, 6), sync=False)
    found, _ = record.load()
    assert (found.have, found.synced, found.clean, found.uploaded, found.downloaded) == (1, 0, False, 5, 6)
    assert found.written_ns == 42 and found.boot_id == "boot-1"
    first = (tree.root / "data" / "d" / "000").stat()
    assert found.proofs[0] == (first.st_size, first.st_mtime_ns) and found.proofs[5].size == -1


def test_syncing_flushes_each_dirty_file_once(parts, monkeypatch):
    sample, tree, record, mine = parts
    flushed = []
    monkeypatch.setattr(tree, "sync_place", flushed.append)
    put(sample, tree, 0, 1)
    mine.save(Claim(3, 0, 0, 0), sync=True)
    assert flushed == [0, 1] and record.load()[0].synced == 3
    mine.save(Claim(3, 3, 0, 0), sync=True)
    assert flushed == [0, 1]


def test_many_files_are_flushed_at_once(parts, monkeypatch):
    sample, tree, _, mine = parts
    calls = []
    monkeypatch.setattr(tree, "sync_all", lambda: calls.append(1) or True)
    monkeypatch.setattr(tree, "sync_place", lambda _: pytest.fail("one by one"))
    put(sample, tree, *range(sample.metainfo.pieces))
    mine.save(Claim(1, 0, 0, 0), sync=True)
    assert calls == [1]


def test_a_failed_flush_is_never_claimed_then_or_later(parts, monkeypatch):
    sample, tree, record, mine = parts
    put(sample, tree, 0)
    with monkeypatch.context() as patch:

        def fail(_):
            raise OSError(5, "injected")

        patch.setattr(tree, "sync_place", fail)
        with pytest.raises(DiskError, match=r"cannot flush .*000"):
            mine.save(Claim(1, 0, 0, 0), sync=True)
    with pytest.raises(DiskError, match="earlier flush"):
        mine.save(Claim(1, 0, 0, 0), sync=True)
    mine.finish(Claim(1, 0, 0, 0, True), 1 << 30)
    found, _ = record.load()
    assert found.have == 1 and found.synced == 0 and found.clean


def test_the_last_record_waits_for_the_disk_only_when_there_is_little_to_flush(parts, monkeypatch):
    sample, tree, record, mine = parts
    put(sample, tree, 0, 1)
    mine.finish(Claim(3, 1, 0, 0, True), 1000)
    assert record.load()[0].synced == 1
    put(sample, tree, 2)
    mine.finish(Claim(7, 1, 0, 0, True), 1 << 20)
    assert record.load()[0].synced == 7


def test_the_lock_is_let_go_even_when_the_record_cannot_be_saved(parts, monkeypatch):
    _, _, record, mine = parts
    record.lock()

    def fail(_):
        raise DiskError("no")

    monkeypatch.setattr(record, "save", fail)
    with pytest.raises(DiskError):
        mine.finish(Claim(0, 0, 0, 0, True), 0)
    record.lock()
    record.unlock()


def test_many_is_a_number_a_test_can_reach():
    assert journal.MANY < 80
