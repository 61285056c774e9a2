"""Liars, restarts, pauses, limits and disks that fail: what interrupts a transfer, and how it goes on."""

import asyncio
import os

import pytest

from tests.support.payload import sha256_tree
from tests.support.sessions import (
    address,
    eventually,
    finished,
    make_sample,
    settings,
)
from torrent.errors import DiskError
from torrent.events import PeerBanned
from torrent.session import Session

TREE = {"a/one.bin": 200_001, "a/two.bin": 5_000, "b/empty": 0, "b/three.bin": 370_000, "four.bin": 133_000}


# liars


async def test_a_liar_is_banned_and_honest_peers_are_not(sessions, tmp_path):
    sample = make_sample(tmp_path / "seed", 6_000_000, version="v1")
    lies = make_sample(tmp_path / "liar", 6_000_000, version="v1")
    assert lies.metainfo.hex == sample.metainfo.hex
    liar = await sessions()
    await liar.add(lies.metainfo, lies.folder)
    with (lies.folder / "data").open("r+b") as file:
        for at in range(0, 6_000_000, 16384):  # every block is a lie, told from a file that was right when checked
            file.seek(at)
            file.write(b"lie")
    honest = [await sessions(limit_up=3_000_000) for _ in range(2)]
    for session in honest:
        await session.add(sample.metainfo, sample.folder)
    leech = await sessions()
    watch = leech.hub.subscribe(100_000)
    peers = [address(session) for session in (liar, *honest)]
    torrent = await leech.add(sample.metainfo, tmp_path / "copy", peers=peers)
    await finished(torrent)
    assert sha256_tree(tmp_path / "copy" / "data") == sample.digests
    banned = {event.address for event in watch.pop() if isinstance(event, PeerBanned)}
    assert banned == {str(address(liar))}
    assert torrent.view().hash_failures >= 1
    assert not any(str(address(liar)) == peer.address for peer in torrent.peers())


# going on after a restart


async def test_what_was_verified_is_not_fetched_again(sessions, tmp_path):
    sample = make_sample(tmp_path / "seed", 3_000_000, version="v1", piece_length=32768)
    seed = await sessions(limit_up=4_000_000)
    await seed.add(sample.metainfo, sample.folder)
    config = settings("127.0.0.9")
    async with Session(config, state_dir=tmp_path / "state") as leech:
        torrent = await leech.add(sample.metainfo, tmp_path / "copy", peers=[address(seed)])
        await eventually(lambda: torrent.view().pieces_done > 20)
    done = torrent.view().done
    assert 0 < done < 3_000_000
    async with Session(config, state_dir=tmp_path / "state") as leech:
        torrent = await leech.add(sample.metainfo, tmp_path / "copy", peers=[address(seed)])
        assert torrent.view().done >= done
        left = torrent.view().wanted - torrent.view().done
        await finished(torrent)
        assert torrent.view().downloaded == left and torrent.view().wasted == 0
    assert sha256_tree(tmp_path / "copy" / "data") == sample.digests


async def test_a_pause_in_the_middle(sessions, tmp_path):
    sample = make_sample(tmp_path / "seed", 3_000_000, version="v1", piece_length=32768)
    seed, leech = await sessions(limit_up=6_000_000), await sessions()
    await seed.add(sample.metainfo, sample.folder)
    torrent = await leech.add(sample.metainfo, tmp_path / "copy", peers=[address(seed)])
    await eventually(lambda: torrent.view().pieces_done > 10)
    torrent.pause()
    await eventually(lambda: not torrent.peers())
    done = torrent.view().done
    assert torrent.view().status == "paused"
    torrent.resume()
    await finished(torrent)
    assert torrent.view().done > done
    assert sha256_tree(tmp_path / "copy" / "data") == sample.digests


async def test_seeding_ends_at_its_goal(sessions, tmp_path):
    sample = make_sample(tmp_path / "seed", 300_000)
    seed, leech = await sessions(ratio=1.0), await sessions()
    source = await seed.add(sample.metainfo, sample.folder)
    torrent = await leech.add(sample.metainfo, tmp_path / "copy", peers=[address(seed)])
    await finished(torrent)
    async with asyncio.timeout(60):
        await source.stopped()
    assert source.view().ratio >= 1.0 and source.view().status == "paused"


# limits


async def test_a_download_limit_is_never_exceeded(sessions, tmp_path):
    """How exactly it is kept is measured in pretend time; here the real loop must not be faster than allowed."""
    sample = make_sample(tmp_path / "seed", 2_000_000)
    seed, leech = await sessions(), await sessions(limit_down=2_000_000)
    await seed.add(sample.metainfo, sample.folder)
    loop = asyncio.get_running_loop()
    start = loop.time()
    torrent = await leech.add(sample.metainfo, tmp_path / "copy", peers=[address(seed)])
    await finished(torrent)
    assert (loop.time() - start) * 2_000_000 >= 0.95 * (2_000_000 - 0.25 * 2_000_000 - 65536)


async def test_limits_of_one_torrent_and_of_uploads(sessions, tmp_path):
    sample = make_sample(tmp_path / "seed", 1_000_000)
    seed = await sessions()
    await seed.add(sample.metainfo, sample.folder, limit_up=1_000_000)
    leech = await sessions()
    loop = asyncio.get_running_loop()
    start = loop.time()
    torrent = await leech.add(sample.metainfo, tmp_path / "copy", peers=[address(seed)])
    await finished(torrent)
    assert (loop.time() - start) * 1_000_000 >= 0.95 * (1_000_000 - 250_000 - 65536)


async def test_a_limit_can_be_lifted_on_the_way(sessions, tmp_path):
    sample = make_sample(tmp_path / "seed", 2_000_000)
    seed, leech = await sessions(), await sessions()
    await seed.add(sample.metainfo, sample.folder)
    torrent = await leech.add(sample.metainfo, tmp_path / "copy", limit_down=20_000, peers=[address(seed)])
    await eventually(lambda: torrent.view().downloaded)
    torrent.set_limits(down=0)
    await finished(torrent)  # a hundred seconds otherwise


async def test_no_more_peers_than_allowed(sessions, tmp_path):
    sample = make_sample(tmp_path / "seed", 400_000)
    seed = await sessions(max_peers=1, limit_up=100_000)
    source = await seed.add(sample.metainfo, sample.folder)
    first, second = await sessions(), await sessions()
    one = await first.add(sample.metainfo, tmp_path / "one", peers=[address(seed)])
    await eventually(lambda: one.view().downloaded)
    two = await second.add(sample.metainfo, tmp_path / "two", peers=[address(seed)])
    book = two._swarm.state.book
    await eventually(lambda: book.trouble(address(seed)))
    assert source.view().peers == 1 and two.view().peers == 0
    await first.remove(one)
    async with asyncio.timeout(60):
        await eventually(lambda: two.view().peers == 1)


# files that do not stay


async def test_a_file_that_vanishes_while_seeding_is_an_error_that_says_so(sessions, tmp_path):
    sample = make_sample(tmp_path / "seed", 3_000_000)
    seed, leech = await sessions(limit_up=1_000_000), await sessions()
    source = await seed.add(sample.metainfo, sample.folder)
    torrent = await leech.add(sample.metainfo, tmp_path / "copy", peers=[address(seed)])
    await eventually(lambda: torrent.view().downloaded)
    (sample.folder / "data").unlink()
    await eventually(lambda: source.view().status == "error")
    assert "data" in source.view().reason
    with pytest.raises(DiskError):
        await source.stopped()


async def test_a_full_disk_waits_and_goes_on_when_there_is_room(sessions, tmp_path, monkeypatch):
    sample = make_sample(tmp_path / "seed", 1_000_000)
    seed, leech = await sessions(), await sessions()
    await seed.add(sample.metainfo, sample.folder)
    full = True
    write = os.pwrite

    def pwrite(fd, data, at):
        if full and at > 300_000:
            raise OSError(28, "No space left on device")
        return write(fd, data, at)

    monkeypatch.setattr("torrent.storage.files.os.pwrite", pwrite)
    monkeypatch.setattr("torrent.swarm.lifecycle.DISK_RETRY_SECONDS", 0.5)
    torrent = await leech.add(sample.metainfo, tmp_path / "copy", peers=[address(seed)])
    await eventually(lambda: torrent.view().status == "waiting")
    assert "space" in torrent.view().reason
    full = False
    await finished(torrent)
    assert sha256_tree(tmp_path / "copy" / "data") == sample.digests
