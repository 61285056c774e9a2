"""Whole transfers over loopback between sessions of one process, found out and found by every way there is."""

import asyncio
import socket

import pytest

from tests.support.payload import sha256_tree
from tests.support.sessions import (
    address,
    eventually,
    finished,
    make_sample,
)
from torrent.events import Completed, PieceVerified
from torrent.peer import Handshake
from torrent.terms import Address
from torrent.tracker import TrackerServer

TREE = {"a/one.bin": 200_001, "a/two.bin": 5_000, "b/empty": 0, "b/three.bin": 370_000, "four.bin": 133_000}


@pytest.mark.parametrize("version", ["v1", "v2", "hybrid"])
@pytest.mark.parametrize("sizes", [1_500_000, TREE], ids=["file", "folder"])
async def test_download(sessions, tmp_path, version, sizes):
    sample = make_sample(tmp_path / "seed", sizes, version=version, piece_length=32768)
    seed, leech = await sessions(), await sessions()
    source = await seed.add(sample.metainfo, sample.folder)
    assert source.view().status == "seeding"
    watch = leech.hub.subscribe()
    torrent = await leech.add(sample.metainfo, tmp_path / "copy", peers=[address(seed)])
    await finished(torrent)
    assert sha256_tree(tmp_path / "copy" / sample.metainfo.name) == sample.digests
    view = torrent.view()
    assert (view.status, view.done, view.wanted, view.wasted) == ("seeding", view.size, view.size, 0)
    told = watch.pop()
    assert len([event for event in told if isinstance(event, PieceVerified)]) == sample.metainfo.pieces
    assert [event.path for event in told if isinstance(event, Completed)] == [view.path]
    assert all(file.done == file.size for file in torrent.files())


async def test_over_ipv6(sessions, tmp_path):
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("this machine has no IPv6 loopback")
    sample = make_sample(tmp_path / "seed", 500_000)
    seed, leech = await sessions(host="::1"), await sessions(host="::1")
    await seed.add(sample.metainfo, sample.folder)
    torrent = await leech.add(sample.metainfo, tmp_path / "copy", peers=[address(seed)])
    await finished(torrent)
    assert sha256_tree(tmp_path / "copy" / "data") == sample.digests


async def test_only_chosen_files_are_fetched_and_the_others_never_created(sessions, tmp_path):
    sample = make_sample(tmp_path / "seed", TREE, version="v1", piece_length=32768)
    seed, leech = await sessions(), await sessions()
    await seed.add(sample.metainfo, sample.folder)
    chosen = {file.index for file in sample.metainfo.files if file.path[-1] in ("two.bin", "four.bin")}
    torrent = await leech.add(sample.metainfo, tmp_path / "copy", files=chosen, peers=[address(seed)])
    await finished(torrent)
    got = {path: digest for path, digest in sha256_tree(tmp_path / "copy" / "data").items() if path[0] in "abf"}
    assert got == {path: sample.digests[path] for path in ("a/two.bin", "four.bin")}
    view = torrent.view()
    assert view.status == "finished" and view.done == view.wanted < view.size
    assert [file.priority for file in torrent.files()] == [int(file.index in chosen) for file in torrent.files()]


async def test_in_order_and_ends_first(sessions, tmp_path):
    """What the seed is asked for, in the order it is asked; in which order pieces are hashed is up to the threads."""
    sample = make_sample(tmp_path / "seed", {"x": 1_000_000, "y": 1_000_000}, version="v1", piece_length=32768)
    seed, leech = await sessions(), await sessions()
    store = (await seed.add(sample.metainfo, sample.folder))._swarm.state.store
    asked: dict[int, None] = {}
    read_now = store.read_now

    def noted(piece, begin, length, into):
        asked[piece] = None
        return read_now(piece, begin, length, into)

    store.read_now = noted

    async def order(**options):
        asked.clear()
        torrent = await leech.add(sample.metainfo, tmp_path / str(options), peers=[address(seed)], **options)
        await finished(torrent)
        await leech.remove(torrent)
        return list(asked)

    n = sample.metainfo.pieces
    ends = {0, 1_000_000 // 32768, (2_000_000 - 1) // 32768}
    assert await order(sequential=True) == list(range(n))
    assert set((await order(first_last=True))[: len(ends)]) == ends
    both = await order(first_last=True, sequential=True)
    assert set(both[: len(ends)]) == ends and both[len(ends) :] == sorted(set(range(n)) - ends)


async def test_several_torrents_at_once_share_one_port(sessions, tmp_path):
    samples = [
        make_sample(tmp_path / "seed", 400_000, name=f"data{number}", seed=number, version=version)
        for number, version in enumerate(("v1", "v2", "hybrid", "v1", "hybrid"))
    ]
    seed, leech = await sessions(), await sessions()
    for sample in samples:
        await seed.add(sample.metainfo, sample.folder)
    torrents = [await leech.add(one.metainfo, tmp_path / "copy", peers=[address(seed)]) for one in samples]
    await finished(*torrents)
    assert leech.view().torrents == 5 and leech.view().downloaded == 5 * 400_000
    for sample in samples:
        assert sha256_tree(tmp_path / "copy" / sample.metainfo.name) == sample.digests


async def test_two_halves_meet_in_a_third(sessions, tmp_path):
    """Nobody has everything: what one lacks comes from the other, and the third gives back what it got."""
    sample = make_sample(tmp_path / "seed", {"x": 900_000, "y": 900_000}, version="v1", pad=True)
    seed, one, other = await sessions(), await sessions(), await sessions()
    await seed.add(sample.metainfo, sample.folder)
    half = [await one.add(sample.metainfo, tmp_path / "one", files=[0], peers=[address(seed)])]
    half += [await other.add(sample.metainfo, tmp_path / "two", files=[2], peers=[address(seed)])]
    await finished(*half)
    await seed.remove(next(iter(seed.torrents.values())))
    third = await sessions()
    torrent = await third.add(sample.metainfo, tmp_path / "three", peers=[address(one), address(other)])
    await finished(torrent)
    assert sha256_tree(tmp_path / "three" / "data") == sample.digests
    assert all(handle.view().uploaded for handle in half)


async def test_a_tracker_brings_them_together(sessions, tmp_path):
    async with TrackerServer("127.0.0.1") as tracker:
        sample = make_sample(tmp_path / "seed", 700_000, trackers=[[tracker.url], [tracker.udp_url]])
        seed = await sessions()
        source = await seed.add(sample.metainfo, sample.folder)
        await eventually(lambda: all(view.status == "working" for view in source.trackers()))
        leeches = [await sessions() for _ in range(3)]
        torrents = [await leech.add(sample.metainfo, tmp_path / str(number)) for number, leech in enumerate(leeches)]
        await finished(*torrents)
        for number in range(3):
            assert sha256_tree(tmp_path / str(number) / "data") == sample.digests
        assert torrents[0].trackers()[0].seeds is not None


async def test_dialling_each_other_at_the_same_moment_leaves_one_connection(sessions, tmp_path):
    sample = make_sample(tmp_path / "seed", 300_000)
    for _ in range(5):
        one, other = await sessions(), await sessions()
        source = await one.add(sample.metainfo, sample.folder, paused=True)
        copy = await other.add(sample.metainfo, tmp_path / str(one.port), paused=True)
        source.resume()
        copy.resume()
        source.add_peer(address(other))
        copy.add_peer(address(one))
        await finished(copy)
        await eventually(lambda a=source, b=copy: len(a.peers()) <= 1 and len(b.peers()) <= 1)


async def test_a_second_address_of_the_same_peer_is_put_off_like_any_that_fails(sessions, tmp_path):
    sample = make_sample(tmp_path / "seed", 300_000, version="v1")

    async def answer(reader, writer):
        writer.write(Handshake(sample.metainfo.info_hash, b"-RW0001-the same one").encode())
        await reader.read(-1)
        writer.close()

    servers = [await asyncio.start_server(answer, "127.0.0.1", 0) for _ in range(2)]
    both = [Address(*server.sockets[0].getsockname()) for server in servers]
    leech = await sessions()
    torrent = await leech.add(sample.metainfo, tmp_path / "copy", peers=both)
    book = torrent._swarm.state.book
    await eventually(lambda: "connected already" in map(book.trouble, both))
    assert torrent.view().peers == 1
    await leech.remove(torrent)
    for server in servers:
        server.close()
        await server.wait_closed()
