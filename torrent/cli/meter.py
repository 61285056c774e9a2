"""How does long local work (hashing) show how far it is?

One line on standard error, rewritten in place, only if that is a terminal; nothing anywhere else.
"""

from __future__ import annotations

import shutil
import sys
import time
from types import TracebackType

from torrent.cli.output import Output
from torrent.units import format_percent, format_rate, format_time

PERIOD = 0.25


class Meter:
    """Call it with bytes done and bytes in all; from any one thread at a time."""

    def __init__(self, output: Output, verb: str) -> None:
        self._verb = verb
        self._shown = sys.stderr.isatty() and not output.quiet
        self._started = time.monotonic()
        self._last = 0.0
        self._wrote = False

    def __enter__(self) -> Meter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._wrote:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()

    def __call__(self, done: int, total: int) -> None:
        """Show how far it is, at most four times a second."""
        now = time.monotonic()
        if not self._shown or now - self._last < PERIOD:
            return
        self._last, self._wrote = now, True
        rate = done / max(now - self._started, 0.001)
        left = format_time((total - done) / rate, infinite="-") if rate else "-"
        line = f"{self._verb} {format_percent(done, total)}  {format_rate(rate)}  {left} left"
        sys.stderr.write("\r\x1b[K" + line[: shutil.get_terminal_size().columns - 1])
        sys.stderr.flush()

    @property
    def seconds(self) -> float:
        """Seconds since it began."""
        return time.monotonic() - self._started
