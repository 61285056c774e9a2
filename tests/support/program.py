"""How is a program of somebody else run in a test? In its own process group, with its output kept, and always ended."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.support.waiting import eventually


class Program:
    """One child process; `log` holds stdout and stderr. Use as a context manager: leaving ends the whole group."""

    def __init__(
        self, argv: Sequence[str], log: Path, *, cwd: Path | None = None, env: Mapping[str, str] | None = None
    ) -> None:
        log.parent.mkdir(parents=True, exist_ok=True)
        self.argv = list(argv)
        self.log = log
        with log.open("ab") as out:
            self.process = subprocess.Popen(
                self.argv,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                cwd=cwd,
                env={**os.environ, **env} if env else None,
                start_new_session=True,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def running(self) -> bool:
        return self.process.poll() is None

    def tail(self, lines: int = 25) -> str:
        """Return the end of the log, for a failure message."""
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        return f"$ {' '.join(self.argv)}\n" + "\n".join(text.splitlines()[-lines:])

    def wait(self, timeout: float) -> int:
        """Wait for the process to end by itself and return its exit code."""
        try:
            return self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"still running after {timeout:g} s\n{self.tail()}") from None

    def wait_for_log(self, text: str, timeout: float) -> None:
        """Wait until `text` stands in the log; fails at once when the process has ended without it."""

        def seen() -> bool:
            found = text in self.log.read_text(errors="replace")
            if not found and not self.running:
                raise AssertionError(f"ended with {self.process.returncode} before {text!r}\n{self.tail()}")
            return found

        eventually(seen, timeout, f"{text!r} in the log", on_timeout=self.tail)

    def send(self, sig: signal.Signals) -> None:
        """Send a signal to the process (not to its group)."""
        if self.running:
            self.process.send_signal(sig)

    def kill(self) -> None:
        """End the whole group at once and reap the process."""
        if self.running:
            self._signal_group(signal.SIGKILL)
        self.process.wait(10)

    def close(self, grace: float = 5.0) -> None:
        """Ask the process to end, insist after `grace` seconds."""
        if self.running:
            self._signal_group(signal.SIGTERM)
            try:
                self.process.wait(grace)
            except subprocess.TimeoutExpired:
                self._signal_group(signal.SIGKILL)
                self.process.wait(10)

    def _signal_group(self, sig: signal.Signals) -> None:
        try:
            os.killpg(self.process.pid, sig)
        except ProcessLookupError:
            pass
