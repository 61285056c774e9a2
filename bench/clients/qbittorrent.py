"""qbittorrent-nox, spoken to over its Web API. Its peers are added when the torrent is.

It looks at its torrents every 1.5 s; here every 50 ms, so that the end of a download is seen when it comes.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from bench.case import Place
from bench.clients.running import LONGEST, READY, Leech, Peer, Seed, free_port, wait_answers
from bench.measure import Cost, Process, until
from bench.payload import Payload

HOST = "127.0.4.4"

CONFIG = """[BitTorrent]
Session\\AddTorrentPaused=false
Session\\BTProtocol=TCP
Session\\DHTEnabled=false
Session\\Encryption=2
Session\\Interface=lo
Session\\InterfaceAddress={host}
Session\\InterfaceName=lo
Session\\LSDEnabled=false
Session\\MultiConnectionsPerIp=true
Session\\PeXEnabled=false
Session\\Port={port}
Session\\Preallocation=false
Session\\QueueingSystemEnabled=false
Session\\RefreshInterval=50

[LegalNotice]
Accepted=true

[Network]
PortForwardingEnabled=false

[Preferences]
WebUI\\Address=127.0.0.1
WebUI\\CSRFProtection=false
WebUI\\HostHeaderValidation=false
WebUI\\LocalHostAuth=false
WebUI\\Port={web}
WebUI\\UseUPnP=false
"""


def available() -> bool:
    return shutil.which("qbittorrent-nox") is not None


def version() -> str:
    said = subprocess.run(["qbittorrent-nox", "--version"], capture_output=True, text=True, check=False).stdout
    return said.split("v")[-1].strip()


class Qbittorrent:
    """The process with its Web API."""

    def __init__(self, place: Place, name: str) -> None:
        env = place.environment(name, fresh=True)
        self.port = free_port(HOST)
        self.web = free_port()
        config = Path(env["XDG_CONFIG_HOME"]) / "qBittorrent" / "qBittorrent.conf"
        config.parent.mkdir(parents=True)
        config.write_text(CONFIG.format(host=HOST, port=self.port, web=self.web))
        self.process = Process(["qbittorrent-nox"], place.log(name), env=env, lines=False)

    def get(self, what: str) -> Any:
        """Ask; OSError when nobody answers."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.web}/api/v2/{what}", timeout=30) as reply:
            return json.loads(reply.read() or b"null")

    def post(self, what: str, body: bytes, kind: str = "application/x-www-form-urlencoded") -> None:
        url = f"http://127.0.0.1:{self.web}/api/v2/{what}"
        with urllib.request.urlopen(urllib.request.Request(url, body, {"Content-Type": kind}), timeout=30) as reply:
            reply.read()

    def answers(self) -> bool:
        try:
            self.get("transfer/info")
        except OSError:
            return False
        return True

    def add(self, payload: Payload, folder: Path, *, trust: bool = False) -> None:
        until(self.answers, READY, "qbittorrent answers")
        fields = {"savepath": str(folder), "autoTMM": "false", "contentLayout": "Original"}
        if trust:
            fields["skip_checking"] = "true"
        line = "a-line-that-is-in-no-torrent"
        parts = [f'--{line}\r\nContent-Disposition: form-data; name="{k}"\r\n\r\n{v}\r\n' for k, v in fields.items()]
        head = f'--{line}\r\nContent-Disposition: form-data; name="torrents"; filename="one.torrent"\r\n'
        head += "Content-Type: application/x-bittorrent\r\n\r\n"
        body = "".join(parts).encode() + head.encode() + payload.torrent.read_bytes() + f"\r\n--{line}--\r\n".encode()
        self.post("torrents/add", body, f"multipart/form-data; boundary={line}")
        until(lambda: self.state() is not None, READY, "qbittorrent has the torrent")

    def state(self) -> dict[str, Any] | None:
        found = self.get("torrents/info")
        return found[0] if found else None

    def meet(self, peers: Sequence[Peer]) -> None:
        state = self.state()
        assert state is not None
        asked = {"hashes": state["hash"], "peers": "|".join(f"{host}:{port}" for host, port in peers)}
        self.post("torrents/addPeers", urllib.parse.urlencode(asked).encode())

    def complete(self) -> bool:
        state = self.state()
        return state is not None and state["state"] in ("uploading", "stalledUP", "forcedUP")


class QbittorrentLeech(Leech):
    def __init__(self, program: Qbittorrent, payload: Payload, out: Path, peers: Sequence[Peer]) -> None:
        super().__init__(program.process)
        self.program, self.payload, self.out, self.peers = program, payload, out, peers

    def meet(self, dial: Callable[[str, int], None]) -> None:
        self.program.add(self.payload, self.out)
        self.program.meet(self.peers)

    def wait_done(self, timeout: float = LONGEST) -> float:
        until(self.program.complete, timeout, "qbittorrent is done", every=0.05)
        return time.monotonic()

    def end(self) -> Cost:
        return self.process.terminate()


def leech(place: Place, payload: Payload, out: Path, peers: Sequence[Peer], *, side: str) -> QbittorrentLeech:
    """Start it; the torrent and the peers are added when it answers."""
    return QbittorrentLeech(Qbittorrent(place, side), payload, out, peers)


def seed(place: Place, payload: Payload, *, side: str) -> Seed:
    """Start it on complete data, which it is told to trust."""
    program = Qbittorrent(place, f"{side}-seed")
    try:
        program.add(payload, payload.data.parent, trust=True)
        until(program.complete, LONGEST, "qbittorrent seeds", every=0.05)
        wait_answers((HOST, program.port), bytes(payload.metainfo.info_hash))
    except BaseException:
        program.process.__exit__(None, None, None)
        raise
    return Seed(program.process, (HOST, program.port))
