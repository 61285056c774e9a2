"""The handle of one torrent: there from the first moment, of use from the second, and honest about how it ended."""

import asyncio
from types import SimpleNamespace

import pytest

from tests.swarm.world import World, make_metainfo
from torrent.errors import DiskError, LocalError
from torrent.handle import Torrent
from torrent.ratelimit import TokenBucket
from torrent.swarm.tasks import Bell
from torrent.terms import Address

METAINFO = make_metainfo(bytes(100_000), 32768)


class FakeSwarm:
    """What the handle asks of a swarm: facts, a bell, and commands that are written down."""

    def __init__(self):
        self.state = World().state
        self.changed = Bell()
        self.calls = []

    def __getattr__(self, name):
        return lambda *given: self.calls.append((name, *given))

    def now(self):
        return 77.0

    async def happens(self, **facts):
        for name, value in facts.items():
            setattr(self.state, name, value)
        self.changed.ring()
        for _ in range(3):
            await asyncio.sleep(0)


@pytest.fixture
def handle():
    return Torrent(METAINFO, "somewhere/world.bin", None, (TokenBucket(0), TokenBucket(0)))


@pytest.fixture
async def live(handle):
    swarm = FakeSwarm()
    handle.begin(swarm)
    return SimpleNamespace(handle=handle, swarm=swarm)


# before it is live


def test_while_files_are_checked_there_is_a_view_of_it(handle):
    view = handle.view()
    assert (view.info_hash, view.name, view.status, view.path) == (
        METAINFO.hex,
        "world.bin",
        "checking",
        "somewhere/world.bin",
    )
    assert (view.size, view.wanted, view.done, view.pieces) == (100_000, 100_000, 0, 4)
    assert view.checked == 0.0
    handle.on_check(25, 100)
    assert handle.view().checked == 0.25
    handle.on_check(0, 0)
    assert handle.view().checked == 1.0
    assert handle.info_hash == METAINFO.hex


async def test_commands_before_it_is_live_do_no_harm(handle):
    handle.pause()
    handle.resume()
    handle.announce()
    handle.add_peer(Address("127.0.0.1", 1))
    handle.set_limits(1, 2)
    assert handle.peers() == handle.trackers() == handle.files() == []
    for wait in (handle.completed, handle.stopped):
        with pytest.raises(LocalError, match="checked"):
            await wait()


# commands


async def test_commands_reach_the_swarm(live):
    live.handle.pause()
    live.handle.resume()
    live.handle.announce()
    live.handle.add_peer(Address("127.0.0.1", 1))
    live.handle.add_peers([Address("127.0.0.1", 2)])
    assert live.swarm.calls == [
        ("pause",),
        ("resume",),
        ("announce_now",),
        ("add_peers", [Address("127.0.0.1", 1)], "user"),
        ("add_peers", [Address("127.0.0.1", 2)], "user"),
    ]


async def test_limits_are_set_one_by_one():
    down, up = TokenBucket(10), TokenBucket(20)
    handle = Torrent(METAINFO, "x", None, (down, up))
    handle.begin(FakeSwarm())
    handle.set_limits(up=0)
    assert (down.rate, up.rate) == (10, 0)
    handle.set_limits(down=5)
    assert (down.rate, up.rate) == (5, 0)


# waiting


async def waiting(*coroutines):
    tasks = [asyncio.ensure_future(one) for one in coroutines]
    for _ in range(3):
        await asyncio.sleep(0)
    return tasks


async def test_all_who_wait_hear_of_completion(live):
    tasks = await waiting(*(live.handle.completed() for _ in range(3)))
    await live.swarm.happens()
    assert not any(task.done() for task in tasks)
    await live.swarm.happens(complete=True)
    assert [task.result() for task in tasks] == [None, None, None]
    await live.handle.completed()  # and it stays so


async def test_an_error_that_mends_itself_is_waited_out(live):
    (task,) = await waiting(live.handle.completed())
    await live.swarm.happens(failure="no space left", waits=True)
    assert not task.done()
    await live.swarm.happens(failure="", waits=False, complete=True)
    assert task.result() is None


async def test_an_error_that_does_not_is_raised(live):
    completed, stopped = await waiting(live.handle.completed(), live.handle.stopped())
    await live.swarm.happens(failure="cannot write: worn out")
    for task in (completed, stopped):
        assert isinstance(task.exception(), DiskError) and str(task.exception()) == "cannot write: worn out"


async def test_what_was_removed_before_it_was_done_says_so(live):
    completed, stopped = await waiting(live.handle.completed(), live.handle.stopped())
    await live.swarm.happens(stopping=True)
    assert isinstance(completed.exception(), LocalError) and stopped.result() is None


async def test_what_was_removed_after_it_was_done_is_done(live):
    await live.swarm.happens(complete=True, stopping=True)
    await live.handle.completed()


async def test_who_only_seeds_what_is_not_whole_does_not_wait_for_ever(live):
    live.swarm.state.options.seed_only = True
    with pytest.raises(LocalError, match="only seeds"):
        await live.handle.completed()


async def test_a_seeding_goal_ends_the_wait(live):
    (task,) = await waiting(live.handle.stopped())
    await live.swarm.happens(complete=True)
    assert not task.done()
    await live.swarm.happens(goal_reached=True)
    assert task.result() is None
