"""Is every failed system call one plain line, and a full disk told from the rest?"""

from __future__ import annotations

import errno

import pytest

from torrent.errors import DiskError, DiskFullError
from torrent.storage import disk_error


@pytest.mark.parametrize("code", [1, 2, 5, 13, 27, 28, 30, 40, 122, 95, 0])
def test_errors_are_one_plain_line_that_is_safe_to_show(code):
    error = disk_error(OSError(code, "Some Words"), "write", "bad\nname\x1b[31m")
    assert "\n" not in str(error) and "\x1b" not in str(error) and str(error).startswith("cannot write bad")


def test_only_a_disk_without_room_is_full():
    assert type(disk_error(OSError(errno.ENOSPC, ""), "write", "x")) is DiskFullError
    assert type(disk_error(OSError(errno.EDQUOT, ""), "write", "x")) is DiskFullError
    assert type(disk_error(OSError(errno.EIO, ""), "write", "x")) is DiskError


def test_a_reason_we_have_no_words_for_is_that_of_the_system():
    assert str(disk_error(OSError(errno.EXDEV, "Cross-device Link"), "move", "x")) == "cannot move x: cross-device link"
    assert str(disk_error(OSError("odd"), "read", "x")) == "cannot read x: odd"
