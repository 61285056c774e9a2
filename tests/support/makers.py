"""How does a test get a .torrent that we did not make? From mktorrent, transmission-create or libtorrent."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

_MAKE = """
import sys, libtorrent as lt
source, out, piece, kind, *trackers = sys.argv[1:]
flags = {"v1": lt.create_torrent.v1_only, "v2": lt.create_torrent.v2_only, "hybrid": 0}[kind]
made = lt.create_torrent(lt.list_files(source), int(piece), flags)
for tier, url in enumerate(trackers):
    made.add_tracker(url, tier)
made.set_creation_date(0)
lt.set_piece_hashes(made, source.rsplit("/", 1)[0])
open(out, "wb").write(lt.bencode(made.generate()))
"""


def _run(argv: Sequence[str]) -> None:
    done = subprocess.run(argv, capture_output=True, text=True, timeout=120, check=False, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, f"{argv[0]}: {done.returncode}\n{done.stdout}\n{done.stderr}"


def by_mktorrent(
    source: Path, out: Path, *, trackers: Sequence[str] = (), piece_power: int = 16, private: bool = False
) -> Path:
    """Make a v1 torrent with mktorrent; each tracker is a tier of its own."""
    argv = ["mktorrent", "-l", str(piece_power), "-o", str(out)]
    for url in trackers:
        argv += ["-a", url]
    _run([*argv, *(["-p"] if private else []), str(source)])
    return out


def by_transmission(source: Path, out: Path, *, trackers: Sequence[str] = (), private: bool = False) -> Path:
    """Make a v1 torrent with transmission-create."""
    argv = ["transmission-create", "-o", str(out)]
    for url in trackers:
        argv += ["-t", url]
    _run([*argv, *(["-p"] if private else []), str(source)])
    return out


def by_libtorrent(
    source: Path, out: Path, *, version: str = "v1", trackers: Sequence[str] = (), piece_length: int = 65536
) -> Path:
    """Make a "v1", "v2" or "hybrid" torrent with libtorrent, in a process of its own."""
    _run([sys.executable, "-c", _MAKE, str(source), str(out), str(piece_length), version, *trackers])
    return out


def info_hashes(torrent: Path) -> list[bytes]:
    """Return the 20 bytes of each swarm a torrent file names: the v1 hash, the v2 hash cut short, or both."""
    info = _raw_info(torrent.read_bytes())
    found = []
    if b"6:pieces" in info:
        found.append(hashlib.sha1(info, usedforsecurity=False).digest())
    if b"12:meta versioni2e" in info:
        found.append(hashlib.sha256(info).digest()[:20])
    return found


def _raw_info(data: bytes) -> bytes:
    """Find the info dictionary by walking the top level; for files made by programs that are trusted here."""
    at = 1
    while data[at : at + 1] != b"e":
        after_key = _skip(data, at)
        after_value = _skip(data, after_key)
        if data[at:after_key] == b"4:info":
            return data[after_key:after_value]
        at = after_value
    raise AssertionError("no info dictionary")


def _skip(data: bytes, at: int) -> int:
    kind = data[at : at + 1]
    if kind == b"i":
        return data.index(b"e", at) + 1
    if kind in (b"d", b"l"):
        at += 1
        while data[at : at + 1] != b"e":
            at = _skip(data, at)
        return at + 1
    colon = data.index(b":", at)
    return colon + 1 + int(data[at:colon])
