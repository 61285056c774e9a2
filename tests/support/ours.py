"""Our own command line as a program among the others: `python -m torrent ... --json`, watched by its lines.

Each one gets a home of its own, so that no test sees the settings or resume records of another or of the user.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.support.source import ROOT
from tests.support.waiting import eventually


def environment(home: Path) -> dict[str, str]:
    """Return the environment of a user whose home is `home` and who has set nothing."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("TORRENT_", "XDG_", "COV_"))}
    for name in ("config", "data", "state", "cache"):
        kept[f"XDG_{name.upper()}_HOME"] = str(home / name)
    return {**kept, "HOME": str(home), "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", "NO_COLOR": "1"}


class Ours:
    """A running command. `lines()` are the JSON objects printed so far; leaving the context ends it."""

    def __init__(self, work: Path, *arguments: str | Path, name: str = "ours", home: Path | None = None) -> None:
        self.work = work
        self.seeds = arguments[0] == "seed"
        work.mkdir(parents=True, exist_ok=True)
        self.out = work / f"{name}.jsonl"
        self.log = work / f"{name}.log"
        self.out.unlink(missing_ok=True)
        self.argv = [sys.executable, "-m", "torrent", *map(str, arguments)]
        with self.out.open("wb") as out, self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.argv,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=log,
                cwd=work,
                env=environment(home or work / f"{name}-home"),
                start_new_session=True,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def lines(self) -> list[dict[str, Any]]:
        """Return every whole line printed so far."""
        text = self.out.read_text(encoding="ascii")
        return [json.loads(line) for line in text[: text.rfind("\n") + 1].splitlines()]

    def of_type(self, kind: str) -> list[dict[str, Any]]:
        """Return the lines of one type."""
        return [line for line in self.lines() if line["type"] == kind]

    def tail(self) -> str:
        """Return what it said last, for a failure message."""
        printed = self.out.read_text(errors="replace").splitlines()[-6:]
        said = self.log.read_text(errors="replace").splitlines()[-30:]
        return "\n".join([f"$ {' '.join(self.argv)}", f"exit code {self.process.poll()}", *printed, "---", *said])

    def wait_for(self, kind: str, timeout: float) -> dict[str, Any]:
        """Wait for the first line of a type; fails at once when the process ends without it or prints an error."""

        def seen() -> dict[str, Any] | None:
            ended = self.process.poll() is not None
            found = self.of_type(kind)
            if not found and (ended or (kind != "error" and self.of_type("error"))):
                raise AssertionError(f"no {kind!r} line\n{self.tail()}")
            return found[0] if found else None

        found = eventually(seen, timeout, f"a line of type {kind!r}", on_timeout=self.tail)
        assert found is not None
        return found

    def listening(self, timeout: float = 20) -> int:
        """Wait until it listens, and a seed until it has checked its files, and return the port.

        Others dial an address they were given once, and then not for a minute.
        """
        if self.seeds:
            self.wait_for("seeding", timeout)
        return int(self.wait_for("listening", timeout)["port"])

    def wait_done(self, timeout: float = 60) -> dict[str, Any]:
        """Wait for the `done` line."""
        return self.wait_for("done", timeout)

    def wait_exit(self, timeout: float = 60) -> int:
        """Wait for the process to end and return its exit code."""
        try:
            return self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"still running after {timeout:g} s\n{self.tail()}") from None

    def send(self, sig: signal.Signals) -> None:
        """Send a signal."""
        if self.process.poll() is None:
            self.process.send_signal(sig)

    def kill(self) -> None:
        """SIGKILL, then reap."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(10)

    def close(self) -> None:
        """Stop it the way a user does, insist after some seconds."""
        self.send(signal.SIGTERM)
        try:
            self.process.wait(8)
        except subprocess.TimeoutExpired:
            self.kill()


def run(work: Path, *arguments: str | Path, code: int = 0, timeout: float = 60, home: Path | None = None) -> str:
    """Run a command to its end, check its exit code and return its standard output."""
    done = subprocess.run(
        [sys.executable, "-m", "torrent", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
        stdin=subprocess.DEVNULL,
        cwd=work,
        env=environment(home or work / "home"),
    )
    assert done.returncode == code, f"{arguments}: exit {done.returncode}, not {code}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def download(
    work: Path,
    torrent: Path,
    folder: Path,
    *more: str | Path,
    peers: Sequence[str] = (),
    name: str = "download",
    **kw: Any,
) -> Ours:
    """Start `torrent download` into `folder` on a free port."""
    dial = [word for peer in peers for word in ("--peer", peer)]
    return Ours(work, "download", torrent, "-o", folder, "--json", "--port", "0", *dial, *more, name=name, **kw)


def seed(work: Path, torrent: Path, folder: Path, *more: str | Path, name: str = "seed", **kw: Any) -> Ours:
    """Start `torrent seed` of the data in `folder` on a free port."""
    return Ours(work, "seed", torrent, folder, "--json", "--port", "0", *more, name=name, **kw)
