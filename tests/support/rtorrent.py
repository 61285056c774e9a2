"""rtorrent 0.9.8 without a terminal, spoken to in XML-RPC over SCGI on a socket in its own folder.

It refuses torrents without a tracker, and knows one peer per address: in a swarm give everyone an address of its own
(127.0.0.2, 127.0.0.3, ...).
"""

from __future__ import annotations

import socket
import tempfile
import xmlrpc.client
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.support.ports import PortTaken, retrying
from tests.support.program import Program
from tests.support.waiting import eventually


class Rtorrent:
    """`with Rtorrent(tmp_path) as r: r.add(torrent, folder); r.wait_done()`."""

    def __init__(self, work: Path, *, host: str = "127.0.0.1", name: str = "rtorrent") -> None:
        self.host = host
        self.folder = work / name
        (self.folder / "session").mkdir(parents=True)
        self.log = work / f"{name}.log"
        # A socket's path has a limit of 108 bytes, which test folders easily pass.
        self._short = tempfile.TemporaryDirectory(prefix="rt")
        self._socket = str(Path(self._short.name) / "rpc")
        self._hash = ""
        self.program = retrying(self._start, host=host)

    def _start(self, port: int) -> Program:
        self.port = port
        Path(self._socket).unlink(missing_ok=True)
        settings = {
            "system.daemon.set": "true",
            "network.scgi.open_local": self._socket,
            "session.path.set": str(self.folder / "session"),
            "directory.default.set": str(self.folder),
            "network.bind_address.set": self.host,
            "network.port_range.set": f"{port}-{port}",
            "network.port_random.set": "no",
            "dht.mode.set": "disable",
            "protocol.pex.set": "no",
            "protocol.encryption.set": "none",
            "trackers.use_udp.set": "yes",
            "pieces.hash.on_completion.set": "no",
        }
        argv = ["rtorrent", "-n"]
        for key, value in settings.items():
            argv += ["-o", f"{key}={value}"]
        program = Program(argv, self.log, cwd=self.folder, env={"HOME": str(self.folder), "TERM": "dumb"})

        def answers() -> bool:
            if not program.running:
                raise PortTaken(program.tail())
            try:
                return bool(self.rpc("system.pid"))
            except OSError:
                return False

        try:
            eventually(answers, 15, "rtorrent answers", on_timeout=program.tail)
        except BaseException:
            program.kill()
            raise
        return program

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.program.close(3)
        self._short.cleanup()

    @property
    def address(self) -> str:
        """The HOST:PORT to hand to another client."""
        return f"{self.host}:{self.port}"

    def rpc(self, method: str, *arguments: Any) -> Any:
        """Make one XML-RPC call over SCGI; OSError when nobody answers."""
        body = xmlrpc.client.dumps(arguments, method).encode()
        head = b"CONTENT_LENGTH\0%d\0SCGI\x001\0" % len(body)
        with socket.socket(socket.AF_UNIX) as link:
            link.settimeout(10)
            link.connect(self._socket)
            link.sendall(b"%d:%b,%b" % (len(head), head, body))
            answer = b"".join(iter(lambda: link.recv(65536), b""))
        values, _ = xmlrpc.client.loads(answer.partition(b"\r\n\r\n")[2].decode())
        return values[0]

    def add(self, torrent: Path, folder: Path) -> None:
        """Add and start a torrent whose data is, or will be, in `folder`; what is there already is checked."""
        folder.mkdir(parents=True, exist_ok=True)
        self.rpc("load.raw_start", "", xmlrpc.client.Binary(torrent.read_bytes()), f"d.directory.set={folder}")

        def loaded() -> bool:
            hashes = self.rpc("download_list")
            self._hash = hashes[-1] if hashes else ""
            return bool(hashes)

        eventually(loaded, 10, "rtorrent has loaded the torrent", on_timeout=self.program.tail)

    def connect(self, host: str, port: int) -> None:
        """Dial another peer."""
        self.rpc("add_peer", self._hash, f"{host}:{port}")

    def status(self) -> dict[str, Any]:
        """Return done, complete, hashing, message and peers of the torrent last added."""
        names = {"done": "d.bytes_done", "complete": "d.complete", "hashing": "d.hashing", "message": "d.message"}
        names |= {"peers": "d.peers_connected", "up": "d.up.total", "active": "d.is_active"}
        return {key: self.rpc(name, self._hash) for key, name in names.items()}

    def wait_done(self, timeout: float = 60) -> None:
        """Wait until everything is there, checked, and being served."""

        def done() -> bool:
            status = self.status()
            return status["complete"] == 1 and status["hashing"] == 0 and status["active"] == 1

        eventually(done, timeout, "rtorrent is complete", on_timeout=lambda: f"{self.status()}\n{self.program.tail()}")
