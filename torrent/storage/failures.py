"""What does a failed system call mean to the user?

One plain line that names the file and the reason; a disk without room is an error of its own, because it mends itself.
Names are made safe here: they come from torrents.
"""

from __future__ import annotations

import errno

from torrent.errors import DiskError, DiskFullError
from torrent.text import safe_text

_REASONS = {
    errno.ENOSPC: "no space left on the disk",
    errno.EDQUOT: "the disk quota is used up",
    errno.EACCES: "permission denied",
    errno.EPERM: "not permitted",
    errno.EROFS: "the disk is read-only",
    errno.EIO: "the disk reports an input/output error",
    errno.ENOENT: "the file is gone",
    errno.ELOOP: "a link is in the way and is not followed",
    errno.ENOTDIR: "a link or a file is in the way of a folder",
    errno.EISDIR: "a folder is in the way of a file",
    errno.EFBIG: "the file is larger than the disk or the limits of this process allow",
    errno.EMFILE: "too many open files",
    errno.ENAMETOOLONG: "the name is too long for the disk",
}


def disk_error(error: OSError, verb: str, name: str) -> DiskError:
    """Return the plain one-line error for a failed system call on `name`."""
    reason = _REASONS.get(error.errno or 0) or (error.strerror or str(error)).lower()
    kind = DiskFullError if error.errno in (errno.ENOSPC, errno.EDQUOT) else DiskError
    return kind(f"cannot {verb} {safe_text(name)}: {safe_text(reason)}")
