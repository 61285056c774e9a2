"""How does a command speak?

Data goes to standard output, everything meant for a person to standard error. A line never holds more than it should:
both ways pass through `safe_text`, so no name from a torrent commands a terminal; JSON is written with escapes only,
one object a line, flushed at once. A reader that went away is a `BrokenPipeError`: `app.run` makes it exit 141.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import Any, TextIO

import click

from torrent.errors import TorrentError
from torrent.text import safe_text


class Output:
    """Everything one run says, and how loudly."""

    def __init__(self) -> None:
        self.json = False
        self.verbosity = 0
        self.quiet = False
        self.color = "auto"
        self.config_path: str | None = None
        self.argv: tuple[str, ...] = ()

    def data(self, line: str) -> None:
        """Write one line of data."""
        sys.stdout.write(safe_text(line, len(line) + 1) + "\n")

    def record(self, value: Mapping[str, Any]) -> None:
        """Write one JSON object as a line, at once."""
        import json

        sys.stdout.write(json.dumps(value, ensure_ascii=True, separators=(",", ":")) + "\n")
        sys.stdout.flush()

    def say(self, line: str, **style: Any) -> None:
        """Tell the person something, unless they asked for quiet."""
        if not self.quiet:
            self._human(line, **style)

    def detail(self, line: str) -> None:
        """Tell the person something they asked for with -v."""
        if self.verbosity:
            self._human(line)

    def warn(self, line: str) -> None:
        """Warn; also when quiet was asked for."""
        self._labelled("warning", "yellow", line)

    def error(self, error: BaseException | str, *, what: str = "") -> None:
        """Say in one line what went wrong, and in a second one what may help."""
        text = describe(error)
        self._labelled("error", "red", f"{what}: {text}" if what else text)
        hint = getattr(error, "hint", "")
        if hint:
            self._human(f"hint: {hint}")

    def coloured(self, stream: TextIO | None = None) -> bool:
        """Is colour wanted on `stream` (default: standard error)?"""
        if self.color != "auto":
            return self.color == "always"
        stream = stream or sys.stderr
        return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"

    def glyph(self, rich: str, plain: str) -> str:
        """Return `rich` where the locale can show it, else `plain`."""
        return rich if unicode_locale() else plain

    def _labelled(self, label: str, colour: str, line: str) -> None:
        head = f"{label}:"
        if self.coloured():
            head = click.style(head, fg=colour, bold=True)
        self._write(f"torrent: {head} {safe_text(line, len(line) + 1)}")

    def _human(self, line: str, **style: Any) -> None:
        text = safe_text(line, len(line) + 1)
        self._write(click.style(text, **style) if style and self.coloured() else text)

    @staticmethod
    def _write(text: str) -> None:
        sys.stderr.write(text + "\n")
        sys.stderr.flush()


def describe(error: BaseException | str) -> str:
    """Return one plain sentence for any error."""
    if isinstance(error, str):
        return error
    if isinstance(error, OSError) and error.strerror:
        name = f"{error.filename}: " if error.filename is not None else ""
        return f"{name}{error.strerror[:1].lower()}{error.strerror[1:]}"
    if isinstance(error, TorrentError):
        return str(error) or type(error).__name__
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


def unicode_locale() -> bool:
    """Can the locale of this process show more than ASCII?"""
    for variable in ("LC_ALL", "LC_CTYPE", "LANG"):
        value = os.environ.get(variable)
        if value:
            return "utf-8" in value.lower() or "utf8" in value.lower()
    return sys.platform in ("darwin", "win32")


def current(ctx: click.Context | None = None) -> Output:
    """Return the `Output` of the running command."""
    ctx = ctx or click.get_current_context()
    return ctx.ensure_object(Output)
