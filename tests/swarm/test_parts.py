"""The parts know each other through one value, and nothing is missing from it."""

from dataclasses import fields

from tests.swarm.world import World
from torrent.swarm.parts import Parts


def test_every_part_is_there_and_knows_the_same_parts():
    world = World()
    assert all(getattr(world.parts, field.name) is not None for field in fields(Parts))
    assert world.remote().member.parts is world.parts


def test_two_torrents_share_nothing():
    one, other = World(), World()
    peer = one.remote()
    peer.has()
    assert one.members and not other.members
    assert other.pieces.availability.seeds == 0
