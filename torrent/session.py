"""What exists once per process, and who owns it? (S)

The listening port, the receive buffer, the disk, the tracker client, the limits and the set of torrents. A session is
an async context manager: inside it lives, on leaving it everything it started has ended, trackers have been told and
resume records are written.

One tick a second serves every deadline and every torrent that has something to do; there is no timer per peer, and no
task per torrent that rests.
"""

from __future__ import annotations

import asyncio
import logging
import math
import os
from collections.abc import Callable, Collection, Iterable
from pathlib import Path
from random import Random
from types import TracebackType
from typing import Self

from torrent.config import Config
from torrent.crowd import Crowd
from torrent.errors import InputError, LocalError, PeerError
from torrent.events import Added, Listening, Removed
from torrent.external import ExternalAddress
from torrent.handle import Torrent as Torrent
from torrent.hub import Hub
from torrent.metainfo import Metainfo
from torrent.net import listen
from torrent.peer import GULP, Connection, Conversation, Handshake, our_peer_id
from torrent.ratelimit import Chain, TokenBucket
from torrent.selection import wanted_files
from torrent.storage import Disk, Store
from torrent.swarm import Announces, Dialled, Options, Room, Services, Swarm, Throttle, begin
from torrent.terms import Address, InfoHash
from torrent.tracker import TrackerClient
from torrent.views import SessionView

TICK_SECONDS = 1.0

MOST_PENDING = 200
"""Accepted streams without a handshake at once; the oldest goes when one more comes."""

_log = logging.getLogger(__name__)


class Session:
    """All torrents of one process. Use it as `async with Session(config) as session`."""

    def __init__(self, config: Config | None = None, *, state_dir: str | Path | None = None) -> None:
        self.config = config or Config()
        self.hub = Hub()
        self.port = 0
        self.torrents: dict[str, Torrent] = {}
        self.gulp = memoryview(bytearray(GULP))
        self._state_dir = Path(state_dir) if state_dir is not None else None
        self._rng = Random(os.urandom(32))
        self._names: set[InfoHash] = set()
        self._swarms: dict[InfoHash, Swarm] = {}
        self._running: dict[str, Swarm] = {}
        self._awake: dict[Swarm, None] = {}
        self._alarms: dict[Swarm, float] = {}
        self._next_alarm = math.inf
        self._pending: dict[Connection, None] = {}
        self._opening: dict[str, asyncio.Future[Store]] = {}
        net = self.config.net
        self._limit_down = TokenBucket(net.limit_down)
        self._limit_up = TokenBucket(net.limit_up)
        self._external = ExternalAddress()
        self._room = Room(most_peers=net.max_peers, most_half_open=net.half_open)
        self._servers: list[asyncio.Server] = []
        self._ticker: asyncio.Task[None] | None = None
        self._loop: asyncio.AbstractEventLoop
        self._disk: Disk
        self._trackers: TrackerClient
        self._announces: Announces
        self._throttle: Throttle
        self._services: Services
        self._crowd = Crowd()

    async def __aenter__(self) -> Self:
        """Open the port and the disk; raises NetworkError if the port cannot be had."""
        config = self.config
        self._loop = asyncio.get_running_loop()
        self._disk = Disk(config.disk, self._state_dir)
        self._trackers = TrackerClient(config.tracker, bind=config.net.bind)
        self._announces = Announces(self._trackers)
        self._throttle = Throttle(self._loop)
        try:
            self._servers, self.port = await listen(lambda: Connection(self), config.net.port, config.net.bind)
        except BaseException:
            await self._disk.close()
            raise
        self._services = Services(
            self, self._room, self._throttle, self.gulp, self._announces, self.port, self._awake.setdefault
        )
        self._ticker = asyncio.create_task(self._tick_for_ever())
        self.hub.publish(Listening(self.port))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop every torrent, side by side, and close what is shared."""
        for server in self._servers:
            server.close()
        try:
            with self._crowd:
                self._crowd.expect(len(self._running))
                await asyncio.gather(*(self._stop(key) for key in [*self._opening, *self._running]))
        finally:
            if self._ticker is not None:
                self._ticker.cancel()
                await asyncio.wait([self._ticker])
            for connection in list(self._pending):
                connection.abort("we are shutting down")
            self._throttle.close()
            await self._trackers.close()
            await self._disk.close()

    def time(self) -> float:
        """Return the loop's clock in seconds."""
        return self._loop.time()

    # torrents

    async def add(
        self,
        source: Metainfo,
        directory: str | Path | None = None,
        *,
        files: Collection[int] | None = None,
        sequential: bool | None = None,
        first_last: bool | None = None,
        peers: Iterable[Address] = (),
        check: bool = False,
        paused: bool = False,
        seed_only: bool = False,
        super_seeding: bool | None = None,
        limit_down: int = 0,
        limit_up: int = 0,
        on_check: Callable[[int, int], None] | None = None,
    ) -> Torrent:
        """Add a torrent whose files are, or will be, in `directory`, and return when what is there has been checked.

        `files` are the indices of the wanted files (all if None); `check` hashes everything found on disk even where
        a resume record vouches for it; `seed_only` never asks for a block; limits are bytes per second. Raises
        InputError for a torrent that is here already or files that another torrent writes, DiskError for a folder that
        cannot be used.
        """
        config = self.config
        if not self._names.isdisjoint(source.swarm_hashes):
            raise InputError(f"{source.name} is in this session already")
        folder = _folder(directory if directory is not None else config.download.dir)
        wanted = wanted_files(source, files)
        limits = TokenBucket(limit_down), TokenBucket(limit_up)
        torrent = Torrent(source, str(folder / source.name), wanted, limits)
        self.torrents[source.hex] = torrent
        self._names.update(source.swarm_hashes)

        def checked(done: int, total: int) -> None:
            torrent.on_check(done, total)
            self._crowd.hashing()
            if on_check is not None:
                on_check(done, total)

        opening = self._opening[source.hex] = asyncio.ensure_future(
            self._disk.open(
                source,
                folder,
                wanted=wanted,
                preallocate=config.download.preallocate,
                check=check,
                on_progress=checked,
            )
        )
        removed = LocalError(f"{source.name} was removed while its files were checked")
        try:
            with self._crowd:
                self._crowd.expect(len(self._opening))
                store = await opening
            if self._opening.get(source.hex) is not opening:
                await store.close()
                raise removed
        except BaseException:
            self._forget(source)
            if self._opening.get(source.hex) is not opening:
                raise removed from None
            raise
        finally:
            self._opening.pop(source.hex, None)
        options = Options(
            seed_only=seed_only,
            super_seeding=config.seed.super_seeding if super_seeding is None else super_seeding,
            sequential=config.download.sequential if sequential is None else sequential,
            first_last=config.download.first_last if first_last is None else first_last,
        )
        state = begin(
            source,
            store,
            wanted=wanted,
            options=options,
            config=config,
            buffers=self._disk.buffers,
            hub=self.hub,
            peer_id=our_peer_id(os.urandom(12)),
            limit_down=Chain(self._limit_down, limits[0]),
            limit_up=Chain(self._limit_up, limits[1]),
            rng=self._rng,
            now=self.time(),
        )
        state.paused = paused
        for known in filter(None, (self._external.known(), self._external.known(six=True))):
            state.book.set_external(Address(known, self.port))
        swarm = Swarm(state, self._services)
        torrent.begin(swarm)
        for info_hash in source.swarm_hashes:
            self._swarms[info_hash] = swarm
        self._running[source.hex] = swarm
        self.hub.publish(Added(source.hex, source.name))
        swarm.start()
        swarm.add_peers(peers, "user")
        return torrent

    async def remove(self, torrent: Torrent) -> None:
        """Stop a torrent and forget it; its files stay."""
        await self._stop(torrent.info_hash)

    async def _stop(self, key: str) -> None:
        opening = self._opening.pop(key, None)
        if opening is not None:
            opening.cancel()
            await asyncio.wait([opening])
        swarm = self._running.pop(key, None)
        if swarm is None:
            return
        for info_hash in swarm.state.metainfo.swarm_hashes:
            self._swarms.pop(info_hash, None)
        try:
            await swarm.stop()
        finally:
            self._awake.pop(swarm, None)
            self._alarms.pop(swarm, None)
            self._forget(swarm.state.metainfo)
            self.hub.publish(Removed(key))

    def _forget(self, metainfo: Metainfo) -> None:
        self.torrents.pop(metainfo.hex, None)
        self._names.difference_update(metainfo.swarm_hashes)

    def view(self) -> SessionView:
        """Describe the session."""
        states = [swarm.state for swarm in self._running.values()]
        awake = [swarm.state for swarm in self._awake]  # nothing moves in the others
        now = self.time()
        return SessionView(
            port=self.port,
            torrents=len(self.torrents),
            peers=self._room.peers,
            rate_down=sum(state.speed_down.rate(now) for state in awake),
            rate_up=sum(state.speed_up.rate(now) for state in awake),
            downloaded=sum(state.downloaded for state in states),
            uploaded=sum(state.uploaded for state in states),
        )

    def set_limits(self, down: int | None = None, up: int | None = None) -> None:
        """Limit the whole session, in bytes per second; 0 lifts a limit, None leaves it."""
        if down is not None:
            self._limit_down.set_rate(down, self.time())
        if up is not None:
            self._limit_up.set_rate(up, self.time())

    # what connections call

    def on_open(self, connection: Connection) -> None:
        """Keep a stream that has no handshake yet, for a while."""
        if len(self._pending) >= MOST_PENDING:
            oldest = next(iter(self._pending))
            oldest.abort("too many strangers at the door")
        self._pending[connection] = None

    def on_handshake(self, connection: Connection, theirs: Handshake) -> Conversation:
        """Find the torrent a peer means and let it in; raises PeerError if there is none."""
        swarm = self._swarms.get(theirs.info_hash)
        if swarm is None:
            raise PeerError("asks for a torrent we do not have")
        conversation = swarm.admit(connection, theirs, self.time())
        self._pending.pop(connection, None)
        return conversation

    def on_closed(self, connection: Connection, reason: str) -> None:
        """Forget a stream; if we dialled it and it never said hello, its address is the worse for it."""
        waiting = self._pending.pop(connection, self) is not self
        if waiting and isinstance(connection.key, Dialled):
            connection.key.recruit.handshake_failed(connection.key.address, reason)

    def on_seen_at(self, host: str, voter: str) -> None:
        """Note at which address a peer or tracker sees us; what enough of them agree on orders the peer books."""
        address = self._external.vote(host, voter)
        if address is not None:
            for swarm in self._running.values():
                swarm.state.book.set_external(Address(address, self.port))

    # time

    async def _tick_for_ever(self) -> None:
        while True:
            await asyncio.sleep(TICK_SECONDS)
            now = self.time()
            for connection in list(self._pending):
                overdue = connection.overdue(now)
                if overdue:
                    connection.abort(overdue)
            self._announces.tick(now)
            self._crowd.tick()
            if now >= self._next_alarm:
                self._wake_due(now)
            for swarm in list(self._awake):
                try:
                    self._tick(swarm, now)
                except Exception:
                    _log.exception("in the tick of %s", swarm.state.metainfo.name)

    def _tick(self, swarm: Swarm, now: float) -> None:
        """Tick a torrent, and let it rest when it has nothing to do."""
        at = swarm.tick(now)
        if at > now + TICK_SECONDS:
            self._awake.pop(swarm, None)
            if at < math.inf:
                self._alarms[swarm] = at
                self._next_alarm = min(self._next_alarm, at)

    def _wake_due(self, now: float) -> None:
        for swarm in [swarm for swarm, at in self._alarms.items() if at <= now]:
            del self._alarms[swarm]
            self._awake.setdefault(swarm)
        self._next_alarm = min(self._alarms.values(), default=math.inf)


def _folder(path: str | Path) -> Path:
    return Path(path).expanduser()
