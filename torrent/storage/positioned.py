"""How are bytes read and written at a position of an open file? (shell)

Positioned calls share no file offset, so any number of threads may use one descriptor. The kernel may take less than it
was given; a write goes on until all is written, a read says how much it got.
"""

from __future__ import annotations

import errno
import os


def read_at(fd: int, view: memoryview, start: int) -> int:
    """Read once into `view` from byte `start` of a file; return the bytes read, 0 at its end."""
    if hasattr(os, "preadv"):
        return os.preadv(fd, [view], start)
    data = os.pread(fd, len(view), start)
    view[: len(data)] = data
    return len(data)


def write_at(fd: int, view: memoryview, start: int) -> None:
    """Write all of `view` at byte `start` of a file, in as many calls as it takes; OSError."""
    while view:
        written = os.pwrite(fd, view, start)
        if not written:
            raise OSError(errno.ENOSPC, "nothing was written")
        start += written
        view = view[written:]
