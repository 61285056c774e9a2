"""Who looks after the tasks of one torrent, and who wakes those that wait for it? (S)

`Tasks` is the parent of every dial and announce: it holds them, ends them together, and an error of ours in one of them
ends all and is told. While a torrent has nothing to do it has no task. `Bell` wakes whoever waits for news; it is
nothing while nobody does.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any


class Tasks:
    """The tasks of one torrent. `on_error` hears of every exception that escapes one of them; the first ends all."""

    __slots__ = ("_on_error", "_running", "ending")

    def __init__(self, on_error: Callable[[BaseException], None]) -> None:
        self._on_error = on_error
        self._running: set[asyncio.Task[None]] = set()
        self.ending = False
        """Nothing is begun any more."""

    def __len__(self) -> int:
        return len(self._running)

    def spawn(self, work: Coroutine[Any, Any, None]) -> bool:
        """Begin some work; False if it is too late for it."""
        if self.ending:
            work.close()
            return False
        task = asyncio.get_running_loop().create_task(work)
        self._running.add(task)
        task.add_done_callback(self._done)
        return True

    def cancel(self) -> None:
        """End everything that is under way, and begin nothing any more."""
        self.ending = True
        for task in self._running:
            task.cancel()

    async def ended(self) -> None:
        """Return when nothing is under way."""
        while self._running:
            await asyncio.wait(set(self._running))

    def _done(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self.cancel()
            self._on_error(error)


class Bell:
    """Wakes everybody who waits."""

    __slots__ = ("_waiting", "rung")

    def __init__(self) -> None:
        self.rung = 0
        """How often it rang."""
        self._waiting: list[asyncio.Future[None]] | None = None

    def ring(self) -> None:
        """Wake those who wait now."""
        self.rung += 1
        waiting, self._waiting = self._waiting, None
        for future in waiting or ():
            if not future.done():
                future.set_result(None)

    async def wait(self) -> None:
        """Return when it rings next."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if self._waiting is None:
            self._waiting = []
        self._waiting.append(future)
        await future
