"""`torrent download`: options, several sources, and real downloads from a real seeder."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from pathlib import Path
from typing import Any

import pytest

from torrent.cli import download


def same(tree: Path, got: Path) -> bool:
    files = [path.relative_to(tree) for path in tree.rglob("*") if path.is_file()]
    return all((got / name).read_bytes() == (tree / name).read_bytes() for name in files)


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch, cli: Any) -> Any:
    """Run `download` up to the moment it would start; return what it would have been told."""

    def parse(*args: str) -> dict[str, Any]:
        seen: dict[str, Any] = {}

        def start(output: Any, source_list: Any, given: dict[str, Any]) -> int:
            seen.update(given, sources=source_list)
            return 0

        monkeypatch.setattr(download, "start", start)
        result = cli("download", *args)
        assert result.code == 0, result.err
        return seen

    return parse


@pytest.mark.parametrize(
    ("args", "goal", "sources"),
    [
        (["x"], None, ("x",)),
        (["--seed", "x"], (0.0, 0.0), ("x",)),
        (["x", "--seed"], (0.0, 0.0), ("x",)),
        (["--seed", "30m", "x"], (1800.0, 0.0), ("x",)),
        (["--seed", "1.5", "x"], (0.0, 1.5), ("x",)),
        (["--seed=2", "x", "y"], (0.0, 2.0), ("x", "y")),
        (["--seed", "-o", ".", "x"], (0.0, 0.0), ("x",)),
        (["--", "x", "--seed"], None, ("x", "--seed")),
    ],
)
def test_seed_takes_a_value_or_not(given: Any, args: list[str], goal: Any, sources: tuple[str, ...]) -> None:
    told = given(*args)
    assert (told["goal"], told["sources"]) == (goal, sources)


def test_options_become_values(given: Any) -> None:
    told = given("x", "--limit-down", "5M", "--limit-up", "40Mbit", "--timeout", "10m", "--stall", "2m", "--port", "0")
    assert (told["limit_down"], told["limit_up"], told["port"]) == (5 << 20, 5_000_000, 0)
    assert (told["timeout"], told["stall"]) == (600.0, 120.0)
    assert told["sequential"] is None


@pytest.mark.parametrize(
    "args",
    [
        [],
        ["x", "--seed=soon"],
        ["x", "--limit-up", "fast"],
        ["x", "--port", "70000"],
        ["x", "--peer", "nobody"],
        ["x", "--progress", "x"],
    ],
)
def test_usage_errors(cli: Any, args: list[str]) -> None:
    result = cli("download", *args)
    assert result.code == 2
    assert result.err.startswith("torrent: error: ")


def test_list(cli: Any, sample: Path) -> None:
    out = cli("download", "--list", sample).out
    assert out.splitlines()[0] == "stuff"
    assert re.search(r"1 +97.7 KiB  stuff/a.bin", out)
    record = cli("download", "--list", "--json", sample).json()
    assert record["files"][0] == {"number": 1, "path": "stuff/a.bin", "size": 100_000}


def test_what_cannot_be_downloaded(cli: Any, tmp_path: Path, sample: Path) -> None:
    (tmp_path / "bad.torrent").write_text("x")
    cases = {
        "magnet:?xt=urn:btih:1658fd472c9317a4ff61d4c2a7fd8308cc26ab52": 3,
        str(tmp_path / "bad.torrent"): 3,
        str(tmp_path / "none.torrent"): 9,
        "http://127.0.0.1:1/x.torrent": 6,
    }
    for source, code in cases.items():
        result = cli("download", source, "--json")
        assert result.code == code
        assert result.json()["type"] == "error"
        assert result.json()["code"] == code
        assert result.err.startswith("torrent: error: ")
    assert "metadata" in cli("download", next(iter(cases))).err
    result = cli("download", *cases, "--json")
    assert result.code == 9
    assert len(result.out.splitlines()) == 4
    assert cli("download", sample, "--files", "nope", "--json").json()["code"] == 1


def test_a_download(cli: Any, seeder: str, sample: Path, tree: Path, tmp_path: Path) -> None:
    target = tmp_path / "got"
    args = ("download", sample, "-o", target, "--port", "0", "--timeout", "30s")
    result = cli(*args, "--peer", seeder, "--json")
    assert result.code == 0, result.err
    lines = [json.loads(line) for line in result.out.splitlines()]
    assert (lines[0]["type"], lines[-1]["type"]) == ("listening", "done")
    assert lines[0]["port"] > 0
    assert lines[-1]["path"] == str(target / "stuff")
    assert lines[-1]["bytes"] == 150_041
    assert same(tree, target / "stuff")
    again = cli(*args)
    assert (again.code, again.out) == (0, f"{target}/stuff\n")
    assert "was there already" in again.err
    checked = cli(*args, "--verify", "--progress", "none")
    assert checked.code == 0


def test_only_some_files_from_stdin(seeder: str, sample: Path, tree: Path, tmp_path: Path, program: Any) -> None:
    target = tmp_path / "got"
    with sample.open() as file:
        done = program(
            *("download", "-", "-o", target, "--port", "0", "--peer", seeder, "--timeout", "30s"),
            *("--files", "sub/*", "--files", "read*"),
            stdin=file,
        )
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in (target / "stuff").rglob("*") if path.is_file()) == ["b.bin", "read me.txt"]
    assert (target / "stuff/sub/b.bin").read_bytes() == (tree / "sub/b.bin").read_bytes()
    assert done.stdout == f"{target}/stuff\n"


def test_one_bad_source_stops_no_other(cli: Any, seeder: str, sample: Path, tree: Path, tmp_path: Path) -> None:
    result = cli(
        *("download", tmp_path / "none", sample, sample, "-o", tmp_path / "got"),
        *("--port", "0", "--peer", seeder, "--timeout", "30s", "--json"),
    )
    assert result.code == 9
    kinds = [json.loads(line)["type"] for line in result.out.splitlines()]
    assert kinds[:3] == ["listening", "error", "error"]
    assert kinds[-1] == "done"
    assert "named twice" in result.err
    assert same(tree, tmp_path / "got" / "stuff")


def test_no_peers_is_6(cli: Any, sample: Path, tmp_path: Path) -> None:
    assert cli("edit", sample, "--no-trackers").code == 0
    result = cli("download", sample, "-o", tmp_path / "got", "--port", "0", "--timeout", "0.3s")
    assert result.code == 6
    assert "no peers reached" in result.err


def test_stopped_and_resumed(cli: Any, part: Any, seeder: str, sample: Path, tree: Path, tmp_path: Path) -> None:
    target = tmp_path / "got"
    args = ("download", sample, "-o", target, "--port", "0", "--peer", seeder)
    running = part(*args, "--limit-down", "20K", "--json")
    while running.until("progress")["done"] < 40_000:  # the last block may be on its way to the disk
        continue
    assert running.stop(2) == 130
    err = running.process.stderr.read()
    share = re.search(r"stopped at ([0-9.]+)%, resume: torrent download ", err)
    assert share, err
    assert 0 < float(share[1]) < 100
    done = part(*args, "--json").until("done")
    assert done["bytes"] == 150_041
    assert done["downloaded"] < 150_041 * 1.6
    assert same(tree, target / "stuff")


@pytest.mark.parametrize(("columns", "env"), [(40, {"NO_COLOR": "1", "LC_ALL": "C"}), (80, {"LC_ALL": "C.UTF-8"})])
def test_on_a_terminal(seeder: str, sample: Path, tmp_path: Path, columns: int, env: dict[str, str]) -> None:
    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    args = ["download", sample, "-o", tmp_path / "got", "--port", "0", "--peer", seeder, "--limit-down", "60K"]
    process = subprocess.Popen(
        [sys.executable, "-m", "torrent", *map(str, args)],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), "TERM": "xterm-256color", **env},
        stdin=follower,
        stdout=follower,
        stderr=follower,
    )
    os.close(follower)
    seen = b""
    try:
        while chunk := os.read(leader, 65536):
            seen += chunk
    except OSError:
        pass
    os.close(leader)
    assert process.wait(60) == 0
    text = seen.decode()
    assert "%" in text
    assert text.count("\x1b[?25l") == text.count("\x1b[?25h") >= 1
    bare = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)
    bars = [line for line in re.split(r"[\r\n]+", bare) if "MiB/s" in line or "KiB/s" in line or "peer" in line]
    assert bars
    assert [line for line in bars if len(line) >= columns and "done in" not in line] == []
    if "NO_COLOR" in env:
        assert not re.search(r"\x1b\[[0-9;]*3[0-9]m", text)
        assert bare.isascii()
    else:
        assert "━" in bare
