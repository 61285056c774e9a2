"""How does a download look on a terminal?

A line (or two, for a single torrent) for each, redrawn four times a second below whatever is printed meanwhile. What
does not fit is left out by rank, so no line is ever longer than the terminal; names are measured in cells. Text from
the network is never parsed as markup. Without a UTF-8 locale everything but names is ASCII.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.cells import cell_len, set_cell_size
from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from torrent.cli.output import Output, unicode_locale
from torrent.cli.progress import Progress, percent_of, state_words
from torrent.text import safe_text
from torrent.units import format_percent, format_rate, format_ratio, format_size, format_time
from torrent.views import TorrentView

MIN_BAR = 8
MIN_NAME = 12


class Bar(Progress):
    """Bars on standard error."""

    period = 0.25

    def __init__(self, output: Output, console: Console | None = None) -> None:
        super().__init__(output)
        self._console = console or Console(
            stderr=True, markup=False, highlight=False, emoji=False, no_color=not output.coloured() or None
        )
        self._unicode = unicode_locale()
        self._live: Live | None = None
        self._known: dict[str, TorrentView] = {}

    def tick(self, views: Sequence[TorrentView]) -> None:
        if self._live is None:
            self._live = Live(
                console=self._console, auto_refresh=False, transient=True, redirect_stdout=False, redirect_stderr=False
            )
            self._live.start()
        width = self._console.width - 1
        self._live.update(Group(*render(views, width, unicode=self._unicode)), refresh=True)

    def note(self, line: str, **style: Any) -> None:
        self._console.print(Text(safe_text(line, len(line) + 1), style=style.get("fg", "")), soft_wrap=True)

    def failed(self, error: BaseException, code: int, *, what: str = "", info_hash: str = "") -> None:
        self._pause()
        super().failed(error, code, what=what, info_hash=info_hash)

    def close(self) -> None:
        self._pause()

    def _pause(self) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None


def render(views: Sequence[TorrentView], width: int, *, unicode: bool) -> list[Text]:
    """Return the lines for these torrents, none wider than `width` cells."""
    if len(views) == 1:
        return [header(views[0], width), bar_line(views[0], width, unicode=unicode)]
    lines = [short_line(view, width, unicode=unicode) for view in views]
    if lines:
        lines.append(total_line(views, width))
    return lines


def header(view: TorrentView, width: int) -> Text:
    """Return name, size and peers."""
    sources = ", ".join(f"{name} {count}" for name, count in view.sources if count)
    peers = f"{view.peers} peer{'' if view.peers == 1 else 's'}" + (f" ({sources})" if sources else "")
    tail = _fit([format_size(view.wanted), peers], max(0, width - MIN_NAME - 2))
    room = width - (len(tail) + 2 if tail else 0)
    return Text.assemble((_cut(view.name, room), "bold"), f"  {tail}" if tail else "", no_wrap=True)


def bar_line(view: TorrentView, width: int, *, unicode: bool) -> Text:
    """Return share, bar, sizes, rates and time left, as much as fits."""
    down, up = ("▼ ", "▲ ") if unicode else ("down ", "up ")
    if view.status in ("seeding", "finished"):
        parts = [
            f"{up}{format_rate(view.rate_up)}",
            f"sent {format_size(view.uploaded)}",
            f"ratio {format_ratio(view.ratio)}",
        ]
    elif view.status == "downloading" and view.peers:
        parts = [
            f"{down}{format_rate(view.rate_down)}",
            format_time(view.eta, infinite="∞" if unicode else "-"),
            f"{format_size(view.done)}/{format_size(view.wanted)}",
            f"{up}{format_rate(view.rate_up)}",
        ]
    else:
        parts = [_cut(state_words(view), max(0, width - 8))]
    percent = f"{percent_of(view):>6}"
    tail = _fit(parts, width - len(percent) - 3 - MIN_BAR) or _fit(parts[:1], width - len(percent) - 3)
    room = width - len(percent) - 1 - (cell_len(tail) + 2 if tail else 0)
    line = Text(percent + " ", no_wrap=True)
    if room >= MIN_BAR:
        line.append_text(_bar(view, room, unicode=unicode))
    return line.append(f"  {tail}" if tail else "")


def short_line(view: TorrentView, width: int, *, unicode: bool) -> Text:
    """Return name, share and rate of one of several torrents in one line."""
    if view.status in ("seeding", "finished"):
        parts = [f"up {format_rate(view.rate_up)}"]
    elif view.status == "downloading" and view.peers:
        parts = [format_rate(view.rate_down), format_time(view.eta, infinite="∞" if unicode else "-")]
    else:
        parts = [_cut(state_words(view), max(0, width // 2))]
    percent = f"{percent_of(view):>6}"
    tail = _fit(parts, max(0, width - MIN_NAME - 10))
    rest = 2 + len(percent) + (2 + cell_len(tail) if tail else 0)
    bar = min(30, max(0, (width - rest - MIN_NAME) // 2))
    name = max(1, width - rest - (bar + 1 if bar >= MIN_BAR else 0))
    line = Text(set_cell_size(_cut(view.name, name), name) + "  " + percent, no_wrap=True)
    if bar >= MIN_BAR:
        line.append(" ").append_text(_bar(view, bar, unicode=unicode))
    return line.append(f"  {tail}" if tail else "")


def total_line(views: Sequence[TorrentView], width: int) -> Text:
    """Return the sum of several torrents."""
    done, wanted = sum(view.done for view in views), sum(view.wanted for view in views)
    parts = [
        f"total {format_percent(done, wanted)}",
        f"down {format_rate(sum(view.rate_down for view in views))}",
        f"up {format_rate(sum(view.rate_up for view in views))}",
        f"{format_size(done)}/{format_size(wanted)}",
    ]
    return Text(_fit(parts, width), style="dim", no_wrap=True)


def _bar(view: TorrentView, width: int, *, unicode: bool) -> Text:
    share = view.checked if view.status == "checking" else view.done / view.wanted if view.wanted else 1.0
    halves = int(max(0.0, min(1.0, share)) * width * 2)
    full, half = divmod(halves, 2)
    colour = "green" if view.done >= view.wanted else "cyan"
    if not unicode:
        return Text.assemble(("#" * full, colour), "-" * (width - full))
    head = "━" * full + ("╸" if half else "")
    return Text.assemble((head, colour), ("━" * (width - len(head)), "bright_black"))


def _fit(parts: Sequence[str], width: int) -> str:
    """Join the first parts that fit, in order of rank."""
    line = ""
    for part in parts:
        longer = f"{line}  {part}" if line else part
        if cell_len(longer) > width:
            break
        line = longer
    return line


def _cut(text: str, width: int) -> str:
    if cell_len(text) <= width:
        return text
    return set_cell_size(text, max(0, width - 1)).rstrip() + ("~" if width > 0 else "")
