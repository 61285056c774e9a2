"""How do trackers learn of us, and we of peers? (S)

One task per name of the swarm (a hybrid torrent has two, BEP 52): it sleeps until `tracker.Tiers` has something due,
announces to all that are due at once, and hands the peers on. Its last words are the `stopped` announces, sent side by
side under one deadline, so a tracker that hangs cannot hold the exit.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from torrent.errors import TrackerError
from torrent.events import TrackerAnswered, TrackerFailed
from torrent.swarm.state import State
from torrent.terms import InfoHash
from torrent.tracker import Announce, AnnounceReply, Due, Tiers, TrackerClient, shown_url
from torrent.views import TrackerView


class Announcer:
    """The announces of one torrent under one info-hash."""

    def __init__(
        self,
        state: State,
        client: TrackerClient,
        info_hash: InfoHash,
        port: int,
        on_reply: Callable[[AnnounceReply, str], None],
    ) -> None:
        self._state = state
        self._client = client
        self._info_hash = info_hash
        self._port = port
        self._on_reply = on_reply
        self._wake = asyncio.Event()
        self._parting = 0
        self._start_again = False
        self._key = state.rng.getrandbits(32)
        self._tiers = Tiers(
            state.metainfo.trackers, state.rng, private=state.metainfo.private, complete=state.pieces.done
        )
        if state.paused:
            self._tiers.stop()

    async def run(self) -> None:
        """Announce for ever; cancel to end it."""
        loop = asyncio.get_running_loop()
        async with asyncio.TaskGroup() as group:
            while True:
                self._wake.clear()
                for due in self._tiers.due(loop.time()):
                    group.create_task(self._announce(due))
                at = self._tiers.next_deadline()
                try:
                    async with asyncio.timeout_at(at):
                        await self._wake.wait()
                except TimeoutError:
                    pass

    def completed(self) -> None:
        """Tell the trackers that the last piece has come."""
        self._tiers.complete()
        self._wake.set()

    def announce_now(self) -> None:
        """Announce as soon as the trackers allow it."""
        self._tiers.announce_now(asyncio.get_running_loop().time())
        self._wake.set()

    def add_tier(self, urls: tuple[str, ...]) -> None:
        """Add a tier of trackers behind the others."""
        self._tiers.add_tier(urls)
        self._wake.set()

    def start(self) -> None:
        """Begin again after `stop`, as soon as its last words are said: no tracker may hear them after `started`."""
        self._start_again = self._parting > 0
        if not self._start_again:
            self._tiers.start(complete=self._state.pieces.done)
            self._wake.set()

    def stop(self) -> Coroutine[Any, Any, None]:
        """End the schedule now; the work returned says `stopped` to every tracker that knows us, under a deadline."""
        self._start_again = False
        self._parting += 1
        return self._part(self._tiers.stop())

    async def _part(self, last_words: list[Due]) -> None:
        seconds = self._state.config.tracker.stop_timeout
        try:
            async with asyncio.timeout(seconds):
                await asyncio.gather(*(self._announce(due, seconds) for due in last_words))
        except TimeoutError:
            pass
        finally:
            self._parting -= 1
            if self._start_again and not self._parting:
                self.start()

    def views(self, now: float) -> list[TrackerView]:
        """Describe every tracker."""
        return self._tiers.views(now)

    async def _announce(self, due: Due, seconds: float | None = None) -> None:
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
        loop = asyncio.get_running_loop()
        try:
            reply = await self._client.announce(due.url, announce, timeout=seconds)
        except TrackerError as error:
            retry_in = self._tiers.failed(due.url, error, loop.time())
            state.hub.publish(TrackerFailed(state.hex, shown_url(due.url), str(error), retry_in))
        else:
            self._tiers.answered(due.url, reply, loop.time())
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
        self._wake.set()
