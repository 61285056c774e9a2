"""Do the fixtures themselves work? The programs of others among themselves: what fails here is not our fault."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.aria2 import Aria2
from tests.support.libtorrent_peer import Libtorrent
from tests.support.makers import by_libtorrent, by_mktorrent, by_transmission, info_hashes
from tests.support.opentracker import Opentracker
from tests.support.payload import sha256_tree, tree
from tests.support.rtorrent import Rtorrent
from tests.support.transmission import Transmission

SIZES = {"a.bin": 1_500_000, "folder/b.bin": 400_000, "folder/empty": 0, "c.txt": 17}


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tree(tmp_path / "src" / "data", SIZES)


@pytest.fixture
def tracker(tmp_path: Path) -> Iterator[Opentracker]:
    with Opentracker(tmp_path) as running:
        yield running


def check(data: Path, folder: Path) -> None:
    assert sha256_tree(folder / "data", empty=False) == sha256_tree(data, empty=False)


@pytest.mark.parametrize("version", ["v1", "v2", "hybrid"])
def test_libtorrent_seeds_to_libtorrent(tmp_path: Path, data: Path, version: str) -> None:
    torrent = by_libtorrent(data, tmp_path / "t.torrent", version=version)
    with Libtorrent(tmp_path, host="127.0.0.2") as seed, Libtorrent(tmp_path, host="127.0.0.3") as leech:
        seed.add(torrent, data.parent, seed=True)
        leech.add(torrent, tmp_path / "out", peers=[("127.0.0.2", seed.port)])
        leech.wait_done(30)
        check(data, tmp_path / "out")
        assert leech.status()["downloaded"] >= sum(SIZES.values())


@pytest.mark.foreign("aria2c", "opentracker", "mktorrent")
def test_aria2_finds_libtorrent_over_opentracker(tmp_path: Path, data: Path, tracker: Opentracker) -> None:
    torrent = by_mktorrent(data, tmp_path / "t.torrent", trackers=[tracker.http])
    tracker.allow(*info_hashes(torrent))
    with Libtorrent(tmp_path, host="127.0.0.2") as seed:
        seed.add(torrent, data.parent, seed=True)
        tracker.wait_swarm(info_hashes(torrent)[0], 1)
        with Aria2(tmp_path, torrent, tmp_path / "out", host="127.0.0.3") as leech:
            leech.wait_done(40)
    check(data, tmp_path / "out")


@pytest.mark.foreign("rtorrent", "opentracker")
def test_libtorrent_finds_rtorrent_over_udp(tmp_path: Path, data: Path, tracker: Opentracker) -> None:
    torrent = by_libtorrent(data, tmp_path / "t.torrent", trackers=[tracker.udp])
    tracker.allow(*info_hashes(torrent))
    with Rtorrent(tmp_path, host="127.0.0.2") as seed:
        seed.add(torrent, data.parent)
        seed.wait_done(20)
        tracker.wait_swarm(info_hashes(torrent)[0], 1)
        with Libtorrent(tmp_path, host="127.0.0.3") as leech:
            leech.add(torrent, tmp_path / "out")
            leech.wait_done(40)
    check(data, tmp_path / "out")


@pytest.mark.foreign("aria2c")
def test_aria2_seeds_to_libtorrent(tmp_path: Path, data: Path) -> None:
    torrent = by_libtorrent(data, tmp_path / "t.torrent")
    with Aria2(tmp_path, torrent, data.parent, seed=True, host="127.0.0.2") as seed:
        seed.wait_seeding()
        with Libtorrent(tmp_path, host="127.0.0.3") as leech:
            leech.add(torrent, tmp_path / "out", peers=[("127.0.0.2", seed.port)])
            leech.wait_done(40)
    check(data, tmp_path / "out")


@pytest.mark.foreign("transmission-daemon", "transmission-create")
def test_transmission_seeds_to_libtorrent(tmp_path: Path, data: Path) -> None:
    torrent = by_transmission(data, tmp_path / "t.torrent", trackers=["http://127.0.0.1:9/announce"])
    with Transmission(tmp_path, host="127.0.0.2") as seed, Libtorrent(tmp_path, host="127.0.0.3") as leech:
        seed.add(torrent, data.parent)
        seed.wait_done(20)
        leech.add(torrent, tmp_path / "out", peers=[("127.0.0.2", seed.port)])
        leech.wait_done(40)
    check(data, tmp_path / "out")


@pytest.mark.foreign("rtorrent")
def test_rtorrent_leeches_from_libtorrent(tmp_path: Path, data: Path) -> None:
    torrent = by_libtorrent(data, tmp_path / "t.torrent", trackers=["http://127.0.0.1:9/announce"])
    with Libtorrent(tmp_path, host="127.0.0.2") as seed, Rtorrent(tmp_path, host="127.0.0.3") as leech:
        seed.add(torrent, data.parent, seed=True)
        leech.add(torrent, tmp_path / "out")
        leech.connect("127.0.0.2", seed.port)
        leech.wait_done(30)
    check(data, tmp_path / "out")
