"""How does each program make a torrent, and how does it check files? One command each, or one call of a daemon.

What is timed: for a command its whole life, start to exit; for libtorrent, which has no command, a process from its
start to the moment all is made or checked; for transmission's check, a running daemon from the moment it is told of the
torrent until it says that all is there.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.case import BenchError, Place
from bench.clients import libtorrent, mktorrent, ours, torf, transmission, transmission_create
from bench.clients.running import LONGEST, READY
from bench.measure import Cost, Process, until
from bench.payload import Payload


@dataclass(frozen=True)
class Work:
    """What it took: seconds, CPU seconds, peak resident bytes."""

    seconds: float
    cpu: float
    peak: int


Creator = Callable[[Path, Path, int, str], Sequence[str]]


def create(place: Place, side: str, data: Path, target: Path, piece_length: int, kind: str) -> Work:
    """Let one program make a torrent of `data` in the file `target`."""
    return _command(place, side, CREATORS[side](data, target, piece_length, kind))


def check(place: Place, side: str, payload: Payload) -> Work:
    """Let one program check complete files; BenchError if it does not find them so."""
    if side == "transmission":
        return _check_with_transmission(place, payload)
    if side.startswith("libtorrent"):
        return _check_with_libtorrent(place, side, payload)
    argv = {
        "ours": [*ours.COMMAND, "verify", str(payload.torrent), str(payload.data), "--quiet"],
        "torf": torf.check_argv(payload.torrent, payload.data),
        "aria2": ["aria2c", "--no-conf=true", "-V", "--hash-check-only=true", "--enable-dht=false", "-q"],
    }[side]
    if side == "aria2":
        argv += ["-d", str(payload.data.parent), str(payload.torrent)]
    return _command(place, side, argv)


def _command(place: Place, side: str, argv: Sequence[str]) -> Work:
    environment = place.environment(f"hash-{side}")
    with Process(argv, place.log(f"hash-{side}"), env=environment, lines=False) as process:
        cost = process.finish(LONGEST)
        _require_good(side, cost, process)
    return Work(cost.seconds, cost.cpu, cost.peak)


def _ours(data: Path, target: Path, piece_length: int, kind: str) -> list[str]:
    words = ["create", str(data), "-o", str(target), f"--{kind}", "--piece", str(piece_length), "--no-date", "--quiet"]
    return [*ours.COMMAND, *words]


def _libtorrent(data: Path, target: Path, piece_length: int, kind: str) -> list[str]:
    asked = {"source": str(data), "torrent": str(target), "piece_length": piece_length, "version": kind}
    return [*libtorrent.SCRIPT, "make", json.dumps(asked)]


CREATORS: dict[str, Creator] = {
    "ours": _ours,
    "libtorrent": _libtorrent,
    "mktorrent": mktorrent.create_argv,
    "torf": torf.create_argv,
    "transmission-create": transmission_create.create_argv,
}


def _check_with_libtorrent(place: Place, side: str, payload: Payload) -> Work:
    """Add a torrent whose files are there: what libtorrent does first is check them."""
    with libtorrent.leech(place, payload, payload.data.parent, (), side=side) as process:
        done = process.wait_done()
        cost = process.end()
        _require_good(side, cost, process.process)
    return Work(done - process.started, cost.cpu, cost.peak)


def _check_with_transmission(place: Place, payload: Payload) -> Work:
    daemon = transmission.Daemon(place, "hash-transmission", payload.data.parent)
    with daemon.process as process:
        until(daemon.answers, READY, "transmission answers")
        before, began = process.cpu(), time.monotonic()
        daemon.add(payload, payload.data.parent)
        until(daemon.complete, LONGEST, "transmission has checked", every=0.05)
        seconds, cpu = time.monotonic() - began, process.cpu() - before
        peak = process.terminate().peak
    return Work(seconds, cpu, peak)


def _require_good(side: str, cost: Cost, process: Process) -> None:
    if cost.code:
        raise BenchError(f"{side} ended with {cost.code}\n{process.tail()}")
