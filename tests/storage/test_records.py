"""Is the record on disk always a whole one, and does it belong to one process at a time?"""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from torrent.errors import DiskError, InputError
from torrent.storage import Record, Resume, records
from torrent.storage.records import Locks, boot_id
from torrent.storage.resume import ABSENT

HEX = "ab" * 20


def resume(have=1):
    return Resume(HEX, 8, have, 0, "b", 1, False, (ABSENT,), frozenset())


def test_save_and_load(tmp_path):
    record = Record(tmp_path / "state", HEX, tmp_path)
    assert record.load() == (None, "")
    record.save(resume(3))
    record.save(resume(7))
    assert record.load() == (resume(7), "")
    assert [p.suffix for p in record.path().parent.iterdir()] == [".resume"]


def test_each_folder_has_a_record_of_its_own(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    real, link, other = (Record(tmp_path, HEX, tmp_path / name) for name in ("real", "link", "other"))
    assert real.path() == link.path() != other.path()


def test_a_damaged_record_is_a_note(tmp_path):
    record = Record(tmp_path, HEX, tmp_path)
    record.save(resume())
    record.path().write_bytes(record.path().read_bytes()[:-3])
    found, note = record.load()
    assert found is None and "lost" in note and "\n" not in note


def test_without_a_state_folder_nothing_is_kept(tmp_path):
    record = Record(None, HEX, tmp_path)
    record.lock()
    record.save(resume())
    assert record.load() == (None, "") and record.path() is None
    record.unlock()


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_failed_save_leaves_the_old_record(call, tmp_path, monkeypatch):
    record = Record(tmp_path, HEX, tmp_path)
    record.save(resume(3))

    def fail(*_):
        raise OSError(28, "injected")

    with monkeypatch.context() as patch:
        patch.setattr(os if call == "fsync" else Path, call, fail)
        with pytest.raises(DiskError):
            record.save(resume(7))
    assert record.load() == (resume(3), "")


def test_the_order_is_write_flush_rename_flush_folder(tmp_path, monkeypatch):
    record = Record(tmp_path, HEX, tmp_path)
    record.save(resume())
    steps = []
    fsync, replace = os.fsync, Path.replace

    def traced_fsync(fd):
        steps.append("folder" if stat.S_ISDIR(os.fstat(fd).st_mode) else "file")
        fsync(fd)

    def traced_replace(self, target):
        steps.append("rename")
        return replace(self, target)

    monkeypatch.setattr(os, "fsync", traced_fsync)
    monkeypatch.setattr(Path, "replace", traced_replace)
    record.save(resume())
    assert steps == ["file", "rename", "folder"]


def test_a_second_holder_is_refused_until_the_first_lets_go(tmp_path):
    first, second = Record(tmp_path, HEX, tmp_path), Record(tmp_path, HEX, tmp_path)
    first.lock()
    with pytest.raises(InputError, match="another process"):
        second.lock()
    first.unlock()
    second.lock()
    second.unlock()


def test_one_that_has_it_already_keeps_it_and_others_are_not_concerned(tmp_path):
    mine, theirs = Locks(tmp_path), Locks(tmp_path)
    for number in range(100):
        mine.take(f"{number}-x")
    with pytest.raises(InputError):
        theirs.take("50-x")
    theirs.take("another")
    mine.give("50-x")
    theirs.take("50-x")
    with pytest.raises(InputError):
        mine.take("50-x")
    with pytest.raises(InputError):
        theirs.take("51-x")


@pytest.mark.skipif(not records._HAS_BYTE_LOCKS, reason="no locks of bytes here")
def test_many_locks_cost_few_descriptors_and_none_are_left(tmp_path):
    before = len(list(Path("/proc/self/fd").iterdir()))
    locks = Locks(tmp_path)
    for number in range(500):
        locks.take(str(number))
    assert len(list(Path("/proc/self/fd").iterdir())) - before <= 16
    for number in range(500):
        locks.give(str(number))
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_where_bytes_cannot_be_locked_each_download_has_a_file(tmp_path, monkeypatch):
    monkeypatch.setattr(records, "_HAS_BYTE_LOCKS", False)
    mine, theirs = Locks(tmp_path), Locks(tmp_path)
    mine.take("a")
    with pytest.raises(InputError):
        theirs.take("a")
    theirs.take("b")
    mine.give("a")
    theirs.take("a")


def test_the_lock_of_a_killed_process_is_free(tmp_path):
    code = (
        "import sys, os, signal; from pathlib import Path; from torrent.storage import Record\n"
        f"Record(Path(sys.argv[1]), {HEX!r}, Path(sys.argv[1])).lock(); print('locked', flush=True); sys.stdin.read()"
    )
    other = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert other.stdout.readline() == "locked\n"
    mine = Record(tmp_path, HEX, tmp_path)
    with pytest.raises(InputError):
        mine.lock()
    other.kill()
    other.communicate()
    mine.lock()
    mine.unlock()


def test_the_boot_has_a_name():
    assert boot_id() == boot_id()
