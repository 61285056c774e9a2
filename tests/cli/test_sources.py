"""Sources: what the user names, what is chosen from it, and errors that say which input they mean."""

from __future__ import annotations

import asyncio
import io
import sys
from pathlib import Path
from typing import Any

import pytest

from torrent.cli import sources
from torrent.errors import InputError, MagnetError, MetainfoError
from torrent.metainfo import Metainfo

HASH = "1658fd472c9317a4ff61d4c2a7fd8308cc26ab52"


def test_kinds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    named = {"-": "stdin", "HTTP://x/y": "url", "https://x": "url", "magnet:?xt=": "magnet", "x.torrent": "path"}
    for source, kind in named.items():
        assert sources.kind_of(source) == kind
    assert sources.kind_of(HASH) == "magnet"
    (tmp_path / HASH).touch()
    assert sources.kind_of(HASH) == "path"


def test_passwords_stay_out_of_what_is_shown() -> None:
    assert sources.shown("http://me:secret@x.example/y") == "http://x.example/y"
    assert sources.shown("a\x1bb") == "a\ufffdb"


def test_the_same_torrent_from_path_and_stdin(sample: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    raw = sample.read_bytes()
    assert sources.load_now(str(sample)).name == asyncio.run(sources.load(str(sample))).name == "stuff"
    for load in (sources.load_now, None):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(raw)))
        metainfo = load("-") if load else asyncio.run(sources.load("-"))
        assert metainfo.hex == Metainfo.from_bytes(raw).hex


@pytest.mark.parametrize(
    ("data", "hint"),
    [(b"", "empty"), (b"<!DOCTYPE html><html>", "web page"), (b"magnet:?xt=urn", "magnet link"), (b"d1:a", "")],
)
def test_what_is_no_torrent(tmp_path: Path, data: bytes, hint: str) -> None:
    path = tmp_path / "x.torrent"
    path.write_bytes(data)
    with pytest.raises(MetainfoError) as caught:
        sources.load_now(str(path))
    assert str(caught.value).startswith(f"{path}: ")
    assert hint in caught.value.hint


async def test_too_large_is_refused_before_it_is_parsed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "MAX_TORRENT", 10)
    path = tmp_path / "x.torrent"
    path.write_bytes(bytes(11))
    with pytest.raises(MetainfoError, match="larger"):
        sources.load_now(str(path))
    with pytest.raises(MetainfoError, match="larger"):
        await sources.load(str(path))


async def test_a_magnet_is_refused_with_words(tmp_path: Path) -> None:
    for source in (f"magnet:?xt=urn:btih:{HASH}", HASH):
        with pytest.raises(MagnetError) as caught:
            await sources.load(source)
        assert "metadata" in caught.value.hint
        assert sources.parse_magnet(source).info_hash_v1 == bytes.fromhex(HASH)
    assert sources.parse_magnet("ab" * 32).info_hash_v2 == b"\xab" * 32


def test_choosing_files(sample: Path) -> None:
    metainfo = sources.load_now(str(sample))
    listed = {"/".join(file.path): (number, file.index) for number, file in sources.numbered(metainfo)}
    assert [number for number, _ in listed.values()] == [1, 2, 3]
    a, read, b = (listed[f"stuff/{name}"][1] for name in ("a.bin", "read me.txt", "sub/b.bin"))

    def chosen(*patterns: str) -> Any:
        return sources.select(metainfo, patterns)

    assert chosen() is None
    assert chosen("1-") == chosen("1,2,3") == chosen("1-3") == chosen("*") == {a, read, b}
    assert chosen("*.bin") == {a, b}
    assert chosen("sub/*") == chosen("stuff/sub/b.bin") == chosen("b.bin") == {b}
    assert chosen(str(listed["stuff/a.bin"][0]), "read*") == {a, read}
    for pattern in ("0", "4", "3-2", "nope", "9999999", "2-9,0"):
        with pytest.raises(InputError, match="file") as caught:
            chosen(pattern)
        assert "--list" in caught.value.hint


def test_the_folder_or_the_data_itself(sample: Path, tree: Path, tmp_path: Path) -> None:
    metainfo = sources.load_now(str(sample))
    assert sources.data_folder(metainfo, tree.parent) == tree.parent
    assert sources.data_folder(metainfo, tree) == tree.parent
    assert sources.data_folder(metainfo, tmp_path) == tmp_path
    (tmp_path / "x" / "stuff").mkdir(parents=True)
    inside = tmp_path / "x" / "stuff" / "stuff"
    inside.mkdir()
    assert sources.data_folder(metainfo, inside.parent) == inside.parent


def test_the_highest_code_wins() -> None:
    assert sources.highest([0, 7, 3]) == 7
    assert sources.highest([]) == 0
