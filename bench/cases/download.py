"""How fast is a download? From one seed, from many at once, in small and large pieces, and into many small files.

The seeds are `bench.feeder`, one process for all of them, each at an address of its own, which hashes nothing and
copies nothing: what is measured is who downloads. `download-libtorrent` has one real libtorrent seed instead, which
takes as much of the two cores as a client does. The side `limit` is `bench.limit`, in turn with the others.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from bench import clients
from bench.case import BenchError, Case, Place
from bench.clients import libtorrent
from bench.clients.running import READY, Peer
from bench.measure import GIB, MIB, Process
from bench.payload import Payload, many_files, one_file

ALL = ("libtorrent", "libtorrent-tuned", "transmission", "aria2", "rtorrent", "qbittorrent", "webtorrent")
FIGURES = ("sustained", "whole", "first", "cpu", "other", "peak")
LIMIT = "limit"


@dataclass(frozen=True)
class Source:
    """What a download needs: the payload, and while the runs go on the seeds and the sender of the limit."""

    payload: Payload
    seeds: int = 1
    by_libtorrent: bool = False
    feeder: Process | None = None
    peers: tuple[Peer, ...] = ()
    sender: Process | None = None
    sender_port: int = 0


@contextmanager
def ready(place: Place, source: Source) -> Iterator[Source]:
    """Run the seeds, and the plain sender of the limit."""
    payload = source.payload
    hosts = [f"127.0.1.{number + 1}" for number in range(source.seeds)]
    if source.by_libtorrent:
        feeder = libtorrent.process(
            place,
            "seed",
            "feeder",
            torrent=str(payload.torrent),
            folder=str(payload.data.parent),
            listen=[f"{host}:0" for host in hosts],
            watch=True,
        )
    else:
        asked = {"torrent": str(payload.torrent), "data": str(payload.data), "hosts": hosts}
        feeder = Process([sys.executable, "-m", "bench.feeder", json.dumps(asked)], place.log("feeder"))
    with feeder:
        _, line = feeder.wait_for("listening", timeout=READY)
        ports = line.get("ports") or [line["port"]] * len(hosts)
        found = replace(source, feeder=feeder, peers=tuple(zip(hosts, ports, strict=True)))
        if not payload.data.is_file():
            yield found
            return
        argv = [sys.executable, "-m", "bench.limit", "send", json.dumps({"data": str(payload.data)})]
        with Process(argv, place.log("limit-send")) as sender:
            _, line = sender.wait_for("listening", timeout=READY)
            yield replace(found, sender=sender, sender_port=line["port"])


def run(place: Place, source: Source, side: str) -> dict[str, float]:
    """Download once into an empty folder, and check what came."""
    if side == LIMIT:
        return limit(place, source)
    assert source.feeder is not None
    payload, feeder = source.payload, source.feeder
    out = place.empty()
    feeder.drop_lines()
    spent = feeder.cpu()
    with clients.module(side).leech(place, payload, out, source.peers, side=side) as leech:
        leech.meet(lambda host, port: feeder.tell(dial=[host, port]))
        first, _ = feeder.wait_for("first", timeout=READY)
        done = leech.wait_done()
        cost = leech.end()
    spent = feeder.cpu() - spent
    if leech.exits and cost.code:
        raise BenchError(f"{side} ended with {cost.code}\n{leech.process.tail()}")
    if not payload.is_in(out):
        raise BenchError(f"{side} wrote wrong data")
    shutil.rmtree(out)
    return {
        "sustained": payload.mib / max(done - first, 1e-6),
        "whole": payload.mib / leech.seconds(done, cost),
        "first": first - leech.started,
        "cpu": cost.cpu / (payload.size / GIB),
        "other": spent / (payload.size / GIB),
        "peak": cost.peak / MIB,
    }


def limit(place: Place, source: Source) -> dict[str, float]:
    """Receive, hash and write once, without a protocol."""
    assert source.sender is not None
    size = source.payload.size
    target = place.empty() / "limit.bin"
    source.sender.drop_lines()
    spent = source.sender.cpu()
    asked = json.dumps({"port": source.sender_port, "out": str(target), "size": size})
    with Process([sys.executable, "-m", "bench.limit", "receive", asked], place.log("limit")) as process:
        first, _ = source.sender.wait_for("first", timeout=READY)
        done, _ = process.wait_for("done", timeout=READY)
        cost = process.finish(READY)
    target.unlink()
    mib = size / MIB
    return {
        "sustained": mib / (done - first),
        "whole": mib / cost.seconds,
        "first": first - process.started,
        "cpu": cost.cpu / (size / GIB),
        "other": (source.sender.cpu() - spent) / (size / GIB),
        "peak": cost.peak / MIB,
    }


def file(piece_length: int, *, seeds: int = 1, kind: str = "v1", by_libtorrent: bool = False) -> Callable[..., Source]:
    """Return what prepares one large file."""

    def prepare(place: Place) -> Source:
        payload = one_file(place.work, 256 if place.quick else 2048, piece_length, kind)
        return Source(payload, seeds, by_libtorrent)

    return prepare


def small(place: Place) -> Source:
    count, total = (2000, 100 * MIB) if place.quick else (20_000, GIB)
    return Source(many_files(place.work, count, total))


def case(
    name: str, title: str, prepare: Callable[[Place], Source], *, limit: bool = False, quick: bool = False
) -> Case:
    rivals = (LIMIT, *ALL) if limit else ALL
    usual = (*((LIMIT,) if limit else ()), "libtorrent", "libtorrent-tuned")
    return Case(name, title, FIGURES, rivals, prepare, run, ready, usual, in_quick=quick)


CASES = (
    case("download", "one file of 2 GiB from one seed, pieces of 1 MiB", file(MIB), limit=True, quick=True),
    case("download-256k", "the same with pieces of 256 KiB", file(256 << 10)),
    case("download-4m", "the same with pieces of 4 MiB", file(4 * MIB)),
    case("download-libtorrent", "the same from a libtorrent seed", file(MIB, by_libtorrent=True)),
    case("download-10", "the same from 10 seeds", file(MIB, seeds=10)),
    case("download-50", "the same from 50 seeds", file(MIB, seeds=50), quick=True),
    replace(
        case("download-v2", "the same as a v2 torrent from one seed", file(MIB, kind="v2")),
        rivals=("libtorrent", "libtorrent-tuned"),
    ),
    case("small", "20,000 files of 1 GiB in all from one seed, pieces of 1 MiB", small, quick=True),
)
