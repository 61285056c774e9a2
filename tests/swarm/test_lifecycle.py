"""How a live torrent begins, goes on and ends: real tasks, a disk in memory, trackers that do what a test says."""

import asyncio
import logging
import math

import pytest

from tests.swarm.life import download
from torrent.errors import DiskError
from torrent.events import Completed, StatusChanged
from torrent.terms import Address


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
    assert life.swarm.changed.rung


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
    life.swarm._tasks.cancel()
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
        await life.turn(lambda: life.swarm.view().status == "error")
    assert "KeyError" in caplog.text
    assert life.swarm.view().status == "error" and life.swarm.changed.rung
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


# rest


async def test_a_seed_nobody_asks_rests_until_something_happens(live):
    life = live(have=0b1111)
    await life.turn(lambda: life.client.told)
    assert life.swarm.tick(life.clock.now) == math.inf
    assert not asyncio.all_tasks() - {asyncio.current_task()}


async def test_whoever_fetches_or_has_peers_is_ticked_every_second(live):
    life = live()
    assert life.swarm.tick(life.clock.now) == life.clock.now
    seed = live(have=0b1111)
    peer = seed.remote()
    assert seed.swarm.tick(seed.clock.now) == seed.clock.now
    peer.transport.abort()
    seed.settle()
    assert seed.swarm.tick(seed.clock.now) > seed.clock.now


async def test_what_happens_wakes_a_torrent_that_rests(live):
    life = live(have=0b1111)
    for happening in (
        lambda: life.swarm.add_peers([Address("127.0.0.1", 9)], "user"),
        life.swarm.pause,
        life.swarm.resume,
        lambda: life.swarm._on_disk_error(DiskError("gone")),
        life.swarm.resume,
    ):
        before = life.woken
        happening()
        assert life.woken > before, happening


async def test_a_rest_ends_when_the_time_of_seeding_is_over(live):
    life = live(have=0b1111, goal={"time": 60.0})
    start = life.clock.now
    assert life.swarm.tick(start) == start + 60
    life.clock.now += 60
    life.swarm.tick(life.clock.now)
    assert life.state.goal_reached


async def test_a_rest_ends_when_a_known_peer_may_be_dialled_again(live):
    life = live(have=0b1111)
    life.state.book.add([Address("127.0.0.1", 9)], "user", life.clock.now)
    life.state.book.next_to_dial(life.clock.now, 1, seeding=True)
    life.state.book.failed(Address("127.0.0.1", 9), life.clock.now)
    at = life.swarm.tick(life.clock.now)
    assert life.clock.now < at < life.clock.now + 3600


async def test_before_a_rest_the_totals_are_noted(live):
    life = live(have=0b1111)
    life.swarm.tick(life.clock.now)
    life.state.uploaded = 5
    life.swarm.tick(life.clock.now + 1)
    assert life.store.totals.uploaded == 5
