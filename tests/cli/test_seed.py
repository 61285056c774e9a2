"""`torrent seed`: what is not whole is not seeded; a new torrent is made, announced and saved."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torrent.metainfo import Metainfo


def test_data_without_a_torrent(part: Any, cli: Any, tree: Path, tmp_path: Path) -> None:
    saved = tmp_path / "new.torrent"
    seed = part("seed", tree, "-o", saved, "--port", "0", "--bind", "127.0.0.1", "--json", "--hybrid")
    port = seed.until("listening")["port"]
    added = seed.until("added")
    metainfo = Metainfo.from_bytes(saved.read_bytes())
    assert added["hash"] == metainfo.hex
    assert metainfo.version == "hybrid"
    seed.until("seeding")
    got = tmp_path / "got"
    result = cli("download", saved, "-o", got, "--port", "0", "--peer", f"127.0.0.1:{port}", "--timeout", "30s")
    assert result.code == 0, result.err
    assert (got / "stuff" / "a.bin").read_bytes() == (tree / "a.bin").read_bytes()
    assert seed.stop() == 143


def test_the_magnet_is_printed(part: Any, tree: Path) -> None:
    seed = part("seed", tree / "a.bin", "--port", "0")
    assert seed.process.stdout.readline().startswith("magnet:?xt=urn:btih:")
    assert seed.stop(2) == 130


def test_a_time_ends_it(cli: Any, sample: Path, tree: Path) -> None:
    assert cli("edit", sample, "--no-trackers").code == 0
    result = cli("seed", sample, tree, "--port", "0", "--time", "0.2s", "--json")
    assert result.code == 0, result.err


def test_bad_data_is_not_seeded(cli: Any, sample: Path, tree: Path) -> None:
    with (tree / "a.bin").open("r+b") as file:
        file.write(b"wrong")
    result = cli("seed", sample, tree, "--port", "0")
    assert result.code == 5
    assert "pieces are missing or bad" in result.err
    assert "torrent verify" in result.err


def test_what_makes_no_sense(cli: Any, sample: Path, tree: Path, tmp_path: Path) -> None:
    assert cli("seed", sample, tree, "-t", "http://x.example/announce").code == 1
    assert cli("seed", tmp_path / "none").code == 9
    assert cli("seed", sample, tmp_path / "none").code == 9
    (tmp_path / "bad.torrent").write_text("x")
    assert cli("seed", tmp_path / "bad.torrent").code == 3
    assert cli("seed", "magnet:?xt=urn:btih:1658fd472c9317a4ff61d4c2a7fd8308cc26ab52").code == 3
