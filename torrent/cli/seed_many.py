"""How does one command seed hundreds or thousands of torrents, and what is worth telling of them?

`Many` carries them like a `Run`, with the same signals and exit codes, but nothing of it costs something per torrent
while they rest: no task, no view, no line. A few are added at a time; then one line tells of all of them, every now and
then, and a line of its own has only what went wrong. As JSON: `added` for each torrent, `summary` at most twice a
second and only when it says something new.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from torrent.cli.live import Job, Run, whole
from torrent.cli.progress import Json, Progress
from torrent.errors import DiskError, TorrentError
from torrent.events import TorrentFailed
from torrent.terms import Address
from torrent.units import format_elapsed, format_rate, format_size

if TYPE_CHECKING:
    from torrent import Session
    from torrent.hub import Subscription
    from torrent.views import SessionView, TorrentView

FEW = 20
"""Torrents up to which each has its own line."""

AT_ONCE = 50
"""Torrents being added at once."""

LOOK_SECONDS = 0.5
TELL_SECONDS = 10.0


class Many(Run):
    """All torrents of one `seed` of many."""

    async def _together(
        self, session: Session, jobs: Sequence[Job], peers: Sequence[Address], stopped: asyncio.Future[int]
    ) -> list[tuple[Job, TorrentView | None]]:
        began = self._clock()
        events = session.hub.subscribe(10_000)
        teller = Teller(self._progress, len(jobs), self._clock)
        async with asyncio.TaskGroup() as group:
            ended = group.create_task(self._carry_all(session, jobs, peers, teller, began))
            ticker = group.create_task(self._tell_for_ever(session, jobs, teller, events))
            either: list[asyncio.Future[Any]] = [ended, stopped]
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            ended.cancel()
            ticker.cancel()
        self._hear(jobs, events)
        teller.tell(session.view(), last=True)
        if stopped.done():
            self._code = max(self._code, stopped.result())
        return []

    async def _carry_all(
        self, session: Session, jobs: Sequence[Job], peers: Sequence[Address], teller: Teller, began: float
    ) -> None:
        """Add all, then wait until none is left; each has a task only where a goal of seeding may end it."""
        waiting = iter(jobs)
        async with asyncio.TaskGroup() as group:
            for _ in range(min(AT_ONCE, len(jobs))):
                group.create_task(self._add(session, waiting, peers, teller))
        seeding = [job for job in jobs if not job.ended and job.torrent is not None]
        self._progress.note(
            f"seeding {len(seeding)} of {len(jobs)} torrents, loaded in {format_elapsed(self._clock() - began)}"
        )
        teller.tell(session.view(), now=True)
        goal = self._config.seed
        if not seeding:
            return
        if not (goal.time or goal.ratio):
            await asyncio.Event().wait()
        async with asyncio.TaskGroup() as group:
            for job in seeding:
                group.create_task(self._until_goal(job, teller))

    async def _add(self, session: Session, waiting: Iterator[Job], peers: Sequence[Address], teller: Teller) -> None:
        for job in waiting:
            try:
                torrent = await session.add(
                    job.metainfo, job.directory, peers=peers, seed_only=job.seed_only, **job.options
                )
                view = torrent.view()
                if isinstance(self._progress, Json):
                    self._progress.added(view, {"source": job.source, "version": job.metainfo.version})
                try:
                    whole(view)
                except TorrentError:
                    await session.remove(torrent)
                    raise
                job.torrent = torrent
                teller.seeding += 1
            except (TorrentError, OSError) as error:
                if isinstance(error, BrokenPipeError):
                    raise
                job.ended = True
                teller.failed += 1
                self._failed(error, job=job)

    async def _until_goal(self, job: Job, teller: Teller) -> None:
        if job.torrent is not None:
            with suppress(DiskError):  # told when it happened
                await job.torrent.stopped()
        job.ended = True
        teller.seeding -= 1

    async def _tell_for_ever(self, session: Session, jobs: Sequence[Job], teller: Teller, events: Subscription) -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            self._hear(jobs, events)
            teller.tell(session.view())

    def _hear(self, jobs: Sequence[Job], events: Subscription) -> None:
        """Tell of what went wrong with a torrent that was seeding."""
        for event in events.pop():
            if isinstance(event, TorrentFailed):
                job = next((job for job in jobs if job.metainfo.hex == event.info_hash), None)
                self._failed(DiskError(event.reason), job=job, what=event.info_hash)


class Teller:
    """Says how all of them are doing, when there is something to say."""

    def __init__(self, progress: Progress, total: int, clock: Any = time.monotonic) -> None:
        self.seeding = 0
        self.failed = 0
        self._progress = progress
        self._total = total
        self._clock = clock
        self._said: tuple[object, ...] = ()
        self._next = clock() + TELL_SECONDS

    def tell(self, view: SessionView, *, now: bool = False, last: bool = False) -> None:
        """Tell of the session; `now` without waiting for the next time, `last` that this is the end."""
        facts: dict[str, Any] = {
            "torrents": self._total,
            "seeding": self.seeding,
            "failed": self.failed,
            "up": round(view.rate_up),
            "peers": view.peers,
            "uploaded": view.uploaded,
        }
        news = tuple(facts.values())
        if isinstance(self._progress, Json):
            if news != self._said or last:
                self._said = news
                self._progress.output.record({"v": 1, "type": "summary", **facts})
            return
        if last:
            self._progress.note(f"stopped, sent {format_size(view.uploaded)} of {self.seeding} torrents")
        elif not now and self._clock() >= self._next and news != self._said:
            self._next = self._clock() + TELL_SECONDS
            self._said = news
            parts = [time.strftime("%H:%M:%S"), f"seeding {self.seeding}"]
            parts += [f"failed {self.failed}"] if self.failed else []
            parts += [f"up {format_rate(view.rate_up)}", f"sent {format_size(view.uploaded)}", f"peers {view.peers}"]
            self._progress.note("  ".join(parts))
