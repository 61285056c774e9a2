"""webtorrent, the library that webtorrent-cli wraps, in a small program of ours.

The command itself cannot be told to stay off the DHT, nor of a peer; the library can. Version 1 is used: later ones
want a compiled WebRTC module that is not to be had everywhere, and nothing here speaks WebRTC.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from bench.case import Place
from bench.clients.running import LONGEST, READY, Peer, Seed, TellingLeech
from bench.measure import ROOT, Process
from bench.payload import Payload

MODULES = ROOT / "bench" / "work" / "npm" / "node_modules"
SCRIPT = Path(__file__).with_name("webtorrent_process.cjs")


def available() -> bool:
    return shutil.which("node") is not None and (MODULES / "webtorrent" / "package.json").exists()


def version() -> str:
    return str(json.loads((MODULES / "webtorrent" / "package.json").read_text())["version"])


def _start(place: Place, name: str, torrent: Path, folder: Path, peers: Sequence[Peer], *, stay: bool) -> Process:
    asked = {"torrent": str(torrent), "folder": str(folder), "stay": stay}
    asked["peers"] = [f"{host}:{port}" for host, port in peers]
    argv: list[str | Path] = ["node", SCRIPT, json.dumps(asked)]
    return Process(argv, place.log(name), env={**os.environ, "NODE_PATH": str(MODULES)})


def leech(place: Place, payload: Payload, out: Path, peers: Sequence[Peer], *, side: str) -> TellingLeech:
    """Start a download."""
    return TellingLeech(_start(place, side, payload.torrent, out, peers, stay=False))


def seed(place: Place, payload: Payload, *, side: str) -> Seed:
    """Start it on complete data, which it hashes first."""
    process = _start(place, f"{side}-seed", payload.torrent, payload.data.parent, (), stay=True)
    try:
        _, line = process.wait_for("listening", timeout=READY)
        process.wait_for("done", timeout=LONGEST)
    except BaseException:
        process.__exit__(None, None, None)
        raise
    return Seed(process, ("127.0.0.1", int(line["port"])))
