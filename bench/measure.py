"""What did one process cost? Its lines stamped as they come, and what the kernel counted for it alone (`wait4`).

The peak of memory that the kernel reports for a child is never below what its parent held when it was started, so
this process itself stays small.
"""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

ROOT = Path(__file__).resolve().parent.parent


class BenchError(Exception):
    """A run did not end as it should; the message tells what the process said."""


@dataclass(frozen=True)
class Cost:
    """Seconds from start to exit, CPU seconds (user and system), peak resident bytes, exit code."""

    seconds: float
    cpu: float
    peak: int
    code: int


class Process:
    """A child that prints JSON lines. `started` is when it was spawned (monotonic seconds)."""

    def __init__(self, argv: Sequence[str | Path], log: Path, *, env: Mapping[str, str] | None = None) -> None:
        self.log = log
        with log.open("ab") as errors:
            self.started = time.monotonic()
            self._child = subprocess.Popen(
                [str(word) for word in argv],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                cwd=ROOT,
                env={**os.environ, **(env or {})},
            )
        assert self._child.stdout is not None
        self._out = self._child.stdout.fileno()
        self._rest = b""
        self._lines: list[tuple[float, dict[str, Any]]] = []
        self._cost: Cost | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._cost is None:
            self._child.kill()
            self.finish(10)

    @property
    def pid(self) -> int:
        return self._child.pid

    def wait_for(self, *kinds: str, timeout: float) -> tuple[float, dict[str, Any]]:
        """Return the next line of one of `kinds` and when it came; lines before it are dropped."""
        deadline = time.monotonic() + timeout
        while True:
            while self._lines:
                stamp, line = self._lines.pop(0)
                if line.get("type") in kinds:
                    return stamp, line
                if line.get("type") == "error":
                    raise BenchError(f"{line}\n{self._tail()}")
            if not self._read(deadline - time.monotonic()):
                raise BenchError(f"no {' or '.join(kinds)} within {timeout:g} s\n{self._tail()}")

    def drop_lines(self) -> None:
        """Forget what has been printed until now."""
        while self._read(0):
            pass
        self._lines.clear()

    def _read(self, timeout: float) -> bool:
        ready, _, _ = select.select([self._out], [], [], max(0.0, timeout))
        chunk = os.read(self._out, 65536) if ready else b""
        now = time.monotonic()
        *whole, self._rest = (self._rest + chunk).split(b"\n")
        self._lines += [(now, json.loads(line)) for line in whole if line.startswith(b"{")]
        return bool(chunk)

    def stop(self, timeout: float = 30) -> Cost:
        """Ask the process to end the way it understands (end of stdin and SIGTERM for ours) and return what it cost."""
        assert self._child.stdin is not None
        self._child.stdin.close()
        return self.finish(timeout)

    def terminate(self, timeout: float = 30) -> Cost:
        """Send SIGTERM and return what the process cost."""
        self._child.send_signal(signal.SIGTERM)
        return self.finish(timeout)

    def finish(self, timeout: float) -> Cost:
        """Wait for the process to end by itself and return what it cost; it is killed after `timeout`."""
        deadline = time.monotonic() + timeout
        while self._read(min(0.5, deadline - time.monotonic())) or not self._ended():
            if time.monotonic() > deadline:
                self._child.kill()
                deadline = float("inf")
        _, status, usage = os.wait4(self.pid, 0)
        ended = time.monotonic()
        self._child.returncode = os.waitstatus_to_exitcode(status)
        for stream in (self._child.stdin, self._child.stdout):
            if stream is not None and not stream.closed:
                stream.close()
        scale = 1 if sys.platform == "darwin" else 1024
        spent = usage.ru_utime + usage.ru_stime
        self._cost = Cost(ended - self.started, spent, usage.ru_maxrss * scale, self._child.returncode)
        return self._cost

    def _ended(self) -> bool:
        return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None

    def _tail(self) -> str:
        return self.log.read_text(errors="replace")[-1500:]
