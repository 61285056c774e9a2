"""Cases create and verify: how fast do files become a torrent, and how fast is it said that they are right?

One file of 8 GiB (`--quick`: 512 MiB), 20,000 small ones of 1 GiB (2,000 of 100 MiB), pieces of 1 MiB, all of it in the
page cache. The limit is what all cores could hash, measured beside each run: `cores` times what one thread of plain
hashlib does. It is the whole command that is held against it, so with --quick the start of Python is a part that shows.
"""

from __future__ import annotations

import hashlib
import os
import re
import time
from collections.abc import Callable
from dataclasses import dataclass

from bench.case import BenchError, Case, Place
from bench.clients import hashers
from bench.measure import GIB, MIB
from bench.payload import Payload, many_files, one_file

FIGURES = ("rate", "limit_share", "cpu", "peak")
CREATORS = ("libtorrent", "mktorrent", "torf", "transmission-create")
CHECKERS = ("libtorrent", "libtorrent-tuned", "transmission", "aria2", "torf")
PIECE = MIB
_PROBES = 5
_PROBE_SECONDS = 0.04


@dataclass(frozen=True)
class Source:
    payload: Payload
    kind: str


def one_thread_rate(algorithm: str) -> float:
    """Return the MiB/s that one thread hashes pieces of 1 MiB with, the best of a few short looks."""
    piece = bytes(MIB)
    best = 0.0
    for _ in range(_PROBES):
        began, done = time.monotonic(), 0
        while (passed := time.monotonic() - began) < _PROBE_SECONDS:
            hashlib.new(algorithm, piece, usedforsecurity=False).digest()
            done += 1
        best = max(best, done / passed)
    return best


def pieces_of(torrent: bytes) -> bytes:
    """Return the v1 piece hashes of a .torrent, or nothing."""
    found = re.search(rb"6:pieces(\d+):", torrent)
    return torrent[found.end() : found.end() + int(found[1])] if found else b""


def roots_of(torrent: bytes) -> list[bytes]:
    """Return the v2 roots of the files of a .torrent, in order."""
    return [found[1] for found in re.finditer(rb"11:pieces root32:(.{32})", torrent, re.DOTALL)]


def warm(payload: Payload) -> None:
    """Read everything once, so that it is in the page cache whatever the run before has pushed out."""
    files = [payload.data] if payload.data.is_file() else [path for path in payload.data.rglob("*") if path.is_file()]
    buffer = bytearray(MIB)
    for path in files:
        with path.open("rb", buffering=0) as file:
            while file.readinto(buffer):
                pass


def create(place: Place, source: Source, side: str) -> dict[str, float]:
    """Make the torrent once, and compare its hashes with the known one."""
    payload = source.payload
    target = place.empty() / "made.torrent"
    warm(payload)
    limit = _limit(source)
    work = hashers.create(place, side, payload.data, target, PIECE, source.kind)
    made, known = target.read_bytes(), payload.torrent.read_bytes()
    if payload.data.is_file() and (pieces_of(made), roots_of(made)) != (pieces_of(known), roots_of(known)):
        raise BenchError(f"{side} made a torrent with other hashes")
    if (len(pieces_of(made)), len(roots_of(made))) != (len(pieces_of(known)), len(roots_of(known))):
        raise BenchError(f"{side} made a torrent of other files")  # each has an order of its own
    return _figures(payload, work, limit)


def verify(place: Place, source: Source, side: str) -> dict[str, float]:
    """Check the files once."""
    warm(source.payload)
    limit = _limit(source)
    return _figures(source.payload, hashers.check(place, side, source.payload), limit)


def _limit(source: Source) -> float:
    return (os.cpu_count() or 1) * one_thread_rate("sha256" if source.kind == "v2" else "sha1")


def _figures(payload: Payload, work: hashers.Work, limit: float) -> dict[str, float]:
    rate = payload.mib / work.seconds
    return {
        "rate": rate,
        "limit_share": 100 * rate / limit,
        "cpu": work.cpu / (payload.size / GIB),
        "peak": work.peak / MIB,
    }


def _large(kind: str) -> Callable[[Place], Source]:
    return lambda place: Source(one_file(place.work, 512 if place.quick else 8192, PIECE, kind), kind)


def _small(place: Place) -> Source:
    count, total = (2000, 100 * MIB) if place.quick else (20_000, GIB)
    return Source(many_files(place.work, count, total, PIECE), "v1")


LIBTORRENT = ("libtorrent", "libtorrent-tuned")

CASES = (
    Case(
        "create",
        "a torrent of one file of 8 GiB",
        FIGURES,
        CREATORS,
        _large("v1"),
        create,
        usual=CREATORS,
        in_quick=True,
    ),
    Case(
        "create-small",
        "a torrent of 20,000 files of 1 GiB in all (torf takes a minute)",
        FIGURES,
        CREATORS,
        _small,
        create,
        usual=("libtorrent", "mktorrent", "transmission-create"),
    ),
    Case("create-v2", "a v2 torrent of one file of 8 GiB", FIGURES, LIBTORRENT[:1], _large("v2"), create),
    Case(
        "verify",
        "check one file of 8 GiB",
        FIGURES,
        CHECKERS,
        _large("v1"),
        verify,
        usual=(*LIBTORRENT, "transmission", "torf"),
        in_quick=True,
    ),
    Case(
        "verify-small",
        "check 20,000 files of 1 GiB in all (torf takes a minute)",
        FIGURES,
        CHECKERS,
        _small,
        verify,
        usual=(*LIBTORRENT, "transmission"),
    ),
    Case("verify-v2", "check the file of a v2 torrent of 8 GiB", FIGURES, LIBTORRENT, _large("v2"), verify),
)
