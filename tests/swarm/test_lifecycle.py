"""How a live torrent begins, goes on and ends: real tasks, a disk in memory, trackers that do what a test says."""

import asyncio
import logging
from types import SimpleNamespace

import pytest

from tests.swarm.world import World
from torrent.config import Config, SeedConfig, TrackerConfig
from torrent.errors import DiskError, DiskFullError, TrackerError
from torrent.events import Completed, StatusChanged, TorrentFailed
from torrent.metainfo import Metainfo
from torrent.peer import wire
from torrent.swarm import Room, Services, Swarm, lifecycle
from torrent.swarm.lifecycle import DISK_RETRY_SECONDS, DISK_ROOM
from torrent.terms import BLOCK_SIZE, Address
from torrent.tracker import AnnounceReply


class Trackers:
    """A tracker client that remembers, and answers, fails, bursts or hangs as told."""

    def __init__(self):
        self.told = []
        self.arrived = asyncio.Event()
        self.does = "answer"
        self.peers = ()

    async def announce(self, url, announce, *, timeout=None):
        self.told.append(announce.event)
        self.arrived.set()
        match self.does:
            case "hang":
                await asyncio.Event().wait()
            case "fail":
                raise TrackerError("no")
            case "burst":
                raise KeyError("a bug of ours")
        return AnnounceReply(peers=self.peers)


class Life(World):
    """A world whose torrent is run by a real `Swarm` on the real loop."""

    def __init__(self, trackers=(("http://127.0.0.1:1/announce",),), goal=None, paused=False, **more):
        settings = Config(tracker=TrackerConfig(stop_timeout=0.2), seed=SeedConfig(**(goal or {})))
        self.loop = asyncio.get_running_loop()
        super().__init__(config=settings, now=self.loop.time(), **more)
        self.client = Trackers()
        self.state.metainfo = Metainfo.from_info(self.metainfo.raw_info, trackers=trackers)
        self.state.paused = paused
        self.room = Room(most_peers=100, most_half_open=100)
        self.swarm = Swarm(
            self.state,
            Services(self, self.room, self.throttle, self.gulp, self.client, 7000),  # type: ignore[arg-type]
        )
        self.parts = self.swarm._parts
        self.recruit, self.leech, self.seed = self.parts.recruit, self.parts.leech, self.parts.seed
        self.parts.defer = self.clock.call_soon  # so that remotes settle what they cause
        self.task = self.loop.create_task(self.swarm.run())

    async def turn(self, until=lambda: False):
        """Let tasks run, until a condition holds if one is given."""
        for _ in range(50):
            await asyncio.sleep(0)
            self.settle()
            if until():
                return

    async def end(self):
        self.task.cancel()
        await asyncio.wait([self.task])
        await self.swarm.stop()


@pytest.fixture
async def live():
    made = []

    def make(**more):
        made.append(Life(**more))
        return made[-1]

    yield make
    for life in made:
        async with asyncio.timeout(20):
            await life.end()
    assert len(asyncio.all_tasks()) == 1


def download(life):
    peer = life.remote()
    peer.has()
    peer.unchoke()
    peer.serve()
    return peer


async def test_from_the_first_announce_to_the_last(live):
    life = live(pieces=2)
    await life.turn(lambda: life.client.told)
    assert life.swarm.view().status == "downloading"
    download(life)
    await life.turn(lambda: "completed" in life.client.told)
    assert life.swarm.view().status == "seeding"
    await life.end()
    assert life.client.told == ["started", "completed", "stopped"]
    assert life.store.closed
    assert life.swarm.view().status == "stopped"
    assert [event.status for event in life.published(StatusChanged)] == ["seeding", "stopped"]


async def test_completion_is_told_and_the_totals_are_noted(live):
    life = live(pieces=2)
    download(life)
    assert life.published(Completed) == [Completed(life.state.hex, str(life.store.path))]
    assert life.store.totals.downloaded == len(life.data)
    assert life.swarm.changed.is_set()


async def test_on_completion_the_seeds_are_let_go(live):
    life = live(pieces=2)
    assert download(life).closed == "both sides are complete"


async def test_each_tick_fills_slots_and_dials_and_every_tenth_second_shares_the_slots_anew(live, monkeypatch):
    life = live()
    done = []
    for owner, name in ((life.seed, "fill"), (life.seed, "round"), (life.recruit, "dial_some")):
        monkeypatch.setattr(owner, name, lambda now, name=name: done.append(name))
    for second in range(21):
        life.swarm.tick(life.clock.now + second)
    assert [done.count(name) for name in ("round", "fill", "dial_some")] == [3, 18, 21]


async def test_peers_of_a_tracker_are_dialled(live):
    life = live(trackers=(("http://127.0.0.1:1/announce",),))
    life.client.peers = (Address("127.0.0.1", 9),)
    await life.turn(lambda: Address("127.0.0.1", 9) in life.state.book)
    assert Address("127.0.0.1", 9) in life.state.book


@pytest.mark.parametrize("does", ["hang", "fail", "burst"])
async def test_no_tracker_holds_up_the_end(live, does, caplog):
    life = live()
    await life.turn(lambda: life.client.told)
    life.client.does = does
    async with asyncio.timeout(20):
        await life.end()
    assert life.client.told == ["started", "stopped"]
    assert life.store.closed


async def test_stopping_closes_the_connections_first(live):
    life = live()
    peer = life.remote()
    await life.end()
    assert peer.closed == "we are shutting down"
    assert life.remote().closed


async def test_stopping_twice_says_it_once(live):
    life = live()
    await life.turn(lambda: life.client.told)
    await life.end()
    await life.swarm.stop()
    assert life.client.told.count("stopped") == 1


async def test_the_memory_of_unfinished_pieces_comes_back(live):
    life = live(pieces=4, blocks=4)
    peer = life.remote()
    peer.has()
    peer.unchoke()
    peer.give(*peer.heard("request")[:3])
    before = life.swarm.view()
    assert life.buffers.out
    await life.end()
    assert life.buffers.out == 0
    after = life.swarm.view()
    assert (after.done, after.wanted) == (before.done, before.wanted)


async def test_dials_that_never_began_give_their_places_back(live):
    life = live()
    life.swarm.add_peers([Address("127.0.0.1", 9), Address("127.0.0.1", 10)], "user")
    assert life.room.half_open == 2
    await life.end()
    assert life.room.half_open == 0


async def test_a_tick_while_the_tasks_end_starts_nothing(live, caplog):
    life = live()
    await life.turn()
    life.task.cancel()
    await asyncio.sleep(0)
    life.state.book.add([Address("127.0.0.1", 9)], "user", life.clock.now)
    life.swarm.tick(life.clock.now)
    life.swarm.pause()
    await life.end()
    assert life.room.half_open == 0 and caplog.text == ""


async def test_a_bug_in_a_task_ends_the_torrent_with_a_reason_and_is_logged(live, caplog):
    life = live()
    life.client.does = "burst"
    peer = life.remote()
    with caplog.at_level(logging.ERROR):
        await life.turn(life.task.done)
    assert "KeyError" in caplog.text
    assert life.swarm.view().status == "error" and life.swarm.changed.is_set()
    assert peer.closed
    life.swarm.resume()
    assert life.swarm.view().status == "error"
    caplog.clear()


# pausing


async def test_pausing_lets_everybody_go_and_tells_the_trackers(live):
    life = live()
    await life.turn(lambda: life.client.told)
    peer = life.remote()
    life.swarm.pause()
    assert peer.closed == "paused" and life.swarm.view().status == "paused"
    await life.turn(lambda: "stopped" in life.client.told)
    life.swarm.resume()
    await life.turn(lambda: life.client.told[-1] == "started")
    assert life.client.told == ["started", "stopped", "started"]
    assert life.swarm.view().status == "downloading"
    assert not life.remote().closed


async def test_pause_and_resume_in_one_breath_leave_it_announced(live):
    life = live()
    await life.turn(lambda: life.client.told)
    life.swarm.pause()
    life.swarm.resume()
    await life.turn(lambda: len(life.client.told) == 3)
    assert life.client.told == ["started", "stopped", "started"]


async def test_a_new_start_waits_for_the_last_words(live):
    """Were they said at the same time, a tracker could hear them the wrong way round and forget us."""
    life = live()
    await life.turn(lambda: life.client.told)
    life.client.does = "hang"
    life.swarm.pause()
    await life.turn(lambda: "stopped" in life.client.told)
    life.client.does = "answer"
    life.swarm.resume()
    await life.turn()
    assert life.client.told == ["started", "stopped"]
    async with asyncio.timeout(20):
        life.client.arrived.clear()
        await life.client.arrived.wait()
    assert life.client.told[2] == "started"


async def test_a_torrent_added_paused_tells_nobody(live):
    life = live(paused=True)
    await life.turn()
    assert life.client.told == []
    assert life.swarm.view().status == "paused" and life.remote().closed == "the torrent is paused"
    life.swarm.resume()
    await life.turn(lambda: life.client.told)
    assert life.client.told == ["started"]


# the disk


async def test_a_full_disk_waits_and_goes_on_by_itself(live, monkeypatch):
    life = live(pieces=2)
    free = SimpleNamespace(free=0)
    monkeypatch.setattr(lifecycle.shutil, "disk_usage", lambda path: free)
    life.store.write_error = DiskFullError("no space left")
    peer = download(life)
    assert peer.closed == "no space left"
    assert (life.swarm.view().status, life.swarm.view().reason) == ("waiting", "no space left")
    assert [event.waits for event in life.published(TorrentFailed)] == [True]
    later = life.loop.time() + DISK_RETRY_SECONDS + 1
    life.swarm.tick(later)
    assert life.swarm.view().status == "waiting"
    free.free = DISK_ROOM + 1
    life.store.write_error = None
    life.swarm.tick(later + 1)
    assert life.swarm.view().status == "waiting"  # looked at every few seconds only
    life.swarm.tick(later + DISK_RETRY_SECONDS)
    assert life.swarm.view().status == "downloading"
    download(life)
    assert life.state.complete


async def test_a_users_pause_outlives_a_full_disk(live, monkeypatch):
    life = live()
    monkeypatch.setattr(lifecycle.shutil, "disk_usage", lambda path: SimpleNamespace(free=1 << 40))
    life.store.write_error = DiskFullError("no space left")
    download(life)
    life.swarm.pause()
    life.swarm.tick(life.loop.time() + DISK_RETRY_SECONDS + 1)
    assert life.swarm.view().status == "paused"


async def test_a_folder_that_vanished_is_no_room(live):
    life = live()
    life.store.path = life.store.path / "nowhere" / "at" / "all"
    life.store.write_error = DiskFullError("no space left")
    download(life)
    life.swarm.tick(life.loop.time() + DISK_RETRY_SECONDS + 1)
    assert life.swarm.view().status == "waiting"


async def test_a_disk_error_pauses_until_the_user_acts(live):
    life = live()
    life.store.write_error = DiskError("cannot write: input/output error")
    download(life)
    life.swarm.tick(life.loop.time() + 1000)
    assert life.swarm.view().status == "error"
    assert life.swarm.view().reason == "cannot write: input/output error"
    life.store.write_error = None
    life.swarm.resume()
    download(life)
    assert life.state.complete


async def test_a_file_that_vanished_while_seeding_is_an_error_that_is_shown(live):
    life = live(have=0b1111)
    life.store.read_error = DiskError("cannot read world.bin: no such file")
    peer = life.remote()
    peer.say(wire.bare(wire.INTERESTED))
    peer.say(wire.spans(wire.REQUEST, [(0, 0, BLOCK_SIZE)]))
    assert life.swarm.view().status == "error" and peer.closed


async def test_only_the_first_of_many_errors_is_told(live):
    life = live(pieces=4)
    life.store.holds = True
    life.store.write_error = DiskError("worn out")
    download(life)
    life.store.holds = False
    life.settle()
    assert len(life.published(TorrentFailed)) == 1 and life.buffers.out == 0


# goals


async def test_seeding_ends_at_the_ratio(live):
    life = live(have=0b1111, blocks=1, goal={"ratio": 1.0})
    peer = life.remote("2001:db8::9")
    peer.say(wire.bare(wire.INTERESTED))
    now = life.loop.time()
    life.swarm.tick(now)
    blocks = [(piece, 0, life.state.geometry.size(piece)) for piece in range(4)]
    peer.say(wire.spans(wire.REQUEST, blocks[:3]))
    life.swarm.tick(now)
    assert not life.state.goal_reached
    peer.say(wire.spans(wire.REQUEST, blocks[3:]))
    life.swarm.tick(now)
    assert life.state.goal_reached and peer.closed and life.swarm.changed.is_set()


async def test_what_earlier_runs_gave_counts_towards_the_ratio(live):
    life = live(have=0b1111, goal={"ratio": 2.0})
    life.state.uploaded_before = 2 * life.state.metainfo.size
    life.swarm.tick(life.loop.time())
    assert life.state.goal_reached


async def test_seeding_ends_after_its_time_counted_from_completion(live):
    life = live(pieces=2, goal={"time": 60.0})
    now = life.loop.time()
    life.swarm.tick(now)
    life.swarm.tick(now + 100)
    assert not life.state.goal_reached  # it does not seed yet
    download(life)
    life.swarm.tick(now + 200)
    life.swarm.tick(now + 259)
    assert not life.state.goal_reached
    life.swarm.tick(now + 260)
    assert life.state.goal_reached


async def test_without_a_goal_it_seeds_for_ever(live):
    life = live(have=0b1111)
    life.state.uploaded_before = 1 << 50
    life.swarm.tick(life.loop.time() + 1e9)
    assert not life.state.goal_reached


# time


async def test_silent_peers_are_shown_out_and_talkative_ones_hear_from_us(live):
    life = live()
    silent, alive = life.remote(), life.remote()
    for _ in range(5):
        life.clock.now += 50
        alive.say(bytes(4))
        life.swarm.tick(life.clock.now)
    assert silent.closed == "silent for too long" and not alive.closed
    assert bytes(alive.transport.sent[-4:]) == bytes(4)
