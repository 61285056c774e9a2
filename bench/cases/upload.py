"""How fast is a seed? To one leecher, to 10 and to 50 at once; the data is known to be right when the clock starts.

The leechers are libtorrent's, tuned, all in one process with a session and an address each, writing to memory; they
know nobody but the seed. On few cores they take more CPU than a seed does and are what limits it; `upload-plain` has a
leecher that only receives and compares (`bench.sink`) instead, and shows what a seed can do when nobody holds it up.
CPU is what the seed used from the first leecher's dialling to the last one's end.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass

from bench import clients
from bench.case import BenchError, Case, Place
from bench.cases.download import ALL
from bench.clients import libtorrent
from bench.clients.running import LONGEST, READY
from bench.measure import GIB, MIB, Process, peak_of
from bench.payload import Payload, one_file

FIGURES = ("sustained", "whole", "first", "cpu", "other", "peak")


@dataclass(frozen=True)
class Load:
    """What a seed has to serve, to how many, and whether they are plain ones."""

    payload: Payload
    leechers: int
    plain: bool = False


def _leechers(place: Place, load: Load, address: tuple[str, int]) -> Process:
    payload = load.payload
    if load.plain:
        asked = {"torrent": str(payload.torrent), "data": str(payload.data), "to": address, "count": load.leechers}
        return Process([sys.executable, "-m", "bench.sink", json.dumps(asked)], place.log("sink"))
    return libtorrent.process(
        place,
        "leech",
        "leechers",
        torrent=str(payload.torrent),
        folder=str(place.empty()),
        listen=[f"127.0.3.{number + 1}:0" for number in range(load.leechers)],
        to=[list(address)],
        watch=True,
        pex=False,
        tuned=True,
    )


def run(place: Place, load: Load, side: str) -> dict[str, float]:
    """Serve once to everybody, and check what they have."""
    payload = load.payload
    with clients.module(side).seed(place, payload, side=side) as seed:
        with _leechers(place, load, seed.address) as leech:
            dialled, _ = leech.wait_for("listening", timeout=READY)
            before = seed.process.cpu()
            first, _ = leech.wait_for("first", timeout=READY)
            done, _ = leech.wait_for("done", timeout=LONGEST)
            spent = seed.process.cpu() - before
            other = leech.finish(READY)
        peak = peak_of(seed.process.pid)
        cost = seed.end()
    if other.code:
        raise BenchError(f"a leecher of {side} ended with {other.code}\n{leech.tail()}")
    if not load.plain:
        folders = [place.out / "out" / str(number) for number in range(load.leechers)]
        for folder in folders if load.leechers > 1 else [place.out / "out"]:
            if not payload.is_in(folder):
                raise BenchError(f"{side} served wrong data")
        shutil.rmtree(place.out / "out")
    mib = payload.mib * load.leechers
    return {
        "sustained": mib / max(done - first, 1e-6),
        "whole": mib / (done - dialled),
        "first": first - dialled,
        "cpu": spent / (mib * MIB / GIB),
        "other": other.cpu / (mib * MIB / GIB),
        "peak": (peak or cost.peak) / MIB,
    }


def serving(leechers: int, mib: int, quick_mib: int, piece_length: int, *, plain: bool = False) -> Callable[..., Load]:
    """Return what prepares a file of `mib` MiB for so many leechers."""

    def prepare(place: Place) -> Load:
        return Load(one_file(place.work, quick_mib if place.quick else mib, piece_length), leechers, plain)

    return prepare


def case(name: str, title: str, prepare: Callable[[Place], Load], *, quick: bool = False) -> Case:
    return Case(name, title, FIGURES, ALL, prepare, run, in_quick=quick)


CASES = (
    case("upload-1", "2 GiB to one leecher", serving(1, 2048, 256, MIB), quick=True),
    case("upload-10", "256 MiB to each of 10 leechers", serving(10, 256, 32, 256 << 10)),
    case("upload-50", "64 MiB to each of 50 leechers", serving(50, 64, 8, 256 << 10), quick=True),
    case("upload-plain", "2 GiB to one leecher that only receives", serving(1, 2048, 256, MIB, plain=True)),
    case("upload-plain-50", "64 MiB to each of 50 that only receive", serving(50, 64, 8, 256 << 10, plain=True)),
)
