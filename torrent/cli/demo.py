"""`torrent demo`: does it all work on this machine?

A tracker, a seeder and a download run as separate processes of this very program, on loopback with free ports and a
temporary folder of their own; the download shows the progress a user would see. What is shared is a sample of the
checkout, or files made for it. At the end every file is compared by SHA-256 with what was seeded, and everything is
stopped and removed.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from torrent.cli import exits, sources
from torrent.cli.options import RATE, SIZE, Command
from torrent.cli.output import Output, current
from torrent.errors import TorrentError
from torrent.units import format_rate, format_size

PATIENCE = 30.0
"""Seconds that a part may take to say that it is ready."""

LASTS = 5
"""Seconds that the download should take when no limit is given: enough to watch it."""


@dataclass(frozen=True, slots=True)
class Stage:
    """The folder of a demo, its environment, and how to start parts in it."""

    output: Output
    folder: Path
    env: dict[str, str]

    def run(self, *args: str) -> int:
        """Run one command of this program to its end."""
        self.output.detail(" ".join(["torrent", *args]))
        return subprocess.run(_command(args), env=self.env, stdin=subprocess.DEVNULL).returncode

    @contextmanager
    def part(self, *args: str) -> Iterator[str]:
        """Start one command in the background and stop it at the end; gives the name of its log."""
        self.output.detail(" ".join(["torrent", *args]))
        name = args[0]
        with (self.folder / f"{name}.out").open("wb") as out, (self.folder / f"{name}.err").open("wb") as err:
            process = subprocess.Popen(
                _command(args), env=self.env, stdin=subprocess.DEVNULL, stdout=out, stderr=err, start_new_session=True
            )
        try:
            yield name
        finally:
            process.terminate()
            try:
                process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def until(self, name: str, kind: str) -> dict[str, Any]:
        """Wait for a JSON line of this kind from a part and return it."""
        ends = time.monotonic() + PATIENCE
        while time.monotonic() < ends:
            for line in (self.folder / f"{name}.out").read_bytes().split(b"\n")[:-1]:
                record: dict[str, Any] = json.loads(line)
                if record["type"] == kind:
                    return record
                if record["type"] == "error":
                    raise TorrentError(f"{name}: {record['error']}")
            time.sleep(0.05)
        words = (self.folder / f"{name}.err").read_text(errors="replace").strip()
        raise TorrentError(f"{name} did not get to {kind!r}: {words or 'no word from it'}")


@click.command("demo", cls=Command)
@click.option(
    "--size", type=SIZE, default="64M", show_default=True, help="Size of the files made when there is no sample."
)
@click.option(
    "--limit", type=RATE, metavar="RATE", help="Upload limit of the seeder; default: the download takes seconds."
)
@click.option("--generated", is_flag=True, help="Share files made for the demo even where there are samples.")
@click.pass_context
def command(ctx: click.Context, size: int, limit: int | None, generated: bool) -> int:
    """Run a tracker, a seeder and a download as separate processes on this machine."""
    output = current(ctx)
    for name in ("SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), _leave)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="torrent-demo-")))
        (folder / "config.toml").touch()
        env = {key: value for key, value in os.environ.items() if not key.startswith("TORRENT_")}
        env |= {"TORRENT_CONFIG": str(folder / "config.toml"), "TORRENT_STATE": str(folder / "state")}
        stage = Stage(output, folder, env)
        url = stage.until(stack.enter_context(stage.part("tracker", "serve", "--port", "0", "--json")), "listening")[
            "url"
        ]
        output.say(f"tracker   {url}")

        torrent, payload = _prepare(stage, None if generated else _sample(), url, size)
        total = sum(file.stat().st_size for file in _files(payload))
        output.say(f"payload   {payload.name}, {format_size(total)} in {len(_files(payload))} files")

        rate = max(total // LASTS, 64 * 1024) if limit is None else limit
        seeder = ["seed", str(torrent), str(payload.parent), "--port", "0", "--bind", "127.0.0.1", "--json"]
        stack.enter_context(stage.part(*seeder, "--limit-up", str(rate)))
        port = stage.until("seed", "listening")["port"]
        stage.until("seed", "seeding")
        output.say(
            f"seeder    127.0.0.1:{port}, limited to {format_rate(rate)}" if rate else f"seeder    127.0.0.1:{port}"
        )

        target = folder / "downloads"
        output.say(f"download  torrent download {torrent.name} -o {target.name}")
        env["TORRENT_STATE"] = str(folder / "state-of-download")
        begin = ["download", str(torrent), "-o", str(target), "--port", "0", "--bind", "127.0.0.1"]
        code = stage.run(*begin, "--stall", "60s")
        if code:
            raise TorrentError(f"the download ended with code {code}")
        return _compare(output, payload, target / payload.name)


def _leave(number: int, _: object) -> None:
    """End the demo by an exception, so that every part is stopped and the folder is removed."""
    raise SystemExit(128 + number)


def _command(args: tuple[str, ...]) -> list[str]:
    return [sys.executable, "-m", "torrent", *args]


def _prepare(stage: Stage, sample: tuple[Path, Path] | None, url: str, size: int) -> tuple[Path, Path]:
    target = stage.folder / "demo.torrent"
    if sample is not None:
        code = stage.run("edit", str(sample[0]), "-t", url, "-o", str(target), "-q")
        payload = sample[1]
    else:
        payload = _payload(stage.folder / "share", size)
        code = stage.run("create", str(payload), "-t", url, "-o", str(target), "--hybrid", "-q")
    if code:
        raise TorrentError(f"the torrent could not be made (code {code})")
    return target, payload


def _sample() -> tuple[Path, Path] | None:
    """Return the largest sample of the checkout this runs from, as (torrent, payload)."""
    samples = Path(__file__).resolve().parents[2] / "sample_torrents"
    found = []
    for torrent in sorted(samples.glob("*.torrent")):
        metainfo = sources.load_now(str(torrent))
        if metainfo.web_seeds:
            continue
        for folder in (samples, *(path for path in sorted(samples.iterdir()) if path.is_dir())):
            if (folder / metainfo.name).exists():
                found.append((metainfo.size, torrent, folder / metainfo.name))
                break
    return max(found)[1:] if found else None


def _payload(folder: Path, size: int) -> Path:
    root = folder / "demo files"
    (root / "notes").mkdir(parents=True)
    source = random.Random(size)
    (root / "notes" / "read me.txt").write_text("These files were made by `torrent demo`.\n")
    (root / "empty").touch()
    with (root / "random.bin").open("wb") as file:
        for left in range(size, 0, -(1 << 20)):
            file.write(source.randbytes(min(left, 1 << 20)))
    return root


def _files(path: Path) -> list[Path]:
    return [path] if path.is_file() else sorted(found for found in path.rglob("*") if found.is_file())


def _compare(output: Output, payload: Path, result: Path) -> int:
    files, bad = _files(payload), 0
    for number, file in enumerate(files):
        other = result / file.relative_to(payload) if payload.is_dir() else result
        digest = _digest(file)
        same = other.is_file() and _digest(other) == digest
        bad += not same
        if number < 10 or not same:
            verdict = "same" if same else "DIFFERENT"
            output.data(f"{verdict}  sha256 {digest[:16]}  {format_size(file.stat().st_size):>9}  {file.name}")
    output.data(
        f"the demo worked: {len(files)} files are the same" if not bad else f"the demo failed: {bad} files differ"
    )
    return exits.OK if not bad else exits.VERIFY_FAILED


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
