"""Is every bad byte found, named and counted, and nothing changed by looking?"""

from __future__ import annotations

import os
import shutil

import pytest

from tests.support.payload import sha256_tree, tree
from torrent.create import create
from torrent.metainfo import Metainfo
from torrent.verify import verify

SIZES = {"a": 100_000, "b/c": 40_000, "d": 0, "e": 9}


@pytest.fixture(params=["v1", "v2", "hybrid"])
def sample(request, tmp_path):
    source = tree(tmp_path / "data", SIZES)
    return Metainfo.from_bytes(create(source, version=request.param, piece_length=16384)), tmp_path


def file(metainfo, name):
    return next(f for f in metainfo.files if f.path[-1] == name)


def faults(result):
    return {f.path: f.fault for f in result.files}


def test_right_files_are_ok(sample):
    metainfo, root = sample
    before = sha256_tree(root)
    seen = []
    result = verify(metainfo, root, on_progress=lambda done, total: seen.append((done, total)))
    assert result.ok and not result.bad and not result.files and result.pieces == metainfo.pieces
    assert seen[-1] == (sum(map(metainfo.piece_size, range(metainfo.pieces))),) * 2
    assert verify(metainfo, root, quick=True).ok
    assert sha256_tree(root) == before


def test_a_changed_byte_is_one_bad_piece_and_the_files_it_touches(sample):
    metainfo, root = sample
    with (root / "data" / "b" / "c").open("r+b") as out:
        out.seek(20_000)
        byte = out.read(1)[0]
        out.seek(20_000)
        out.write(bytes([byte ^ 1]))
    piece = (file(metainfo, "c").offset + 20_000) // 16384
    result = verify(metainfo, root, threads=3)
    assert not result.ok and result.bad == (piece,) and result.bytes_bad == metainfo.piece_size(piece)
    assert faults(result) == {"data/b/c": "bad"} and result.files[0].pieces == (piece,)
    assert verify(metainfo, root, quick=True).ok


def test_a_missing_file_is_named_and_nothing_is_created(sample):
    metainfo, root = sample
    (root / "data" / "a").unlink()
    for quick in (False, True):
        result = verify(metainfo, root, quick=quick)
        assert result.missing == ("data/a",) and faults(result)["data/a"] == "missing"
        first, last = 0, 99_999 // 16384
        assert set(range(first, last + 1)) <= set(result.bad)
    assert not (root / "data" / "a").exists()


def test_a_missing_empty_file_is_a_fault_too(sample):
    metainfo, root = sample
    (root / "data" / "d").unlink()
    result = verify(metainfo, root)
    assert not result.ok and not result.bad and result.missing == ("data/d",)


def test_a_short_file_is_bad_only_where_it_ends(sample):
    metainfo, root = sample
    os.truncate(root / "data" / "a", 40_000)
    result = verify(metainfo, root)
    assert faults(result)["data/a"] == "too short"
    assert 0 not in result.bad and 1 not in result.bad and 2 in result.bad


def test_a_long_file_is_a_fault_though_its_pieces_are_right(sample):
    metainfo, root = sample
    with (root / "data" / "a").open("ab") as out:
        out.write(b"more")
    for quick in (False, True):
        result = verify(metainfo, root, quick=quick)
        assert not result.ok and not result.bad and faults(result) == {"data/a": "too long"}


def test_a_link_is_not_followed(sample, tmp_path_factory):
    metainfo, root = sample
    away = tmp_path_factory.mktemp("away")
    shutil.move(root / "data" / "b", away)
    (root / "data" / "b").symlink_to(away / "b")
    result = verify(metainfo, root)
    assert faults(result)["data/b/c"] == "unusable" and not result.ok


def test_nothing_there_at_all(sample, tmp_path_factory):
    metainfo, _ = sample
    result = verify(metainfo, tmp_path_factory.mktemp("empty"))
    assert not result.ok and len(result.bad) == metainfo.pieces and len(result.missing) == 4


def test_only_the_wanted_files_count(sample):
    metainfo, root = sample
    (root / "data" / "a").unlink()
    result = verify(metainfo, root, wanted=frozenset({file(metainfo, "d").index}))
    assert result.ok and result.pieces == 0


async def test_quick_believes_the_record_as_far_as_its_proof_fits(sample, tmp_path_factory):
    from torrent.config import DiskConfig
    from torrent.storage import Disk

    metainfo, root = sample
    state = tmp_path_factory.mktemp("state")
    disk = Disk(DiskConfig(), state)
    store = await disk.open(metainfo, root)
    assert store.complete
    await disk.close()
    assert verify(metainfo, root, quick=True, state_dir=state).ok
    os.utime(root / "data" / "a", (5, 5))
    result = verify(metainfo, root, quick=True, state_dir=state)
    assert faults(result)["data/a"] == "changed"
    assert verify(metainfo, root, state_dir=state).ok
