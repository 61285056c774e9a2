"""How are bytes read and written at a position of an open file? (shell)

Positioned calls share no file offset, so any number of threads may use one descriptor. The kernel may take less than it
was given; a write goes on until all is written, a read says how much it got.
"""

from __future__ import annotations

import errno
import os
from functools import cache
from pathlib import Path


def read_at(fd: int, view: memoryview, start: int) -> int:
    """Read once into `view` from byte `start` of a file; return the bytes read, 0 at its end."""
    if hasattr(os, "preadv"):
        return os.preadv(fd, [view], start)
    data = os.pread(fd, len(view), start)
    view[: len(data)] = data
    return len(data)


def is_in_memory(fd: int) -> bool:
    """Answer whether a file lives in memory (tmpfs), where no read waits for a disk."""
    return _lies_in_memory(os.fstat(fd).st_dev)


@cache
def _lies_in_memory(device: int) -> bool:
    number = f"{os.major(device)}:{os.minor(device)}"
    try:
        mounts = Path("/proc/self/mountinfo").read_text(errors="replace").splitlines()
    except OSError:
        return False
    # "36 25 0:30 / /dev/shm rw,nosuid - tmpfs tmpfs rw": device, and the type behind the dash
    return any(
        fields[2] == number and fields[fields.index("-") + 1] in ("tmpfs", "ramfs")
        for fields in map(str.split, mounts)
        if len(fields) > 3 and "-" in fields[:-1]
    )


def write_at(fd: int, view: memoryview, start: int) -> None:
    """Write all of `view` at byte `start` of a file, in as many calls as it takes; OSError."""
    while view:
        written = os.pwrite(fd, view, start)
        if not written:
            raise OSError(errno.ENOSPC, "nothing was written")
        start += written
        view = view[written:]
