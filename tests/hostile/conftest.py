"""The session that everybody is after: one that seeds, one that fetches from an honest seed, and nothing unhandled."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.payload import sha256_tree
from tests.support.sessions import (
    Sample,
    address,
    finished,
    make_sample,
    nothing_amiss,
    running,
)
from torrent.handle import Torrent
from torrent.session import Session


@pytest.hookimpl(optionalhook=True)
def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """The loop that the command line uses, where there is one; the tests of sessions run on the other."""
    try:
        import uvloop
    except ImportError:
        return {"asyncio": asyncio.new_event_loop}
    return {"uvloop": uvloop.new_event_loop}


@pytest.fixture(autouse=True)
async def tidy() -> AsyncIterator[None]:
    """Whatever a hostile remote does: no error logged, no exception lost, no task, thread or descriptor left."""
    async with nothing_amiss():
        yield


@dataclass
class Prey:
    """A session with one torrent."""

    session: Session
    torrent: Torrent
    sample: Sample
    copy: Path
    more: Callable[..., Awaitable[Session]]

    async def help(self, rate: int) -> None:
        """Let it know an honest seed that gives about that many bytes a second."""
        other = await self.more(host="127.0.0.2", limit_up=rate)
        await other.add(self.sample.metainfo, self.sample.folder)
        self.torrent.add_peer(address(other))

    async def completes(self, *, lies: bool = False) -> None:
        """The transfer ends with the right bytes, and but for `lies` no other ever came."""
        await finished(self.torrent)
        assert sha256_tree(self.copy / self.sample.metainfo.name) == self.sample.digests
        assert bool(self.torrent.view().hash_failures) is lies


@pytest.fixture
async def sessions() -> AsyncIterator[Callable[..., Awaitable[Session]]]:
    """Open sessions; they are closed side by side."""
    async with running() as start:
        yield start


@pytest.fixture
async def seed(sessions: Callable[..., Awaitable[Session]], tmp_path: Path) -> Prey:
    """A session that has everything."""
    sample = make_sample(tmp_path / "seed", 2_000_000, version="v1", piece_length=32768)
    session = await sessions(host="127.0.0.1")
    return Prey(session, await session.add(sample.metainfo, sample.folder), sample, sample.folder, sessions)


@pytest.fixture
async def leech(sessions: Callable[..., Awaitable[Session]], tmp_path: Path) -> Callable[..., Awaitable[Prey]]:
    """Start a session that has nothing; `honest` makes it know a seed that gives about that many bytes a second."""

    async def start(*, honest: int = 0, size: int = 2_000_000, trackers: object = (), **changes: object) -> Prey:
        sample = make_sample(tmp_path / "seed", size, version="v1", piece_length=32768, trackers=trackers or ())
        session = await sessions(host="127.0.0.1", **changes)
        torrent = await session.add(sample.metainfo, tmp_path / "copy")
        prey = Prey(session, torrent, sample, tmp_path / "copy", sessions)
        if honest:
            await prey.help(honest)
        return prey

    return start
