"""Is piece space read as it is, each file opened once and closed, and is every failure a plain error?"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from torrent.errors import DiskError
from torrent.storage import layout_of
from torrent.storage.reading import Reading

SIZES = {"a": 40_000, "b": 0, "c/d": 1, "c/e": 100_000, "f": 20_000}


class Files:
    """The files of a sample, with a record of what was opened."""

    def __init__(self, sample):
        self.sample = sample
        self.opened = []

    def path(self, place):
        return self.sample.source.joinpath(*self.sample.metainfo.files[place].path)

    def open(self, place):
        self.opened.append("/".join(self.sample.metainfo.files[place].path))
        return os.open(self.path(place), os.O_RDONLY)

    def name(self, place):
        return str(self.path(place))

    def short(self, place):
        return EOFError(self.name(place))


@pytest.fixture(params=["v1", "hybrid"])
def reading(request, make):
    sample = make(SIZES, version=request.param)
    files = Files(sample)
    mine = Reading(layout_of(sample.metainfo), files)
    yield mine, files, sample
    mine.close()


def fds():
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.mark.parametrize("step", [1000, 16384, 65_536, 1 << 20])
def test_the_whole_of_it_in_steps(reading, step):
    mine, files, sample = reading
    before = fds()
    expected = sample.data
    found = bytearray(len(expected))
    for at in range(0, len(found), step):
        mine.fill(at, memoryview(found)[at : at + step])
    assert bytes(found) == expected
    assert sorted(files.opened) == sorted(
        {"/".join(f.path) for f in sample.metainfo.files if f.length and not f.is_pad}
    )
    mine.close()
    mine.close()
    assert fds() == before


def test_any_part_in_any_order(reading):
    mine, _, sample = reading
    expected = sample.data
    for offset, length in ((130_000, 20_000), (39_999, 3), (0, 1), (140_000, 5), (10, 120_000)):
        view = memoryview(bytearray(b"x" * length))
        mine.fill(offset, view)
        assert view == expected[offset : offset + length]


def test_a_file_that_ends_too_early_is_told_by_the_source(reading):
    mine, _, sample = reading
    os.truncate(sample.source / "data" / "a", 10)
    with pytest.raises(EOFError, match="a"):
        mine.fill(0, memoryview(bytearray(11)))
    mine.fill(0, memoryview(bytearray(10)))


def test_a_missing_file_is_a_disk_error_with_its_name(reading):
    mine, _, sample = reading
    (sample.source / "data" / "a").unlink()
    with pytest.raises(DiskError, match=r"cannot read .*a: the file is gone"):
        mine.fill(0, memoryview(bytearray(10)))


def test_reading_ahead_changes_nothing(make):
    sample = make({"big": 3 << 20, "small": 5})
    files = Files(sample)
    mine = Reading(layout_of(sample.metainfo), files)
    mine.ahead(100, 2 << 20)
    mine.ahead(0, 100)
    view = memoryview(bytearray(1000))
    mine.fill(500, view)
    assert view == sample.data[500:1500] and len(files.opened) == 1
    mine.close()
    files.path(0).unlink()
    with pytest.raises(DiskError, match="gone"):
        mine.ahead(0, 2 << 20)
