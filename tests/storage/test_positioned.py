"""Short reads, short writes, and a disk that takes nothing."""

import errno
import os
import tempfile
from pathlib import Path

import pytest

from torrent.storage import positioned


def test_a_write_goes_on_until_all_is_written(tmp_path, monkeypatch):
    real = os.pwrite
    monkeypatch.setattr(os, "pwrite", lambda fd, view, start: real(fd, view[:3], start))
    fd = os.open(tmp_path / "f", os.O_RDWR | os.O_CREAT)
    positioned.write_at(fd, memoryview(b"abcdefgh"), 2)
    os.close(fd)
    assert (tmp_path / "f").read_bytes() == b"\0\0abcdefgh"


def test_a_disk_that_takes_nothing_is_full(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "pwrite", lambda fd, view, start: 0)
    with pytest.raises(OSError) as caught:
        positioned.write_at(0, memoryview(b"x"), 0)
    assert caught.value.errno == errno.ENOSPC


@pytest.mark.parametrize("vectored", [True, False])
def test_a_read_says_how_much_it_got(tmp_path, monkeypatch, vectored):
    if not vectored:
        monkeypatch.delattr(os, "preadv", raising=False)
    (tmp_path / "f").write_bytes(b"abcdef")
    fd = os.open(tmp_path / "f", os.O_RDONLY)
    into = memoryview(bytearray(4))
    assert positioned.read_at(fd, into, 1) == 4 and bytes(into) == b"bcde"
    assert positioned.read_at(fd, into, 4) == 2 and bytes(into[:2]) == b"ef"
    assert positioned.read_at(fd, into, 6) == 0
    os.close(fd)


def test_memory_is_told_from_a_disk(tmp_path, monkeypatch):
    fd = os.open(tmp_path, os.O_RDONLY)
    device = os.fstat(fd).st_dev
    line = "36 25 {}:{} / /mnt rw,nosuid shared:2 - {} name rw\n"
    for kind, expected in (("tmpfs", True), ("ramfs", True), ("ext4", False)):
        text = "broken -\n" + line.format(os.major(device), os.minor(device), kind) + line.format(999, 1, "tmpfs")
        monkeypatch.setattr(positioned.Path, "read_text", lambda self, text=text, **_: text)
        positioned._lies_in_memory.cache_clear()
        assert positioned.is_in_memory(fd) is expected
    positioned._lies_in_memory.cache_clear()
    os.close(fd)


@pytest.mark.skipif(not os.path.ismount("/dev/shm"), reason="no /dev/shm here")
def test_a_file_in_memory_is_found_to_be_one():
    fd, name = tempfile.mkstemp(dir="/dev/shm")
    try:
        assert positioned.is_in_memory(fd)
    finally:
        os.close(fd)
        Path(name).unlink()
