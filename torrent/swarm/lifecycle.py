"""How does a live torrent begin, go on and end? (S)

`Swarm` builds the parts of one torrent, owns its tasks, and is the one place that pauses, resumes, fails and stops it.
Time comes once a second from the session's `tick`.

The order of stopping, and why: no new work (`stopping`), then the connections end, so that nothing changes any more;
then the trackers' `stopped` and the store's last record run side by side, each under its own deadline.
"""

from __future__ import annotations

import asyncio
import logging
import shutil
from collections.abc import Coroutine, Iterable
from dataclasses import dataclass
from typing import Any

from torrent.errors import DiskError, DiskFullError
from torrent.events import Completed, StatusChanged, TorrentFailed
from torrent.peer import KEEP_ALIVE_SECONDS, Connection, Handshake, Host
from torrent.rates import Eta
from torrent.swarm import report
from torrent.swarm.announcer import Announcer
from torrent.swarm.leech import Leech
from torrent.swarm.member import Member
from torrent.swarm.parts import Parts
from torrent.swarm.recruit import Recruit, Room
from torrent.swarm.seed import Seed
from torrent.swarm.state import State
from torrent.swarm.throttle import Throttle
from torrent.terms import Address
from torrent.tracker import AnnounceReply, TrackerClient
from torrent.views import PeerView, TorrentView, TrackerView

ROUND_SECONDS = 10.0
"""Between two choke rounds (BEP 3)."""

DISK_RETRY_SECONDS = 5.0
"""Between two looks at a full disk."""

DISK_ROOM = 16 * 1024 * 1024
"""Bytes that must be free before a torrent that found the disk full goes on."""


_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Services:
    """What a session shares among its torrents."""

    host: Host
    room: Room
    throttle: Throttle
    gulp: memoryview
    trackers: TrackerClient
    port: int


class Swarm:
    """One live torrent."""

    def __init__(self, state: State, services: Services) -> None:
        loop = asyncio.get_running_loop()
        self.state = state
        self._loop = loop
        self._services = services
        self._tasks: asyncio.TaskGroup | None = None
        self._ending = False
        self._early: list[Coroutine[Any, Any, None]] = []
        self._eta = Eta()
        self._eta_seconds: float | None = None
        self._next_round = 0.0
        self._retry_at = 0.0
        self._status = ""
        self._seeding_since: float | None = None
        self.changed = asyncio.Event()
        """Set whenever something happened that a waiter may wait for: complete, failed, stopped."""
        parts = self._parts = Parts(
            state=state,
            throttle=services.throttle,
            gulp=services.gulp,
            defer=loop.call_soon,
            on_disk_error=self._on_disk_error,
            on_complete=self._on_complete,
        )
        parts.leech = Leech(parts)
        parts.seed = Seed(parts)
        parts.recruit = Recruit(parts, services.host, services.room, services.port, self._spawn)
        state.complete = state.pieces.done
        self._announcers = [
            Announcer(state, services.trackers, info_hash, services.port, self._on_tracker_reply)
            for info_hash in state.metainfo.swarm_hashes
        ]

    # the task tree

    async def run(self) -> None:
        """Live until cancelled; `stop` has to be called after that.

        An error of ours in one of the tasks is logged and ends the torrent's work, with that reason, and nothing else.
        """
        try:
            async with asyncio.TaskGroup() as group:
                self._tasks = group
                for work in self._early:
                    group.create_task(work)
                self._early.clear()
                for announcer in self._announcers:
                    group.create_task(announcer.run())
                try:
                    await asyncio.Event().wait()
                finally:
                    self._ending = True
        except ExceptionGroup as errors:
            _log.error("a torrent ended by an error of ours", exc_info=errors)
            self._fail("an error inside the program, see the log", waits=False)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        if self._ending:
            work.close()
        elif self._tasks is None:
            self._early.append(work)
        else:
            self._tasks.create_task(work)

    async def stop(self) -> None:
        """Say goodbye to peers and trackers and save what is known; bounded in time."""
        state = self.state
        if state.stopping:
            return
        state.stopping = True
        self._ending = True
        for work in self._early:
            work.close()
        self._parts.recruit.close_all("we are shutting down")
        self._parts.recruit.release()
        self._note_totals()
        last_words = [state.store.close(), *(announcer.stop() for announcer in self._announcers)]
        for outcome in await asyncio.gather(*last_words, return_exceptions=True):
            if isinstance(outcome, Exception):
                _log.error("while stopping %s", state.metainfo.name, exc_info=outcome)
        self._drop_unfinished()
        self._publish_status()
        self.changed.set()

    def _drop_unfinished(self) -> None:
        """Give the memory of unfinished pieces back to the other torrents."""
        pieces, n = self.state.pieces, self.state.geometry.pieces
        if pieces.in_progress():
            missing = f"{pieces.missing:0{n}b}".encode().translate(bytes.maketrans(b"01", b"\0\1"))[::-1]
            pieces.set_priorities(bytes(n))
            pieces.set_priorities(missing)

    # peers and trackers

    def admit(self, connection: Connection, theirs: Handshake, now: float) -> Member:
        """Let in a peer that asked for this torrent; raises PeerError if it may not stay."""
        return self._parts.recruit.admit(connection, theirs, now)

    def add_peers(self, addresses: Iterable[Address], source: str) -> int:
        """Note where peers may be found; return how many were new."""
        return self._parts.recruit.add(addresses, source)

    def announce_now(self) -> None:
        """Ask the trackers for peers as soon as they allow."""
        for announcer in self._announcers:
            announcer.announce_now()

    def _on_tracker_reply(self, reply: AnnounceReply, tracker: str) -> None:
        if reply.external_ip:
            self._services.host.on_seen_at(reply.external_ip, tracker)
        self._parts.recruit.add(reply.peers, "tracker")

    # what changes the status

    def pause(self) -> None:
        """Stop transferring until `resume`; the trackers are told."""
        if not self.state.paused:
            self.state.paused = True
            self._quiesce("paused")

    def resume(self) -> None:
        """Go on after a pause or after an error the user has mended."""
        state = self.state
        if not (state.paused or state.failure) or self._ending:
            return
        state.paused = False
        self._mend()

    def _mend(self) -> None:
        state = self.state
        state.failure, state.waits = "", False
        if not state.paused:
            for announcer in self._announcers:
                announcer.start()
            self._parts.recruit.redial()
            self._parts.recruit.dial_some(self._services.host.time())
        self._publish_status()

    def _quiesce(self, reason: str) -> None:
        self._parts.recruit.close_all(reason)
        for announcer in self._announcers:
            self._spawn(announcer.stop())
        self._publish_status()

    def _on_disk_error(self, error: DiskError) -> None:
        self._fail(str(error), waits=isinstance(error, DiskFullError))

    def _fail(self, reason: str, *, waits: bool) -> None:
        state = self.state
        if state.failure or state.stopping:
            return
        state.failure, state.waits = reason, waits
        self._retry_at = self._loop.time() + DISK_RETRY_SECONDS
        state.hub.publish(TorrentFailed(state.hex, state.failure, state.waits))
        self._quiesce(state.failure)
        self.changed.set()

    def _on_complete(self) -> None:
        state = self.state
        state.complete = True
        self._note_totals()
        self._parts.recruit.completed()
        for announcer in self._announcers:
            announcer.completed()
        state.hub.publish(Completed(state.hex, str(state.store.path)))
        self._publish_status()
        self.changed.set()

    def _publish_status(self) -> None:
        status = report.status(self.state)
        if status != self._status:
            self._status = status
            self.state.hub.publish(StatusChanged(self.state.hex, status, self.state.failure))

    def _note_totals(self) -> None:
        state, totals = self.state, self.state.store.totals
        uploaded, downloaded = state.uploaded_before + state.uploaded, state.downloaded_before + state.downloaded
        if (uploaded, downloaded) != (totals.uploaded, totals.downloaded):
            totals.uploaded, totals.downloaded = uploaded, downloaded
            state.store.touch()

    # time

    def tick(self, now: float) -> None:
        """Do what is due; called about once a second."""
        state, parts = self.state, self._parts
        if state.stopping:
            return
        if state.waits and now >= self._retry_at:
            self._retry_at = now + DISK_RETRY_SECONDS
            if self._has_room():
                self._mend()
        self._check_goal(now)
        self._eta_seconds = self._eta.update(state.downloaded, state.pieces.left, now)
        for member in list(state.members):
            member.now = now
            connection = member.connection
            overdue = connection.overdue(now)
            if overdue:
                connection.abort(overdue)
            elif now - connection.last_sent > KEEP_ALIVE_SECONDS:
                member.protocol.keep_alive()
        parts.leech.tick(now)
        parts.recruit.dial_some(now)
        if now >= self._next_round:
            self._next_round = now + ROUND_SECONDS
            parts.seed.round(now)
            self._note_totals()
        else:
            parts.seed.fill(now)

    def _has_room(self) -> bool:
        try:
            return shutil.disk_usage(self.state.store.path.parent).free > DISK_ROOM
        except OSError:
            return False

    def _check_goal(self, now: float) -> None:
        """End seeding when the configured ratio or time is reached."""
        state, goal = self.state, self.state.config.seed
        if not state.complete or state.goal_reached or not state.active:
            return
        if self._seeding_since is None:
            self._seeding_since = now
        ratio = (state.uploaded_before + state.uploaded) / max(1, state.metainfo.size)
        if (goal.ratio and ratio >= goal.ratio) or (goal.time and now - self._seeding_since >= goal.time):
            state.goal_reached = True
            self.pause()
            self.changed.set()

    def now(self) -> float:
        """Return the clock that limits and views use."""
        return self._services.host.time()

    # views

    def view(self) -> TorrentView:
        """Describe the torrent."""
        return report.torrent_view(self.state, self._services.host.time(), self._eta_seconds)

    def peer_views(self) -> list[PeerView]:
        """Describe the connected peers."""
        return report.peer_views(self.state, self._services.host.time())

    def tracker_views(self) -> list[TrackerView]:
        """Describe the trackers."""
        return self._announcers[0].views(self._services.host.time())
