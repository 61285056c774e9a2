"""opentracker on a free port, over HTTP and UDP, open to the info-hashes it is told of.

Debian builds it with a whitelist and for IPv4 only; run by root it changes to `nobody` inside its own folder.
"""

from __future__ import annotations

import signal
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote_from_bytes

from tests.support.ports import PortTaken, retrying
from tests.support.program import Program
from tests.support.waiting import eventually


class Opentracker:
    """`with Opentracker(tmp_path) as tracker: tracker.allow(info_hash)`; then announce to `http` or `udp`."""

    def __init__(self, work: Path, *, host: str = "127.0.0.1") -> None:
        self.host = host
        self.folder = work / "opentracker"
        self.folder.mkdir(parents=True)
        self.folder.chmod(0o755)
        self.whitelist = self.folder / "allowed"
        self.whitelist.write_text("0" * 40 + "\n")
        self.log = work / "opentracker.log"
        self.program = retrying(self._start, host=host)

    def _start(self, port: int) -> Program:
        argv = ["opentracker", "-i", self.host, "-p", str(port), "-P", str(port), "-d", ".", "-w", "allowed"]
        program = Program(argv, self.log, cwd=self.folder)
        self.port = port

        def answers() -> bool:
            if not program.running:
                raise PortTaken(program.tail())
            try:
                return b"failure" not in self._announce(bytes(20))
            except OSError:
                return False

        try:
            eventually(answers, 10, "opentracker answers", on_timeout=program.tail)
        except BaseException:
            program.kill()
            raise
        return program

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.program.close(1)

    @property
    def http(self) -> str:
        return f"http://{self.host}:{self.port}/announce"

    @property
    def udp(self) -> str:
        return f"udp://{self.host}:{self.port}/announce"

    def allow(self, *info_hashes: bytes) -> None:
        """Let these swarms (20 bytes each) be announced from now on."""
        with self.whitelist.open("a") as out:
            out.writelines(h[:20].hex() + "\n" for h in info_hashes)
        self.program.send(signal.SIGHUP)
        for info_hash in info_hashes:

            def listed(info_hash: bytes = info_hash[:20]) -> bool:
                return b"failure" not in self._announce(info_hash)

            eventually(listed, 10, "the whitelist is read again", on_timeout=self.program.tail)

    def swarm(self, info_hash: bytes) -> tuple[int, int]:
        """Return how many seeds and leeches have announced themselves."""
        answer = self._announce(info_hash[:20])
        return _number(answer, b"8:completei"), _number(answer, b"10:incompletei")

    def wait_swarm(self, info_hash: bytes, peers: int, timeout: float = 20) -> None:
        """Wait until `peers` are known in all."""
        eventually(lambda: sum(self.swarm(info_hash)) >= peers, timeout, f"{peers} peers announced")

    def _announce(self, info_hash: bytes) -> bytes:
        """Announce as one who stops: shows the counters and leaves nobody behind."""
        query = f"info_hash={quote_from_bytes(info_hash)}&peer_id=-XX0000-000000000000&port=9&left=1&event=stopped"
        with urllib.request.urlopen(f"{self.http}?{query}&uploaded=0&downloaded=0&compact=1", timeout=5) as answer:
            found: bytes = answer.read()
        return found


def _number(answer: bytes, before: bytes) -> int:
    start = answer.index(before) + len(before)
    return int(answer[start : answer.index(b"e", start)])
