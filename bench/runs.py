"""What is one run? A downloader or a seeder, ours or theirs, against the same libtorrent on the other side."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bench.measure import BenchError, Cost, Process
from bench.payload import digest

LONGEST = 900.0
"""Seconds after which a run is given up."""

THEIRS = [sys.executable, "-m", "bench.theirs"]
OURS = [sys.executable, "-m", "torrent"]


@dataclass(frozen=True)
class Job:
    """What is carried: a torrent, the folder that holds its data, and its size in bytes."""

    name: str
    torrent: Path
    data: Path
    size: int
    work: Path

    def log(self, name: str) -> Path:
        """Where a process of this job writes what it has to say."""
        return self.work / f"{name}.log"

    @property
    def environment(self) -> dict[str, str]:
        """Our client with a home of its own, kept from run to run."""
        home = self.work / "home"
        names = ("CONFIG", "DATA", "STATE", "CACHE")
        return {"HOME": str(home), **{f"XDG_{name}_HOME": str(home / name.lower()) for name in names}}


@dataclass(frozen=True)
class Run:
    """The figures of one run, in the units that are printed."""

    who: str
    whole: float
    sustained: float
    cpu: float
    peak: float
    first: float
    seconds: float

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def figures(who: str, job: Job, cost: Cost, *, began: float, first: float, done: float, whole: float) -> Run:
    """Turn moments (monotonic seconds) and costs into MiB/s, CPU seconds per GiB, MiB and seconds."""
    mib = job.size / 2**20
    return Run(
        who=who,
        whole=mib / whole,
        sustained=mib / max(done - first, 1e-6),
        cpu=cost.cpu / (job.size / 2**30),
        peak=cost.peak / 2**20,
        first=first - began,
        seconds=whole,
    )


@contextmanager
def their_seed(job: Job, *, watch: bool) -> Iterator[tuple[Process, int]]:
    """Run a libtorrent seeder; yields it and its port."""
    argv = [*THEIRS, "seed", job.torrent, job.data.parent, "watch" if watch else "quiet"]
    with Process(argv, job.log("their-seed")) as process:
        _, line = process.wait_for("listening", timeout=60)
        yield process, int(line["port"])


def download(who: str, job: Job, seeder: Process, port: int, *, check: str) -> Run:
    """Measure one downloader under `seeder`, which tells when the first payload left; `check` is the right digest."""
    out = job.work / "out"
    shutil.rmtree(out, ignore_errors=True)
    shutil.rmtree(job.work / "home", ignore_errors=True)
    out.mkdir()
    seeder.drop_lines()
    if who == "ours":
        argv = [*OURS, "download", job.torrent, "-o", out, "--json", "--port", "0", "--peer", f"127.0.0.1:{port}"]
    else:
        argv = [*THEIRS, "leech", job.torrent, out, "127.0.0.1", str(port), "quiet"]
    with Process(argv, job.log(f"{who}-leech"), env=job.environment if who == "ours" else None) as process:
        first, _ = seeder.wait_for("first", timeout=60)
        done, _ = process.wait_for("done", timeout=LONGEST)
        cost = process.finish(60)
    if cost.code:
        raise BenchError(f"{who} ended with {cost.code}")
    if check and digest(out / job.data.name) != check:
        raise BenchError(f"{who} wrote wrong data")
    shutil.rmtree(out)
    return figures(who, job, cost, began=process.started, first=first, done=done, whole=cost.seconds)


def seed(who: str, job: Job, *, check: str) -> Run:
    """Measure one seeder under a libtorrent leecher; the seeder trusts its data, as after a restart."""
    out = job.work / "out"
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir()
    if who == "ours":
        argv = [*OURS, "seed", job.torrent, job.data.parent, "--json", "--port", "0", "--bind", "127.0.0.1"]
    else:
        argv = [*THEIRS, "seed", job.torrent, job.data.parent, "quiet"]
    with Process(argv, job.log(f"{who}-seed"), env=job.environment if who == "ours" else None) as process:
        _, line = process.wait_for("listening", timeout=60)
        if who == "ours":
            process.wait_for("seeding", timeout=120)
        argv = [*THEIRS, "leech", job.torrent, out, "127.0.0.1", str(line["port"]), "watch"]
        with Process(argv, job.log("their-leech")) as leech:
            first, _ = leech.wait_for("first", timeout=60)
            done, _ = leech.wait_for("done", timeout=LONGEST)
            leech.finish(60)
        cost = process.terminate() if who == "ours" else process.stop()
    if check and digest(out / job.data.name) != check:
        raise BenchError(f"{who} served wrong data")
    shutil.rmtree(out)
    return figures(who, job, cost, began=leech.started, first=first, done=done, whole=done - leech.started)
