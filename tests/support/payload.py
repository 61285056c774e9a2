"""Which bytes do tests carry around? Random but repeatable files and trees, and one digest to compare trees by."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Mapping
from pathlib import Path

_CHUNK = 4 << 20


def payload(path: Path, size: int, seed: int = 1) -> Path:
    """Write `size` random bytes to `path`, the same ones for the same seed; parents are made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = random.Random(f"{seed}/{path.name}/{size}")
    with path.open("wb") as out:
        left = size
        while left:
            take = min(left, _CHUNK)
            out.write(rng.randbytes(take))
            left -= take
    return path


def tree(root: Path, sizes: Mapping[str, int], seed: int = 1) -> Path:
    """Write one random file per entry of `sizes` (relative path -> bytes) under `root`."""
    for name, size in sizes.items():
        payload(root / name, size, seed)
    return root


def many_small_files(root: Path, count: int, *, low: int = 0, high: int = 2000, seed: int = 1) -> Path:
    """Write `count` small files of `low` to `high` bytes, a hundred to a folder, some of them empty."""
    rng = random.Random(seed)
    for index in range(count):
        folder = root / f"d{index // 100:03}"
        if index % 100 == 0:
            folder.mkdir(parents=True, exist_ok=True)
        (folder / f"f{index:05}.bin").write_bytes(rng.randbytes(0 if index % 97 == 0 else rng.randint(low, high)))
    return root


def sha256_file(path: Path) -> str:
    """Digest one file."""
    with path.open("rb") as source:
        return hashlib.file_digest(source, "sha256").hexdigest()


def sha256_tree(root: Path, *, empty: bool = True) -> dict[str, str]:
    """Digest every regular file below `root` (or `root` itself): relative path -> sha256 hex. A file alone has key "".

    `empty=False` leaves out files of no length, which some clients never create.
    """
    if root.is_file():
        return {"": sha256_file(root)}
    files = [p for p in sorted(root.rglob("*")) if p.is_file() and (empty or p.stat().st_size)]
    return {p.relative_to(root).as_posix(): sha256_file(p) for p in files}
