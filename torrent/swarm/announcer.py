"""How do trackers learn of us, and we of peers? (S)

An `Announcer` is what one torrent says under one of its names (a hybrid torrent has two, BEP 52): `tracker.Tiers`
decides what is due, the answer goes to the torrent. `Announces` is shared by all torrents of the process: it knows when
each has something due, and lets so many announces be made at once as `desk.Desk` allows. A torrent that waits for its
next announce costs an entry in a heap: no task, no timer.

The last words of a torrent, the `stopped` announces, are sent side by side under one deadline, those that stand in line
included, so a tracker that hangs cannot hold the exit.
"""

from __future__ import annotations

import asyncio
import heapq
import math
from collections.abc import Callable, Coroutine
from itertools import count
from typing import Any
from urllib.parse import urlsplit

from torrent.errors import TrackerError
from torrent.events import TrackerAnswered, TrackerFailed
from torrent.swarm.desk import Desk
from torrent.swarm.state import State
from torrent.terms import InfoHash
from torrent.tracker import Announce, AnnounceReply, Due, Tiers, TrackerClient, TrackerRefused, shown_url
from torrent.views import TrackerView


class Place:
    """One announce: in line, under way, or over."""

    __slots__ = ("due", "give_up", "go")

    def __init__(self, due: Due, go: Callable[[Place], None], give_up: Callable[[Place], None]) -> None:
        self.due = due
        self.go = go
        """Called when it may be made; `Announces.leave` has to follow."""
        self.give_up = give_up
        """Called instead when nobody before it in line was answered."""


class Announces:
    """When the torrents of a process announce, and how many at once. `tick` it about once a second."""

    def __init__(self, client: TrackerClient, *, desk: Desk[Place] | None = None) -> None:
        self.client = client
        self._desk = Desk[Place]() if desk is None else desk
        self._alarms: list[tuple[float, int, Announcer]] = []
        self._order = count()
        self._serving = False

    def wake_at(self, announcer: Announcer, at: float) -> None:
        """Have an announcer look again at `at`, unless it does so earlier."""
        if at < announcer.alarm:
            announcer.alarm = at
            heapq.heappush(self._alarms, (at, next(self._order), announcer))

    def tick(self, now: float) -> None:
        """Let everybody look who has something due."""
        alarms = self._alarms
        while alarms and alarms[0][0] <= now:
            at, _, announcer = heapq.heappop(alarms)
            if at == announcer.alarm:
                announcer.alarm = math.inf
                announcer.look()

    def enter(self, place: Place, *, first: bool = False) -> None:
        """Stand in line for a tracker."""
        self._desk.enter(place, urlsplit(place.due.url).netloc, first=first)
        self._serve()

    def leave(self, place: Place, *, answered: bool | None = None) -> None:
        """Give the place back, or step out of the line; nothing happens to a place that is over."""
        if not self.withdraw(place):
            for other in self._desk.leave(place, answered=answered):
                other.give_up(other)
            self._serve()

    def withdraw(self, place: Place) -> bool:
        """Step out of the line; False for one that does not stand in any."""
        return self._desk.withdraw(place)

    def _serve(self) -> None:
        """Let those go who may; what they do at once may free places again."""
        if self._serving:
            return
        self._serving = True
        try:
            while places := self._desk.next():
                for place in places:
                    place.go(place)
        finally:
            self._serving = False


class Announcer:
    """The announces of one torrent under one info-hash. `spawn` begins a task of the torrent, unless it is over."""

    def __init__(
        self,
        state: State,
        announces: Announces,
        info_hash: InfoHash,
        port: int,
        on_reply: Callable[[AnnounceReply, str], None],
        spawn: Callable[[Coroutine[Any, Any, None]], bool],
    ) -> None:
        self.alarm = math.inf
        """When `Announces` lets it look again; kept by it alone."""
        self._state = state
        self._announces = announces
        self._info_hash = info_hash
        self._port = port
        self._on_reply = on_reply
        self._spawn = spawn
        self._places: dict[Place, None] = {}
        self._parting = 0
        self._start_again = False
        self._over = False
        self._key = state.rng.getrandbits(32)
        self._tiers = Tiers(
            state.metainfo.trackers, state.rng, private=state.metainfo.private, complete=state.pieces.done
        )
        if state.paused:
            self._tiers.stop()

    def look(self) -> None:
        """Announce what is due, and have it looked at again when the next is."""
        if self._over:
            return
        for due in self._tiers.due(asyncio.get_running_loop().time()):
            place = Place(due, self._go, self._give_up)
            self._places[place] = None
            self._announces.enter(place)
        at = self._tiers.next_deadline()
        if at is not None:
            self._announces.wake_at(self, at)

    def completed(self) -> None:
        """Tell the trackers that the last piece has come."""
        self._tiers.complete()
        self.look()

    def announce_now(self) -> None:
        """Announce as soon as the trackers allow it."""
        self._tiers.announce_now(asyncio.get_running_loop().time())
        self.look()

    def add_tier(self, urls: tuple[str, ...]) -> None:
        """Add a tier of trackers behind the others."""
        self._tiers.add_tier(urls)
        self.look()

    def start(self) -> None:
        """Begin again after `stop`, as soon as its last words are said: no tracker may hear them after `started`."""
        self._start_again = self._parting > 0
        if not self._start_again:
            self._tiers.start(complete=self._state.pieces.done)
            self.look()

    def stop(self, *, last: bool = False) -> Coroutine[Any, Any, None]:
        """End the schedule now; the work returned says `stopped` to every tracker that knows us, under a deadline.

        After the `last` stop nothing is announced any more; call it when no task of the torrent is left.
        """
        self._over = last
        self._start_again = False
        self._parting += 1
        unheard = set()
        for place in [place for place in self._places if self._announces.withdraw(place)]:
            del self._places[place]
            if place.due.event == "started":
                unheard.add(place.due.url)
        if last:  # a task that was cancelled before its first step could not give its place back
            for place in self._places:
                self._announces.leave(place)
            self._places.clear()
        return self._part([due for due in self._tiers.stop() if due.url not in unheard])

    async def _part(self, last_words: list[Due]) -> None:
        seconds = self._state.config.tracker.stop_timeout
        try:
            async with asyncio.timeout(seconds):
                await asyncio.gather(*(self._say_last(due, seconds) for due in last_words))
        except TimeoutError:
            pass
        finally:
            self._parting -= 1
            if self._start_again and not self._parting:
                self.start()

    def views(self, now: float) -> list[TrackerView]:
        """Describe every tracker."""
        return self._tiers.views(now)

    def _go(self, place: Place) -> None:
        if not self._spawn(self._announce(place)):
            self._places.pop(place, None)
            self._announces.leave(place)

    def _give_up(self, place: Place) -> None:
        self._places.pop(place, None)
        self._failed(place.due, TrackerError("did not answer other torrents either"))
        self.look()

    async def _say_last(self, due: Due, seconds: float) -> None:
        """Say `stopped` to one tracker when there is a place for it, or give up when it answers nobody."""
        free: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

        def tell(goes: bool) -> None:
            if not free.done():
                free.set_result(goes)

        place = Place(due, lambda _: tell(True), lambda _: tell(False))
        self._announces.enter(place, first=True)
        answered: bool | None = None
        try:
            if await free:
                answered = await self._ask(due, seconds)
        finally:
            self._announces.leave(place, answered=answered)

    async def _announce(self, place: Place) -> None:
        answered: bool | None = None
        try:
            answered = await self._ask(place.due, None)
        finally:
            self._places.pop(place, None)
            self._announces.leave(place, answered=answered)
        self.look()

    async def _ask(self, due: Due, seconds: float | None) -> bool:
        """Make an announce and hand on what comes of it; return whether the tracker answered."""
        state = self._state
        announce = Announce(
            info_hash=self._info_hash,
            peer_id=state.peer_id,
            port=self._port,
            uploaded=state.uploaded,
            downloaded=state.downloaded,
            left=state.pieces.left,
            event=due.event,
            numwant=0 if due.event == "stopped" else state.config.tracker.numwant,
            key=self._key,
            ip=state.config.tracker.announce_ip,
            tracker_id=due.tracker_id,
        )
        try:
            reply = await self._announces.client.announce(due.url, announce, timeout=seconds)
        except TrackerError as error:
            self._failed(due, error)
            return isinstance(error, TrackerRefused)
        self._tiers.answered(due.url, reply, asyncio.get_running_loop().time())
        state.hub.publish(
            TrackerAnswered(
                state.hex,
                shown_url(due.url),
                len(reply.peers),
                reply.seeds or 0,
                reply.leechers or 0,
                reply.warning,
            )
        )
        if due.event != "stopped":
            self._on_reply(reply, shown_url(due.url))
        return True

    def _failed(self, due: Due, error: TrackerError) -> None:
        retry_in = self._tiers.failed(due.url, error, asyncio.get_running_loop().time())
        self._state.hub.publish(TrackerFailed(self._state.hex, shown_url(due.url), str(error), retry_in))
