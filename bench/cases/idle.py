"""Cases idle-1000 and idle-10000: what do torrents cost that are seeded and that nobody asks for?

Each torrent is one file of 20 KB, two pieces. Time to load runs from the start of the process until every torrent is
seeding, with the records of an earlier run at hand; CPU is what that took. Then the process rests, and after a moment
to settle its CPU is watched for 20 s (`--quick`: 2 s). The tuned libtorrent loads in seed mode: it looks at no file.
"""

from __future__ import annotations

import hashlib
import json
import random
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.case import BenchError, Case, Place
from bench.measure import MIB, Process

SIZE = 20_000
PIECE = 16_384
SETTLE_SECONDS, WATCH_SECONDS = 3.0, 20.0
QUICK_SECONDS = 0.5, 2.0
LOAD_SECONDS = 300.0


@dataclass(frozen=True)
class Torrents:
    """Folders of `count` torrents and of their files."""

    torrents: Path
    data: Path
    count: int


def make(work: Path, count: int) -> Torrents:
    """Make the torrents and their files, unless they are there."""
    root = work / f"idle-{count}"
    made = Torrents(root / "torrents", root / "data", count)
    marker = root / "complete"
    if not marker.exists():
        made.torrents.mkdir(parents=True, exist_ok=True)
        made.data.mkdir(exist_ok=True)
        rng = random.Random(count)
        for number in range(count):
            content = rng.randbytes(SIZE)
            (made.data / f"{number:05}.bin").write_bytes(content)
            (made.torrents / f"{number:05}.torrent").write_bytes(torrent_of(f"{number:05}.bin", content))
        marker.touch()
    return made


def torrent_of(name: str, content: bytes) -> bytes:
    """Return the .torrent of one file (BEP 3) without a tracker."""
    pieces = b"".join(hashlib.sha1(content[start : start + PIECE]).digest() for start in range(0, len(content), PIECE))
    return b"d4:infod6:lengthi%de4:name%d:%b12:piece lengthi%de6:pieces%d:%bee" % (
        len(content),
        len(name),
        name.encode(),
        PIECE,
        len(pieces),
        pieces,
    )


def cpu_seconds(pid: int) -> float:
    """Return the CPU seconds that a running process has used, more precisely than the ticks of /proc."""
    return time.clock_gettime(~pid << 3 | 2)


def run(place: Place, made: Torrents, side: str) -> dict[str, float]:
    """Load every torrent in one side and let it rest."""
    home = place.home(f"idle-{made.count}-{side}")
    asked: dict[str, Any] = {"torrents": str(made.torrents), "data": str(made.data), "state": str(home / "state")}
    program = "ours"
    if side != "ours":
        program = "libtorrent"
        asked["seed_mode"] = side == "libtorrent-tuned"
    argv = [sys.executable, "-m", "bench.idlers", program, json.dumps(asked)]
    with Process(argv, place.log(f"idle-{side}")) as process:
        loaded, line = process.wait_for("seeding", timeout=LOAD_SECONDS)
        cpu = cpu_seconds(process.pid)
        if line["count"] != made.count:
            raise BenchError(f"{side}: {line['count']} of {made.count} torrents are seeding\n{process.tail()}")
        settle, watch = QUICK_SECONDS if place.quick else (SETTLE_SECONDS, WATCH_SECONDS)
        time.sleep(settle)
        before, since = cpu_seconds(process.pid), time.monotonic()
        time.sleep(watch)
        used, passed = cpu_seconds(process.pid) - before, time.monotonic() - since
        cost = process.stop(LOAD_SECONDS)
    if cost.code:
        raise BenchError(f"{side} ended with {cost.code}\n{process.tail()}")
    return {
        "load": loaded - process.started,
        "cpu_total": cpu,
        "idle_cpu": 100 * used / passed,
        "peak": cost.peak / MIB,
    }


def _case(count: int) -> Case:
    return Case(
        name=f"idle-{count}",
        title=f"{count:,} torrents seeding and idle (tuned: seed mode, nothing is looked at)",
        figures=("load", "cpu_total", "idle_cpu", "peak"),
        rivals=("libtorrent", "libtorrent-tuned"),
        prepare=lambda place: make(place.work, count),
        run=run,
        in_quick=count == 1000,
    )


CASES = tuple(_case(count) for count in (1000, 10_000))
