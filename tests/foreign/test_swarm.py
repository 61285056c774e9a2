"""Do ours and theirs get on in one swarm, found over opentracker by HTTP and by UDP?"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.support.aria2 import Aria2
from tests.support.libtorrent_peer import Libtorrent
from tests.support.makers import by_libtorrent, info_hashes
from tests.support.opentracker import Opentracker
from tests.support.ours import download, seed
from tests.support.rtorrent import Rtorrent
from tests.support.transmission import Transmission

Same = Callable[..., None]


@pytest.mark.foreign("aria2c", "opentracker", "rtorrent", "transmission-daemon")
@pytest.mark.parametrize("scheme", ["http", "udp"])
@pytest.mark.parametrize("version", ["v1", "hybrid"])
def test_everybody_gets_everything(
    tmp_path: Path, payloads: Path, same: Same, tracker: Opentracker, scheme: str, version: str
) -> None:
    """One seed of ours; each other client leeches beside two leeches of ours that stay to seed.

    Transmission 3.00 takes no hybrid torrent and aria2 computes another info-hash for one: those two only in v1. Who
    knows nothing of pad files makes them like any other.
    """
    url = getattr(tracker, scheme)
    torrent = by_libtorrent(payloads / "multi", tmp_path / "t.torrent", version=version, trackers=[url])
    tracker.allow(*info_hashes(torrent))
    swarm = info_hashes(torrent)[0]
    with ExitStack() as stack:
        transmission = stack.enter_context(Transmission(tmp_path, host="127.0.0.5")) if version == "v1" else None
        if transmission:
            transmission.add(torrent, tmp_path / "transmission-out")
            tracker.wait_swarm(swarm, 1)
        stack.enter_context(seed(tmp_path, torrent, payloads, "--bind", "127.0.0.4"))
        tracker.wait_swarm(swarm, 2 if transmission else 1)
        ours = [
            stack.enter_context(
                download(
                    *(tmp_path, torrent, tmp_path / f"ours{n}", "--bind", f"127.0.0.{n}", "--seed", "10m"),
                    name=f"o{n}",
                )
            )
            for n in (6, 7)
        ]
        libtorrent = stack.enter_context(Libtorrent(tmp_path, host="127.0.0.8"))
        libtorrent.add(torrent, tmp_path / "libtorrent-out")
        rtorrent = stack.enter_context(Rtorrent(tmp_path, host="127.0.0.9"))
        rtorrent.add(torrent, tmp_path / "rtorrent-out")
        # aria2 knows UDP trackers only with its DHT on: it always asks the HTTP side of the same tracker.
        aria2 = None
        if version == "v1":
            aria2 = Aria2(tmp_path, torrent, tmp_path / "aria2-out", host="127.0.0.10", trackers=[tracker.http])
            stack.enter_context(aria2)
        for each in ours:
            each.wait_done(80)
        libtorrent.wait_done(80)
        rtorrent.wait_done(80)
        if aria2 and transmission:
            aria2.wait_done(80)
            transmission.wait_done(100)
    for name in ("ours6", "ours7"):
        same(payloads / "multi", tmp_path / name / "multi")
    theirs = ["libtorrent-out", "rtorrent-out", *(["aria2-out", "transmission-out"] if version == "v1" else [])]
    for name in theirs:
        for source in (p for p in (payloads / "multi").rglob("*") if p.is_file() and p.stat().st_size):
            same(source, tmp_path / name / "multi" / source.relative_to(payloads / "multi"))


@pytest.mark.slow
def test_twenty_leeches_share_one_slow_seed(tmp_path: Path, payloads: Path, same: Same) -> None:
    """A seed too slow for all: they finish only by giving to each other, ours as well as theirs."""
    torrent = by_libtorrent(payloads / "single.bin", tmp_path / "t.torrent", piece_length=32768)
    with ExitStack() as stack:
        source = stack.enter_context(Libtorrent(tmp_path, host="127.0.0.2", name="seed"))
        source.add(torrent, payloads, seed=True, limit_up=1_500_000)
        theirs = [stack.enter_context(Libtorrent(tmp_path, host=f"127.0.0.{n}", name=f"l{n}")) for n in range(20, 32)]
        addresses = [source.address, *(peer.address for peer in theirs)]
        for number, peer in enumerate(theirs):
            known = [("127.0.0.2", source.port), *((p.host, p.port) for p in theirs[:number])]
            peer.add(torrent, tmp_path / peer.host, peers=known)
        ours = [
            stack.enter_context(
                download(
                    *(tmp_path, torrent, tmp_path / f"ours{n}", "--bind", f"127.0.0.{n}", "--seed", "10m"),
                    peers=addresses,
                    name=f"o{n}",
                )
            )
            for n in range(40, 48)
        ]
        for each in ours:
            each.wait_done(100)
        for peer in theirs:
            peer.wait_done(100)
        given = source.status()["uploaded"]
    for name in [*(f"ours{n}" for n in range(40, 48)), *(peer.host for peer in theirs)]:
        same(payloads / "single.bin", tmp_path / name / "single.bin")
    assert given < 20 * 6_000_000 * 0.5, "the seed alone fed them all"
