"""Does the record follow the files, and does a failed flush never become a claim?"""

from __future__ import annotations

from dataclasses import replace

import pytest

from torrent.errors import DiskError
from torrent.storage import Descriptors, Record, Tree, journal, layout_of
from torrent.storage.journal import Claim, Journal
from torrent.storage.resume import ABSENT, Proof


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


def again(parts, **past):
    """Return the journal of the next run, and the record it starts from."""
    sample, tree, record, mine = parts
    put(sample, tree, 0, 1)
    mine.finish(Claim(3, 0, 7, 8, True), 1 << 20)
    last = replace(record.load()[0], **past)
    proofs = dict(enumerate(last.proofs))
    boot = past.get("boot_id", "boot-1")
    return Journal(sample.metainfo, tree, record, "boot-1" if boot == "boot-1" else "boot-2", proofs, last=last), record


def test_a_record_that_says_it_all_is_left_alone(parts, monkeypatch):
    fresh, record = again(parts)
    monkeypatch.setattr(record, "save", lambda _: pytest.fail("saved"))
    assert fresh.says(Claim(3, 3, 7, 8))
    fresh.finish(Claim(3, 3, 7, 8, True), 0)


@pytest.mark.parametrize(
    "claim",
    [Claim(1, 1, 7, 8), Claim(3, 1, 7, 8), Claim(3, 3, 9, 8), Claim(3, 3, 7, 9)],
    ids=lambda claim: str(claim[:4]),
)
def test_whatever_is_new_is_not_said_yet(parts, claim):
    assert not again(parts)[0].says(claim)


@pytest.mark.parametrize("past", [{"clean": False}, {"have": 7}, {"proofs": (ABSENT,) * 81}, {"placed": frozenset()}])
def test_a_record_of_something_else_says_nothing(parts, past):
    fresh, record = again(parts, **past)
    assert fresh.says(Claim(3, 3, 7, 8)) == ("proofs" in past)  # the proofs are those of the record itself
    sample, tree = parts[0], parts[1]
    changed = Journal(sample.metainfo, tree, record, "boot-1", {0: Proof(1, 1)}, last=record.load()[0])
    assert not changed.says(Claim(3, 3, 7, 8))


def test_an_end_that_was_not_clean_is_always_saved(parts):
    fresh, record = again(parts)
    fresh.finish(Claim(3, 3, 7, 8, False), 0)
    assert not record.load()[0].clean


def test_once_the_record_was_saved_anew_the_old_one_says_nothing(parts):
    fresh, record = again(parts)
    fresh.save(Claim(3, 3, 7, 8), sync=False)
    assert not record.load()[0].clean and not fresh.says(Claim(3, 3, 7, 8))
    fresh.finish(Claim(3, 3, 7, 8, True), 0)
    assert record.load()[0].clean


def test_what_was_written_meanwhile_is_always_saved(parts):
    fresh, record = again(parts)
    put(parts[0], parts[1], 1)
    fresh.finish(Claim(3, 3, 7, 8, True), -1)
    first = (parts[1].root / "data" / "d" / "001").stat()
    assert record.load()[0].proofs[1] == (first.st_size, first.st_mtime_ns)


def test_the_record_of_an_earlier_boot_stands_if_all_of_it_was_flushed(parts):
    assert again(parts, boot_id="boot-0")[0].says(Claim(3, 3, 7, 8))
    assert not again(parts, boot_id="boot-0", synced=1)[0].says(Claim(3, 1, 7, 8))


# settled


@pytest.fixture
def settling(parts):
    sample, tree, record, _ = parts
    return sample, tree, record, Journal(sample.metainfo, tree, record, "boot-1", {}, clock_ns=lambda: 42, needed=3)


def test_the_record_of_a_complete_torrent_is_its_last(settling, monkeypatch):
    sample, tree, record, mine = settling
    put(sample, tree, 0)
    mine.save(Claim(1, 0, 5, 6), sync=False)
    assert not record.load()[0].clean
    put(sample, tree, 1)
    mine.save(Claim(3, 0, 5, 6), sync=False)
    found, _ = record.load()
    assert found.clean and found.synced == found.have == 3
    monkeypatch.setattr(record, "save", lambda _: pytest.fail("saved"))
    mine.finish(Claim(3, 3, 5, 6, True), 1 << 20)


def test_a_piece_that_is_gone_unsettles_it(settling):
    _, _, record, mine = settling
    mine.save(Claim(3, 3, 0, 0), sync=False)
    assert record.load()[0].clean
    mine.save(Claim(1, 1, 0, 0), sync=False)
    assert not record.load()[0].clean


def test_what_an_earlier_run_did_not_flush_is_flushed_before_it_is_claimed(settling, monkeypatch):
    sample, tree, record, mine = settling
    put(sample, tree, 0, 1)
    tree.take_dirty()  # as if another process had written them
    flushed = []
    monkeypatch.setattr(tree, "sync_place", flushed.append)
    mine.save(Claim(3, 1, 0, 0), sync=False)
    assert sorted(flushed) == [0, 1] and record.load()[0].synced == 3


def test_with_much_to_flush_it_settles_later(settling, monkeypatch):
    sample, tree, record, mine = settling
    monkeypatch.setattr(journal, "SETTLE_LIMIT", 1000)
    put(sample, tree, 0, 1)
    mine.save(Claim(3, 0, 0, 0), sync=False)
    assert not record.load()[0].clean and record.load()[0].synced == 0
    mine.save(Claim(3, 0, 0, 0), sync=True)
    mine.save(Claim(3, 3, 0, 0), sync=False)
    assert record.load()[0].clean


def test_what_cannot_be_flushed_does_not_settle(settling, monkeypatch):
    sample, tree, record, mine = settling
    put(sample, tree, 0, 1)

    def fail(_):
        raise OSError(5, "injected")

    monkeypatch.setattr(tree, "sync_place", fail)
    for _ in range(2):
        mine.save(Claim(3, 0, 0, 0), sync=False)
        found, _ = record.load()
        assert (found.have, found.synced, found.clean) == (3, 0, False)
    with pytest.raises(DiskError):
        mine.save(Claim(3, 0, 0, 0), sync=True)
