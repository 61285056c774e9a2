"""How soon has a swarm everything? One seed and 20 leechers of one kind, all started at once, until the last is done.

Both sides do the same: 21 processes, each at an address of its own (`torrent seed` and 20 times `torrent download
--seed`, or as many libtorrent sessions in a process each), which find each other through one small tracker and go on
serving until everybody has everything. The clock runs from the first leecher's start to the last one's last piece; CPU
is that of all leechers, peak the largest of theirs.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

from bench import clients
from bench.case import LIBTORRENT, OURS, BenchError, Case, Place
from bench.clients import libtorrent, ours
from bench.clients.running import LONGEST, READY, Leech
from bench.measure import GIB, MIB, Process
from bench.payload import Payload, one_file

SEED = "127.0.2.100"
FIGURES = ("seconds", "half", "earliest", "cpu", "other", "peak")


@dataclass(frozen=True)
class Swarm:
    """What is carried, by how many, and the torrent that names the tracker of this run."""

    payload: Payload
    leechers: int
    torrent: Path = Path()


@contextmanager
def ready(place: Place, swarm: Swarm) -> Iterator[Swarm]:
    """Run the tracker: our own, which is the same for everybody."""
    argv = [sys.executable, "-m", "torrent", "tracker", "serve", "--port", "0", "--json"]
    with Process(argv, place.log("tracker"), env=place.environment("tracker")) as process:
        _, line = process.wait_for("listening", timeout=READY)
        torrent = place.work / "torrents" / "swarm.torrent"
        torrent.write_bytes(swarm.payload.announcing(line["url"]))
        yield replace(swarm, torrent=torrent)
        process.terminate()


def _leech(place: Place, swarm: Swarm, side: str, out: Path, number: int) -> Leech:
    host = f"127.0.2.{number + 1}"
    payload = replace(swarm.payload, torrent=swarm.torrent)
    if side == OURS:
        return ours.leech(place, payload, out, (), side=side, more=("--bind", host, "--seed"), name=f"ours-{number}")
    return libtorrent.leech(
        place, payload, out, (), side=side, listen=[f"{host}:0"], stay=True, name=f"{side}-{number}"
    )


def run(place: Place, swarm: Swarm, side: str) -> dict[str, float]:
    """Start everybody, wait for the last, end everybody, check what all of them have."""
    out = place.empty()
    folders = [out / str(number) for number in range(swarm.leechers)]
    with ExitStack() as stack:
        seed = stack.enter_context(
            clients.module(side).seed(place, swarm.payload, side=side, host=SEED, torrent=swarm.torrent)
        )
        before = seed.process.cpu()
        leeches = [
            stack.enter_context(_leech(place, swarm, side, folder, number)) for number, folder in enumerate(folders)
        ]
        began = leeches[0].started
        done = sorted(leech.wait_done(LONGEST) for leech in leeches)
        served = seed.process.cpu() - before
        costs = [leech.process.terminate() if side == OURS else leech.process.stop() for leech in leeches]
        seed.end()
    if wrong := [folder.name for folder in folders if not swarm.payload.is_in(folder)]:
        raise BenchError(f"{side}: wrong data at {', '.join(wrong)}")
    shutil.rmtree(out)
    carried = swarm.leechers * swarm.payload.size / GIB
    return {
        "seconds": done[-1] - began,
        "half": median(done) - began,
        "earliest": done[0] - began,
        "cpu": sum(cost.cpu for cost in costs) / carried,
        "other": served / carried,
        "peak": max(cost.peak for cost in costs) / MIB,
    }


def swarm(leechers: int, in_quick: int) -> Callable[[Place], Swarm]:
    """Return what prepares 256 MiB in pieces of 256 KiB; `in_quick` have 32 MiB."""

    def prepare(place: Place) -> Swarm:
        payload = one_file(place.work, 32 if place.quick else 256, 256 << 10)
        return Swarm(payload, in_quick if place.quick else leechers)

    return prepare


CASES = (
    Case(
        "swarm",
        "256 MiB from one seed to 20 leechers that serve each other, pieces of 256 KiB",
        FIGURES,
        LIBTORRENT,
        swarm(20, 6),
        run,
        ready,
        in_quick=True,
    ),
)
