"""One torrent's announces: what trackers hear of us, what we make of their answers."""

import asyncio
from dataclasses import replace

import pytest

from tests.swarm.world import OUR_ID, World
from torrent.config import Config, TrackerConfig
from torrent.errors import TrackerError
from torrent.events import TrackerAnswered, TrackerFailed
from torrent.metainfo import Metainfo
from torrent.swarm.announcer import Announcer, Announces
from torrent.swarm.desk import IN_VAIN, MOST, MOST_EACH
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

    def make(trackers=((A,),), have=0, config=None, client=None, announces=None):
        world = World(have=have, config=Config(tracker=config or TrackerConfig(stop_timeout=0.1)))
        world.state.metainfo = Metainfo.from_info(world.metainfo.raw_info, trackers=trackers)
        world.client, world.replies = client or Client(), []
        world.announces = announces or Announces(world.client)

        def spawn(work):
            tasks.append(asyncio.get_running_loop().create_task(work))
            return True

        world.announcer = Announcer(
            world.state,
            world.announces,
            world.metainfo.info_hash,
            7001,
            lambda reply, *_: world.replies.append(reply),
            spawn,
        )
        world.announcer.look()
        return world

    yield make
    for task in tasks:
        task.cancel()
    tasks = [task for task in tasks if not task.done()]
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


# many torrents


class Slow(Client):
    """Answers when told to, and counts how many it is asked at once."""

    def __init__(self):
        super().__init__()
        self.open = asyncio.Event()
        self.now = self.most = 0
        self.fails = False

    async def announce(self, url, announce, *, timeout=None):
        self.now += 1
        self.most = max(self.most, self.now)
        try:
            await super().announce(url, announce, timeout=timeout)
            await self.open.wait()
        finally:
            self.now -= 1
        if self.fails:
            raise TrackerError("timed out")
        return AnnounceReply()


@pytest.fixture
async def crowd(made):
    """Torrents that share one tracker client; for the announcers they are all the same torrent."""

    def make(count, **more):
        client = Slow()
        announces = Announces(client)
        world = made(client=client, announces=announces, **more)
        announcers = [world.announcer]
        for _ in range(count - 1):
            other = Announcer(
                world.state, announces, world.metainfo.info_hash, 7001, lambda *_: None, world.announcer._spawn
            )
            other.look()
            announcers.append(other)
        return client, announces, announcers

    return make


async def until(probe):
    for _ in range(100_000):
        if probe():
            return
        await asyncio.sleep(0)
    raise AssertionError("never came true")


def views(announcers, now=0.0):
    return [view for announcer in announcers for view in announcer.views(now)]


async def test_a_thousand_torrents_ask_one_tracker_a_few_at_a_time(crowd):
    client, _, announcers = crowd(1000)
    await client.until(MOST_EACH)
    assert len(client.asked) == MOST_EACH
    client.open.set()
    await client.until(1000)
    assert client.most == MOST_EACH
    assert {announce.event for _, announce, _ in client.asked} == {"started"} and len(client.asked) == 1000
    assert all(view.status == "working" for view in views(announcers))


async def test_however_many_trackers_the_whole_process_asks_no_more_than_so_many(crowd):
    client, _, _ = crowd(60, trackers=tuple((f"http://127.0.0.1:{port}/",) for port in range(1, 6)))
    await client.until(MOST)
    assert client.most == MOST
    client.open.set()
    await client.until(300)
    assert client.most == MOST


async def test_a_dead_tracker_is_not_waited_for_by_everybody_in_turn(crowd):
    client, _, announcers = crowd(500, trackers=((A,),))
    await client.until(MOST_EACH)
    client.fails = True
    client.open.set()
    now = asyncio.get_running_loop().time()
    await until(lambda: all("retry in" in view.status for view in views(announcers, now)))
    assert len(client.asked) < MOST_EACH + IN_VAIN


async def test_the_next_of_the_tier_is_asked_by_those_who_stood_in_vain(crowd):
    client, _, announcers = crowd(200, trackers=((A, B),))
    await client.until(MOST)
    client.fails = True
    client.open.set()
    await until(lambda: all("fail x1" in view.status for view in views(announcers)))
    assert {url for url, *_ in client.asked} == {A, B} and len(client.asked) < 200  # of the 400 there could be


@pytest.mark.parametrize("count", [1000, 10_000])
async def test_the_last_words_of_many_end_in_time_though_the_tracker_hangs(crowd, count):
    client, announces, announcers = crowd(count)
    client.open.set()
    await client.until(count)
    client.open.clear()
    async with asyncio.timeout(60):
        await asyncio.gather(*(announcer.stop(last=True) for announcer in announcers))
    last = client.asked[count:]
    assert {announce.event for _, announce, _ in last} == {"stopped"}
    assert client.most == MOST_EACH <= len(last) < 4 * MOST_EACH  # some still go while the others' time runs out
    assert len(announces._desk) == announces._desk.waiting == 0


async def test_the_last_words_of_many_all_reach_a_tracker_that_answers(crowd):
    client, _, announcers = crowd(300, config=TrackerConfig(stop_timeout=60))
    client.open.set()
    await client.until(300)
    await asyncio.gather(*(announcer.stop(last=True) for announcer in announcers))
    assert [announce.event for _, announce, _ in client.asked[300:]] == ["stopped"] * 300
    assert client.most <= MOST_EACH


async def test_who_still_stood_in_line_has_no_last_words(crowd):
    client, announces, announcers = crowd(100, config=TrackerConfig(stop_timeout=60))
    await client.until(MOST_EACH)
    client.open.set()
    await asyncio.gather(*(announcer.stop() for announcer in reversed(announcers)))
    said = [announce.event for _, announce, _ in client.asked]
    assert said.count("started") == said.count("stopped") == MOST_EACH
    assert len(announces._desk) == 0
    announcers[-1].start()
    await client.until(len(said) + 1)
    assert client.asked[-1][1].event == "started"


async def test_time_brings_the_next_announce(crowd):
    client, announces, _ = crowd(3)
    client.open.set()
    await client.until(3)
    now = asyncio.get_running_loop().time()
    announces.tick(now + 1)
    assert len(announces._alarms) == 3
    for _ in range(5):
        await asyncio.sleep(0)
    assert len(client.asked) == 3


async def test_a_torrent_that_ends_gives_back_the_place_of_a_task_that_never_began(made):
    world = made()
    place = next(iter(world.announcer._places))
    assert place is not None and len(world.announces._desk) == 1
    words = world.announcer.stop(last=True)
    assert len(world.announces._desk) == 0
    await words


async def test_nothing_is_announced_when_no_task_can_be_begun(made):
    world = made(trackers=())
    world.announcer._spawn = lambda work: work.close() or False
    world.announcer.add_tier((A,))
    assert world.client.asked == [] and len(world.announces._desk) == 0
