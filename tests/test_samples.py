"""Are the samples what their generator makes, and do they describe their payload, to our mind and to libtorrent's?"""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from torrent.metainfo import Magnet, Metainfo
from torrent.verify import verify

SAMPLES = Path(__file__).parents[1] / "sample_torrents"
TORRENTS = sorted(SAMPLES.glob("*.torrent"))


@pytest.fixture(scope="module")
def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("sample_torrents_make", SAMPLES / "make.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def tree(root: Path) -> dict[str, tuple[bytes, bool]]:
    """Return what lies in the payload and the torrents of a samples folder, and what of it is executable."""
    files = [*root.glob("*.torrent"), *(path for path in (root / "payload").rglob("*") if path.is_file())]
    return {path.relative_to(root).as_posix(): (path.read_bytes(), os.access(path, os.X_OK)) for path in files}


def load(path: Path) -> Metainfo:
    return Metainfo.from_bytes(path.read_bytes())


def test_the_samples_are_what_the_generator_makes(tmp_path: Path) -> None:
    subprocess.run([sys.executable, SAMPLES / "make.py", tmp_path], check=True, timeout=100)
    made, there = tree(tmp_path), tree(SAMPLES)
    assert sorted(made) == sorted(there)
    assert [name for name in made if made[name] != there[name]] == []


def test_every_kind_is_there(generator: ModuleType) -> None:
    assert {path.stem for path in TORRENTS} == set(generator.SAMPLES)
    samples = {path.stem: load(path) for path in TORRENTS}
    assert {sample.version for sample in samples.values()} == {"v1", "v2", "hybrid"}
    assert {sample.multi_file for sample in samples.values()} == {True, False}
    assert [name for name, sample in samples.items() if sample.private] == ["tune-private"]
    assert {name for name, sample in samples.items() if sample.web_seeds} == {"album-web-seed", "tune-web-seed"}
    assert any(file.is_pad for file in samples["album-padded"].files)
    assert not any(file.is_pad for file in samples["album-v1"].files)
    assert any("x" in file.attr for file in samples["album"].files)
    assert not any(sample.notes for sample in samples.values())


@pytest.mark.parametrize("path", TORRENTS, ids=lambda path: path.stem)
def test_a_sample_verifies(path: Path) -> None:
    report = verify(load(path), SAMPLES / "payload")
    assert report.ok and not report.bad


@pytest.mark.parametrize("path", TORRENTS, ids=lambda path: path.stem)
def test_libtorrent_reads_the_same(path: Path) -> None:
    libtorrent = pytest.importorskip("libtorrent")
    ours, theirs = load(path), libtorrent.torrent_info(str(path))
    hashes = theirs.info_hashes()
    assert (hashes.v1.to_bytes() if hashes.has_v1() else None) == ours.info_hash_v1
    assert (hashes.v2.to_bytes() if hashes.has_v2() else None) == ours.info_hash_v2
    assert (theirs.name(), theirs.num_pieces(), theirs.piece_length()) == (ours.name, ours.pieces, ours.piece_length)
    assert theirs.priv() == ours.private
    storage = theirs.layout() if hasattr(theirs, "layout") else theirs.files()
    names = [storage.file_path(index) for index in range(storage.num_files()) if not storage.file_flags(index) & 1]
    assert names == ["/".join(file.path) for file in ours.files if not file.is_pad]


def test_the_table_names_every_sample() -> None:
    text = (SAMPLES / "README.md").read_text(encoding="utf-8")
    assert re.findall(r"^\| `([\w-]+)\.torrent`", text, re.MULTILINE) != []
    assert set(re.findall(r"^\| `([\w-]+)\.torrent`", text, re.MULTILINE)) == {path.stem for path in TORRENTS}


def test_the_public_magnets_can_be_read() -> None:
    text = (SAMPLES / "README.md").read_text(encoding="utf-8")
    magnets = [Magnet.parse(link) for link in re.findall(r"`(magnet:\?[^`]+)`", text)]
    assert len(magnets) >= 5
    assert all(magnet.name and (magnet.info_hash_v1 or magnet.info_hash_v2) for magnet in magnets)
