"""What exists once per process: its port, its torrents, and nothing of it afterwards."""

import asyncio
import inspect
import socket

import pytest

from tests.support.payload import sha256_tree
from tests.support.sessions import (
    address,
    eventually,
    finished,
    leaving_nothing,
    make_sample,
    nothing_amiss,
    nothing_unhandled,
    running,
    settings,
)
from torrent.errors import DiskError, InputError, LocalError, NetworkError
from torrent.events import Listening, Removed
from torrent.metainfo import Metainfo
from torrent.session import MOST_PENDING, Session
from torrent.terms import Address

TREE = {"a/one.bin": 200_001, "a/two.bin": 5_000, "b/empty": 0, "b/three.bin": 370_000, "four.bin": 133_000}


@pytest.fixture(autouse=True)
async def tidy(request):
    """Every test of this file ends with nothing unhandled and nothing left over."""
    if not inspect.iscoroutinefunction(request.function):
        yield
        return
    async with nothing_amiss():
        yield


@pytest.fixture
async def sessions():
    """Open sessions on addresses of their own: `await sessions()`; they are closed side by side."""
    async with running() as start:
        yield start


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
