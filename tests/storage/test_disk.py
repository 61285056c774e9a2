"""Does opening a torrent find exactly what is there, through restarts, power cuts, links and other torrents?"""

from __future__ import annotations

import asyncio
import os
import shutil
from pathlib import Path

import pytest

from tests.support.payload import sha256_tree
from tests.support.sessions import descriptors
from torrent import lanes
from torrent.config import DiskConfig
from torrent.errors import DiskError, DiskFullError, InputError
from torrent.storage import Disk
from torrent.storage import disk as disk_module


def everything(sample):
    return (1 << sample.metainfo.pieces) - 1


def hashed():
    """A progress callback that counts the bytes that were hashed."""
    seen = []
    return seen, lambda done, total: seen.append(done)


@pytest.mark.parametrize("version", ["v1", "v2", "hybrid"])
async def test_a_clean_restart_hashes_nothing(version, make, disks, target, write):
    sample = make(version=version)
    disk = disks()
    store = await disk.open(sample.metainfo, target)
    await write(store, sample, [0, 2, 5])
    store.totals.uploaded += 77
    await store.close()
    seen, progress = hashed()
    store = await disk.open(sample.metainfo, target, on_progress=progress)
    assert store.have == 0b100101 and not seen and store.totals.uploaded == 77 and not store.notes
    await write(store, sample)
    await disk.close()
    store = await disks().open(sample.metainfo, target, on_progress=progress)
    assert store.have == everything(sample) and not seen


async def test_existing_data_without_a_record_is_checked(make, disks, state, target):
    sample = make()
    seen, progress = hashed()
    store = await disks().open(sample.metainfo, sample.source, on_progress=progress)
    assert store.have == everything(sample) and seen[-1] == sample.metainfo.size
    assert sha256_tree(sample.source) == sha256_tree(store.path.parent)


async def test_check_believes_no_record(make, disks, target, write):
    sample = make({"x": 200_000})
    disk = disks()
    store = await disk.open(sample.metainfo, target)
    await write(store, sample)
    await store.close()
    before = (target / "data" / "x").stat()
    with (target / "data" / "x").open("r+b") as file:
        file.write(b"\0\0\0\0")
    os.utime(target / "data" / "x", ns=(before.st_atime_ns, before.st_mtime_ns))
    store = await disk.open(sample.metainfo, target)
    assert store.have == everything(sample)
    await store.close()
    store = await disk.open(sample.metainfo, target, check=True)
    assert store.have == everything(sample) & ~1


async def test_only_the_changed_file_is_hashed_again(make, disks, target, write):
    sample = make()
    disk = disks()
    store = await disk.open(sample.metainfo, target)
    await write(store, sample)
    await store.close()
    changed = next(f for f in sample.metainfo.files if f.path[-1] == "four.bin")
    with target.joinpath(*changed.path).open("r+b") as file:
        file.seek(20_000)
        file.write(b"zz")
    seen, progress = hashed()
    store = await disk.open(sample.metainfo, target, on_progress=progress)
    lost = {(changed.offset + 20_000) // 16384}
    assert store.have == everything(sample) & ~sum(1 << p for p in lost)
    assert seen[-1] <= len(store.layout.pieces_of(changed.index)) * 16384
    assert store.notes == ("1 file was changed since the last run",)


async def test_a_missing_file_is_fetched_again_and_the_rest_is_kept(make, disks, target, write):
    sample = make()
    disk = disks()
    store = await disk.open(sample.metainfo, target)
    await write(store, sample)
    await store.close()
    gone = next(f for f in sample.metainfo.files if f.path[-1] == "two.bin")
    target.joinpath(*gone.path).unlink()
    seen, progress = hashed()
    store = await disk.open(sample.metainfo, target, on_progress=progress)
    lost = store.layout.pieces_of(gone.index)
    assert store.have == everything(sample) & ~sum(1 << p for p in lost) and not seen
    await write(store, sample, list(lost))
    assert sha256_tree(target) == sha256_tree(sample.source)


async def test_a_corrupt_record_is_noted_and_the_files_are_checked(make, disks, state, target, write):
    sample = make()
    disk = disks()
    store = await disk.open(sample.metainfo, target)
    await write(store, sample)
    await store.close()
    (record,) = (state / "resume").glob("*.resume")
    record.write_bytes(b"nonsense")
    store = await disk.open(sample.metainfo, target)
    assert store.have == everything(sample)
    assert len(store.notes) == 1 and "lost" in store.notes[0]


async def test_a_power_cut_never_leaves_a_piece_claimed_that_is_not_there(make, disks, state, target, write):
    sample = make({"x": 400_000, "y": 100_000})
    disk = disks("boot-1")
    store = await disk.open(sample.metainfo, target)
    await write(store, sample, list(range(10)))
    await store.sync()
    safe = {p: (target / "data" / p).read_bytes() for p in ("x",)}
    await write(store, sample, list(range(10, sample.metainfo.pieces)))
    store.touch()
    await disk.close()
    # The record survives; the data that was not flushed when it was last synced does not.
    (target / "data" / "x").write_bytes(safe["x"])
    (target / "data" / "y").unlink()
    store = await disks("boot-2").open(sample.metainfo, target)
    assert store.have == (1 << 10) - 1
    await write(store, sample)
    assert sha256_tree(target) == sha256_tree(sample.source)


async def test_after_a_power_cut_unflushed_pieces_are_hashed_and_kept_if_they_are_there(
    make, disks, state, target, write, monkeypatch
):
    from torrent.storage import store as store_module

    sample = make({"x": 400_000})
    monkeypatch.setattr(store_module, "CLOSE_SYNC_LIMIT", -1)
    disk = disks("boot-1")
    store = await disk.open(sample.metainfo, target)
    await write(store, sample, [0, 1, 2])
    await store.sync()
    await write(store, sample, [7, 9])
    await disk.close()
    seen, progress = hashed()
    store = await disks("boot-2").open(sample.metainfo, target, on_progress=progress)
    assert store.have == 0b1010000111
    assert seen[-1] == 2 * 16384


async def test_two_torrents_never_write_the_same_file(make, disks, target):
    first, second = make(), make({"a/one.bin": 999, "z": 5000}, version="hybrid")
    disk = disks()
    store = await disk.open(first.metainfo, target)
    with pytest.raises(InputError, match="in use by another torrent"):
        await disk.open(second.metainfo, target)
    with pytest.raises(InputError):
        await disk.open(first.metainfo, target)
    await store.close()
    again = await disk.open(second.metainfo, target)
    await again.close()


async def test_another_process_with_the_same_download_is_refused(make, disks, target):
    sample = make()
    await disks().open(sample.metainfo, target)
    with pytest.raises(InputError, match="another process"):
        await disks().open(sample.metainfo, target)


async def test_an_open_that_fails_leaves_nothing_claimed_or_locked(make, disks, target, monkeypatch):
    sample = make()
    disk = disks()
    monkeypatch.setattr(disk, "free_space", lambda _: 1000)
    with pytest.raises(DiskFullError, match="needed"):
        await disk.open(sample.metainfo, target)
    assert not target.exists()
    monkeypatch.undo()
    store = await disk.open(sample.metainfo, target)
    assert store.have == 0


async def test_a_complete_torrent_needs_no_space(make, disks, monkeypatch):
    sample = make()
    disk = disks()
    monkeypatch.setattr(disk, "free_space", lambda _: 0)
    assert (await disk.open(sample.metainfo, sample.source)).have == everything(sample)


async def test_fallocate_that_does_not_fit_leaves_no_file(make, disks, target, monkeypatch):
    sample = make()
    calls = []

    def fail(fd, offset, length):
        calls.append(length)
        if len(calls) == 2:
            raise OSError(28, "injected")

    monkeypatch.setattr(os, "posix_fallocate", fail, raising=False)
    disk = disks()
    with pytest.raises(DiskFullError):
        await disk.open(sample.metainfo, target, preallocate="fallocate")
    assert not [p for p in target.rglob("*") if p.is_file()]


@pytest.mark.skipif(not hasattr(os, "posix_fallocate"), reason="no posix_fallocate here")
async def test_fallocate_reserves_the_space_and_claims_nothing(make, disks, target, write):
    sample = make()
    disk = disks()
    store = await disk.open(sample.metainfo, target, preallocate="fallocate")
    assert (target / "data/a/one.bin").stat().st_size == 100_000
    assert (target / "data/a/one.bin").stat().st_blocks * 512 >= 100_000
    assert store.have == 0
    await store.close()
    store = await disk.open(sample.metainfo, target, preallocate="fallocate")
    assert store.have == 0
    await write(store, sample)
    assert sha256_tree(target) == sha256_tree(sample.source)


@pytest.mark.parametrize("where", ["data", "data/a", "data/a/one.bin"])
async def test_a_folder_swapped_for_a_link_between_runs_is_refused(where, make, disks, target, write, tmp_path):
    sample = make()
    disk = disks()
    store = await disk.open(sample.metainfo, target)
    await write(store, sample, [0, 1])
    await store.close()
    elsewhere = tmp_path / "elsewhere"
    shutil.move(target / where, elsewhere)
    (target / where).symlink_to(elsewhere)
    before = sha256_tree(elsewhere)
    with pytest.raises(DiskError, match="link"):
        await disk.open(sample.metainfo, target)
    assert sha256_tree(elsewhere) == before


async def test_a_folder_swapped_for_a_link_while_running_is_not_written_through(make, disks, target, write, tmp_path):
    sample = make()
    store = await disks().open(sample.metainfo, target)
    await write(store, sample, [0])
    victim = tmp_path / "victim"
    victim.mkdir()
    shutil.move(target / "data", tmp_path / "moved")
    (target / "data").symlink_to(victim)
    await write(store, sample)
    assert not list(victim.iterdir())


async def test_selected_files_only(make, disks, target, write):
    sample = make()
    names = {f.path[-1]: f.index for f in sample.metainfo.files}
    disk = disks()
    chosen = frozenset({names["two.bin"]})
    store = await disk.open(sample.metainfo, target, wanted=chosen)
    needed = list(store.layout.pieces_of(names["two.bin"]))
    await write(store, sample, needed)
    assert store.complete
    assert sorted(p.name for p in target.rglob("*") if p.is_file()) == [".data.parts", "two.bin"]
    await store.close()
    seen, progress = hashed()
    store = await disk.open(sample.metainfo, target, wanted=chosen, on_progress=progress)
    assert store.have == sum(1 << p for p in needed) and not seen

    # More files later: what the part file holds of them moves, and the part file goes when nobody needs it.
    await store.close()
    store = await disk.open(sample.metainfo, target)
    assert store.have == sum(1 << p for p in needed)
    assert not (target / ".data.parts").exists()
    await write(store, sample, [p for p in range(sample.metainfo.pieces) if p not in needed])
    assert sha256_tree(target) == sha256_tree(sample.source)
    await store.close()

    # Fewer files later: what is there in full stays.
    store = await disk.open(sample.metainfo, target, wanted=chosen)
    assert store.have == everything(sample)
    assert sha256_tree(target) == sha256_tree(sample.source)


async def test_the_part_file_moves_without_a_record_too(make, disks, state, target, write):
    sample = make()
    names = {f.path[-1]: f.index for f in sample.metainfo.files}
    disk = disks()
    store = await disk.open(sample.metainfo, target, wanted=frozenset({names["two.bin"]}))
    needed = list(store.layout.pieces_of(names["two.bin"]))
    await write(store, sample, needed)
    await store.close()
    shutil.rmtree(state)
    store = await disk.open(sample.metainfo, target)
    assert store.have == sum(1 << p for p in needed)


async def test_boundary_pieces_are_served_from_the_part_file(make, disks, target, write, read):
    sample = make()
    names = {f.path[-1]: f.index for f in sample.metainfo.files}
    store = await disks().open(sample.metainfo, target, wanted=frozenset({names["two.bin"]}))
    for piece in store.layout.pieces_of(names["two.bin"]):
        await write(store, sample, [piece])
        assert await read(store, piece, 0, 16384) == sample.piece(piece)


async def test_a_file_that_is_too_long_is_noted_and_cut_by_the_next_write(make, disks, target, write):
    sample = make({"x": 100_000})
    shutil.copytree(sample.source, target)
    with (target / "data" / "x").open("ab") as file:
        file.write(b"more")
    store = await disks().open(sample.metainfo, target)
    assert store.have == everything(sample) & ~(1 << sample.metainfo.pieces - 1)
    assert "longer" in store.notes[0]
    await write(store, sample, [sample.metainfo.pieces - 1])
    assert sha256_tree(target) == sha256_tree(sample.source)


async def test_holes_of_zeros_are_good_when_zeros_are_right(disks, tmp_path):
    from torrent.create import create
    from torrent.metainfo import Metainfo

    image = tmp_path / "disk.img"
    with image.open("wb") as file:
        file.write(b"boot" * 5000)
        file.truncate(4_000_000)
    for version in ("v1", "v2", "hybrid"):
        metainfo = Metainfo.from_bytes(create(image, version=version, piece_length=65536))
        store = await disks().open(metainfo, tmp_path)
        assert store.have == (1 << metainfo.pieces) - 1
        await store.close()


async def test_empty_files_exist_after_open(make, disks, target):
    sample = make()
    await disks().open(sample.metainfo, target)
    assert [p.name for p in target.rglob("*") if p.is_file()] == ["empty"]


async def test_an_unwritable_folder_is_told_at_once(make, disks, target, monkeypatch):
    sample = make()
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(DiskError, match="permission denied"):
        await disks().open(sample.metainfo, target)


async def test_a_file_where_the_folder_should_be(make, disks, target):
    sample = make()
    target.write_text("I am a file")
    with pytest.raises(DiskError):
        await disks().open(sample.metainfo, target)


async def test_a_state_folder_that_cannot_be_written_is_told(make, tmp_path, target):
    sample = make()
    (tmp_path / "blocked").write_text("file")
    disk = Disk(DiskConfig(), tmp_path / "blocked")
    with pytest.raises(DiskError):
        await disk.open(sample.metainfo, target)
    await disk.close()


async def test_without_a_state_folder_a_restart_checks(make, target, write):
    sample = make()
    for have in (0, everything(sample)):
        disk = Disk(DiskConfig(), None)
        store = await disk.open(sample.metainfo, target)
        assert store.have == have
        await write(store, sample)
        await disk.close()


async def test_a_complete_torrent_at_rest_holds_nothing_open_and_saves_nothing(make, disks, state, target, write, read):
    sample = make()
    disk = disks()
    store = await disk.open(sample.metainfo, target)
    await write(store, sample)
    await store.close()
    (path,) = (state / "resume").glob("*.resume")
    saved = (path.stat().st_ino, path.stat().st_mtime_ns)
    before = descriptors()
    store = await disk.open(sample.metainfo, target)
    more = [what for number, what in descriptors().items() if before.get(number) != what]
    assert [what for what in more if str(target) in what] == []
    assert store._timer is None
    assert await read(store, 3, 0, 16384) == sample.piece(3)
    await store.close()
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == saved


async def test_killed_at_rest_after_something_wrote_to_a_complete_torrent(make, disks, state, target, write):
    """No record says that it is open, but the file's own time does not fit any more."""
    sample = make()
    disk = disks()
    store = await disk.open(sample.metainfo, target)
    await write(store, sample)
    await store.close()
    store = await disk.open(sample.metainfo, target)
    (target / "data" / "four.bin").write_bytes(bytes(33_000))
    store._journal._record.unlock()  # the process dies here
    again = await disks().open(sample.metainfo, target)
    assert 0 < again.have < everything(sample)


async def test_a_complete_torrent_without_a_record_gets_one_soon(make, disks, state):
    sample = make()
    store = await disks().open(sample.metainfo, sample.source)
    assert store._timer is not None
    await store.close()
    assert len(list((state / "resume").glob("*.resume"))) == 1
    seen, progress = hashed()
    await disks().open(sample.metainfo, sample.source, on_progress=progress)
    assert not seen


async def test_a_burst_of_torrents_asks_once_where_the_folder_is(make, disks, target, monkeypatch):
    asked = []
    real = os.path.realpath
    monkeypatch.setattr(os.path, "realpath", lambda path, **more: asked.append(path) or real(path, **more))
    disk = disks()
    for name in ("x", "y", "z"):
        await disk.open(make({"": 1000}, name=name).metainfo, target)
    assert asked.count(target) == 1


async def test_only_a_few_torrents_are_hashed_at_once(make, disks, monkeypatch):
    now = most = 0
    real = disk_module.check_pieces

    async def counted(*args):
        nonlocal now, most
        now += 1
        most = max(most, now)
        try:
            return await real(*args)
        finally:
            now -= 1

    monkeypatch.setattr(disk_module, "check_pieces", counted)
    disk = disks()
    samples = [make({"": 1000}, name=f"n{number}") for number in range(disk_module.CHECKS * 3)]
    stores = await asyncio.gather(*(disk.open(sample.metainfo, sample.source) for sample in samples))
    assert all(store.complete for store in stores) and most == disk_module.CHECKS


async def test_a_relative_folder_works(make, disks, tmp_path, monkeypatch, write):
    monkeypatch.chdir(tmp_path)
    sample = make()
    store = await disks().open(sample.metainfo, Path("here"))
    await write(store, sample)
    assert sha256_tree(tmp_path / "here") == sha256_tree(sample.source)


@pytest.mark.parametrize("hashing", ["auto", "hashlib"])
async def test_the_setting_decides_how_is_hashed(hashing, make, target, monkeypatch):
    monkeypatch.setattr(lanes, "_mode", "")
    sample = make(version="hybrid")
    disk = Disk(DiskConfig(hashing=hashing), None)
    store = await disk.open(sample.metainfo, sample.source)
    assert store.complete and lanes._mode == hashing
    await disk.close()
