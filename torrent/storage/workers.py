"""How does work leave the loop for a thread, and how do its results come back? (shell)

A few threads take jobs from one queue. Results go into a deque, and the loop is woken once for a whole batch of them,
so a job costs a few microseconds of the loop and no future. Jobs run in order of submission.

Invariants: `done` is called exactly once for each job, on the loop thread. What a job raises arrives there as a value;
nothing a job does ends a thread.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, TypeVar

T = TypeVar("T")

Done = Callable[[Any, BaseException | None], None]


class Workers:
    """`threads` threads called `name`, started by the first job."""

    def __init__(self, threads: int, name: str) -> None:
        self.threads = max(1, threads)
        self._name = name
        self._jobs: SimpleQueue[tuple[Callable[[], Any], Done] | None] = SimpleQueue()
        self._results: deque[tuple[Done, Any, BaseException | None]] = deque()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._running: list[threading.Thread] = []
        self._woken = False

    def submit(self, work: Callable[[], T], done: Callable[[T | None, BaseException | None], None]) -> None:
        """Run `work` in a thread, then `done(result, error)` on the loop."""
        if self._loop is None:
            self._start()
        self._jobs.put((work, done))

    async def run(self, work: Callable[[], T]) -> T:
        """Run `work` in a thread and return or raise what it does."""
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()

        def done(result: T | None, error: BaseException | None) -> None:
            if future.cancelled():
                return
            if error is not None:
                future.set_exception(error)
            else:
                future.set_result(result)  # type: ignore[arg-type]

        self.submit(work, done)
        return await future

    async def close(self, timeout: float = 5.0) -> None:
        """End the threads when the jobs already submitted are done, or stop waiting for them after `timeout`."""
        if self._loop is None:
            return
        try:
            await asyncio.wait_for(self.run(lambda: None), timeout)
        except TimeoutError:
            pass
        for _ in self._running:
            self._jobs.put(None)
        self._running.clear()
        self._loop = None

    def _start(self) -> None:
        self._loop = asyncio.get_running_loop()
        for number in range(self.threads):
            thread = threading.Thread(target=self._work, args=(self._loop,), name=f"{self._name}-{number}", daemon=True)
            self._running.append(thread)
            thread.start()

    def _work(self, loop: asyncio.AbstractEventLoop) -> None:
        take, results = self._jobs.get, self._results
        while (job := take()) is not None:
            work, done = job
            try:
                results.append((done, work(), None))
            except BaseException as error:
                results.append((done, None, error))
            del job, work, done
            if not self._woken:
                self._woken = True
                try:
                    loop.call_soon_threadsafe(self._deliver)
                except RuntimeError:
                    return

    def _deliver(self) -> None:
        self._woken = False
        results = self._results
        while results:
            done, result, error = results.popleft()
            try:
                done(result, error)
            except Exception as problem:
                asyncio.get_running_loop().call_exception_handler(
                    {"message": "a disk callback failed", "exception": problem}
                )
