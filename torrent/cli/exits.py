"""Which exit code does a run end with?

Scripts branch on these numbers, so they never change their meaning. With several inputs the highest code wins.
"""

from __future__ import annotations

import errno

from torrent.errors import (
    BencodeError,
    ConfigError,
    DiskError,
    MagnetError,
    MetainfoError,
    RemoteError,
    TorrentError,
)

OK = 0
OTHER = 1
USAGE = 2
BAD_TORRENT = 3
DISK = 4
VERIFY_FAILED = 5
NO_PEERS = 6
UNFINISHED = 7
NOT_FOUND = 9
INTERRUPTED = 130
PIPE = 141
TERMINATED = 143

_DISK_ERRNOS = frozenset(
    {
        errno.EACCES,
        errno.EPERM,
        errno.ENOSPC,
        errno.EDQUOT,
        errno.EROFS,
        errno.EIO,
        errno.EEXIST,
        errno.EISDIR,
        errno.ENOTDIR,
    }
)


class BadDataError(TorrentError):
    """Files on disk are not what the torrent says."""


def code_of(error: BaseException) -> int:
    """Return the exit code that says what `error` was."""
    if isinstance(error, BencodeError | MetainfoError | MagnetError):
        return BAD_TORRENT
    if isinstance(error, BadDataError):
        return VERIFY_FAILED
    if isinstance(error, ConfigError):
        return USAGE
    if isinstance(error, DiskError):
        return DISK
    if isinstance(error, RemoteError):
        return NO_PEERS
    if isinstance(error, KeyboardInterrupt):
        return INTERRUPTED
    if isinstance(error, BrokenPipeError):
        return PIPE
    if isinstance(error, FileNotFoundError):
        return NOT_FOUND
    if isinstance(error, OSError) and error.errno in _DISK_ERRNOS:
        return DISK
    return OTHER
