"""libtorrent in a process of its own, with its own settings or, as `libtorrent-tuned`, with those for speed.

What the process does, and the settings, stand in `bench.clients.libtorrent_process`. `leech` and `seed` are sides that
are measured; `leeches` are the other end of a seed that is.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as package_version
from pathlib import Path
from typing import Any

from bench.case import Place
from bench.clients.running import READY, Peer, Seed, TellingLeech
from bench.measure import Cost, Process
from bench.payload import Payload

SCRIPT = (sys.executable, "-m", "bench.clients.libtorrent_process")


def available() -> bool:
    try:
        package_version("libtorrent")
    except PackageNotFoundError:
        return False
    return True


def version() -> str:
    return package_version("libtorrent")


def process(place: Place, command: str, name: str, *, prefix: Sequence[str] = (), **options: Any) -> Process:
    """Start one command of the script with its options."""
    return Process([*prefix, *SCRIPT, command, json.dumps(options)], place.log(name))


class TheirSeed(Seed):
    def dial(self, host: str, port: int) -> None:
        """Connect to a leech that cannot be told of a peer."""
        self.process.tell(dial=[host, port])

    def end(self) -> Cost:
        return self.process.stop()


def leech(
    place: Place,
    payload: Payload,
    out: Path,
    peers: Sequence[Peer],
    *,
    side: str,
    listen: Sequence[str] = ("127.0.0.1:0",),
    prefix: Sequence[str] = (),
    name: str = "",
    **options: Any,
) -> TellingLeech:
    """Start a session that downloads; several addresses in `listen` are several sessions in one process."""
    return TellingLeech(
        process(
            place,
            "leech",
            name or f"{side}-leech",
            prefix=prefix,
            torrent=str(payload.torrent),
            folder=str(out),
            listen=list(listen),
            to=[list(peer) for peer in peers],
            tuned=side == "libtorrent-tuned",
            **options,
        )
    )


def seed(
    place: Place,
    payload: Payload,
    *,
    side: str,
    host: str = "127.0.0.1",
    prefix: Sequence[str] = (),
    torrent: Path | None = None,
    **options: Any,
) -> TheirSeed:
    """Start a session that serves data it trusts to be complete."""
    started = process(
        place,
        "seed",
        f"{side}-seed",
        prefix=prefix,
        torrent=str(torrent or payload.torrent),
        folder=str(payload.data.parent),
        listen=[f"{host}:0"],
        tuned=side == "libtorrent-tuned",
        **options,
    )
    try:
        _, line = started.wait_for("listening", timeout=READY)
    except BaseException:
        started.__exit__(None, None, None)
        raise
    return TheirSeed(started, (host, int(line["ports"][0])))
