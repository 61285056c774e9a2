"""Are data, holes and absence told apart, and is only what is missing asked of the disk's space?"""

from __future__ import annotations

import os

import pytest

from torrent.errors import DiskError, DiskFullError
from torrent.storage import Descriptors, Tree, layout_of, opening
from torrent.storage.layout import indices, to_bits


@pytest.fixture
def opened(make, target):
    sample = make({"a": 1_000_000, "b": 300_000})
    tree = Tree(target, layout_of(sample.metainfo), Descriptors(8))
    yield sample, tree
    tree.close()


def put(sample, tree, *pieces):
    for piece in pieces:
        tree.put(piece * sample.metainfo.piece_length, memoryview(sample.piece(piece)))


def pieces(tree, flags):
    return indices(to_bits(flags), tree.layout.pieces)


def test_scan_finds_data_holes_and_absence(opened):
    sample, tree = opened
    put(sample, tree, 2, 3, 40)
    data, holes, absent = opening.scan(tree)
    assert {2, 3, 40} <= set(pieces(tree, data))
    if hasattr(os, "SEEK_DATA"):
        assert pieces(tree, data) == [2, 3, 40]
        assert not {2, 3, 40} & set(pieces(tree, holes))
    assert pieces(tree, absent) == list(tree.layout.pieces_of(1))


def test_scan_of_a_disk_that_cannot_tell_takes_all_for_data(opened, monkeypatch):
    sample, tree = opened
    put(sample, tree, 2)

    def fail(*_):
        raise OSError(22, "injected")

    monkeypatch.setattr(opening.os, "lseek", fail)
    data, holes, _ = opening.scan(tree)
    assert pieces(tree, data) == list(tree.layout.pieces_of(0))
    assert pieces(tree, holes) == list(tree.layout.pieces_of(1))


def test_a_short_file_is_absent_behind_its_end(opened):
    sample, tree = opened
    put(sample, tree, 0)
    os.truncate(tree.root / "data" / "a", 500_000)
    assert pieces(tree, opening.scan(tree)[2]) == list(range(500_000 // 16384, tree.layout.pieces))


def test_space_is_asked_for_what_is_missing_only(opened):
    sample, tree = opened
    wanted = frozenset({0, 1})
    opening.require_space(tree, 0, wanted, 1_300_000)
    with pytest.raises(DiskFullError, match=r"1\.2 MiB are needed"):
        opening.require_space(tree, 0, wanted, 1_299_999)
    have = (1 << sample.metainfo.pieces) - 1
    opening.require_space(tree, have, wanted, 0)
    opening.require_space(tree, 0, frozenset({1}), 300_000)
    with pytest.raises(DiskFullError):
        opening.require_space(tree, have >> 1, wanted, 5)


def test_free_space_of_a_folder_that_is_not_there_yet(tmp_path):
    assert opening.free_space(tmp_path / "a" / "b") == pytest.approx(opening.free_space(tmp_path), rel=0.5)
    assert opening.free_space(tmp_path) > 0


def test_survey_refuses_what_is_no_plain_file(opened):
    sample, tree = opened
    assert opening.survey(tree) == {}
    put(sample, tree, 0)
    assert list(opening.survey(tree)) == [0]
    (tree.root / "data" / "b").mkdir()
    with pytest.raises(DiskError):
        opening.survey(tree)


def test_require_writable_makes_the_folder(tmp_path):
    opening.require_writable(tmp_path / "new" / "folder")
    assert (tmp_path / "new" / "folder").is_dir()
    (tmp_path / "file").touch()
    with pytest.raises(DiskError):
        opening.require_writable(tmp_path / "file" / "x")
