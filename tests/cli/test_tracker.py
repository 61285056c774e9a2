"""`torrent tracker`: a real tracker of ours, asked by our own commands."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from torrent.cli.tracker import hash_of
from torrent.metainfo import Metainfo

HASH = "1658fd472c9317a4ff61d4c2a7fd8308cc26ab52"


@pytest.fixture
def url() -> Iterator[str]:
    process = subprocess.Popen(
        [sys.executable, "-m", "torrent", "tracker", "serve", "--port", "0", "--json"],
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[2],
        env=os.environ,
    )
    assert process.stdout is not None
    try:
        line = json.loads(process.stdout.readline())
        assert line["type"] == "listening"
        yield line["url"]
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 143
        process.stdout.close()


def test_announce_and_scrape(cli: Any, url: str) -> None:
    first = cli("tracker", "announce", url, HASH, "--port", "7001", "--event", "started", "--stay")
    assert first.code == 0, first.err
    second = cli("tracker", "announce", url, HASH, "--port", "7002", "--json")
    assert second.code == 0, second.err
    record = second.json()
    assert record["peers"] == ["127.0.0.1:7001"]
    assert {"interval", "min_interval", "seeds", "leechers", "warning", "external_ip"} < set(record)
    scraped = cli("tracker", "scrape", url, HASH, "--json").json()
    assert (scraped["hash"], scraped["seeds"], scraped["leechers"]) == (HASH, 0, 1)
    assert "leechers 1" in cli("tracker", "scrape", url, HASH).out
    assert cli("tracker", "announce", url, HASH).out == "127.0.0.1:7001\n"


def test_nobody_there(cli: Any) -> None:
    result = cli("tracker", "announce", "http://127.0.0.1:1/announce", HASH)
    assert (result.code, result.out) == (6, "")
    assert result.err.startswith("torrent: error: ")
    assert cli("tracker", "announce", "gopher://x/announce", HASH).code == 6


def test_hashes(sample: Path) -> None:
    metainfo = Metainfo.from_bytes(sample.read_bytes())
    assert hash_of(HASH) == bytes.fromhex(HASH)
    assert hash_of(f"magnet:?xt=urn:btih:{HASH}") == bytes.fromhex(HASH)
    assert hash_of(str(sample)) == metainfo.info_hash_v1
    assert hash_of("ab" * 32) == b"\xab" * 20


def test_a_port_in_use(cli: Any, url: str) -> None:
    port = url.rsplit(":", 1)[1].split("/")[0]
    result = cli("tracker", "serve", "--port", port)
    assert result.code in (1, 4)
    assert "in use" in result.err
