"""On which event loop does a command run, and what do signals do to it?

uvloop where it is installed. The first signal asks, the second one means it: `os._exit`, after the terminal was put
back, because whatever hangs by then must not hold the user. What is needed later is on disk already.
"""

from __future__ import annotations

import asyncio
import gc
import os
import signal
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from torrent.cli import exits

T = TypeVar("T")
CODES = {"SIGINT": exits.INTERRUPTED, "SIGTERM": exits.TERMINATED, "SIGHUP": exits.TERMINATED}


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run `coroutine` to its end on the best loop there is; what was loaded until now is never garbage."""
    gc.freeze()
    with asyncio.Runner(loop_factory=_factory()) as runner:
        return runner.run(coroutine)


@contextmanager
def signals(
    restore: Callable[[], None] = lambda: None, leave: Callable[[int], None] = os._exit
) -> Iterator[asyncio.Future[int]]:
    """Give a future that the first signal fills with its exit code; the second calls `restore` and leaves at once."""
    loop = asyncio.get_running_loop()
    first: asyncio.Future[int] = loop.create_future()

    def on_signal(code: int) -> None:
        if not first.done():
            first.set_result(code)
            return
        restore()
        leave(code)

    caught = []
    for name, code in CODES.items():
        number = getattr(signal, name, None)
        try:
            if number is not None:
                loop.add_signal_handler(number, on_signal, code)
                caught.append(number)
        except (NotImplementedError, RuntimeError, ValueError):
            continue
    try:
        yield first
    finally:
        for number in caught:
            loop.remove_signal_handler(number)


def leaf(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """Return the first real exception in a group: one plain error is what a command ends with."""
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def _factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:
        return None
    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return factory
