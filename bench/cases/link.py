"""Cases link-100 and link-1000: who fills a long link that loses packets? And the same for a seed at its other end.

Each run has a fresh link (see `bench.link`) of 100 Mbit/s or 1 Gbit/s with a round trip of 50 ms and 1 % loss, and at
the other end a libtorrent with its own settings: those for speed give a socket 1 MiB, which is a fifth of what 1 Gbit/s
needs here. The side `limit` is a plain TCP stream of the same size. The share is that of the link's rate, of which
headers take 3.5 % and lost segments another 1 %.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from bench import clients
from bench.case import BenchError, Case, Place
from bench.clients import libtorrent
from bench.clients.running import LONGEST, READY
from bench.link import Link, LinkError, LinkKind
from bench.measure import GIB, MIB, Cost, Process
from bench.payload import Payload, one_file

FIGURES = ("mbit", "link_share", "seconds", "first", "cpu", "peak")
RIVALS = ("limit", "libtorrent", "libtorrent-tuned")
RAW = (sys.executable, "-m", "bench.link_raw")
HERE, THERE = 0, 1
"""The end of the link where the side is that is measured, and the other end."""


@dataclass(frozen=True)
class Long:
    """What is carried over which link."""

    payload: Payload
    kind: LinkKind


def download(place: Place, long: Long, side: str) -> dict[str, float]:
    """Let one side download from a libtorrent seed over a new link."""
    if side == "limit":
        return limit(place, long, receives=True)
    payload = long.payload
    out = place.empty()
    with _link(long.kind) as link:
        host = link.addresses[THERE]
        facts: dict[str, Any] = {"torrent": str(payload.torrent), "folder": str(payload.data.parent)}
        facts |= {"listen": [f"{host}:0"], "watch": True}
        with libtorrent.process(place, "seed", "link-seed", prefix=link.inside(THERE, ()), **facts) as seed:
            _, line = seed.wait_for("listening", timeout=READY)
            peers = [(host, int(line["ports"][0]))]
            more = {} if side == "ours" else {"listen": [f"{link.addresses[HERE]}:0"]}
            prefix = link.inside(HERE, ())
            with clients.module(side).leech(place, payload, out, peers, side=side, prefix=prefix, **more) as leech:
                try:
                    first, _ = seed.wait_for("first", timeout=READY)
                except BenchError as error:
                    raise BenchError(f"{side}: {error}\n{leech.process.tail()}") from error
                done = leech.wait_done()
                cost = leech.end()
    if cost.code:
        raise BenchError(f"{side} ended with {cost.code}\n{leech.process.tail()}")
    if not payload.is_in(out):
        raise BenchError(f"{side} wrote wrong data")
    shutil.rmtree(out)
    return _figures(long, leech.started, first, done, cost)


def upload(place: Place, long: Long, side: str) -> dict[str, float]:
    """Let one side serve a libtorrent leech over a new link."""
    if side == "limit":
        return limit(place, long, receives=False)
    payload = long.payload
    with _link(long.kind) as link:
        host = link.addresses[HERE]
        with clients.module(side).seed(place, payload, side=side, host=host, prefix=link.inside(HERE, ())) as seed:
            used = seed.process.cpu()
            facts: dict[str, Any] = {"torrent": str(payload.torrent), "folder": str(place.empty())}
            facts |= {"listen": [f"{link.addresses[THERE]}:0"], "to": [list(seed.address)], "watch": True}
            with libtorrent.process(place, "leech", "link-leech", prefix=link.inside(THERE, ()), **facts) as leech:
                first, _ = leech.wait_for("first", timeout=READY)
                done, _ = leech.wait_for("done", timeout=LONGEST)
                other = leech.finish(READY)
            used = seed.process.cpu() - used
            cost = seed.end()
    if other.code:
        raise BenchError(f"the leech of {side} ended with {other.code}\n{leech.tail()}")
    if not payload.is_in(place.out / "out"):
        raise BenchError(f"{side} served wrong data")
    shutil.rmtree(place.out / "out")
    return _figures(long, leech.started, first, done, Cost(done - leech.started, used, cost.peak, cost.code))


def limit(place: Place, long: Long, *, receives: bool) -> dict[str, float]:
    """Carry as many bytes by plain TCP."""
    sender, receiver = (THERE, HERE) if receives else (HERE, THERE)
    size = long.payload.size
    with _link(long.kind) as link:
        host = link.addresses[sender]
        argv = link.inside(sender, [*RAW, "send", host, str(size)])
        with Process(argv, place.log("link-raw-send")) as sending:
            _, line = sending.wait_for("listening", timeout=READY)
            argv = link.inside(receiver, [*RAW, "receive", host, str(line["port"])])
            with Process(argv, place.log("link-raw-receive")) as receiving:
                first, _ = receiving.wait_for("first", timeout=READY)
                done, _ = receiving.wait_for("done", timeout=LONGEST)
                cost = receiving.finish(READY)
            if not receives:
                cost = sending.terminate()
    return _figures(long, receiving.started, first, done, Cost(done - receiving.started, cost.cpu, cost.peak, 0))


def _link(kind: LinkKind) -> Link:
    try:
        return Link(kind)
    except LinkError as error:
        raise BenchError(f"no link: {error}") from error


def _figures(long: Long, began: float, first: float, done: float, cost: Cost) -> dict[str, float]:
    bits = long.payload.size * 8 / max(done - first, 1e-6)
    return {
        "mbit": bits / 1e6,
        "link_share": 100 * bits / (long.kind.rate * 8),
        "seconds": cost.seconds,
        "first": first - began,
        "cpu": cost.cpu / (long.payload.size / GIB),
        "peak": cost.peak / MIB,
    }


def _prepare(mbit: int, mib: int, quick_mib: int, place: Place) -> Long:
    return Long(one_file(place.work, quick_mib if place.quick else mib, MIB), LinkKind(rate=mbit * 1e6 / 8))


def _case(name: str, title: str, prepare: Callable[[Place], Long], run: Callable[..., dict[str, float]]) -> Case:
    return Case(name, title, FIGURES, RIVALS, prepare, run, usual=RIVALS, warm=False)


_SLOW = partial(_prepare, 100, 128, 16)
_FAST = partial(_prepare, 1000, 512, 128)

CASES = (
    _case("link-100", "128 MiB down over 100 Mbit/s, 50 ms, 1 % loss", _SLOW, download),
    _case("link-1000", "512 MiB down over 1 Gbit/s, 50 ms, 1 % loss", _FAST, download),
    _case("link-100-up", "128 MiB up over 100 Mbit/s, 50 ms, 1 % loss", _SLOW, upload),
    _case("link-1000-up", "512 MiB up over 1 Gbit/s, 50 ms, 1 % loss", _FAST, upload),
)
