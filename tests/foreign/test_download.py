"""Does `torrent download` get right files from the seeds of others?"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.support.aria2 import Aria2
from tests.support.libtorrent_peer import Libtorrent
from tests.support.makers import by_libtorrent, by_mktorrent, by_transmission, info_hashes
from tests.support.opentracker import Opentracker
from tests.support.ours import download
from tests.support.rtorrent import Rtorrent
from tests.support.transmission import Transmission

Same = Callable[..., None]
DEAD = "http://127.0.0.1:9/announce"


@pytest.mark.parametrize("version", ["v1", "v2", "hybrid"])
@pytest.mark.parametrize("what", ["single.bin", "multi", "small"])
def test_from_libtorrent(tmp_path: Path, payloads: Path, same: Same, version: str, what: str) -> None:
    torrent = by_libtorrent(payloads / what, tmp_path / "t.torrent", version=version)
    with Libtorrent(tmp_path, host="127.0.0.2") as seed:
        seed.add(torrent, payloads, seed=True)
        with download(tmp_path, torrent, tmp_path / "out", peers=[seed.address]) as leech:
            port = leech.listening()
            done = leech.wait_done(60)
            assert leech.wait_exit(20) == 0, leech.tail()
    assert 0 < port < 65536
    assert leech.lines()[0]["type"] == "listening"
    assert leech.lines()[-1]["type"] == "done"
    assert done["path"] == str(tmp_path / "out" / what)
    same(payloads / what, tmp_path / "out" / what)
    assert not [p for p in (tmp_path / "out").iterdir() if p.name != what], "something else was left in the folder"


@pytest.mark.foreign("aria2c", "mktorrent")
def test_from_aria2(tmp_path: Path, payloads: Path, same: Same) -> None:
    torrent = by_mktorrent(payloads / "multi", tmp_path / "t.torrent", trackers=[DEAD])
    with Aria2(tmp_path, torrent, payloads, seed=True, host="127.0.0.2") as seed:
        seed.wait_seeding()
        with download(tmp_path, torrent, tmp_path / "out", peers=[seed.address]) as leech:
            leech.wait_done(60)
    same(payloads / "multi", tmp_path / "out" / "multi")


@pytest.mark.foreign("transmission-daemon", "transmission-create")
def test_from_transmission(tmp_path: Path, payloads: Path, same: Same) -> None:
    torrent = by_transmission(payloads / "multi", tmp_path / "t.torrent", trackers=[DEAD])
    with Transmission(tmp_path, host="127.0.0.2") as seed:
        seed.add(torrent, payloads)
        seed.wait_done(20)
        with download(tmp_path, torrent, tmp_path / "out", peers=[seed.address]) as leech:
            leech.wait_done(60)
    # transmission-create leaves files of no length out of the torrent
    same(payloads / "multi", tmp_path / "out" / "multi", empty=False)


@pytest.mark.foreign("rtorrent")
def test_from_rtorrent(tmp_path: Path, payloads: Path, same: Same) -> None:
    torrent = by_libtorrent(payloads / "multi", tmp_path / "t.torrent", trackers=[DEAD])
    with Rtorrent(tmp_path, host="127.0.0.2") as seed:
        seed.add(torrent, payloads)
        seed.wait_done(20)
        with download(tmp_path, torrent, tmp_path / "out", peers=[seed.address]) as leech:
            leech.wait_done(60)
    same(payloads / "multi", tmp_path / "out" / "multi")


def test_over_ipv6(tmp_path: Path, payloads: Path, same: Same) -> None:
    torrent = by_libtorrent(payloads / "multi", tmp_path / "t.torrent")
    with Libtorrent(tmp_path, host="::1") as seed:
        seed.add(torrent, payloads, seed=True)
        with download(tmp_path, torrent, tmp_path / "out", peers=[seed.address]) as leech:
            leech.wait_done(60)
    same(payloads / "multi", tmp_path / "out" / "multi")


@pytest.mark.parametrize("seeds", [2, 20])
def test_from_many_seeds(tmp_path: Path, payloads: Path, same: Same, seeds: int) -> None:
    torrent = by_libtorrent(payloads / "single.bin", tmp_path / "t.torrent", piece_length=32768)
    with ExitStack() as stack:
        peers = [stack.enter_context(Libtorrent(tmp_path, host=f"127.0.0.{n + 2}", name=f"s{n}")) for n in range(seeds)]
        for peer in peers:
            peer.add(torrent, payloads, seed=True, limit_up=300_000 if seeds > 2 else 2_000_000)
        addresses = [peer.address for peer in peers]
        leech = stack.enter_context(download(tmp_path, torrent, tmp_path / "out", peers=addresses))
        leech.wait_done(60)
        gave = [peer.status()["uploaded"] for peer in peers]
    same(payloads / "single.bin", tmp_path / "out" / "single.bin")
    assert sum(1 for each in gave if each) >= seeds * 3 // 4, f"most seeds are used: {gave}"
    assert sum(gave) < 6_000_000 * 1.15, f"little is fetched twice: {gave}"


@pytest.mark.foreign("opentracker")
@pytest.mark.parametrize("scheme", ["http", "udp"])
def test_finds_the_seed_over_opentracker(
    tmp_path: Path, payloads: Path, same: Same, tracker: Opentracker, scheme: str
) -> None:
    torrent = by_libtorrent(payloads / "multi", tmp_path / "t.torrent", trackers=[getattr(tracker, scheme)])
    tracker.allow(*info_hashes(torrent))
    with Libtorrent(tmp_path, host="127.0.0.2") as seed:
        seed.add(torrent, payloads, seed=True)
        tracker.wait_swarm(info_hashes(torrent)[0], 1)
        with download(tmp_path, torrent, tmp_path / "out") as leech:
            leech.wait_done(60)
            assert leech.wait_exit(20) == 0, leech.tail()
    same(payloads / "multi", tmp_path / "out" / "multi")


def test_selected_files_only(tmp_path: Path, payloads: Path, same: Same) -> None:
    torrent = by_libtorrent(payloads / "multi", tmp_path / "t.torrent")
    with Libtorrent(tmp_path, host="127.0.0.2") as seed:
        seed.add(torrent, payloads, seed=True)
        with download(tmp_path, torrent, tmp_path / "out", "--files", "*b.bin", peers=[seed.address]) as leech:
            leech.wait_done(60)
        gave = seed.status()["uploaded"]
    same(payloads / "multi/folder/b.bin", tmp_path / "out/multi/folder/b.bin")
    assert not (tmp_path / "out/multi/a.bin").exists()
    assert gave < 2_000_000


def test_the_rate_limit_holds(tmp_path: Path, payloads: Path, same: Same) -> None:
    torrent = by_libtorrent(payloads / "single.bin", tmp_path / "t.torrent")
    with Libtorrent(tmp_path, host="127.0.0.2") as seed:
        seed.add(torrent, payloads, seed=True)
        options = ["--limit-down", "1500K"]
        with download(tmp_path, torrent, tmp_path / "out", *options, peers=[seed.address]) as leech:
            done = leech.wait_done(60)
    same(payloads / "single.bin", tmp_path / "out" / "single.bin")
    assert done["seconds"] > 6_000_000 / (1500 * 1024) * 0.6
