"""What did one process cost? Its lines stamped as they come, and what the kernel counted for it (`wait4`).

`wait4` counts a process with the children it waited for. The peak of memory that the kernel reports for a child is
never below what its parent held when it was started, so this process itself stays small.
"""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from bench.case import BenchError

ROOT = Path(__file__).resolve().parent.parent
MIB = 2**20
GIB = 2**30
T = TypeVar("T")


@dataclass(frozen=True)
class Cost:
    """Seconds from start to exit, CPU seconds (user and system), peak resident bytes, exit code."""

    seconds: float
    cpu: float
    peak: int
    code: int


class Process:
    """A child. `started` is when it was spawned (monotonic seconds).

    With `lines` it prints JSON lines, of which each has a `type`; without, what it prints goes to its log.
    """

    def __init__(
        self,
        argv: Sequence[str | Path],
        log: Path,
        *,
        env: Mapping[str, str] | None = None,
        lines: bool = True,
        cwd: Path = ROOT,
    ) -> None:
        self.log = log
        self._cost: Cost | None = None
        self._rest = b""
        self._lines: list[tuple[float, dict[str, Any]]] = []
        with log.open("wb") as errors:
            self.started = time.monotonic()
            self._child = subprocess.Popen(
                [str(word) for word in argv],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE if lines else errors,
                stderr=errors,
                cwd=cwd,
                env=env,
                start_new_session=True,
            )
        self._out = self._child.stdout.fileno() if self._child.stdout is not None else -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._cost is None:
            self._kill()
            self.finish(10)

    @property
    def pid(self) -> int:
        return self._child.pid

    @property
    def running(self) -> bool:
        return self._cost is None and not self._ended()

    def wait_for(self, *kinds: str, timeout: float) -> tuple[float, dict[str, Any]]:
        """Return the next line of one of `kinds` and its moment, its `at` or when it came; those before are dropped."""
        deadline = time.monotonic() + timeout
        while True:
            while self._lines:
                stamp, line = self._lines.pop(0)
                if line.get("type") in kinds:
                    return stamp, line
                if line.get("type") == "error":
                    raise BenchError(f"{line}\n{self.tail()}")
            left = deadline - time.monotonic()
            if left <= 0 or not self._read(left):
                raise BenchError(f"no {' or '.join(kinds)} within {timeout:g} s\n{self.tail()}")

    def drop_lines(self) -> None:
        """Forget what has been printed until now."""
        while self._read(0):
            pass
        self._lines.clear()

    def tell(self, **facts: Any) -> None:
        """Write one JSON line to its standard input."""
        assert self._child.stdin is not None
        self._child.stdin.write(json.dumps(facts).encode() + b"\n")
        self._child.stdin.flush()

    def cpu(self) -> float:
        """Return the CPU seconds (user and system) it has used until now, with the children it waited for."""
        return cpu_of(self.pid)

    def stop(self, timeout: float = 30) -> Cost:
        """End its standard input, which tells those that wait for it to end, and return what it cost."""
        assert self._child.stdin is not None
        self._child.stdin.close()
        return self.finish(timeout)

    def terminate(self, timeout: float = 30) -> Cost:
        """Send SIGTERM and return what the process cost."""
        if self._ended() is False:
            self._child.send_signal(signal.SIGTERM)
        return self.finish(timeout)

    def finish(self, timeout: float) -> Cost:
        """Wait for the process to end by itself and return what it cost; it is killed after `timeout`."""
        deadline = time.monotonic() + timeout
        while not self._ended():
            if not self._read(0.5):
                time.sleep(0.002)
            if time.monotonic() > deadline:
                self._kill()
                deadline = float("inf")
        ended = time.monotonic()
        _, status, usage = os.wait4(self.pid, 0)
        self._child.returncode = os.waitstatus_to_exitcode(status)
        for stream in (self._child.stdin, self._child.stdout):
            if stream is not None and not stream.closed:
                try:
                    stream.close()
                except BrokenPipeError:
                    pass
        scale = 1 if sys.platform == "darwin" else 1024
        spent = usage.ru_utime + usage.ru_stime
        self._cost = Cost(ended - self.started, spent, usage.ru_maxrss * scale, self._child.returncode)
        return self._cost

    def tail(self) -> str:
        """Return the end of its log."""
        return self.log.read_text(errors="replace")[-1500:]

    def _read(self, timeout: float) -> bool:
        if self._out < 0:
            return False
        ready, _, _ = select.select([self._out], [], [], max(0.0, timeout))
        chunk = os.read(self._out, 65536) if ready else b""
        now = time.monotonic()
        *whole, self._rest = (self._rest + chunk).split(b"\n")
        for line in whole:
            if line.startswith(b"{"):
                facts = json.loads(line)
                self._lines.append((facts.get("at", now), facts))
        return bool(chunk)

    def _ended(self) -> bool:
        return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None

    def _kill(self) -> None:
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass


def cpu_of(pid: int) -> float:
    """Return the CPU seconds that a process and the children it waited for have used until now; 0.0 off Linux."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return 0.0
    fields = stat[stat.rindex(")") + 2 :].split()
    return sum(int(field) for field in fields[11:15]) / os.sysconf("SC_CLK_TCK")


def peak_of(pid: int) -> int:
    """Return the peak of resident bytes of a running process; 0 off Linux."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM")), 0)


def until(ask: Callable[[], T | None], timeout: float, what: str, *, every: float = 0.005) -> T:
    """Ask again and again until the answer is neither None nor False; BenchError after `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while True:
        answer = ask()
        if answer is not None and answer is not False:
            return answer
        if time.monotonic() > deadline:
            raise BenchError(f"{what}: not within {timeout:g} s")
        time.sleep(every)
