"""How does a running download or seed show what it does?

One face, `Progress`, and four ways: JSON lines for programs, plain lines for logs and pipes, bars for a terminal
(`bar`), and nothing. Each is told happenings and, every `period` seconds, the views; it decides what is worth a line.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

from torrent.cli.output import Output, describe
from torrent.units import format_elapsed, format_percent, format_rate, format_ratio, format_size, format_time
from torrent.views import TorrentView

MODES = ("auto", "bar", "plain", "json", "none")
PLAIN_SECONDS = 10.0
PLAIN_SHARE = 0.05


class Progress:
    """Shows nothing but errors and results; the base of the others."""

    period = 0.5

    def __init__(self, output: Output) -> None:
        self.output = output

    def listening(self, port: int) -> None:
        """The session accepts peers on `port`."""
        self.output.detail(f"listening on port {port}")

    def added(self, view: TorrentView, facts: dict[str, Any]) -> None:
        """A torrent joined; `facts` are extra keys for programs."""

    def tick(self, views: Sequence[TorrentView]) -> None:
        """Time has passed; these are the torrents that still run."""

    def done(self, view: TorrentView, seconds: float) -> None:
        """Every wanted byte is verified and on disk."""
        self.note(done_line(self.output, view, seconds), fg="green")
        if not sys.stdout.isatty():
            self.output.data(view.path)
            sys.stdout.flush()

    def failed(self, error: BaseException, code: int, *, what: str = "", info_hash: str = "") -> None:
        """One of the inputs came to nothing."""
        self.output.error(error, what=what)

    def stopped(self, view: TorrentView, resume: str, code: int) -> None:
        """The user or the system stopped us."""
        share = percent_of(view)
        if not is_complete(view):
            self.note(f"{view.name}: stopped at {share}, resume: {resume}")
        else:
            self.note(f"{view.name}: stopped, sent {format_size(view.uploaded)}, ratio {format_ratio(view.ratio)}")

    def note(self, line: str, **style: Any) -> None:
        """Tell the person something in passing."""
        self.output.say(line, **style)

    def close(self) -> None:
        """Leave the terminal as it was."""


class Silent(Progress):
    """`--progress none`: the result alone."""


class Json(Progress):
    """One JSON object a line on standard output, at most two a second for one torrent."""

    def listening(self, port: int) -> None:
        self._line("listening", port=port)

    def added(self, view: TorrentView, facts: dict[str, Any]) -> None:
        self._line("added", hash=view.info_hash, name=view.name, total=view.wanted, path=view.path, **facts)

    def tick(self, views: Sequence[TorrentView]) -> None:
        for view in views:
            self._line("seeding" if view.status in ("seeding", "finished") else "progress", **facts_of(view))

    def done(self, view: TorrentView, seconds: float) -> None:
        self._line(
            "done",
            hash=view.info_hash,
            name=view.name,
            path=view.path,
            seconds=round(seconds, 3),
            bytes=view.done,
            downloaded=view.downloaded,
            uploaded=view.uploaded,
            hash_failures=view.hash_failures,
        )

    def failed(self, error: BaseException, code: int, *, what: str = "", info_hash: str = "") -> None:
        super().failed(error, code, what=what, info_hash=info_hash)
        facts: dict[str, Any] = {"hash": info_hash} if info_hash else {}
        facts["error"] = f"{what}: {describe(error)}" if what else describe(error)
        if getattr(error, "hint", ""):
            facts["hint"] = getattr(error, "hint", "")
        self._line("error", **facts, code=code)

    def stopped(self, view: TorrentView, resume: str, code: int) -> None:
        super().stopped(view, resume, code)
        share = percent_of(view)
        facts = {key: value for key, value in facts_of(view).items() if key in ("hash", "done", "total", "uploaded")}
        if not is_complete(view):
            self._line("error", **facts, error=f"stopped at {share}", hint=f"resume: {resume}", code=code)
        else:
            self._line("stopped", **facts, ratio=round(view.ratio, 4), code=code)

    def _line(self, kind: str, **facts: Any) -> None:
        self.output.record({"v": 1, "type": kind, **facts})


class Plain(Progress):
    """A line every ten seconds or five per cent, without control characters, for logs and pipes."""

    period = 0.5

    def __init__(self, output: Output, *, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(output)
        self._clock = clock
        self._said: dict[str, tuple[float, float, str]] = {}

    def added(self, view: TorrentView, facts: dict[str, Any]) -> None:
        self.note(f"{view.name}  {format_size(view.wanted)}  -> {view.path}")

    def tick(self, views: Sequence[TorrentView]) -> None:
        now = self._clock()
        for view in views:
            share = view.checked if view.status == "checking" else view.done / view.wanted if view.wanted else 1.0
            last = self._said.get(view.info_hash)
            if last is None:
                self._said[view.info_hash] = (now, share, view.status)
            elif now - last[0] >= PLAIN_SECONDS or share - last[1] >= PLAIN_SHARE or view.status != last[2]:
                self._said[view.info_hash] = (now, share, view.status)
                self.note(plain_line(view, time.strftime("%H:%M:%S"), named=len(views) > 1))


def make(mode: str, output: Output) -> Progress:
    """Return the `Progress` for a mode of `MODES`."""
    if output.json or mode == "json":
        output.json = True
        return Json(output)
    if mode == "none" or output.quiet:
        return Silent(output)
    if mode == "bar" or (mode == "auto" and sys.stderr.isatty() and sys.stdout.isatty()):
        from torrent.cli.bar import Bar

        return Bar(output)
    return Plain(output)


def is_complete(view: TorrentView) -> bool:
    """Is every wanted byte there?"""
    return view.done >= view.wanted and view.status not in ("downloading", "checking")


def percent_of(view: TorrentView) -> str:
    """Return how far a torrent is; 100% only when it is complete."""
    return format_percent(view.done if is_complete(view) else min(view.done, max(view.wanted - 1, 0)), view.wanted)


def facts_of(view: TorrentView) -> dict[str, Any]:
    """Return a view as the keys of a JSON line; `eta` is seconds or null, rates are whole bytes per second."""
    return {
        "hash": view.info_hash,
        "name": view.name,
        "status": view.status,
        "done": view.done,
        "total": view.wanted,
        "down": round(view.rate_down),
        "up": round(view.rate_up),
        "peers": view.peers,
        "seeds": view.seeds,
        "eta": None if view.eta is None else round(view.eta),
        "downloaded": view.downloaded,
        "uploaded": view.uploaded,
    }


def plain_line(view: TorrentView, clock: str, *, named: bool) -> str:
    """Return one line about one torrent, for a log."""
    parts = [clock, percent_of(view)]
    if view.status in ("seeding", "finished"):
        parts += [view.status, f"up {format_rate(view.rate_up)}", f"sent {format_size(view.uploaded)}"]
        parts += [f"ratio {format_ratio(view.ratio)}", f"peers {view.peers}"]
    elif view.status == "downloading":
        parts += [f"{format_size(view.done)}/{format_size(view.wanted)}", format_rate(view.rate_down)]
        parts += [f"eta {format_time(view.eta, infinite='unknown')}", f"peers {view.peers}"]
    else:
        parts.append(state_words(view))
    return "  ".join([*parts, view.name] if named else parts)


def state_words(view: TorrentView) -> str:
    """Say what a torrent is doing when it is not simply moving bytes."""
    if view.status == "checking":
        return f"checking {int(view.checked * 100)}%"
    if view.status == "downloading" and not view.peers:
        return view.reason or "no peers yet"
    return f"{view.status}: {view.reason}" if view.reason else view.status


def done_line(output: Output, view: TorrentView, seconds: float) -> str:
    """Return the line that ends a download well."""
    mark, arrow = output.glyph("✔", "ok:"), output.glyph("→", "->")
    if not view.downloaded:
        return f"{mark} {view.name}: all {format_size(view.done)} was there already  {arrow} {view.path}"
    parts = [f"{mark} done in {format_elapsed(seconds)}", format_size(view.done)]
    parts += [f"avg {format_rate(view.downloaded / seconds)}"] if seconds > 0 else []
    parts += [f"ratio {format_ratio(view.ratio)}", f"hash fails {view.hash_failures}", f"{arrow} {view.path}"]
    return "  ".join(parts)
