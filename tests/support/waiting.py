"""How does a test wait for something outside itself? By polling a condition under a deadline, never by a bare sleep."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

_never = threading.Event()


def pause(seconds: float) -> None:
    """Give up the processor for a moment (used between two polls only)."""
    _never.wait(seconds)


def eventually(
    probe: Callable[[], T],
    timeout: float,
    what: str = "",
    *,
    every: float = 0.05,
    on_timeout: Callable[[], str] | None = None,
) -> T:
    """Return the first truthy value of `probe`; AssertionError after `timeout` seconds.

    `on_timeout` gives a text for the failure, such as the tail of a log.
    """
    deadline = time.monotonic() + timeout
    while True:
        value = probe()
        if value:
            return value
        if time.monotonic() > deadline:
            tail = on_timeout() if on_timeout else ""
            raise AssertionError(f"not within {timeout:g} s: {what or probe}\n{tail}")
        pause(every)
