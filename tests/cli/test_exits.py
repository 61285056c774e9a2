"""Exit codes: one number for each kind of failure."""

from __future__ import annotations

import errno

import pytest

from torrent import errors
from torrent.cli import exits


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.BencodeError(), 3),
        (errors.MetainfoError(), 3),
        (errors.MagnetError(), 3),
        (errors.ConfigError(), 2),
        (errors.InputError(), 1),
        (errors.DiskError(), 4),
        (errors.DiskFullError(), 4),
        (errors.NetworkError(), 1),
        (errors.TrackerError(), 6),
        (errors.PeerError(), 6),
        (exits.BadDataError(), 5),
        (KeyboardInterrupt(), 130),
        (BrokenPipeError(), 141),
        (FileNotFoundError(), 9),
        (PermissionError(errno.EACCES, "no"), 4),
        (OSError(errno.ENOSPC, "full"), 4),
        (OSError(errno.ENETDOWN, "down"), 1),
        (ValueError(), 1),
    ],
)
def test_code_of(error: BaseException, code: int) -> None:
    assert exits.code_of(error) == code
