"""The suite's own peers: does the plain leecher get from the plain seed what is in the file, and see what is not?"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from bench.case import BenchError
from bench.measure import Process
from torrent.create import create

PIECE = 32768


def payload(tmp_path: Path, size: int = 5 * PIECE + 1000) -> tuple[Path, Path]:
    data = tmp_path / "one.bin"
    data.write_bytes(bytes((number * 7 + number // 251) % 256 for number in range(size)))
    torrent = tmp_path / "one.torrent"
    torrent.write_bytes(create(data, version="v1", piece_length=PIECE))
    return data, torrent


def feeder(tmp_path: Path, torrent: Path, data: Path, hosts: list[str]) -> Process:
    asked = {"torrent": str(torrent), "data": str(data), "hosts": hosts}
    return Process([sys.executable, "-m", "bench.feeder", json.dumps(asked)], tmp_path / "feeder.log")


def sink(tmp_path: Path, torrent: Path, data: Path, port: int, count: int = 1, host: str = "127.0.1.1") -> Process:
    asked = {"torrent": str(torrent), "data": str(data), "to": [host, port], "count": count}
    return Process([sys.executable, "-m", "bench.sink", json.dumps(asked)], tmp_path / "sink.log")


@pytest.mark.parametrize("count", [1, 7])
def test_the_sink_gets_what_the_feeder_has(tmp_path: Path, count: int) -> None:
    data, torrent = payload(tmp_path)
    with feeder(tmp_path, torrent, data, ["127.0.1.1", "127.0.1.2"]) as seed:
        port = seed.wait_for("listening", timeout=30)[1]["port"]
        with sink(tmp_path, torrent, data, port, count, "127.0.1.2") as leech:
            first = seed.wait_for("first", timeout=30)[0]
            done = leech.wait_for("done", timeout=30)[0]
            assert first <= done
            assert leech.finish(30).code == 0
        assert seed.stop().code == 0


def test_the_sink_sees_wrong_data(tmp_path: Path) -> None:
    data, torrent = payload(tmp_path)
    with feeder(tmp_path, torrent, data, ["127.0.1.1"]) as seed:
        port = seed.wait_for("listening", timeout=30)[1]["port"]
        other = tmp_path / "other.bin"
        other.write_bytes(data.read_bytes()[:-1] + b"\xff")
        with sink(tmp_path, torrent, other, port) as leech:
            with pytest.raises(BenchError, match="wrong data"):
                leech.wait_for("done", timeout=30)
            assert leech.finish(30).code != 0


def test_the_limit_writes_what_is_sent(tmp_path: Path) -> None:
    data, _ = payload(tmp_path, (1 << 20) + 12345)
    with Process(
        [sys.executable, "-m", "bench.limit", "send", json.dumps({"data": str(data)})], tmp_path / "send.log"
    ) as sender:
        port = sender.wait_for("listening", timeout=30)[1]["port"]
        asked = {"port": port, "out": str(tmp_path / "out.bin"), "size": data.stat().st_size}
        with Process([sys.executable, "-m", "bench.limit", "receive", json.dumps(asked)], tmp_path / "got.log") as got:
            got.wait_for("done", timeout=30)
            assert got.finish(30).code == 0
    assert (tmp_path / "out.bin").read_bytes() == data.read_bytes()
