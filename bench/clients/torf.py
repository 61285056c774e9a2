"""torf, the Python library, as a script of three lines uses it; a thread for each core."""

from __future__ import annotations

import sys
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as package_version
from pathlib import Path

_CREATE = """
import sys, torf
made = torf.Torrent(path=sys.argv[1], piece_size=int(sys.argv[3]), private=False)
made.generate()
made.write(sys.argv[2], validate=False)
"""

_CHECK = """
import sys, torf
sys.exit(not torf.Torrent.read(sys.argv[1]).verify(sys.argv[2]))
"""


def available() -> bool:
    try:
        package_version("torf")
    except PackageNotFoundError:
        return False
    return True


def version() -> str:
    return package_version("torf")


def create_argv(data: Path, target: Path, piece_length: int, kind: str) -> list[str]:
    """Return the command that makes a torrent."""
    return [sys.executable, "-c", _CREATE, str(data), str(target), str(piece_length)]


def check_argv(torrent: Path, data: Path) -> list[str]:
    """Return the command that checks files; it ends with 1 if they are wrong."""
    return [sys.executable, "-c", _CHECK, str(torrent), str(data)]
