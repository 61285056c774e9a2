"""How do tests run real sessions beside each other? Small torrents, loopback addresses, and a watch for loose ends."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import socket
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tests.support.payload import sha256_tree, tree
from torrent.config import Config, DiskConfig, DownloadConfig, NetConfig, SeedConfig, TrackerConfig
from torrent.create import create
from torrent.handle import Torrent
from torrent.metainfo import Metainfo
from torrent.session import Session
from torrent.terms import Address

PATIENCE = 60.0
"""Seconds any wait may take on a busy machine; nothing is measured by it."""


@dataclass(frozen=True)
class Sample:
    """A torrent and the folder that holds its data."""

    metainfo: Metainfo
    folder: Path

    @property
    def digests(self) -> dict[str, str]:
        return sha256_tree(self.folder / self.metainfo.name)


def make_sample(
    folder: Path, sizes: Mapping[str, int] | int = 3_000_000, *, name: str = "data", seed: int = 1, **options: Any
) -> Sample:
    """Create files and a torrent of them; one file alone if `sizes` is a number."""
    options.setdefault("piece_length", 65536)
    files = {name: sizes} if isinstance(sizes, int) else {f"{name}/{path}": size for path, size in sizes.items()}
    tree(folder, files, seed)
    return Sample(Metainfo.from_bytes(create(folder / name, **options)), folder)


def settings(host: str = "127.0.0.1", *, disk: DiskConfig | None = None, **changes: Any) -> Config:
    """Settings of a session on a free port of `host`; the rest names fields of any section."""
    config = Config(
        net=NetConfig(port=0, bind=host), disk=disk or DiskConfig(), tracker=TrackerConfig(stop_timeout=1.0)
    )
    for section in ("download", "net", "seed", "disk", "tracker"):
        value: DownloadConfig | NetConfig | SeedConfig | DiskConfig | TrackerConfig = getattr(config, section)
        known = {key: changes.pop(key) for key in list(changes) if hasattr(value, key)}
        config = replace(config, **{section: replace(value, **known)})  # type: ignore[arg-type]
    assert not changes, f"no such settings: {changes}"
    return config


def address(session: Session) -> Address:
    """Where a session that is bound to one address listens."""
    return Address(session.config.net.bind, session.port)


async def finished(*torrents: Torrent) -> None:
    """Wait until all are complete."""
    async with asyncio.timeout(PATIENCE):
        await asyncio.gather(*(torrent.completed() for torrent in torrents))


async def eventually(probe: Callable[[], Any], what: str = "") -> Any:
    """Return the first truthy value of `probe`, looking again whenever the loop has time."""
    for _ in range(int(PATIENCE / 0.01)):
        value = probe()
        if value:
            return value
        await asyncio.sleep(0.01)
    raise AssertionError(f"never came true: {what or probe}")


@contextmanager
def nothing_unhandled() -> Iterator[list[str]]:
    """Fail at the end if anything was logged as an error, or ended in the loop's exception handler."""
    faults: list[str] = []

    class Collect(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            faults.append(self.format(record))

    handler = Collect(logging.ERROR)
    logging.getLogger().addHandler(handler)
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: faults.append(str(context)))
    try:
        yield faults
        gc.collect()
    finally:
        logging.getLogger().removeHandler(handler)
        loop.set_exception_handler(None)
    assert not faults, "\n".join(faults)


@asynccontextmanager
async def running() -> AsyncIterator[Callable[..., Awaitable[Session]]]:
    """Give a function that opens sessions, each on an address of its own unless told; they are closed side by side."""
    opened: list[Session] = []

    async def start(state_dir: Path | None = None, host: str | None = None, **changes: Any) -> Session:
        where = f"127.0.0.{len(opened) + 2}" if host is None else host
        session = Session(settings(where, **changes), state_dir=state_dir)
        opened.append(session)
        return await session.__aenter__()

    yield start
    await asyncio.gather(*(session.__aexit__(None, None, None) for session in opened))


@asynccontextmanager
async def nothing_amiss() -> AsyncIterator[None]:
    """Fail if an error is logged, an exception lost, or a task, thread or descriptor left."""
    async with leaving_nothing():
        with nothing_unhandled():
            yield


def descriptors() -> dict[int, str]:
    """Return what this process has open, by number; loose ends that only wait for the collector are collected."""
    gc.collect()
    found = {}
    for entry in Path("/proc/self/fd").iterdir() if Path("/proc/self/fd").is_dir() else ():
        try:
            found[int(entry.name)] = str(entry.readlink())
        except OSError:
            continue
    return found


def _is_the_loops(number: int, what: str) -> bool:
    """Say whether a descriptor may be one that uvloop keeps: its waking pair of sockets, one in reserve."""
    if what == "/dev/null":
        return True
    if not what.startswith("socket:"):
        return False
    try:
        with socket.socket(fileno=os.dup(number)) as copy:
            return copy.family == socket.AF_UNIX
    except OSError:
        return True


@asynccontextmanager
async def leaving_nothing() -> AsyncIterator[None]:
    """Fail if there are tasks, threads or descriptors at the end that were not there at the beginning."""
    tasks, threads, before = asyncio.all_tasks(), set(threading.enumerate()), descriptors()
    yield

    def loose() -> str:
        more = {number: what for number, what in descriptors().items() if before.get(number) != what}
        more = {number: what for number, what in more.items() if not _is_the_loops(number, what)}
        extra = [thread.name for thread in set(threading.enumerate()) - threads]
        extra = [name for name in extra if not name.startswith(("asyncio_", "uvloop_"))]  # the loop's own resolvers
        left = [str(task.get_coro()) for task in asyncio.all_tasks() - tasks - {asyncio.current_task()}]
        return f"tasks {left}, threads {extra}, descriptors {more}" if left or extra or more else ""

    for _ in range(200):  # sockets close one turn of the loop after they were told
        if not loose():
            return
        await asyncio.sleep(0.01)
    raise AssertionError(loose())
