"""Who is let in, who has to go, and whom we dial."""

import asyncio
import socket

import pytest

from tests.swarm.world import OUR_ID, World, config
from torrent.events import PeerBanned
from torrent.peer import Connection, ExtensionHandshake, Handshake, wire
from torrent.swarm import Room
from torrent.swarm.recruit import MOST_DIALS_PER_TICK
from torrent.terms import BLOCK_SIZE, Address


def addresses(n):
    return [Address(f"11.0.{number // 250}.{number % 250 + 1}", 6881) for number in range(n)]


# admission


def test_a_peer_with_our_own_id_is_ourselves():
    world = World(port=7000)
    mirror = world.remote("10.1.1.1", peer_id=OUR_ID, incoming=False)
    assert mirror.closed == "this is our own address"
    assert mirror.address not in world.state.book
    assert world.recruit.add([mirror.address], "tracker") == 0


def test_meeting_ourselves_at_the_door_tells_which_address_is_ours():
    """The end that dialled never sees a handshake: the end that accepted has to draw the conclusion."""
    world = World(port=7000)
    ours = Address("10.1.1.1", 7000)
    world.recruit.add([ours], "tracker")
    mirror = world.remote("10.1.1.1", peer_id=OUR_ID)
    assert mirror.closed == "this is our own address"
    assert ours not in world.state.book


def test_the_same_peer_is_let_in_once():
    world = World()
    world.remote("10.1.1.1", peer_id=b"-XX0001-same-peer-id")
    again = world.remote("10.1.1.1", peer_id=b"-XX0001-same-peer-id")
    assert again.closed == "connected already"
    assert len(world.members) == world.room.peers == 1


@pytest.mark.parametrize("theirs", [b"-AA0001-" + b"a" * 12, b"-ZZ0001-" + b"z" * 12])
@pytest.mark.parametrize("we_came_first", [True, False])
def test_of_two_streams_dialled_at_each_other_both_ends_keep_the_same_one(theirs, we_came_first):
    """If each end kept what it saw first, each could close what the other keeps. The larger id's dial stays."""
    world = World()
    incoming = not we_came_first
    first = world.remote("10.1.1.1", peer_id=theirs, incoming=incoming)
    second = world.remote("10.1.1.1", peer_id=theirs, incoming=not incoming)
    ours = first if not incoming else second
    kept, lost = (ours, first if ours is second else second)
    if theirs > OUR_ID:
        kept, lost = lost, kept
    assert lost.closed and not kept.closed
    assert [member.connection for member in world.members] == [kept.connection]
    assert world.room.peers == 1


def test_nobody_is_pushed_out_by_a_stranger_who_borrows_its_id():
    world = World()
    honest = world.remote("10.1.1.1", peer_id=b"-ZZ0001-" + b"z" * 12, incoming=False)
    thief = world.remote("10.2.2.2", peer_id=b"-ZZ0001-" + b"z" * 12)
    assert thief.closed == "connected already" and not honest.closed


def test_no_more_peers_than_the_torrent_and_the_process_may_have():
    world = World(config=config(max_peers_per_torrent=3))
    peers = [world.remote() for _ in range(5)]
    assert [peer.closed for peer in peers] == ["", "", "", "no room for more peers", "no room for more peers"]
    peers[0].hang_up()
    assert not world.remote().closed
    room = Room(most_peers=4, most_half_open=4, peers=3)
    crowded = World(room=room)
    assert not crowded.remote().closed
    assert crowded.remote().closed == "no room for more peers"


def test_a_paused_torrent_lets_nobody_in():
    world = World()
    world.state.paused = True
    assert world.remote().closed == "the torrent is paused"


def test_a_peer_without_an_address_is_refused_and_leaves_no_trace():
    """A peer may be gone before its stream is looked at: then the system no longer knows where it was."""
    world = World(have=0b1111)
    connection = Connection(world)

    class Nowhere:
        def get_extra_info(self, name):
            return None

        def __getattr__(self, name):
            return lambda *_, **more: 0

    connection.connection_made(Nowhere())
    data = Handshake(world.metainfo.info_hash, b"-XX0001-aaaaaaaaaaaa").encode()
    connection.get_buffer(-1)[: len(data)] = data
    connection.buffer_updated(len(data))
    assert connection.closed and connection.reason != "internal error"
    assert world.members == [] and world.room.peers == 0


# bans


def test_a_banned_host_does_not_come_back_from_another_port():
    world = World()
    liar = world.remote("9.9.9.9", port=1000)
    world.recruit.ban(liar.member.name, "sent corrupt data")
    assert liar.closed == "banned: sent corrupt data"
    assert world.remote("9.9.9.9", port=2000).closed == "banned"
    assert world.published(PeerBanned) == [PeerBanned(world.state.hex, "9.9.9.9:1000", "sent corrupt data")]
    assert world.state.bans == 1


def test_on_this_machine_the_address_is_banned_and_not_its_neighbours():
    world = World()
    liar = world.remote("127.0.0.1", port=1000, incoming=False)
    honest = world.remote("127.0.0.1", port=1001, incoming=False)
    world.recruit.ban(liar.member.name, "sent corrupt data")
    assert liar.closed and not honest.closed
    assert world.recruit.add([liar.address], "user") == 0
    assert not world.remote("127.0.0.1", port=1002).closed


def test_on_this_machine_a_liar_that_came_to_us_is_banned_where_it_listens_too():
    world = World()
    liar = world.remote("127.0.0.1", port=40_000, extensions=ExtensionHandshake(port=1000))
    world.recruit.ban(liar.member.name, "sent corrupt data")
    assert world.recruit.add([Address("127.0.0.1", 1000)], "user") == 0


def test_a_liar_that_left_before_the_verdict_is_banned_all_the_same():
    world = World(pieces=1, blocks=2)
    liar = world.remote("9.9.9.9")
    liar.has()
    liar.unchoke()
    world.store.holds = True
    liar.give(*liar.heard("request"), spoil=True)
    liar.hang_up()
    world.store.holds = False
    world.settle()
    assert world.remote("9.9.9.9").closed == "banned"


# parting


def test_two_complete_sides_part():
    world = World(have=0b1111)
    seed = world.remote()
    seed.has()
    assert seed.closed == "both sides are complete"
    quiet = world.remote(extensions=ExtensionHandshake(upload_only=True))
    assert quiet.closed == "both sides are complete"
    leech = world.remote()
    leech.has(0b0111)
    assert not leech.closed


def test_when_we_complete_the_seeds_go_and_the_rest_learn_that_we_only_upload():
    world = World(pieces=2, blocks=1)
    seed, leech = world.remote(), world.remote(extensions=ExtensionHandshake())
    seed.has()
    seed.unchoke()
    leech.heard()
    seed.serve()
    assert seed.closed == "both sides are complete"
    assert any(b"11:upload_onlyi1e" in message[1] for message in leech.heard("extended"))


def test_the_users_own_peers_are_kept():
    world = World(have=0b1111)
    seed = world.remote(incoming=False, source="user")
    seed.has()
    assert not seed.closed


def test_who_left_is_out_of_every_account():
    world = World(have=0b0001, limit_down=1000, limit_up=1000)
    peer = world.remote()
    peer.has(0b1110)
    peer.unchoke()
    peer.say(wire.bare(wire.INTERESTED), wire.spans(wire.REQUEST, [(0, 0, BLOCK_SIZE)] * 3))
    peer.hang_up()
    assert world.members == [] and world.room.peers == 0
    assert world.pieces.availability.count(1) == 0
    assert not peer.member.asked and not peer.member.taker.inflight
    world.advance(60)


def test_the_greeting_says_who_we_are_and_how_we_see_them():
    world = World(port=7123)
    peer = world.remote("10.9.8.7", extensions=ExtensionHandshake())
    (told,) = (message[1] for message in peer.heard("extended"))
    assert b"1:pi7123e" in told and b"6:yourip4:\x0a\x09\x08\x07" in told
    assert b"upload_only" not in told


def test_a_v6_peer_is_told_its_address_too():
    peer = World().remote("2001:db8::7", extensions=ExtensionHandshake())
    (told,) = (message[1] for message in peer.heard("extended"))
    assert b"6:yourip16:" in told


# dialling


def test_dialling_keeps_to_every_limit():
    world = World(room=Room(most_peers=10, most_half_open=1000))
    world.recruit.add(addresses(100), "tracker")
    assert len(world.spawned) == 10
    assert (world.state.dialling, world.room.half_open) == (10, 10)
    world = World(config=config(max_peers_per_torrent=7))
    world.recruit.add(addresses(100), "tracker")
    assert len(world.spawned) == 7
    world = World(room=Room(most_peers=1000, most_half_open=5))
    world.recruit.add(addresses(100), "tracker")
    assert len(world.spawned) == 5
    world = World(config=config(max_peers_per_torrent=1000))
    world.recruit.add(addresses(100), "tracker")
    assert len(world.spawned) == MOST_DIALS_PER_TICK


def test_nobody_is_dialled_while_paused_nor_twice():
    world = World()
    world.state.paused = True
    world.recruit.add(addresses(5), "tracker")
    assert world.spawned == []
    world.state.paused = False
    world.recruit.dial_some(world.clock.now)
    world.recruit.dial_some(world.clock.now)
    assert len(world.spawned) == 5


def test_whom_we_let_go_ourselves_we_dial_again_at_once():
    world = World()
    world.remote(incoming=False)
    world.remote(extensions=ExtensionHandshake(port=6000))
    world.remote()  # where this one listens nobody knows
    world.recruit.close_all("paused")
    world.recruit.dial_some(world.clock.now)
    assert world.spawned == []
    world.recruit.redial()
    assert len(world.spawned) == 2
    world.recruit.redial()
    assert len(world.spawned) == 2


@pytest.fixture
async def live():
    """A recruit whose dials are real, and the tasks they run in."""
    world = World()
    loop = asyncio.get_running_loop()
    tasks = []
    world.recruit._spawn = lambda work: tasks.append(loop.create_task(work))
    yield world, tasks
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_a_dial_that_fails_frees_its_place_and_is_put_off(live):
    world, tasks = live
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    address = Address("127.0.0.1", port)
    world.recruit.add([address], "tracker")
    await asyncio.gather(*tasks)
    assert (world.state.dialling, world.room.half_open) == (0, 0)
    assert world.state.book.trouble(address)
    assert world.state.book.next_to_dial(world.clock.now, 1) == []


async def test_a_cancelled_dial_frees_its_place(live):
    world, tasks = live
    with socket.create_server(("127.0.0.1", 0), backlog=1) as silent:
        world.recruit.add([Address("127.0.0.1", silent.getsockname()[1])], "tracker")
        assert world.room.half_open == 1
        await asyncio.sleep(0)
        tasks[0].cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    assert (world.state.dialling, world.room.half_open) == (0, 0)


async def test_a_dial_cancelled_before_its_first_step_frees_its_place(live):
    world, tasks = live
    world.recruit.add([Address("127.0.0.1", 9)], "tracker")
    tasks[0].cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    world.recruit.release()
    assert (world.state.dialling, world.room.half_open) == (0, 0)
