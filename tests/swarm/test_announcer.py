"""One torrent's announces: what trackers hear of us, what we make of their answers."""

import asyncio
from dataclasses import replace

import pytest

from tests.swarm.world import OUR_ID, World
from torrent.config import Config, TrackerConfig
from torrent.errors import TrackerError
from torrent.events import TrackerAnswered, TrackerFailed
from torrent.metainfo import Metainfo
from torrent.swarm.announcer import Announcer
from torrent.terms import Address
from torrent.tracker import AnnounceReply

A, B = "http://127.0.0.1:1/announce", "http://127.0.0.1:2/announce"


class Client:
    def __init__(self):
        self.asked = []
        self.replies = {}
        self.arrived = asyncio.Event()

    async def announce(self, url, announce, *, timeout=None):
        self.asked.append((url, announce, timeout))
        self.arrived.set()
        reply = self.replies.get(url, AnnounceReply())
        if isinstance(reply, Exception):
            raise reply
        if reply is None:
            await asyncio.Event().wait()
        return reply

    async def until(self, count):
        async with asyncio.timeout(20):
            while len(self.asked) < count:
                self.arrived.clear()
                await self.arrived.wait()
        for _ in range(5):
            await asyncio.sleep(0)


@pytest.fixture
async def made():
    tasks = []

    def make(trackers=((A,),), have=0, config=None):
        world = World(have=have, config=Config(tracker=config or TrackerConfig(stop_timeout=0.1)))
        world.state.metainfo = Metainfo.from_info(world.metainfo.raw_info, trackers=trackers)
        world.client, world.replies = Client(), []
        world.announcer = Announcer(
            world.state, world.client, world.metainfo.info_hash, 7001, lambda reply, *_: world.replies.append(reply)
        )
        tasks.append(asyncio.get_running_loop().create_task(world.announcer.run()))
        return world

    yield make
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_what_a_tracker_hears(made):
    world = made(config=TrackerConfig(numwant=33, announce_ip="198.51.100.7"))
    world.state.uploaded, world.state.downloaded = 5, 7
    await world.client.until(1)
    url, announce, _ = world.client.asked[0]
    assert url == A
    assert (announce.info_hash, announce.peer_id, announce.port) == (world.metainfo.info_hash, OUR_ID, 7001)
    assert (announce.uploaded, announce.downloaded, announce.left) == (5, 7, len(world.data))
    assert (announce.event, announce.numwant, announce.ip) == ("started", 33, "198.51.100.7")


async def test_an_answer_is_handed_on_and_told(made):
    world = made()
    world.client.replies[A] = AnnounceReply(peers=(Address("127.0.0.1", 5),), seeds=3, leechers=None, warning="soon")
    await world.client.until(1)
    assert [reply.peers for reply in world.replies] == [(Address("127.0.0.1", 5),)]
    assert world.published(TrackerAnswered) == [TrackerAnswered(world.state.hex, A, 1, 3, 0, "soon")]
    assert world.announcer.views(asyncio.get_running_loop().time())[0].status == "working"


async def test_a_failure_is_told_and_the_next_of_the_tier_is_asked_at_once(made):
    world = made(trackers=((A, B),))
    world.client.replies[A] = world.client.replies[B] = TrackerError("overloaded")
    await world.client.until(2)
    assert {url for url, *_ in world.client.asked} == {A, B}
    told = world.published(TrackerFailed)
    assert {event.url for event in told} == {A, B} and all(event.retry_in > 20 for event in told)
    assert world.replies == []


async def test_completed_is_told_once_and_left_is_nothing(made):
    world = made()
    await world.client.until(1)
    world.announcer.completed()
    world.announcer.completed()
    await world.client.until(2)
    assert [announce.event for _, announce, _ in world.client.asked] == ["started", "completed"]


async def test_who_was_complete_at_the_start_does_not_tell(made):
    world = made(have=0b1111)
    await world.client.until(1)
    assert world.client.asked[0][1].left == 0
    world.announcer.completed()
    for _ in range(20):
        await asyncio.sleep(0)
    assert len(world.client.asked) == 1


async def test_last_words_go_to_those_who_know_us_and_want_no_peers(made):
    world = made(trackers=((A,), (B,)))
    world.client.replies[B] = TrackerError("down")
    await world.client.until(2)
    await world.announcer.stop()
    last = [(url, announce.event, announce.numwant) for url, announce, _ in world.client.asked[2:]]
    assert last == [(A, "stopped", 0)]
    assert len(world.replies) == 1


async def test_last_words_to_trackers_that_hang_end_in_time(made):
    world = made(trackers=((A,), (B,)))
    await world.client.until(2)
    world.client.replies = {A: None, B: None}
    async with asyncio.timeout(20):
        await world.announcer.stop()
    assert [announce.event for _, announce, _ in world.client.asked[2:]] == ["stopped", "stopped"]
    assert [seconds for *_, seconds in world.client.asked[2:]] == [0.1, 0.1]


async def test_a_tracker_that_never_heard_of_us_hears_no_last_words(made):
    world = made()
    world.client.replies[A] = TrackerError("down")
    await world.client.until(1)
    await world.announcer.stop()
    assert len(world.client.asked) == 1


async def test_one_that_may_have_heard_of_us_does(made):
    world = made()
    world.client.replies[A] = None
    await world.client.until(1)
    world.client.replies[A] = AnnounceReply()
    await world.announcer.stop()
    assert [announce.event for _, announce, _ in world.client.asked] == ["started", "stopped"]


async def test_a_new_tier_is_asked_at_once(made):
    world = made()
    await world.client.until(1)
    world.announcer.add_tier((B,))
    await world.client.until(2)
    assert world.client.asked[1][0] == B


async def test_no_tracker_is_no_work(made):
    world = made(trackers=())
    for _ in range(5):
        await asyncio.sleep(0)
    async with asyncio.timeout(20):
        await world.announcer.stop()
    assert world.client.asked == [] and world.announcer.views(0.0) == []


async def test_the_user_may_hurry_a_tracker_that_failed(made):
    world = made()
    world.client.replies[A] = TrackerError("down")
    await world.client.until(1)
    (before,) = world.announcer.views(asyncio.get_running_loop().time())
    world.announcer.announce_now()
    (after,) = world.announcer.views(asyncio.get_running_loop().time())
    assert after.next_announce < before.next_announce <= 40


async def test_the_tracker_id_comes_back(made):
    world = made()
    world.client.replies[A] = replace(AnnounceReply(), tracker_id=b"\x00id")
    await world.client.until(1)
    world.announcer.completed()
    await world.client.until(2)
    assert world.client.asked[1][1].tracker_id == b"\x00id"
