"""Which data is carried? Random bytes, made once in the work folder and kept for the next time."""

from __future__ import annotations

import hashlib
import json
import random
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from bench.measure import MIB, ROOT
from torrent import Metainfo, bencode

_CHUNK = 4 << 20


@dataclass(frozen=True)
class Payload:
    """What is carried: a torrent, its file or folder, its bytes, the digest of what has to come out."""

    torrent: Path
    data: Path
    size: int
    sha256: str

    @property
    def mib(self) -> float:
        return self.size / MIB

    @property
    def metainfo(self) -> Metainfo:
        return Metainfo.from_bytes(self.torrent.read_bytes())

    def announcing(self, tracker: str) -> bytes:
        """Return the torrent as one that names a tracker; the info dictionary stays as it is."""
        document = bencode.decode(self.torrent.read_bytes())
        assert isinstance(document, dict)
        return bencode.encode({**document, b"announce": tracker.encode()})

    def is_in(self, folder: Path) -> bool:
        """Say whether `folder` holds exactly this payload."""
        found = folder / self.data.name
        return found.exists() and digest(found) == self.sha256


def one_file(work: Path, mib: int, piece_length: int, kind: str = "v1") -> Payload:
    """Make one file of `mib` MiB and its torrent, where they are missing."""
    data = work / "data" / f"file-{mib}.bin"
    if not data.exists() or data.stat().st_size != mib * MIB:
        data.parent.mkdir(parents=True, exist_ok=True)
        rng = random.Random(mib)
        with data.open("wb") as out:
            for start in range(0, mib * MIB, _CHUNK):
                out.write(rng.randbytes(min(_CHUNK, mib * MIB - start)))
    return payload(data, piece_length, kind)


def many_files(work: Path, count: int, total: int, piece_length: int = MIB, kind: str = "v1") -> Payload:
    """Make `count` files of uneven sizes, about `total` bytes in all, a hundred to a folder, and their torrent."""
    root = work / "data" / f"small-{count}"
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
    return payload(root, piece_length, kind)


def payload(data: Path, piece_length: int, kind: str = "v1") -> Payload:
    """Make the torrent (by libtorrent) and the digest of a file or folder, where they are missing."""
    folder = data.parent.parent / "torrents"
    folder.mkdir(parents=True, exist_ok=True)
    torrent = folder / f"{data.name}.{piece_length >> 10}k.{kind}.torrent"
    if not torrent.exists():
        asked = {"source": str(data), "torrent": str(torrent), "piece_length": piece_length, "version": kind}
        argv = [sys.executable, "-m", "bench.clients.libtorrent_process", "make", json.dumps(asked)]
        subprocess.run(argv, check=True, cwd=ROOT)
    known = folder / f"{data.name}.json"
    if not known.exists():
        files = [data] if data.is_file() else [path for path in data.rglob("*") if path.is_file()]
        facts = {"sha256": digest(data), "size": sum(path.stat().st_size for path in files)}
        known.write_text(json.dumps(facts))
    facts = json.loads(known.read_text())
    return Payload(torrent, data, facts["size"], facts["sha256"])


def digest(root: Path) -> str:
    """Return one sha256 over the names and contents of every file below `root`, or of `root` itself."""
    files = [root] if root.is_file() else sorted(path for path in root.rglob("*") if path.is_file())

    def one(path: Path) -> bytes:
        with path.open("rb") as source:
            return hashlib.file_digest(source, "sha256").digest()

    whole = hashlib.sha256()
    with ThreadPoolExecutor(2) as pool:
        for path, found in zip(files, pool.map(one, files), strict=True):
            whole.update(path.relative_to(root.parent).as_posix().encode() + b"\0" + found)
    return whole.hexdigest()
