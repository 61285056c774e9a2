"""How does a client fill a link that is long and loses packets? Two network namespaces joined by such a link.

```python
with Link(LinkKind(rate=12.5e6)) as link:
    subprocess.run(link.inside(0, ["iperf3", "-s"]))
```

A round trip of 50 ms, 1 % loss each way, segments of 1500 bytes and a queue of one bandwidth x delay, unless told
otherwise. Two things of the system are set in the namespaces, because no client can fill the link without them. A
single TCP stream survives such loss only with BBR (cubic falls to about 3 Mbit/s). And the 4 MiB that Linux lets a
stream have on its way are too little for 1 Gbit/s (it carries 0.2 then), so it may have 32 MiB, as the receiver may.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

ROOT = Path(__file__).resolve().parent.parent


class LinkError(Exception):
    """The link could not be made; the message tells why."""


@dataclass(frozen=True)
class LinkKind:
    """`rate`: bytes of IP a second; `round_trip`: seconds; `loss`: of segments, each way; `seed` of what is lost."""

    rate: float
    round_trip: float = 0.05
    loss: float = 0.01
    seed: int = 1
    congestion: str = "bbr"
    send_buffer: int = 32 << 20
    netem: bool = True

    @property
    def room(self) -> int:
        """Bytes the queue before the link holds: bandwidth x delay."""
        return max(64 * 1024, int(self.rate * self.round_trip))


def unavailable() -> str:
    """Return why there can be no link on this machine, or an empty text."""
    if not sys.platform.startswith("linux"):
        return "network namespaces are a Linux thing"
    if os.geteuid() != 0:
        return "network namespaces need root"
    missing = [name for name in ("ip", "nsenter") if shutil.which(name) is None]
    if missing:
        return f"{' and '.join(missing)} not installed"
    if not Path("/dev/net/tun").exists():
        return "/dev/net/tun is missing"
    return ""


class Link:
    """Two namespaces, 0 and 1, joined as `kind` says. Everything is gone with the last process that is inside."""

    def __init__(self, kind: LinkKind) -> None:
        reason = unavailable()
        if reason:
            raise LinkError(reason)
        self.kind = kind
        wish = {
            "rate": kind.rate,
            "delay": kind.round_trip / 2,
            "loss": kind.loss,
            "room": kind.room,
            "seed": kind.seed,
            "congestion": kind.congestion,
            "send_buffer": kind.send_buffer,
            "netem": kind.netem,
        }
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench.link_carrier", json.dumps(wish)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=ROOT,
            start_new_session=True,  # Ctrl-C is for the benchmark, which then closes the link
        )
        try:
            line = self._read(20)
        except BaseException:
            self.close()
            raise
        self.netem: bool = line["netem"]
        self.congestion: str = line["congestion"]
        self.addresses: tuple[str, str] = (line["addresses"][0], line["addresses"][1])
        self._namespaces: list[str] = line["namespaces"]
        self.counts: dict[str, list[int]] = {}
        """After `close`, what both directions carried: segments passed, lost, and overflowed from the queue."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def pid(self) -> int:
        """The process that is the link."""
        return self._process.pid

    def inside(self, side: int, argv: Sequence[str | Path]) -> list[str]:
        """Return the command that runs `argv` at one end of the link."""
        return ["nsenter", f"--net={self._namespaces[side]}", "--", *map(str, argv)]

    def close(self) -> None:
        """End the link."""
        process = self._process
        if process.stdin is not None and not process.stdin.closed:
            process.stdin.close()
            with contextlib.suppress(LinkError):
                self.counts = self._read(5)
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(5)
        if process.stdout is not None:
            process.stdout.close()

    def _read(self, timeout: float) -> dict[str, Any]:
        assert self._process.stdout is not None
        deadline = time.monotonic() + timeout
        line = b""
        while not line.endswith(b"\n"):
            ready, _, _ = select.select([self._process.stdout], [], [], max(0.0, deadline - time.monotonic()))
            chunk = os.read(self._process.stdout.fileno(), 65536) if ready else b""
            if not chunk:
                raise LinkError("the link said nothing")
            line += chunk
        found: dict[str, Any] = json.loads(line)
        found.pop("type")
        return found
