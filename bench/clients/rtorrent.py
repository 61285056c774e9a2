"""rtorrent without a terminal, spoken to in XML-RPC over SCGI.

It refuses torrents without a tracker, so it gets a dead one. It dials an address it was given once, and knows one peer
per address.
"""

from __future__ import annotations

import shutil
import socket
import subprocess
import tempfile
import time
import xmlrpc.client
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from bench.case import Place
from bench.clients.running import LONGEST, READY, Leech, Peer, Running, Seed, free_port, wait_listening
from bench.measure import Cost, Process, until
from bench.payload import Payload

HOST = "127.0.4.3"
NOBODY = "http://127.0.0.1:9/announce"


def available() -> bool:
    return shutil.which("rtorrent") is not None


def version() -> str:
    said = subprocess.run(["rtorrent", "-h"], capture_output=True, text=True, check=False).stdout
    return said.split("version ", 1)[-1].split()[0].rstrip(".") if "version " in said else "unknown"


class Rtorrent:
    """The process with its RPC."""

    def __init__(self, place: Place, name: str, folder: Path) -> None:
        self.home = place.home(name, fresh=True)
        (self.home / "session").mkdir()
        self.port = free_port(HOST)
        # A socket's path has a limit of 108 bytes, which work folders easily pass.
        self.short = tempfile.TemporaryDirectory(prefix="rt")
        self.socket = str(Path(self.short.name) / "rpc")
        settings = {
            "system.daemon.set": "true",
            "network.scgi.open_local": self.socket,
            "session.path.set": str(self.home / "session"),
            "directory.default.set": str(folder),
            "network.bind_address.set": HOST,
            "network.port_range.set": f"{self.port}-{self.port}",
            "network.port_random.set": "no",
            "dht.mode.set": "disable",
            "protocol.pex.set": "no",
            "protocol.encryption.set": "none",
            "trackers.use_udp.set": "no",
            "pieces.hash.on_completion.set": "no",
        }
        argv = ["rtorrent", "-n"]
        for key, value in settings.items():
            argv += ["-o", f"{key}={value}"]
        env = {**place.environment(name), "TERM": "dumb"}
        self.process = Process(argv, place.log(name), env=env, lines=False, cwd=self.home)

    def call(self, method: str, *arguments: Any) -> Any:
        """Make one call; OSError when nobody answers."""
        body = xmlrpc.client.dumps(arguments, method).encode()
        head = b"CONTENT_LENGTH\0%d\0SCGI\x001\0" % len(body)
        with socket.socket(socket.AF_UNIX) as link:
            link.settimeout(30)
            link.connect(self.socket)
            link.sendall(b"%d:%b,%b" % (len(head), head, body))
            answer = b"".join(iter(lambda: link.recv(65536), b""))
        return xmlrpc.client.loads(answer.partition(b"\r\n\r\n")[2].decode())[0][0]

    def add(self, payload: Payload, folder: Path) -> None:
        def answers() -> bool:
            try:
                return bool(self.call("system.pid"))
            except OSError:
                return False

        until(answers, READY, "rtorrent answers")
        torrent = xmlrpc.client.Binary(payload.announcing(NOBODY))
        self.call("load.raw_start", "", torrent, f"d.directory.set={folder}")

        def active() -> bool:
            hashes = self.call("download_list")
            return bool(hashes) and self.call("d.is_active", hashes[0]) == 1 and not self.call("d.hashing", hashes[0])

        until(active, LONGEST, "rtorrent has loaded the torrent")
        self.hash = str(self.call("download_list")[0])

    def complete(self) -> bool:
        asked = ("d.complete", "d.hashing", "d.is_active")
        return [self.call(method, self.hash) for method in asked] == [1, 0, 1]


class _WithFolder(Running):
    short: tempfile.TemporaryDirectory[str]

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        super().__exit__(kind, error, trace)
        self.short.cleanup()


class RtorrentLeech(_WithFolder, Leech):
    def __init__(self, program: Rtorrent, payload: Payload, out: Path, peers: Sequence[Peer]) -> None:
        super().__init__(program.process)
        self.program, self.payload, self.out, self.peers, self.short = program, payload, out, peers, program.short

    def meet(self, dial: Callable[[str, int], None]) -> None:
        self.program.add(self.payload, self.out)
        for host, port in self.peers:
            self.program.call("add_peer", self.program.hash, f"{host}:{port}")

    def wait_done(self, timeout: float = LONGEST) -> float:
        until(self.program.complete, timeout, "rtorrent is done", every=0.05)
        return time.monotonic()

    def end(self) -> Cost:
        return self.process.terminate()


class RtorrentSeed(_WithFolder, Seed):
    pass


def leech(place: Place, payload: Payload, out: Path, peers: Sequence[Peer], *, side: str) -> RtorrentLeech:
    """Start it; the torrent and the peers are added when it answers."""
    return RtorrentLeech(Rtorrent(place, side, out), payload, out, peers)


def seed(place: Place, payload: Payload, *, side: str) -> RtorrentSeed:
    """Start it on complete data, which it hashes first."""
    program = Rtorrent(place, f"{side}-seed", payload.data.parent)
    try:
        program.add(payload, payload.data.parent)
        until(program.complete, LONGEST, "rtorrent seeds", every=0.05)
        wait_listening(HOST, program.port)
    except BaseException:
        program.process.__exit__(None, None, None)
        program.short.cleanup()
        raise
    found = RtorrentSeed(program.process, (HOST, program.port))
    found.short = program.short
    return found
