"""Many torrents in one session: what do they cost at rest, and what do their trackers see of them?"""

import asyncio
import random
from hashlib import sha1

import pytest

from tests.support.sessions import address, eventually, finished, make_sample
from torrent.bencode import encode
from torrent.metainfo import Metainfo
from torrent.swarm.desk import MOST_EACH


class Tracker:
    """An HTTP tracker that counts who is with it at once; it answers when `open` is set."""

    def __init__(self):
        self.open = asyncio.Event()
        self.events = []
        self.now = self.most = 0

    async def serve(self):
        self.server = await asyncio.start_server(self._talk, "127.0.0.1", 0)
        return f"http://127.0.0.1:{self.server.sockets[0].getsockname()[1]}/announce"

    async def _talk(self, reader, writer):
        self.now += 1
        self.most = max(self.most, self.now)
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            self.events.append(head.partition("event=")[2].split("&")[0].split(" ")[0])
            await self.open.wait()
            body = encode({b"interval": 1800, b"peers": b""})
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
            await writer.drain()
        except (OSError, EOFError):
            pass
        finally:
            self.now -= 1
            writer.close()

    async def close(self):
        self.open.set()
        self.server.close()


@pytest.fixture
async def tracker():
    tracker = Tracker()
    tracker.url = await tracker.serve()
    yield tracker
    await tracker.close()


def crowd(folder, count, url=""):
    """Small torrents with their data."""
    rng = random.Random(5)
    for number in range(count):
        name = f"f{number:04}"
        (folder / name).write_bytes(rng.randbytes(3000))
        sample = info_of(folder / name)
        yield Metainfo.from_info(sample, trackers=((url,),) if url else ())


def info_of(path):
    data = path.read_bytes()
    info = {b"length": len(data), b"name": path.name.encode(), b"piece length": 16384, b"pieces": sha1(data).digest()}
    return encode(info)


async def test_seeds_at_rest_have_no_tasks_and_are_not_ticked_and_serve_whoever_comes(sessions, tmp_path):
    sample = make_sample(tmp_path)
    seed, peer = await sessions(), await sessions()
    before = asyncio.all_tasks()
    for metainfo in crowd(tmp_path, 20):
        await seed.add(metainfo, tmp_path, seed_only=True)
    mine = await seed.add(sample.metainfo, tmp_path, seed_only=True)
    await eventually(lambda: not seed._awake, "all rest")
    assert asyncio.all_tasks() == before
    (tmp_path / "new").mkdir()
    theirs = await peer.add(sample.metainfo, tmp_path / "new", peers=[address(seed)])
    await finished(theirs)
    assert mine.view().uploaded == sample.metainfo.size
    assert seed.view().uploaded == sample.metainfo.size
    assert all(torrent.view().status == "seeding" for torrent in seed.torrents.values())


async def test_many_torrents_come_to_one_tracker_in_turn(sessions, tmp_path, tracker):
    session = await sessions()
    for metainfo in crowd(tmp_path, 100, tracker.url):
        await session.add(metainfo, tmp_path, seed_only=True)
    await eventually(lambda: len(tracker.events) == MOST_EACH, "as many as may")
    tracker.open.set()
    await eventually(lambda: tracker.events.count("started") == 100, "all started")
    assert tracker.most == MOST_EACH


async def test_the_exit_of_many_ends_in_time_though_their_tracker_hangs(sessions, tmp_path, tracker):
    session = await sessions(stop_timeout=0.5)
    tracker.open.set()
    for metainfo in crowd(tmp_path, 100, tracker.url):
        await session.add(metainfo, tmp_path, seed_only=True)
    await eventually(lambda: len(tracker.events) == 100, "all started")
    await eventually(lambda: not tracker.now, "all answered")
    tracker.open.clear()
    async with asyncio.timeout(30):
        await session.__aexit__(None, None, None)
    assert not session.torrents
    assert tracker.most <= 2 * MOST_EACH and "stopped" in tracker.events  # it sees late who has hung up


async def test_a_torrent_that_is_removed_while_it_rests_is_forgotten(sessions, tmp_path):
    session = await sessions(time=3600.0)
    torrents = [await session.add(metainfo, tmp_path, seed_only=True) for metainfo in crowd(tmp_path, 3)]
    await eventually(lambda: not session._awake, "all rest")
    assert len(session._alarms) == 3
    await session.remove(torrents[0])
    assert len(session._alarms) == 2
    again = await session.add(torrents[0].metainfo, tmp_path, seed_only=True)
    assert again.view().status == "seeding"
