"""The two questions every part asks of the facts."""

import pytest

from tests.swarm.world import World


@pytest.mark.parametrize(
    ("facts", "active", "leeching"),
    [
        ({}, True, True),
        ({"paused": True}, False, False),
        ({"stopping": True}, False, False),
        ({"failure": "disk full"}, False, False),
        ({"complete": True}, True, False),
    ],
)
def test_active_and_leeching(facts, active, leeching):
    state = World().state
    for name, value in facts.items():
        setattr(state, name, value)
    assert (state.active, state.leeching) == (active, leeching)


def test_who_is_told_to_seed_only_never_leeches():
    assert not World(seed_only=True).state.leeching


def test_its_name_in_events_is_the_main_hash():
    world = World()
    assert world.state.hex == world.metainfo.hex == world.metainfo.info_hash.hex()
