"""transmission-create: makes v1 torrents in one thread."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path


def available() -> bool:
    return shutil.which("transmission-create") is not None


def version() -> str:
    said = subprocess.run(["transmission-create", "-V"], capture_output=True, text=True, check=False)
    return (said.stdout + said.stderr).split()[1]


def create_argv(data: Path, target: Path, piece_length: int, kind: str) -> list[str]:
    """Return the command that makes a torrent."""
    return ["transmission-create", "-s", str(piece_length >> 10), "-o", str(target), str(data)]
