"""transmission-daemon, spoken to over its RPC. It dials no loopback address (it calls them martian): seeds dial it."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from base64 import b64encode
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from bench.case import Place
from bench.clients.running import LONGEST, READY, Leech, Peer, Seed, free_port, wait_listening
from bench.measure import Cost, Process, until
from bench.payload import Payload

HOST = "127.0.4.2"


def available() -> bool:
    return shutil.which("transmission-daemon") is not None


def version() -> str:
    said = subprocess.run(["transmission-daemon", "--version"], capture_output=True, text=True, check=False)
    return (said.stderr + said.stdout).split()[1]


class Daemon:
    """The process with its RPC."""

    def __init__(self, place: Place, name: str, folder: Path) -> None:
        self.home = place.home(name, fresh=True)
        self.port = free_port(HOST)
        self.rpc_port = free_port()
        self.session = ""
        settings = {
            "bind-address-ipv4": HOST,
            "cache-size-mb": 4,
            "dht-enabled": False,
            "download-dir": str(folder),
            "download-queue-enabled": False,
            "encryption": 0,
            "lpd-enabled": False,
            "peer-port": self.port,
            "pex-enabled": False,
            "port-forwarding-enabled": False,
            "rpc-authentication-required": False,
            "rpc-bind-address": "127.0.0.1",
            "rpc-port": self.rpc_port,
            "rpc-whitelist-enabled": False,
            "seed-queue-enabled": False,
            "trash-can-enabled": False,
            "utp-enabled": False,
        }
        (self.home / "settings.json").write_text(json.dumps(settings))
        argv = ["transmission-daemon", "-f", "-g", str(self.home)]
        self.process = Process(argv, place.log(name), env=place.environment(name), lines=False)

    def call(self, method: str, **arguments: Any) -> dict[str, Any]:
        """Make one call; OSError when nobody answers."""
        body = json.dumps({"method": method, "arguments": arguments}).encode()
        url = f"http://127.0.0.1:{self.rpc_port}/transmission/rpc"
        for _ in range(2):
            request = urllib.request.Request(url, body, {"X-Transmission-Session-Id": self.session})
            try:
                with urllib.request.urlopen(request, timeout=30) as reply:
                    found: dict[str, Any] = json.load(reply)["arguments"]
                return found
            except urllib.error.HTTPError as error:
                with error:
                    if error.code != 409:
                        raise
                    self.session = error.headers["X-Transmission-Session-Id"]
        raise OSError("another session id is asked for again and again")

    def answers(self) -> bool:
        try:
            self.call("session-get")
        except OSError:
            return False
        return True

    def add(self, payload: Payload, folder: Path) -> None:
        until(self.answers, READY, "transmission answers")
        torrent = b64encode(payload.torrent.read_bytes()).decode()
        self.call("torrent-add", metainfo=torrent, **{"download-dir": str(folder)})

    def complete(self) -> bool:
        fields = ["leftUntilDone", "percentDone", "status"]
        found = self.call("torrent-get", fields=fields)["torrents"][0]
        return bool(found["leftUntilDone"] == 0 and found["percentDone"] == 1 and found["status"] in (5, 6))


class TransmissionLeech(Leech):
    def __init__(self, daemon: Daemon, payload: Payload, out: Path) -> None:
        super().__init__(daemon.process)
        self.daemon, self.payload, self.out = daemon, payload, out

    def meet(self, dial: Callable[[str, int], None]) -> None:
        self.daemon.add(self.payload, self.out)

        def checked() -> bool:
            return bool(self.daemon.call("torrent-get", fields=["status"])["torrents"][0]["status"] == 4)

        until(checked, READY, "transmission downloads")
        dial(HOST, self.daemon.port)

    def wait_done(self, timeout: float = LONGEST) -> float:
        until(self.daemon.complete, timeout, "transmission is done", every=0.05)
        return time.monotonic()

    def end(self) -> Cost:
        return self.process.terminate()


def leech(place: Place, payload: Payload, out: Path, peers: Sequence[Peer], *, side: str) -> TransmissionLeech:
    """Start the daemon; the torrent is added when it answers."""
    return TransmissionLeech(Daemon(place, side, out), payload, out)


def seed(place: Place, payload: Payload, *, side: str) -> Seed:
    """Start the daemon on complete data, which it hashes first."""
    daemon = Daemon(place, f"{side}-seed", payload.data.parent)
    try:
        daemon.add(payload, payload.data.parent)
        until(daemon.complete, LONGEST, "transmission seeds", every=0.05)
        wait_listening(HOST, daemon.port)
    except BaseException:
        daemon.process.__exit__(None, None, None)
        raise
    return Seed(daemon.process, (HOST, daemon.port))
