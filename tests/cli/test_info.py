"""`torrent info`: the JSON keys are a promise, and hostile names stay text."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from torrent.metainfo import Metainfo

KEYS = [
    "name",
    "info_hash_v1",
    "info_hash_v2",
    "version",
    "piece_length",
    "pieces",
    "size",
    "private",
    "files",
    "trackers",
    "web_seeds",
    "comment",
    "created_by",
    "creation_date",
]


def test_json(cli: Any, sample: Path) -> None:
    record = cli("info", "--json", sample).json()
    assert list(record) == KEYS
    assert record["name"] == "stuff"
    assert record["version"] == "hybrid"
    assert record["size"] == 150_041
    assert record["trackers"] == [["http://t.example/announce"]]
    assert record["files"][0] == {"path": "stuff/a.bin", "size": 100_000, "attr": ""}
    assert sum(file["size"] for file in record["files"]) == record["size"]


def test_words(cli: Any, sample: Path) -> None:
    out = cli("info", sample).out
    assert "size          147 KiB (150041 bytes) in 3 files" in out
    assert "stuff/sub/b.bin" in out
    assert ".pad" not in out


def test_parts(cli: Any, sample: Path) -> None:
    metainfo = Metainfo.from_bytes(sample.read_bytes())
    assert cli("info", "--trackers", sample).out == "http://t.example/announce\n"
    pieces = cli("info", "--pieces", sample).out.splitlines()
    assert len(pieces) == metainfo.pieces
    assert pieces[0].split()[0] == "0"
    assert len(pieces[0].split()[1]) == 40


def test_raw_is_the_info_dictionary(program: Any, sample: Path) -> None:
    import subprocess
    import sys

    root = str(Path(__file__).parents[2])
    done = subprocess.run(
        [sys.executable, "-m", "torrent", "info", "--raw", str(sample)], capture_output=True, cwd=root, timeout=60
    )
    assert done.stdout == Metainfo.from_bytes(sample.read_bytes()).raw_info


def test_magnet(cli: Any) -> None:
    link = "magnet:?xt=urn:btih:1658fd472c9317a4ff61d4c2a7fd8308cc26ab52&dn=a%1Bb&tr=http%3A%2F%2Ft.example%2Fannounce"
    out = cli("info", link).out
    assert "1658fd472c9317a4ff61d4c2a7fd8308cc26ab52" in out
    assert "\x1b" not in out
    assert cli("info", "--json", link).json()["trackers"] == [["http://t.example/announce"]]


def hostile_torrent(name: bytes, comment: bytes) -> bytes:
    info = b"d6:lengthi5e4:name%d:%s12:piece lengthi16384e6:pieces20:%se" % (len(name), name, bytes(20))
    return b"d7:comment%d:%s4:info%s" % (len(comment), comment, info) + b"e"


@pytest.mark.parametrize(
    "name",
    [
        b"\x1b]0;PWN\x07.iso",
        b"[/nope]",
        b"[@click=app.quit]boo[/]",
        "\u202egpj.exe".encode(),
        b"\xc2\x9b31m",
        b"\xff\xfe",
        "日本語".encode() * 40,
    ],
)
def test_hostile_names(cli: Any, tmp_path: Path, name: bytes) -> None:
    path = tmp_path / "x.torrent"
    path.write_bytes(hostile_torrent(name, b"\x1b[2J\r\n" + name))
    for args in (["info"], ["info", "--json"], ["magnet"], ["download", "--list"]):
        result = cli(*args, path)
        assert result.code == 0, result.err
        text = result.out + result.err
        assert not any(
            (ord(char) < 32 and char != "\n") or 0x7F <= ord(char) < 0xA0 or char == "\u202e" for char in text
        )


def test_a_torrent_that_is_none(cli: Any, tmp_path: Path) -> None:
    path = tmp_path / "x.torrent"
    path.write_bytes(b"not bencoded")
    result = cli("info", path)
    assert (result.code, result.out) == (3, "")
    assert result.err.startswith(f"torrent: error: {path}: ")
    assert cli("info", tmp_path / "none").code == 9
    assert cli("info", tmp_path).code == 4
