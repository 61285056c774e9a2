"""What does a live torrent run in, when only its tasks are real? Trackers that do what a test says, a pretend world."""

import asyncio

from tests.swarm.world import World
from torrent.config import Config, SeedConfig, TrackerConfig
from torrent.errors import TrackerError
from torrent.metainfo import Metainfo
from torrent.swarm import Announces, Room, Services, Swarm
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
        self.announces = Announces(self.client)
        self.woken = 0
        self.swarm = Swarm(
            self.state,
            Services(self, self.room, self.throttle, self.gulp, self.announces, 7000, self._wake),
        )
        self.parts = self.swarm._parts
        self.recruit, self.leech, self.seed = self.parts.recruit, self.parts.leech, self.parts.seed
        self.parts.defer = self.clock.call_soon  # so that remotes settle what they cause
        self.swarm.start()

    def _wake(self, swarm):
        self.woken += 1

    async def turn(self, until=lambda: False):
        """Let tasks run, until a condition holds if one is given."""
        for _ in range(50):
            await asyncio.sleep(0)
            self.settle()
            if until():
                return

    async def end(self):
        await self.swarm.stop()


def download(life):
    peer = life.remote()
    peer.has()
    peer.unchoke()
    peer.serve()
    return peer
