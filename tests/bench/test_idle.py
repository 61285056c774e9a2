"""The idle cases: torrents that are right, and figures of a process that rests."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from bench.cases import idle
from bench.measure import ROOT
from torrent import Metainfo
from torrent.verify import verify


def test_every_torrent_describes_its_file(tmp_path: Path) -> None:
    made = idle.make(tmp_path, 3)
    found = sorted(made.torrents.iterdir())
    assert len(found) == 3
    hashes = set()
    for path in found:
        metainfo = Metainfo.from_bytes(path.read_bytes())
        assert metainfo.name == f"{path.stem}.bin"
        assert metainfo.pieces == 2
        assert verify(metainfo, made.data).ok
        hashes.add(metainfo.hex)
    assert len(hashes) == 3


def test_they_are_made_once(tmp_path: Path) -> None:
    first = idle.make(tmp_path, 2)
    (first.data / "00000.bin").write_bytes(b"")
    assert idle.make(tmp_path, 2) == first
    assert (first.data / "00000.bin").read_bytes() == b""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="clocks of other processes")
def test_cpu_seconds_of_another_process_grow_with_its_work() -> None:
    script = "import sys; print(flush=True)\nfor _ in sys.stdin: print(sum(range(10**6)), flush=True)"
    argv = [sys.executable, "-c", script]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None and process.stdout is not None
        process.stdout.readline()
        before = idle.cpu_seconds(process.pid)
        assert idle.cpu_seconds(process.pid) - before < 0.001
        process.stdin.write(b"\n")
        process.stdin.flush()
        process.stdout.readline()
        assert idle.cpu_seconds(process.pid) - before > 0.001


@pytest.mark.parametrize("side", ["ours", "libtorrent", "libtorrent-again", "libtorrent-seed-mode"])
def test_a_side_tells_when_all_are_seeding_and_ends_with_its_input(tmp_path: Path, side: str) -> None:
    made = idle.make(tmp_path, 3)
    asked = {"torrents": str(made.torrents), "data": str(made.data), "state": str(tmp_path / "state")}
    program, _, mode = side.partition("-")
    if program == "libtorrent":
        pytest.importorskip("libtorrent")
        asked["seed_mode"] = mode == "seed-mode"  # type: ignore[assignment]
    environment = {**os.environ, "HOME": str(tmp_path)}
    for _ in range(2 if mode == "again" else 1):
        argv = [sys.executable, "-m", "bench.idlers", program, json.dumps(asked)]
        done = subprocess.run(
            argv, cwd=ROOT, env=environment, input=b"", stdout=subprocess.PIPE, check=True, timeout=60
        )
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        assert lines == [{"type": "seeding", "count": 3}, {"type": "ended"}]
    if program == "libtorrent":
        assert len(list((tmp_path / "state").glob("*"))) == (0 if mode == "seed-mode" else 3)
