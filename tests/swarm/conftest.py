"""Live torrents for the tests of this folder; each is ended, and nothing of it may be left."""

import asyncio

import pytest

from tests.swarm.life import Life


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
