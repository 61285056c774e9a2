"""aria2c. It cannot be told of a peer, so the seeds dial it; it ends when it has everything."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from bench.case import Place
from bench.clients.running import LONGEST, READY, Leech, Peer, Seed, free_port, wait_for_text
from bench.measure import Cost, Process
from bench.payload import Payload

HOST = "127.0.4.1"


def available() -> bool:
    return shutil.which("aria2c") is not None


def version() -> str:
    said = subprocess.run(["aria2c", "--version"], capture_output=True, text=True, check=True).stdout
    return said.split()[2]


def _start(place: Place, payload: Payload, folder: Path, name: str, *more: str) -> tuple[Process, int]:
    port = free_port(HOST)
    argv = [
        "aria2c",
        "--no-conf=true",
        f"--dir={folder}",
        f"--listen-port={port}",
        f"--interface={HOST}",
        f"--bt-external-ip={HOST}",
        "--enable-dht=false",
        "--enable-dht6=false",
        "--bt-enable-lpd=false",
        "--enable-peer-exchange=false",
        "--bt-max-peers=0",
        "--bt-request-peer-speed-limit=0",
        "--console-log-level=notice",
        "--summary-interval=0",
        "--show-console-readout=false",
        "--file-allocation=none",
        "--allow-overwrite=true",
        "--follow-torrent=mem",
        *more,
        str(payload.torrent),
    ]
    process = Process(argv, place.log(name), env=place.environment(name, fresh=True), lines=False)
    return process, port


class Aria2Leech(Leech):
    exits = True

    def __init__(self, process: Process, port: int) -> None:
        super().__init__(process)
        self.port = port

    def meet(self, dial: Callable[[str, int], None]) -> None:
        wait_for_text(self.process, self.process.log, f"listening on TCP port {self.port}", READY)
        dial(HOST, self.port)

    def wait_done(self, timeout: float = LONGEST) -> float:
        wait_for_text(self.process, self.process.log, "Seeding is over", timeout)
        return time.monotonic()

    def end(self) -> Cost:
        return self.process.finish(60)


def leech(place: Place, payload: Payload, out: Path, peers: Sequence[Peer], *, side: str) -> Aria2Leech:
    """Start a download; what is there is not checked again at the end, as nobody else does."""
    return Aria2Leech(*_start(place, payload, out, side, "--seed-time=0", "--bt-hash-check-seed=false"))


def seed(place: Place, payload: Payload, *, side: str) -> Seed:
    """Start it on complete data, which it hashes first."""
    more = ("--seed-ratio=0", "--check-integrity=true", "--bt-hash-check-seed=true")
    process, port = _start(place, payload, payload.data.parent, f"{side}-seed", *more)
    try:
        wait_for_text(process, process.log, "Verification finished successfully", LONGEST)
        wait_for_text(process, process.log, f"listening on TCP port {port}", READY)
    except BaseException:
        process.__exit__(None, None, None)
        raise
    return Seed(process, (HOST, port))
