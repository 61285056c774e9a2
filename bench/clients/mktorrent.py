"""mktorrent: makes v1 torrents, with a thread for each core."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path


def available() -> bool:
    return shutil.which("mktorrent") is not None


def version() -> str:
    said = subprocess.run(["mktorrent", "-h"], capture_output=True, text=True, check=False)
    return (said.stdout + said.stderr).split()[1]


def create_argv(data: Path, target: Path, piece_length: int, kind: str) -> list[str]:
    """Return the command that makes a torrent."""
    power = str(piece_length.bit_length() - 1)
    return ["mktorrent", "-d", "-l", power, "-a", "http://127.0.0.1/announce", "-o", str(target), str(data)]
