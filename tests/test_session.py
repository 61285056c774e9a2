"""Sessions beside each other in one process: whole transfers over loopback, and everything gone afterwards."""

import asyncio
import inspect
import os
import socket

import pytest

from tests.support.payload import sha256_tree
from tests.support.sessions import (
    address,
    eventually,
    finished,
    leaving_nothing,
    make_sample,
    nothing_unhandled,
    settings,
)
from torrent.errors import DiskError, InputError, LocalError, NetworkError
from torrent.events import Completed, Listening, PeerBanned, PieceVerified, Removed
from torrent.metainfo import Metainfo
from torrent.peer import Handshake
from torrent.session import MOST_PENDING, Session
from torrent.terms import Address
from torrent.tracker import TrackerServer

TREE = {"a/one.bin": 200_001, "a/two.bin": 5_000, "b/empty": 0, "b/three.bin": 370_000, "four.bin": 133_000}


@pytest.fixture(autouse=True)
async def tidy(request):
    """Every test of this file ends with nothing unhandled and nothing left over."""
    if not inspect.iscoroutinefunction(request.function):
        yield
        return
    async with leaving_nothing():
        with nothing_unhandled():
            yield


@pytest.fixture
async def sessions():
    """Open sessions on addresses of their own: `await sessions()`; they are closed side by side."""
    opened = []

    async def start(state_dir=None, host="", **changes):
        session = Session(settings(host or f"127.0.0.{len(opened) + 2}", **changes), state_dir=state_dir)
        opened.append(session)
        return await session.__aenter__()

    yield start
    await asyncio.gather(*(session.__aexit__(None, None, None) for session in opened))


# whole transfers


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
    sample = make_sample(tmp_path / "seed", {"x": 1_000_000, "y": 1_000_000}, version="v1", piece_length=32768)
    seed, leech = await sessions(), await sessions()
    await seed.add(sample.metainfo, sample.folder)

    async def order(**options):
        watch = leech.hub.subscribe()
        torrent = await leech.add(sample.metainfo, tmp_path / str(options), peers=[address(seed)], **options)
        await finished(torrent)
        await leech.remove(torrent)
        return [event.piece for event in watch.pop() if isinstance(event, PieceVerified)]

    in_order = await order(sequential=True)
    n = len(in_order)
    out_of_place = sum(abs(piece - place) for place, piece in enumerate(in_order)) / n
    assert out_of_place < n / 8  # n / 3 by chance; two threads hash, so it is not nothing
    ends = {0, 1_000_000 // 32768, (2_000_000 - 1) // 32768}
    assert ends <= set((await order(first_last=True))[: n // 2])
    assert ends <= set((await order(first_last=True, sequential=True))[: n // 2])


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


# adding and removing


async def test_a_torrent_is_added_once(sessions, tmp_path):
    sample = make_sample(tmp_path / "seed", 100_000)
    session = await sessions()
    await session.add(sample.metainfo, sample.folder)
    with pytest.raises(InputError, match="already"):
        await session.add(sample.metainfo, tmp_path / "elsewhere")
    assert len(session.torrents) == 1


async def test_one_name_in_the_swarm_belongs_to_one_torrent(sessions, tmp_path):
    """The v2 half of a hybrid torrent answers to the same 20 bytes as the v2 torrent of the same files."""
    sample = make_sample(tmp_path / "seed", 100_000, version="hybrid")
    session = await sessions()
    await session.add(sample.metainfo, sample.folder)
    other = make_sample(tmp_path / "seed", 100_000, version="v1", comment="x")
    assert other.metainfo.hex != sample.metainfo.hex
    hybrid_again = Metainfo.from_bytes(sample.metainfo.to_bytes())
    with pytest.raises(InputError, match="already"):
        await session.add(hybrid_again, tmp_path / "elsewhere")


async def test_two_torrents_never_write_the_same_file(sessions, tmp_path):
    one = make_sample(tmp_path / "one", 100_000, version="v1")
    other = make_sample(tmp_path / "other", 100_000, version="v1", seed=2)
    session = await sessions()
    await session.add(one.metainfo, tmp_path / "copy")
    with pytest.raises(InputError):
        await session.add(other.metainfo, tmp_path / "copy")
    assert list(session.torrents) == [one.metainfo.hex]
    await session.add(other.metainfo, tmp_path / "copy two")


async def test_two_sessions_never_write_the_same_files(sessions, tmp_path):
    sample = make_sample(tmp_path / "seed", 100_000)
    first, second = await sessions(tmp_path / "state"), await sessions(tmp_path / "state")
    torrent = await first.add(sample.metainfo, tmp_path / "copy")
    with pytest.raises(InputError):
        await second.add(sample.metainfo, tmp_path / "copy")
    await first.remove(torrent)
    await second.add(sample.metainfo, tmp_path / "copy")


async def test_removing_forgets_it_and_adding_it_again_goes_on(sessions, tmp_path):
    sample = make_sample(tmp_path / "seed", 500_000)
    seed, leech = await sessions(), await sessions()
    await seed.add(sample.metainfo, sample.folder)
    torrent = await leech.add(sample.metainfo, tmp_path / "copy", peers=[address(seed)])
    await finished(torrent)
    watch = leech.hub.subscribe()
    await leech.remove(torrent)
    assert leech.torrents == {} and Removed(sample.metainfo.hex) in watch.pop()
    assert torrent.view().status == "stopped"
    again = await leech.add(sample.metainfo, tmp_path / "copy")
    assert again.view().status == "seeding"
    await leech.remove(torrent)  # the old handle means the same torrent


async def test_a_torrent_may_be_removed_while_its_files_are_checked(sessions, tmp_path):
    sample = make_sample(tmp_path / "seed", 3_000_000)
    session = await sessions()
    adding = asyncio.ensure_future(session.add(sample.metainfo, sample.folder, check=True))
    await asyncio.sleep(0)
    handle = session.torrents[sample.metainfo.hex]
    assert handle.view().status == "checking"
    await session.remove(handle)
    with pytest.raises(LocalError, match="removed"):
        await adding
    assert session.torrents == {}
    assert (await session.add(sample.metainfo, sample.folder)).view().status == "seeding"


async def test_a_session_may_be_left_while_files_are_checked(tmp_path):
    sample = make_sample(tmp_path / "seed", 3_000_000)
    async with Session(settings()) as session:
        adding = asyncio.ensure_future(session.add(sample.metainfo, sample.folder, check=True))
        await asyncio.sleep(0)
    with pytest.raises(LocalError):
        await adding


async def test_a_cancelled_add_leaves_nothing(sessions, tmp_path):
    sample = make_sample(tmp_path / "seed", 3_000_000)
    session = await sessions()
    adding = asyncio.ensure_future(session.add(sample.metainfo, sample.folder, check=True))
    await asyncio.sleep(0)
    adding.cancel()
    with pytest.raises(asyncio.CancelledError):
        await adding
    assert session.torrents == {}
    assert (await session.add(sample.metainfo, sample.folder)).view().status == "seeding"


async def test_a_folder_that_cannot_be_used_is_a_disk_error(sessions, tmp_path):
    sample = make_sample(tmp_path / "seed", 100_000)
    session = await sessions()
    (tmp_path / "file").write_text("in the way")
    with pytest.raises((DiskError, InputError)):
        await session.add(sample.metainfo, tmp_path / "file")
    assert session.torrents == {}


async def test_progress_of_the_check_is_told(sessions, tmp_path):
    sample = make_sample(tmp_path / "seed", 500_000)
    session = await sessions()
    seen = []
    await session.add(
        sample.metainfo, sample.folder, check=True, on_check=lambda done, total: seen.append(done / total)
    )
    assert seen == sorted(seen) and seen[-1] == 1.0


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


# the session itself


async def test_the_port_is_told_and_free_again_afterwards(tmp_path):
    session = Session(settings())
    watch = session.hub.subscribe()
    async with session:
        assert watch.pop() == [Listening(session.port)] and session.port
        port = session.port
    async with Session(settings(port=port)) as again:
        assert again.port == port


async def test_a_port_in_use_is_a_network_error():
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(NetworkError):
        async with Session(settings(port=taken.getsockname()[1])):
            raise AssertionError("nobody gets here")


async def test_both_families_share_the_port_when_nothing_is_bound():
    session = Session(settings(host=""))
    async with session:
        _, writer = await asyncio.open_connection("127.0.0.1", session.port)
        writer.close()
        await writer.wait_closed()


async def test_an_error_inside_closes_it_all_the_same(tmp_path):
    sample = make_sample(tmp_path / "seed", 100_000)
    with pytest.raises(ZeroDivisionError):
        async with Session(settings()) as session:
            await session.add(sample.metainfo, sample.folder)
            raise ZeroDivisionError


async def test_leaving_in_the_middle_of_everything(tmp_path):
    """A download under way, dials without an answer, strangers at the door, a tracker that hangs."""

    async def hang(reader, writer):
        await reader.read()
        writer.close()

    tracker = await asyncio.start_server(hang, "127.0.0.1", 0)
    silent = socket.create_server(("127.0.0.1", 0), backlog=1)
    url = f"http://127.0.0.1:{tracker.sockets[0].getsockname()[1]}/announce"
    sample = make_sample(tmp_path / "seed", 3_000_000, trackers=[[url]])
    try:
        async with (
            asyncio.timeout(60),
            Session(settings("127.0.0.2", limit_up=500_000)) as seed,
            Session(settings("127.0.0.3", stop_timeout=0.3), state_dir=tmp_path / "state") as leech,
        ):
            await seed.add(sample.metainfo, sample.folder)
            dead = [Address("127.0.0.1", silent.getsockname()[1])] + [Address(f"127.0.1.{n}", 9) for n in range(1, 50)]
            torrent = await leech.add(sample.metainfo, tmp_path / "copy", peers=[address(seed), *dead])
            stranger = socket.create_connection(address(leech))
            await eventually(lambda: torrent.view().pieces_done)
        stranger.close()
    finally:
        silent.close()
        tracker.close()
        await tracker.wait_closed()


def test_on_the_loop_that_the_command_line_uses(tmp_path):
    """The same on uvloop, whose transports differ in what they copy and when they write."""
    uvloop = pytest.importorskip("uvloop")
    sample = make_sample(tmp_path / "seed", TREE, version="hybrid", piece_length=32768)

    async def main():
        async with leaving_nothing():
            with nothing_unhandled():
                async with Session(settings("127.0.0.2")) as seed, Session(settings("127.0.0.3")) as leech:
                    await seed.add(sample.metainfo, sample.folder)
                    torrent = await leech.add(
                        sample.metainfo, tmp_path / "copy", peers=[address(seed)], limit_down=5_000_000
                    )
                    await finished(torrent)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())
    assert sha256_tree(tmp_path / "copy" / "data") == sample.digests


async def test_its_own_address_is_not_a_peer(sessions, tmp_path):
    sample = make_sample(tmp_path / "seed", 100_000)
    session = await sessions()
    torrent = await session.add(sample.metainfo, tmp_path / "copy", peers=[address(session)])
    await eventually(lambda: address(session) not in torrent._swarm.state.book)
    assert torrent.peers() == []


def test_the_number_of_strangers_is_bounded():
    assert MOST_PENDING <= 500
