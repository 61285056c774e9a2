"""Our own command line, as users start it."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.metadata import version as package_version
from pathlib import Path

from bench.case import Place
from bench.clients.running import LONGEST, READY, Peer, Seed, TellingLeech
from bench.measure import Process
from bench.payload import Payload

COMMAND = (sys.executable, "-m", "torrent")


def available() -> bool:
    return True


def version() -> str:
    return package_version("torrent-tui")


def leech(
    place: Place,
    payload: Payload,
    out: Path,
    peers: Sequence[Peer],
    *,
    side: str,
    more: Sequence[str] = (),
    prefix: Sequence[str] = (),
    name: str = "ours",
) -> TellingLeech:
    """Start `torrent download` of a user who has not used it before."""
    told = [word for host, port in peers for word in ("--peer", f"{host}:{port}")]
    argv: list[str | Path] = [
        *prefix,
        *COMMAND,
        "download",
        payload.torrent,
        "-o",
        out,
        "--json",
        "--port",
        "0",
        *told,
        *more,
    ]
    return TellingLeech(Process(argv, place.log(name), env=place.environment(name, fresh=True)))


def seed(
    place: Place,
    payload: Payload,
    *,
    side: str,
    host: str = "127.0.0.1",
    torrent: Path | None = None,
    prefix: Sequence[str] = (),
) -> Seed:
    """Start `torrent seed` of a user whose data was checked before: the first time it hashes, then it trusts."""
    data = payload.data.parent
    argv: list[str | Path] = [*prefix, *COMMAND, "seed", torrent or payload.torrent, data, "--json", "--port", "0"]
    process = Process([*argv, "--bind", host], place.log("ours-seed"), env=place.environment("ours-seed"))
    try:
        _, line = process.wait_for("listening", timeout=READY)
        process.wait_for("seeding", timeout=LONGEST)
    except BaseException:
        process.__exit__(None, None, None)
        raise
    return Seed(process, (host, int(line["port"])))
