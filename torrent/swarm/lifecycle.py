"""How does a live torrent begin, go on and end? (S)

`Swarm` builds the parts of one torrent, owns its tasks, and is the one place that pauses, resumes, fails and stops it.
Time comes once a second from the session's `tick`, as long as there is something to do: `tick` says when it is wanted
again, and `Services.wake` brings it back when something happens before that. So a torrent at rest costs nothing.

The order of stopping, and why: no new work (`stopping`), then the connections end, so that nothing changes any more;
then the trackers' `stopped` and the store's last record run side by side, each under its own deadline.
"""

from __future__ import annotations

import asyncio
import logging
import math
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from torrent.errors import DiskError, DiskFullError
from torrent.events import Completed, StatusChanged, TorrentFailed
from torrent.peer import KEEP_ALIVE_SECONDS, Connection, Handshake, Host
from torrent.rates import Eta
from torrent.swarm import report
from torrent.swarm.announcer import Announcer, Announces
from torrent.swarm.leech import Leech
from torrent.swarm.member import Member
from torrent.swarm.parts import Parts
from torrent.swarm.recruit import Recruit, Room
from torrent.swarm.seed import Seed
from torrent.swarm.state import State
from torrent.swarm.tasks import Bell, Tasks
from torrent.swarm.throttle import Throttle
from torrent.terms import Address
from torrent.tracker import AnnounceReply
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
    announces: Announces
    port: int
    wake: Callable[[Swarm], None]
    """Have this torrent ticked again."""


class Swarm:
    """One live torrent."""

    def __init__(self, state: State, services: Services) -> None:
        loop = asyncio.get_running_loop()
        self.state = state
        self._loop = loop
        self._services = services
        self._tasks = Tasks(self._on_bug)
        self._eta = Eta()
        self._eta_seconds: float | None = None
        self._next_round = 0.0
        self._retry_at = 0.0
        self._status = ""
        self._seeding_since: float | None = None
        self.changed = Bell()
        """Rings whenever something happened that a waiter may wait for: complete, failed, stopped."""
        parts = self._parts = Parts(
            state=state,
            throttle=services.throttle,
            gulp=services.gulp,
            defer=loop.call_soon,
            later=loop.call_later,
            on_disk_error=self._on_disk_error,
            on_complete=self._on_complete,
        )
        parts.leech = Leech(parts)
        parts.seed = Seed(parts)
        parts.recruit = Recruit(parts, services.host, services.room, services.port, self._tasks.spawn)
        state.complete = state.pieces.done
        self._announcers = [
            Announcer(state, services.announces, info_hash, services.port, self._on_tracker_reply, self._tasks.spawn)
            for info_hash in state.metainfo.swarm_hashes
        ]

    # the task tree

    def start(self) -> None:
        """Begin to announce and to be ticked; `stop` has to be called in the end."""
        self._services.wake(self)
        for announcer in self._announcers:
            announcer.look()

    def _on_bug(self, error: BaseException) -> None:
        """An error of ours in one of the tasks ends the torrent's work, with that reason, and nothing else."""
        _log.error("a torrent ended by an error of ours", exc_info=error)
        self._fail("an error inside the program, see the log", waits=False)

    async def stop(self) -> None:
        """Say goodbye to peers and trackers and save what is known; bounded in time."""
        state = self.state
        if state.stopping:
            return
        state.stopping = True
        self._tasks.cancel()
        await self._tasks.ended()
        self._parts.recruit.close_all("we are shutting down")
        self._parts.recruit.release()
        self._note_totals()
        last_words = [state.store.close(), *(announcer.stop(last=True) for announcer in self._announcers)]
        for outcome in await asyncio.gather(*last_words, return_exceptions=True):
            if isinstance(outcome, Exception):
                _log.error("while stopping %s", state.metainfo.name, exc_info=outcome)
        self._drop_unfinished()
        self._publish_status()
        self.changed.ring()

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
        member = self._parts.recruit.admit(connection, theirs, now)
        self._services.wake(self)
        return member

    def add_peers(self, addresses: Iterable[Address], source: str) -> int:
        """Note where peers may be found; return how many were new."""
        new = self._parts.recruit.add(addresses, source)
        self._services.wake(self)
        return new

    def announce_now(self) -> None:
        """Ask the trackers for peers as soon as they allow."""
        for announcer in self._announcers:
            announcer.announce_now()

    def _on_tracker_reply(self, reply: AnnounceReply, tracker: str) -> None:
        if reply.external_ip:
            self._services.host.on_seen_at(reply.external_ip, tracker)
        if reply.peers:
            self.add_peers(reply.peers, "tracker")

    # what changes the status

    def pause(self) -> None:
        """Stop transferring until `resume`; the trackers are told."""
        if not self.state.paused:
            self.state.paused = True
            self._quiesce("paused")

    def resume(self) -> None:
        """Go on after a pause or after an error the user has mended."""
        state = self.state
        if not (state.paused or state.failure) or self._tasks.ending:
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
        self._services.wake(self)
        self._publish_status()

    def _quiesce(self, reason: str) -> None:
        self._parts.recruit.close_all(reason)
        for announcer in self._announcers:
            self._tasks.spawn(announcer.stop())
        self._services.wake(self)
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
        self.changed.ring()

    def _on_complete(self) -> None:
        state = self.state
        state.complete = True
        self._note_totals()
        self._parts.recruit.completed()
        for announcer in self._announcers:
            announcer.completed()
        state.hub.publish(Completed(state.hex, str(state.store.path)))
        self._publish_status()
        self.changed.ring()

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

    def tick(self, now: float) -> float:
        """Do what is due; called about once a second. Return when it is wanted next: now, unless nothing goes on."""
        state, parts = self.state, self._parts
        if state.stopping:
            return math.inf
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
        return self._rests_until(now)

    def _rests_until(self, now: float) -> float:
        """Return the time before which there is nothing to do unless something happens; now if there is."""
        state = self.state
        if state.members or state.dialling or state.leeching or state.speed_up.rate(now) or state.speed_down.rate(now):
            return now
        self._note_totals()
        at = self._retry_at if state.waits else math.inf
        if state.active:
            if len(state.book):
                at = min(at, state.book.next_deadline())
            if self._seeding_since is not None and state.config.seed.time:
                at = min(at, self._seeding_since + state.config.seed.time)
        return at

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
            self.changed.ring()

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
