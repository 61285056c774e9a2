"""What is a program that takes part? Something that was started, is brought together with its peers, and ends.

A module of this folder returns one of these from `leech(place, payload, out, peers, side=...)` and from
`seed(place, payload, side=..., host=...)`.
"""

from __future__ import annotations

import random
import socket
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from bench.case import BenchError
from bench.measure import Cost, Process, until
from bench.words import HANDSHAKE

LONGEST = 300.0
"""Seconds after which a run is given up."""

READY = 60.0
"""Seconds within which a program has to be there."""

Peer = tuple[str, int]


class Running:
    """A program in one run; leaving the context ends it, with whatever else was started for it."""

    exits = False
    """Whether it ends by itself when it has everything; its run is then over when it has ended."""

    def __init__(self, process: Process) -> None:
        self.process = process

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.__exit__(kind, error, trace)

    @property
    def started(self) -> float:
        """When it was started (monotonic seconds)."""
        return self.process.started


class Leech(Running, ABC):
    """A program that downloads."""

    def meet(self, dial: Callable[[str, int], None]) -> None:
        """Bring it together with the seeds where it was not told of them: `dial` lets them connect to an address."""

    @abstractmethod
    def wait_done(self, timeout: float = LONGEST) -> float:
        """Wait until everything is there and checked; return the moment."""

    @abstractmethod
    def end(self) -> Cost:
        """Let it end and return what it cost."""

    def seconds(self, done: float, cost: Cost) -> float:
        """Return how long the run took, from the command to the end, or to `done` for what goes on running."""
        return cost.seconds if self.exits else done - self.started


class TellingLeech(Leech):
    """One that says `done` in a line of JSON and ends then."""

    exits = True

    def wait_done(self, timeout: float = LONGEST) -> float:
        return self.process.wait_for("done", timeout=timeout)[0]

    def end(self) -> Cost:
        return self.process.finish(60)


class Seed(Running):
    """A program that serves complete data; it is ready when it has been made."""

    def __init__(self, process: Process, address: Peer) -> None:
        super().__init__(process)
        self.address = address

    def end(self) -> Cost:
        """End it and return what it cost."""
        return self.process.terminate()


def free_port(host: str = "127.0.0.1") -> int:
    """Return a port for programs that cannot take port 0, outside the range the kernel takes its own from."""
    for _ in range(100):
        port = random.randrange(20_000, 32_000)
        with socket.socket() as probe:
            try:
                probe.bind((host, port))
            except OSError:
                continue
            return port
    raise BenchError("no free port")


def wait_listening(host: str, port: int, timeout: float = READY) -> None:
    """Wait until somebody listens on a port, without connecting to it; at once where that cannot be seen."""
    tables = [path for path in (Path("/proc/net/tcp"), Path("/proc/net/tcp6")) if path.exists()]
    if not tables:
        return
    raw = int.from_bytes(socket.inet_aton(host), sys.byteorder)
    # An address of IPv4 stands at the end of one of IPv6.
    wanted = (f"{raw:08X}:{port:04X}", f"00000000:{port:04X}")

    def there() -> bool:
        rows = [line.split() for table in tables for line in table.read_text().splitlines()[1:]]
        return any(row[1].endswith(wanted) and row[3] == "0A" for row in rows)

    until(there, timeout, f"a listener on port {port}", every=0.02)


def wait_answers(address: Peer, info_hash: bytes, timeout: float = READY) -> None:
    """Wait until a seed answers a handshake: some listen before they have opened the torrent."""

    def answers() -> bool:
        try:
            with socket.create_connection(address, 5) as probe:
                probe.sendall(HANDSHAKE + bytes(8) + info_hash + b"-PW0001-" + bytes(12))
                return bool(probe.recv(68))
        except OSError:
            return False

    until(answers, timeout, f"an answer of {address[0]}", every=0.1)


def wait_for_text(process: Process, log: Path, text: str, timeout: float) -> None:
    """Wait until `text` stands in a log; BenchError when the process ends without it."""

    def seen() -> bool:
        alive = process.running
        found = text in log.read_text(errors="replace")
        if not found and not alive:
            raise BenchError(f"ended before {text!r}\n{process.tail()}")
        return found

    until(seen, timeout, f"{text!r} in {log.name}", every=0.01)
