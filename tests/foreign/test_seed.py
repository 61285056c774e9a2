"""Can the clients of others get right files from `torrent seed`?"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.aria2 import Aria2
from tests.support.libtorrent_peer import Libtorrent
from tests.support.makers import by_libtorrent, by_mktorrent, by_transmission, info_hashes
from tests.support.opentracker import Opentracker
from tests.support.ours import seed
from tests.support.rtorrent import Rtorrent
from tests.support.transmission import Transmission

Same = Callable[..., None]
BIND = ("--bind", "127.0.0.4")


@pytest.mark.parametrize("version", ["v1", "v2", "hybrid"])
@pytest.mark.parametrize("what", ["single.bin", "multi", "small"])
def test_to_libtorrent(tmp_path: Path, payloads: Path, same: Same, version: str, what: str) -> None:
    torrent = by_libtorrent(payloads / what, tmp_path / "t.torrent", version=version)
    with seed(tmp_path, torrent, payloads) as ours, Libtorrent(tmp_path, host="127.0.0.2") as leech:
        leech.add(torrent, tmp_path / "out", peers=[("127.0.0.1", ours.listening())])
        leech.wait_done(60)
        assert leech.status()["failed"] == 0
    same(payloads / what, tmp_path / "out" / what)


@pytest.mark.foreign("aria2c", "opentracker", "mktorrent")
def test_to_aria2(tmp_path: Path, payloads: Path, same: Same, tracker: Opentracker) -> None:
    torrent = by_mktorrent(payloads / "multi", tmp_path / "t.torrent", trackers=[tracker.http])
    tracker.allow(*info_hashes(torrent))
    with seed(tmp_path, torrent, payloads, *BIND):
        tracker.wait_swarm(info_hashes(torrent)[0], 1)
        with Aria2(tmp_path, torrent, tmp_path / "out", host="127.0.0.5") as leech:
            leech.wait_done(60)
    same(payloads / "multi", tmp_path / "out" / "multi")


@pytest.mark.foreign("transmission-daemon", "opentracker", "transmission-create")
def test_to_transmission(tmp_path: Path, payloads: Path, same: Same, tracker: Opentracker) -> None:
    """Transmission dials no loopback address: the seed has to read the tracker and dial it."""
    torrent = by_transmission(payloads / "multi", tmp_path / "t.torrent", trackers=[tracker.http])
    tracker.allow(*info_hashes(torrent))
    with Transmission(tmp_path, host="127.0.0.5") as leech:
        leech.add(torrent, tmp_path / "out")
        tracker.wait_swarm(info_hashes(torrent)[0], 1)
        with seed(tmp_path, torrent, payloads, *BIND):
            leech.wait_done(80)
    same(payloads / "multi", tmp_path / "out" / "multi", empty=False)


@pytest.mark.foreign("rtorrent")
def test_to_rtorrent(tmp_path: Path, payloads: Path, same: Same) -> None:
    torrent = by_libtorrent(payloads / "multi", tmp_path / "t.torrent", trackers=["http://127.0.0.1:9/announce"])
    with seed(tmp_path, torrent, payloads, *BIND) as ours, Rtorrent(tmp_path, host="127.0.0.5") as leech:
        port = ours.listening()
        leech.add(torrent, tmp_path / "out")
        leech.connect("127.0.0.4", port)
        leech.wait_done(60)
    same(payloads / "multi", tmp_path / "out" / "multi")


def test_over_ipv6(tmp_path: Path, payloads: Path, same: Same) -> None:
    torrent = by_libtorrent(payloads / "multi", tmp_path / "t.torrent")
    with seed(tmp_path, torrent, payloads) as ours, Libtorrent(tmp_path, host="::1") as leech:
        leech.add(torrent, tmp_path / "out", peers=[("::1", ours.listening())])
        leech.wait_done(60)
    same(payloads / "multi", tmp_path / "out" / "multi")


def test_to_twenty_leeches_at_once(tmp_path: Path, payloads: Path, same: Same) -> None:
    """One session of libtorrent for each; they know only the seed, which has to serve them all."""
    torrent = by_libtorrent(payloads / "single.bin", tmp_path / "t.torrent", piece_length=32768)
    leeches = []
    with seed(tmp_path, torrent, payloads) as ours:
        port = ours.listening()
        try:
            for n in range(20):
                leech = Libtorrent(tmp_path, host=f"127.0.0.{n + 10}", name=f"l{n}", seeding_outgoing_connections=False)
                leeches.append(leech)
                leech.add(torrent, tmp_path / f"out{n}", peers=[("127.0.0.1", port)])
            for leech in leeches:
                leech.wait_done(100)
        finally:
            for leech in leeches:
                leech.close()
    for n in range(20):
        same(payloads / "single.bin", tmp_path / f"out{n}" / "single.bin")
