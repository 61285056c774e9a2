"""How the torrent is said to be doing: the status is derived, the views are values."""

import pytest

from tests.swarm.world import World
from torrent.peer import ExtensionHandshake, wire
from torrent.swarm import file_views, report
from torrent.terms import BLOCK_SIZE
from torrent.views import STATUSES


@pytest.mark.parametrize(
    ("facts", "have", "status"),
    [
        ({}, 0b0001, "downloading"),
        ({}, 0b1111, "seeding"),
        ({"paused": True}, 0b0001, "paused"),
        ({"paused": True, "failure": "x"}, 0b0001, "error"),
        ({"failure": "x"}, 0b1111, "error"),
        ({"failure": "x", "waits": True}, 0b0001, "waiting"),
        ({"stopping": True, "failure": "x", "paused": True}, 0b0001, "stopped"),
        ({"complete": True}, 0b0001, "finished"),
    ],
)
def test_the_status_follows_from_the_facts(facts, have, status):
    world = World(have=have)
    for name, value in facts.items():
        setattr(world.state, name, value)
    assert report.status(world.state) == status
    assert status in STATUSES


def test_who_only_seeds_is_seeding_whatever_it_has():
    assert report.status(World(have=0b0001, seed_only=True).state) == "seeding"


def test_one_row():
    world = World(pieces=4, blocks=2, have=0b0001)
    seed, other = world.remote(incoming=False), world.remote()
    seed.has()
    other.has(0b0011)
    seed.unchoke()
    seed.give(*seed.heard("request")[:2])
    world.state.uploaded_before = 3 * world.metainfo.size
    world.clock.now += 1
    view = report.torrent_view(world.state, world.clock.now, 12.5)
    assert (view.info_hash, view.name, view.status) == (world.metainfo.hex, "world.bin", "downloading")
    assert view.size == view.wanted == len(world.data)
    assert view.done == world.pieces.bytes_done and view.pieces == 4
    assert view.pieces_done == world.pieces.have_count
    assert view.downloaded == 2 * BLOCK_SIZE and view.ratio == 3.0 and view.eta == 12.5
    assert (view.peers, view.seeds, view.peers_known) == (2, 1, 1)
    assert view.sources == (("incoming", 1), ("tracker", 1))
    assert view.rate_down > 0 and view.checked == 1.0


def test_padding_is_no_progress():
    world = World(pieces=4, have=0b0001)
    world.state.pads = {1: 100, 3: 50}
    world.state.pads_left = 150
    before = report.torrent_view(world.state, world.clock.now, None)
    peer = world.remote()
    peer.has(0b0010)
    peer.unchoke()
    peer.serve()
    after = report.torrent_view(world.state, world.clock.now, None)
    assert after.done - before.done == world.state.geometry.size(1) - 100
    assert after.wanted == before.wanted == world.metainfo.length - 150


def test_one_line_per_peer():
    world = World(pieces=4, blocks=2, have=0b0001)
    peer = world.remote(extensions=ExtensionHandshake(client="Other 2.0"))
    peer.has(0b0110)
    peer.unchoke()
    peer.say(wire.bare(wire.INTERESTED))
    (view,) = report.peer_views(world.state, world.clock.now)
    assert (view.address, view.client, view.source) == (str(peer.address), "Other 2.0", "incoming")
    assert view.progress == 0.5 and view.requests_out == 4 and view.requests_in == 0
    peer.serve()
    (view,) = report.peer_views(world.state, world.clock.now)
    assert view.downloaded == 4 * BLOCK_SIZE


def test_the_letters():
    world = World(pieces=4, have=0b0001)
    peer = world.remote()
    member = peer.member
    assert report.flags(member) == "I"
    peer.has(0b0010)
    assert report.flags(member) == "dI"
    peer.unchoke()
    assert report.flags(member) == "DI"
    peer.say(wire.bare(wire.INTERESTED))
    assert report.flags(member) == "DUI"
    assert report.flags(member, optimistic=True) == "DUOI"
    peer.say(wire.bare(wire.NOT_INTERESTED))
    assert report.flags(member) == "D?I"
    member.snubbed = True
    peer.choke()
    peer.say(wire.bare(wire.INTERESTED), wire.numbered(wire.ALLOWED_FAST, 1))
    world.seed.choke_all()
    assert report.flags(member) == "duSIF"
    dialled = world.remote(incoming=False)
    dialled.unchoke()
    assert report.flags(dialled.member) == "K"


def test_one_line_per_file():
    world = World(have=0b1111)
    (view,) = file_views(world.state, None)
    assert (view.index, view.path, view.size, view.done, view.priority) == (
        0,
        "world.bin",
        len(world.data),
        len(world.data),
        1,
    )
    assert file_views(world.state, frozenset())[0].priority == 0
