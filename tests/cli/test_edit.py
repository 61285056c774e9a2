"""`torrent edit`: what changes, what stays, and whether it is still the same torrent."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torrent.metainfo import Metainfo


def read(path: Path) -> Metainfo:
    return Metainfo.from_bytes(path.read_bytes())


def test_trackers_and_words_leave_the_hash(cli: Any, sample: Path) -> None:
    before = read(sample)
    result = cli(
        "edit", sample, "-t", "http://x.example/announce", "--comment", "new", "--no-date", "-w", "http://w.example/"
    )
    assert result.code == 0, result.err
    assert f"the info-hash stays {before.hex}" in result.err
    after = read(sample)
    assert after.raw_info == before.raw_info
    assert after.trackers == (("http://x.example/announce",),)
    assert (after.comment, after.creation_date, after.web_seeds) == ("new", None, ("http://w.example/",))


def test_adding_and_removing(cli: Any, sample: Path) -> None:
    assert cli("edit", sample, "--add-tracker", "udp://c.example:80/announce").code == 0
    assert read(sample).trackers == (("http://t.example/announce",), ("udp://c.example:80/announce",))
    assert cli("edit", sample, "--remove-tracker", "http://t.example/announce").code == 0
    assert read(sample).trackers == (("udp://c.example:80/announce",),)
    assert cli("edit", sample, "--no-trackers", "--created-by", "").code == 0
    assert read(sample).trackers == ()
    assert read(sample).created_by == ""


def test_source_makes_another_torrent(cli: Any, sample: Path, tmp_path: Path) -> None:
    target = tmp_path / "other.torrent"
    record = cli("edit", sample, "--source", "ABC", "--private", "-o", target, "--json").json()
    assert record["same_info_hash"] is False
    assert record["private"] is True
    assert read(target).source == "ABC"
    assert read(target).hex != read(sample).hex
    assert cli("edit", sample, "--source", "X", "-o", target).code == 4


def test_nothing_to_change(cli: Any, sample: Path, tmp_path: Path) -> None:
    assert cli("edit", sample).code == 2
    assert cli("edit", tmp_path / "none", "--comment", "x").code == 9
