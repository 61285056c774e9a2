"""Is no link followed out of the folder, and no byte lost or invented?"""

from __future__ import annotations

import os
from dataclasses import dataclass

import pytest

from torrent.errors import DiskError
from torrent.storage import Descriptors, Layout, Tree


@dataclass(frozen=True)
class F:
    path: tuple[str, ...]
    length: int
    offset: int
    is_pad: bool = False
    is_symlink: bool = False


FILES = [
    F(("t", "a"), 30, 0),
    F(("t", "pad"), 10, 30, is_pad=True),
    F(("t", "deep", "er", "b"), 20, 40),
    F(("t", "c"), 5, 60),
]


def tree(root, placed=None, limit=8):
    return Tree(root, Layout(FILES, piece_length=16, length=65, placed=placed), Descriptors(limit, look_again=0.0))


def read(tree, offset, length):
    view = bytearray(length)
    tree.fill(offset, memoryview(view))
    return bytes(view)


def test_pads_are_never_on_disk(tmp_path):
    mine = tree(tmp_path)
    mine.put(0, memoryview(bytes(range(65))))
    assert sorted(p.name for p in (tmp_path / "t").iterdir()) == ["a", "c", "deep"]
    assert read(mine, 0, 65) == bytes(range(30)) + bytes(10) + bytes(range(40, 65))
    mine.close()


def test_a_file_has_its_final_size_after_the_first_write(tmp_path):
    mine = tree(tmp_path)
    mine.put(45, memoryview(b"xyz"))
    assert (tmp_path / "t/deep/er/b").read_bytes() == bytes(5) + b"xyz" + bytes(12)
    assert not (tmp_path / "t/a").exists()
    mine.close()


def test_files_not_placed_share_the_part_file(tmp_path):
    mine = tree(tmp_path, placed={0})
    mine.put(0, memoryview(bytes(range(65))))
    assert sorted(p.name for p in tmp_path.iterdir()) == [".t.parts", "t"]
    assert sorted(p.name for p in (tmp_path / "t").iterdir()) == ["a"]
    assert read(mine, 40, 25) == bytes(range(40, 65))
    mine.close()


@pytest.mark.parametrize("where", ["t", "t/deep", "t/deep/er", "t/deep/er/b"])
def test_a_link_in_the_way_is_not_followed(where, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    if where.endswith("b"):
        outside = outside / "victim"
        outside.write_bytes(b"precious")
    root = tmp_path / "root"
    link = root / where
    link.parent.mkdir(parents=True)
    link.symlink_to(outside)
    mine = tree(root)
    with pytest.raises(DiskError, match="link"):
        mine.put(40, memoryview(b"x" * 20))
    with pytest.raises(DiskError):
        read(mine, 40, 20)
    with pytest.raises(DiskError):
        mine.stat(2)
    assert (outside.is_file() and outside.read_bytes() == b"precious") or not list(outside.iterdir())
    mine.close()


@pytest.mark.parametrize("kind", ["fifo", "folder"])
def test_what_is_no_plain_file_is_refused_and_hangs_nothing(kind, tmp_path):
    (tmp_path / "t").mkdir()
    if kind == "fifo":
        os.mkfifo(tmp_path / "t" / "a")
    else:
        (tmp_path / "t" / "a").mkdir()
    mine = tree(tmp_path)
    with pytest.raises(DiskError):
        mine.put(0, memoryview(b"x" * 5))
    with pytest.raises(DiskError, match="not a plain file"):
        mine.stat(0)
    mine.close()


def test_a_longer_file_is_cut_when_it_is_written(tmp_path):
    (tmp_path / "t").mkdir()
    (tmp_path / "t" / "c").write_bytes(b"0123456789")
    mine = tree(tmp_path)
    mine.present.add(3)
    mine.put(60, memoryview(b"abcde"))
    assert (tmp_path / "t" / "c").read_bytes() == b"abcde"
    mine.close()


def test_dirty_places_are_told_once_and_can_be_put_back(tmp_path):
    mine = tree(tmp_path)
    mine.put(0, memoryview(bytes(65)))
    places, size = mine.take_dirty()
    assert places == {0, 2, 3} and size == 55
    assert mine.take_dirty() == (set(), 0)
    mine.give_dirty(places, size)
    assert mine.take_dirty() == (places, size)
    assert mine.take_new_folders() == {(), ("t",), ("t", "deep"), ("t", "deep", "er")}
    for place in places:
        mine.sync_place(place)
    mine.sync_folder(("t", "deep"))
    mine.sync_all()
    mine.close()


def test_a_folder_removed_while_running_can_be_made_again(tmp_path):
    import shutil

    mine = tree(tmp_path)
    mine.put(40, memoryview(bytes(20)))
    shutil.rmtree(tmp_path / "t")
    with pytest.raises(DiskError, match="gone"):
        mine.put(40, memoryview(bytes(20)))
    mine.forget(2)
    mine.put(40, memoryview(b"y" * 20))
    assert (tmp_path / "t/deep/er/b").read_bytes() == b"y" * 20
    mine.close()
