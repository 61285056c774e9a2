"""`torrent create`: options reach the torrent, nothing is overwritten, the result is announced."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from torrent.metainfo import Metainfo


def test_everything_that_can_be_said(cli: Any, tree: Path, tmp_path: Path) -> None:
    path = tmp_path / "x.torrent"
    result = cli(
        *("create", tree, "-o", path, "-t", "http://a.example/announce,http://b.example/announce"),
        *("-t", "udp://c.example:80/announce", "-w", "http://w.example/", "--private", "--v1", "--piece", "32K"),
        *(
            "--comment",
            "hello",
            "--source",
            "ABC",
            "--exclude",
            "*.txt",
            "--date",
            "2026-01-31",
            "--node",
            "192.0.2.1:6881",
        ),
    )
    assert result.code == 0, result.err
    assert result.out == ""
    made = Metainfo.from_bytes(path.read_bytes())
    tiers = (("http://a.example/announce", "http://b.example/announce"), ("udp://c.example:80/announce",))
    assert made.trackers == tiers
    assert made.web_seeds == ("http://w.example/",)
    assert made.nodes == (("192.0.2.1", 6881),)
    assert (made.private, made.version, made.piece_length) == (True, "v1", 32768)
    assert (made.comment, made.source, made.creation_date) == ("hello", "ABC", 1769817600)
    assert {file.path for file in made.files} == {("stuff", "a.bin"), ("stuff", "sub", "b.bin")}


@pytest.mark.parametrize("version", ["v1", "v2", "hybrid"])
def test_json_is_info_and_more(cli: Any, tree: Path, version: str) -> None:
    record = cli("create", tree, f"--{version}", "--json").json()
    info = cli("info", "--json", "stuff.torrent").json()
    assert record["version"] == version
    assert Path(record.pop("path")) == Path("stuff.torrent").absolute()
    assert record.pop("magnet") == cli("magnet", "stuff.torrent").out.strip()
    assert record == info


def test_the_same_input_makes_the_same_bytes(cli: Any, tree: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        assert cli("create", tree, "--no-date", "-o", tmp_path / name).code == 0
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_magnet_goes_to_stdout(cli: Any, tree: Path) -> None:
    assert cli("create", tree, "--magnet").out.startswith("magnet:?xt=urn:btih:")


def test_nothing_is_overwritten_without_force(cli: Any, tree: Path, tmp_path: Path) -> None:
    path = tmp_path / "x.torrent"
    path.write_text("mine")
    result = cli("create", tree, "-o", path)
    assert result.code == 4
    assert "exists already" in result.err
    assert "--force" in result.err
    assert path.read_text() == "mine"
    assert cli("create", tree, "-o", path, "--force").code == 0
    assert path.read_bytes().startswith(b"d")
    assert not list(tmp_path.glob(".x*"))


def test_errors(cli: Any, tree: Path, tmp_path: Path) -> None:
    assert cli("create", tmp_path / "none").code == 9
    assert cli("create", tree, "--piece", "0").code == 2
    assert cli("create", tree, "--piece", "lots").code == 2
    assert cli("create", tree, "--date", "yesterday").code == 2
    assert cli("create", tree, "--date", "5", "--no-date").code == 2
    assert cli("create", tree, "--v2", "--piece", "20000").code == 3
    assert cli("create", tree, "--exclude", "*").code == 1
    assert cli("create", tree, "-o", tmp_path / "no" / "where.torrent").code == 9
    assert cli("create", tree, "-o", tmp_path).code == 4
    assert not Path("stuff.torrent").exists()


def test_the_name_of_a_dot(cli: Any, tree: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tree)
    path = tmp_path / "x.torrent"
    assert cli("create", ".", "-o", path).code == 0
    assert Metainfo.from_bytes(path.read_bytes()).name == "stuff"
