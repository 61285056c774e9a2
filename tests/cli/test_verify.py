"""`torrent verify`: good, bad, missing; exit 5; nothing is changed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torrent import lanes


def test_good(cli: Any, sample: Path, tree: Path) -> None:
    for data in (tree, tree.parent):
        result = cli("verify", sample, data)
        assert result.code == 0, result.err
        assert "pieces good" in result.err
    record = cli("verify", "--json", sample, tree).json()
    assert record == {"ok": True, "pieces": record["pieces"], "bad_pieces": [], "files": []}


def test_bad(cli: Any, sample: Path, tree: Path) -> None:
    with (tree / "a.bin").open("r+b") as file:
        file.seek(20_000)
        file.write(b"wrong")
    result = cli("verify", sample, tree)
    assert result.code == 5
    assert "1 of" in result.err
    assert "16 KiB to fetch again" in result.err
    assert "stuff/a.bin" in result.out
    record = cli("verify", "--json", sample, tree)
    assert record.code == 5
    assert list(record.json()) == ["ok", "pieces", "bad_pieces", "files"]
    assert record.json()["bad_pieces"] == [1]
    assert record.json()["files"] == ["stuff/a.bin"]
    assert cli("verify", "--quick", sample, tree).code == 0


def test_missing(cli: Any, sample: Path, tree: Path) -> None:
    (tree / "sub" / "b.bin").unlink()
    for quick in ((), ("--quick",)):
        result = cli("verify", sample, tree, *quick)
        assert result.code == 5
        assert "missing   stuff/sub/b.bin" in result.out
    assert not (tree / "sub" / "b.bin").exists()


def test_where_the_data_is(cli: Any, sample: Path, tree: Path, monkeypatch: Any, tmp_path: Path) -> None:
    monkeypatch.setenv("TORRENT_DOWNLOAD_DIR", str(tree.parent))
    assert cli("verify", sample).code == 0
    monkeypatch.setenv("TORRENT_DOWNLOAD_DIR", str(tmp_path))
    monkeypatch.chdir(tree.parent)
    assert cli("verify", sample).code == 0
    assert cli("verify", sample, tmp_path / "none").code == 9


def test_the_setting_decides_how_is_hashed(cli: Any, sample: Path, tree: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(lanes, "_mode", "")
    monkeypatch.setenv("TORRENT_DISK_HASHING", "hashlib")
    assert cli("verify", sample, tree).code == 0
    assert lanes._mode == "hashlib"
    monkeypatch.setattr(lanes, "_mode", "")
    assert cli("create", tree, "-o", "again.torrent").code == 0
    assert lanes._mode == "hashlib"
    monkeypatch.setenv("TORRENT_DISK_HASHING", "fast")
    assert cli("verify", sample, tree).code == 2
