"""What the tests of the command line share: a way to run a command here, and one to run it as a program."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from torrent.cli.app import run

Cli = Callable[..., "Result"]


@dataclass(frozen=True)
class Result:
    """What came of a command."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        """The one JSON object on standard output."""
        import json

        lines = self.out.splitlines()
        assert len(lines) == 1
        return json.loads(lines[0])


@pytest.fixture(autouse=True)
def _own_world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("TORRENT_") or name in ("NO_COLOR", "LC_ALL", "LC_CTYPE", "COLUMNS", "LINES"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("LANG", "C.UTF-8")
    monkeypatch.setenv("TORRENT_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str]) -> Cli:
    """Run a command in this process: `cli("info", path)`."""

    def call(*args: str | Path) -> Result:
        capsys.readouterr()
        code = run([str(arg) for arg in args])
        out, err = capsys.readouterr()
        return Result(code, out, err)

    return call


@pytest.fixture
def program() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run a command as a program of its own."""

    def call(*args: str | Path, env: dict[str, str] | None = None, **more: Any) -> subprocess.CompletedProcess[str]:
        root = str(Path(__file__).parents[2])
        return subprocess.run(
            [sys.executable, "-m", "torrent", *map(str, args)],
            env={**os.environ, "PYTHONPATH": root, **(env or {})},
            capture_output=True,
            text=True,
            timeout=60,
            stdin=more.pop("stdin", subprocess.DEVNULL),
            **more,
        )

    return call


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A folder `stuff` with three files, 150,041 bytes."""
    root = tmp_path / "share" / "stuff"
    (root / "sub").mkdir(parents=True)
    rng = random.Random(7)
    (root / "a.bin").write_bytes(rng.randbytes(100_000))
    (root / "sub" / "b.bin").write_bytes(rng.randbytes(50_000))
    (root / "read me.txt").write_text("the same words for every run, every time\n")
    return root


@pytest.fixture
def sample(cli: Cli, tree: Path, tmp_path: Path) -> Path:
    """A hybrid .torrent of `tree` with pieces of 16 KiB."""
    path = tmp_path / "stuff.torrent"
    made = cli("create", tree, "-o", path, "--hybrid", "--piece", "16K", "-t", "http://t.example/announce")
    assert made.code == 0, made.err
    return path


@dataclass
class Part:
    """A command that runs as a program of its own and speaks JSON lines."""

    process: subprocess.Popen[str]

    def until(self, kind: str) -> dict[str, Any]:
        """Read lines until one of this kind."""
        import json

        assert self.process.stdout is not None
        for line in self.process.stdout:
            record: dict[str, Any] = json.loads(line)
            if record["type"] == kind:
                return record
        raise AssertionError(f"no {kind}: {self.process.stderr.read() if self.process.stderr else ''}")

    def stop(self, number: int = 15) -> int:
        """Send a signal and wait for the end; return the exit code."""
        self.process.send_signal(number)
        self.process.stdout.read() if self.process.stdout else None
        return self.process.wait(30)


@pytest.fixture
def part(tmp_path: Path) -> Iterator[Callable[..., Part]]:
    """Start a command in the background; it has a state folder of its own."""
    parts: list[Part] = []

    def start(*args: str | Path) -> Part:
        root = str(Path(__file__).parents[2])
        env = {**os.environ, "PYTHONPATH": root, "TORRENT_STATE": str(tmp_path / f"state-{args[0]}")}
        process = subprocess.Popen(
            [sys.executable, "-m", "torrent", *map(str, args)],
            env=env,
            text=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        parts.append(Part(process))
        return parts[-1]

    yield start
    for started in parts:
        started.process.kill()
        started.process.wait()
        for stream in (started.process.stdout, started.process.stderr):
            if stream:
                stream.close()


@pytest.fixture
def seeder(part: Callable[..., Part], sample: Path, tree: Path, cli: Cli) -> str:
    """A seeder of `sample` in a process of its own; its address."""
    assert cli("edit", sample, "--no-trackers").code == 0
    seed = part("seed", sample, tree.parent, "--port", "0", "--bind", "127.0.0.1", "--json")
    port = seed.until("listening")["port"]
    seed.until("seeding")
    return f"127.0.0.1:{port}"
