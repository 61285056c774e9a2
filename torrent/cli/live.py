"""How does one process carry several torrents from the first line to the exit code?

`Run` owns the session, the progress and one task for each job; a job that fails ends alone, with its line and its code,
and the highest code is the run's. The first SIGINT or SIGTERM stops everything in order (the session flushes, saves and
says goodbye to trackers on its way out) and prints how to go on; the second leaves at once.
"""

from __future__ import annotations

import asyncio
import os
import shlex
import socket
import time
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torrent.cli import exits, loop
from torrent.cli.exits import BadDataError
from torrent.cli.output import Output, describe
from torrent.cli.progress import Progress
from torrent.errors import InputError, NetworkError, RemoteError, TorrentError
from torrent.terms import Address
from torrent.units import format_time

if TYPE_CHECKING:
    from torrent import Session, Torrent
    from torrent.config import Config
    from torrent.metainfo import Metainfo
    from torrent.views import TorrentView


@dataclass(eq=False)
class Job:
    """One torrent of a run, and how it is going. `options` go to `Session.add` as they are."""

    source: str
    metainfo: Metainfo
    directory: Path
    options: dict[str, Any] = field(default_factory=dict)
    seed_only: bool = False
    torrent: Torrent | None = None
    ended: bool = False
    reached: bool = False
    stalled: bool = False
    moved: tuple[float, int] = (0.0, -1)
    deadline: asyncio.Timeout | None = None


@dataclass(frozen=True)
class Rules:
    """When a run gives up, and what it does when a torrent is complete. Times are seconds, 0 means never."""

    timeout: float = 0.0
    stall: float = 0.0
    seed: bool = False
    peers: tuple[Address, ...] = ()
    on_complete: str = ""
    free_port: bool = False
    """Take another port if the one in the settings is in use."""


class Run:
    """All torrents of one command."""

    def __init__(
        self,
        config: Config,
        output: Output,
        progress: Progress,
        rules: Rules,
        *,
        session: Callable[[Config], Session] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._config = config
        self._output = output
        self._progress = progress
        self._rules = rules
        self._make = session or _session
        self._clock = clock
        self._code = exits.OK

    async def carry(self, jobs: Sequence[Job], failures: Sequence[tuple[str, BaseException]] = ()) -> int:
        """Carry out `jobs` and return the exit code; `failures` are inputs that came to nothing before."""
        left: list[tuple[Job, TorrentView | None]] = []
        try:
            async with AsyncExitStack() as stack:
                if jobs:
                    stopped = stack.enter_context(loop.signals(self._progress.close))
                    peers = await resolved(self._rules.peers)
                    session = await self._open(stack)
                    self._progress.listening(session.port)
                for what, error in failures:
                    self._failed(error, what=what)
                if jobs:
                    left = await self._together(session, jobs, peers, stopped)
                    self._progress.close()
        except BaseExceptionGroup as group:
            raise loop.leaf(group) from None
        finally:
            self._progress.close()
        for job, view in left:
            if view is None:
                self._failed(TorrentError("stopped before it began"), job=job, code=self._code)
            else:
                self._progress.stopped(view, self._resume(), self._code)
        return self._code

    async def _open(self, stack: AsyncExitStack) -> Session:
        try:
            return await stack.enter_async_context(self._make(self._config))
        except NetworkError as error:
            if not self._rules.free_port:
                raise
            self._output.warn(f"{error}; taking a free port instead")
        return await stack.enter_async_context(self._make(replace(self._config, net=replace(self._config.net, port=0))))

    async def _together(
        self, session: Session, jobs: Sequence[Job], peers: Sequence[Address], stopped: asyncio.Future[int]
    ) -> list[tuple[Job, TorrentView | None]]:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._follow(session, job, peers)) for job in jobs]
            ticker = group.create_task(self._tick(session, jobs))
            everything = group.create_task(_ended(tasks))
            either: list[asyncio.Future[Any]] = [everything, stopped]
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            left = [(job, job.torrent.view() if job.torrent else None) for job in jobs if not job.ended]
            for task in (*tasks, ticker, everything):
                task.cancel()
        if stopped.done():
            self._code = max(self._code, stopped.result())
        return left

    async def _follow(self, session: Session, job: Job, peers: Sequence[Address]) -> None:
        started = self._clock()
        try:
            torrent = await session.add(
                job.metainfo, job.directory, peers=peers, seed_only=job.seed_only, **job.options
            )
            job.torrent, job.moved = torrent, (self._clock(), -1)
            self._progress.added(torrent.view(), {"source": job.source, "version": job.metainfo.version})
            if job.seed_only:
                whole(torrent.view())
            elif not await self._completed(job, torrent):
                await session.remove(torrent)
                return
            else:
                self._progress.done(torrent.view(), self._clock() - started)
            view = torrent.view()
            job.ended = not self._rules.seed
            await self._on_complete(view)
            if self._rules.seed:
                await torrent.stopped()
                self._progress.note(f"{view.name}: the goal of seeding is met")
        except (TorrentError, OSError) as error:
            if isinstance(error, BrokenPipeError):
                raise
            self._failed(error, job=job)
        job.ended = True

    async def _completed(self, job: Job, torrent: Torrent) -> bool:
        try:
            async with asyncio.timeout(self._rules.timeout or None) as job.deadline:
                await torrent.completed()
            return True
        except TimeoutError:
            self._gave_up(job)
            return False
        finally:
            job.deadline = None

    def _gave_up(self, job: Job) -> None:
        job.ended = True
        after = format_time(self._rules.stall if job.stalled else self._rules.timeout)
        if not job.reached:
            self._failed(RemoteError(f"no peers reached after {after}"), job=job, code=exits.NO_PEERS)
            return
        why = f"no data came for {after}" if job.stalled else f"not done after {after}"
        self._failed(TorrentError(why, hint=f"resume: {self._resume()}"), job=job, code=exits.UNFINISHED)

    async def _tick(self, session: Session, jobs: Sequence[Job]) -> None:
        while True:
            views = []
            for job in jobs:
                torrent = job.torrent or session.torrents.get(job.metainfo.hex)
                if torrent is not None and not job.ended:
                    view = torrent.view()
                    views.append(view)
                    self._watch(job, view)
            if views:
                self._progress.tick(views)
            await asyncio.sleep(self._progress.period)

    def _watch(self, job: Job, view: TorrentView) -> None:
        job.reached = job.reached or view.peers > 0 or view.downloaded > 0
        now = self._clock()
        if view.downloaded != job.moved[1] or view.status != "downloading":
            job.moved = (now, view.downloaded)
        elif self._rules.stall and now - job.moved[0] >= self._rules.stall and job.deadline is not None:
            job.stalled = True
            job.deadline.reschedule(asyncio.get_running_loop().time())

    async def _on_complete(self, view: TorrentView) -> None:
        argv = shlex.split(self._rules.on_complete)
        if not argv:
            return
        env = {**os.environ, "BT_NAME": view.name, "BT_PATH": view.path, "BT_HASH": view.info_hash}
        try:
            process = await asyncio.create_subprocess_exec(*argv, env=env, stdin=asyncio.subprocess.DEVNULL, stdout=2)
        except OSError as error:
            self._progress.note(f"on-complete: {describe(error)}", fg="yellow")
            return
        code = await process.wait()
        if code:
            self._progress.note(f"on-complete: {argv[0]} ended with code {code}", fg="yellow")

    def _failed(self, error: BaseException, *, what: str = "", job: Job | None = None, code: int | None = None) -> None:
        code = exits.code_of(error) if code is None else code
        self._code = max(self._code, code)
        if job is not None:
            self._progress.failed(error, code, what=job.metainfo.name, info_hash=job.metainfo.hex)
        else:
            self._progress.failed(error, code, what=what)

    def _resume(self) -> str:
        return shlex.join(["torrent", *self._output.argv])


def whole(view: TorrentView) -> None:
    """Raise `BadDataError` unless every piece of the torrent was found good."""
    if view.pieces_done < view.pieces:
        missing = view.pieces - view.pieces_done
        raise BadDataError(
            f"{missing} of {view.pieces} pieces are missing or bad in {view.path}",
            hint="`torrent verify` says which files; `torrent download` fetches what is missing",
        )


async def resolved(peers: Sequence[Address]) -> list[Address]:
    """Return `peers` with names looked up; raises `InputError`."""
    found = []
    for peer in peers:
        try:
            infos = await asyncio.get_running_loop().getaddrinfo(*peer, type=socket.SOCK_STREAM)
        except OSError as error:
            raise InputError(f"peer {peer}: {describe(error)}") from None
        found.append(Address(str(infos[0][4][0]), peer.port))
    return found


async def _ended(tasks: Sequence[asyncio.Task[None]]) -> None:
    await asyncio.wait(tasks)


def _session(config: Config) -> Session:
    from torrent import Session
    from torrent.settings import state_folder

    return Session(config, state_dir=state_folder(os.environ))
