"""Which data is carried? Random bytes, made once in the work folder and kept for the next time."""

from __future__ import annotations

import hashlib
import random
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

_CHUNK = 4 << 20


def one_file(path: Path, size: int) -> Path:
    """Write `size` random bytes, unless a file of that size is there already."""
    if not path.exists() or path.stat().st_size != size:
        path.parent.mkdir(parents=True, exist_ok=True)
        rng = random.Random(size)
        with path.open("wb") as out:
            for start in range(0, size, _CHUNK):
                out.write(rng.randbytes(min(_CHUNK, size - start)))
    return path


def many_files(root: Path, count: int, total: int) -> Path:
    """Write `count` files of uneven sizes that sum up to about `total`, a hundred to a folder."""
    marker = root.with_name(root.name + ".complete")
    if not marker.exists():
        rng = random.Random(count)
        mean = total // count
        for index in range(count):
            folder = root / f"{index // 100:03}"
            if index % 100 == 0:
                folder.mkdir(parents=True, exist_ok=True)
            (folder / f"{index:05}.bin").write_bytes(rng.randbytes(rng.randint(mean // 4, mean * 7 // 4)))
        marker.touch()
    return root


def digest(root: Path) -> str:
    """Return one sha256 over the names and contents of every file below `root`, or of `root` itself."""
    files = [root] if root.is_file() else sorted(p for p in root.rglob("*") if p.is_file())

    def one(path: Path) -> bytes:
        with path.open("rb") as source:
            return hashlib.file_digest(source, "sha256").digest()

    whole = hashlib.sha256()
    with ThreadPoolExecutor(2) as pool:
        for path, found in zip(files, pool.map(one, files), strict=True):
            whole.update(path.relative_to(root.parent).as_posix().encode() + b"\0" + found)
    return whole.hexdigest()
