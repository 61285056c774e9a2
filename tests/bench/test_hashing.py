"""The hashing cases: hashes read from torrents, and programs that make and check real ones."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from bench import clients
from bench.case import BenchError, Place
from bench.cases import hashing
from bench.clients import hashers
from bench.payload import Payload
from torrent.create import create

PIECE = hashing.PIECE


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path / "work", tmp_path / "out", quick=True)


def sample(place: Place, kind: str) -> Payload:
    """A file of two pieces and a bit, with a torrent made by us."""
    data = place.work / "data.bin"
    data.parent.mkdir(parents=True, exist_ok=True)
    content = bytes(range(256)) * (2 * PIECE // 256) + b"tail"
    data.write_bytes(content)
    torrent = place.work / f"{kind}.torrent"
    torrent.write_bytes(create(data, version=kind, piece_length=PIECE))  # type: ignore[arg-type]
    return Payload(torrent, data, len(content), hashlib.sha256(content).hexdigest())


def skip_without(side: str) -> None:
    if not clients.module(side).available():
        pytest.skip(f"{side} is not installed")


def test_hashes_are_found_in_torrents(place: Place) -> None:
    made = sample(place, "v1").torrent.read_bytes()
    assert len(hashing.pieces_of(made)) == 3 * 20
    assert hashing.roots_of(made) == []
    made = sample(place, "hybrid").torrent.read_bytes()
    assert len(hashing.pieces_of(made)) == 3 * 20
    (root,) = hashing.roots_of(made)
    assert len(root) == 32
    assert hashing.roots_of(sample(place, "v2").torrent.read_bytes()) == [root]
    assert hashing.pieces_of(b"d4:infode") == b""


def test_one_thread_hashes_something() -> None:
    assert hashing.one_thread_rate("sha1") > 10


@pytest.mark.parametrize("side", ["ours", *hashing.CREATORS])
def test_each_program_makes_the_torrent(place: Place, side: str) -> None:
    skip_without(side)
    source = hashing.Source(sample(place, "v1"), "v1")
    figures = hashing.create(place, source, side)
    assert tuple(figures) == hashing.FIGURES
    assert all(value > 0 for value in figures.values())


@pytest.mark.parametrize("side", ["ours", "libtorrent"])
def test_some_make_v2_torrents(place: Place, side: str) -> None:
    skip_without(side)
    assert hashing.create(place, hashing.Source(sample(place, "v2"), "v2"), side)["rate"] > 0


@pytest.mark.parametrize("side", ["ours", *hashing.CHECKERS])
def test_each_program_checks_files(place: Place, side: str) -> None:
    skip_without(side)
    source = hashing.Source(sample(place, "v1"), "v1")
    figures = hashing.verify(place, source, side)
    assert tuple(figures) == hashing.FIGURES
    assert all(value > 0 for name, value in figures.items() if name != "cpu")


@pytest.mark.parametrize("side", ["ours", "torf", "aria2"])
def test_a_program_that_finds_the_files_bad_is_no_result(place: Place, side: str) -> None:
    skip_without(side)
    payload = sample(place, "v1")
    with payload.data.open("r+b") as file:
        file.write(b"no!")
    with pytest.raises(BenchError):
        hashers.check(place, side, payload)


def test_a_torrent_with_other_hashes_is_no_result(place: Place) -> None:
    payload = sample(place, "v1")
    with payload.data.open("r+b") as file:
        file.write(b"no!")
    with pytest.raises(BenchError, match="other hashes"):
        hashing.create(place, hashing.Source(payload, "v1"), "ours")
