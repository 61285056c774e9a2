"""What is one case of the suite? Something to prepare once, and one run of one side that ends in figures.

A module of `bench/cases` exports `CASES`; a module of `bench/clients` drives one program. The suite runs the sides of a
case in turn, so a case never runs two of them itself, unless that is what it measures.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

OURS = "ours"
LIBTORRENT = ("libtorrent", "libtorrent-tuned")
"""The rivals that take part where nothing else is asked for; the targets are ratios to the better of the two."""


class BenchError(Exception):
    """A run did not end as it should; the message tells what the process said."""


@dataclass(frozen=True)
class Figure:
    """How one figure is called and printed, and which way is better."""

    label: str
    unit: str
    better: Literal["more", "less"]
    digits: int


FIGURES: dict[str, Figure] = {
    "sustained": Figure("sustained", "MiB/s", "more", 0),
    "whole": Figure("whole run", "MiB/s", "more", 0),
    "rate": Figure("rate", "MiB/s", "more", 0),
    "mbit": Figure("rate", "Mbit/s", "more", 1),
    "seconds": Figure("time", "s", "less", 2),
    "half": Figure("half of them done", "s", "less", 2),
    "earliest": Figure("one of them done", "s", "less", 2),
    "first": Figure("time to first block", "s", "less", 3),
    "load": Figure("time to load", "s", "less", 2),
    "cpu": Figure("CPU per GiB", "s", "less", 2),
    "other": Figure("CPU per GiB, other end", "s", "less", 2),
    "cpu_total": Figure("CPU", "s", "less", 2),
    "idle_cpu": Figure("CPU while idle", "% of a core", "less", 2),
    "peak": Figure("peak memory", "MiB", "less", 0),
    "limit_share": Figure("share of the limit", "%", "more", 0),
    "link_share": Figure("share of the link", "%", "more", 0),
}
"""Key of a figure -> how it is shown. What a run returns has keys from here."""


@dataclass(frozen=True)
class Place:
    """Where a case may leave files: `work` is kept for the next time, `out` is emptied by whoever uses it."""

    work: Path
    out: Path
    quick: bool = False

    def log(self, name: str) -> Path:
        """Where a process writes what it has to say."""
        folder = self.work / "logs"
        folder.mkdir(parents=True, exist_ok=True)
        return folder / f"{name}.log"

    def home(self, name: str = "home", *, fresh: bool = False) -> Path:
        """A home folder for a program, kept from run to run unless it is asked for `fresh`."""
        home = self.work / "homes" / name
        if fresh:
            shutil.rmtree(home, ignore_errors=True)
        home.mkdir(parents=True, exist_ok=True)
        return home

    def environment(self, name: str = "home", *, fresh: bool = False) -> dict[str, str]:
        """The environment of a user whose home is `home(name)` and who has set nothing."""
        home = self.home(name, fresh=fresh)
        names = ("CONFIG", "DATA", "STATE", "CACHE")
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("TORRENT_", "XDG_"))}
        return {**kept, "HOME": str(home), **{f"XDG_{key}_HOME": str(home / key.lower()) for key in names}}

    def empty(self, name: str = "out") -> Path:
        """An empty folder below `out`."""
        folder = self.out / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        return folder


def _as_it_is(place: Place, context: Any) -> AbstractContextManager[Any]:
    return nullcontext(context)


@dataclass(frozen=True)
class Case:
    """One row of the suite.

    `prepare` makes data where it is missing and returns what `ready` and `run` need. `ready` is entered once around all
    runs, for something that lives as long as they do (a seed); what it yields is handed to `run` in place of what
    `prepare` returned. `run` does one run of one side and returns its figures; BenchError tells that it went wrong.
    """

    name: str
    title: str
    figures: tuple[str, ...]
    """Keys of FIGURES in the order in which they are printed; the first is the headline."""
    rivals: tuple[str, ...]
    """Sides other than "ours" that can take part."""
    prepare: Callable[[Place], Any]
    run: Callable[[Place, Any, str], dict[str, float]]
    ready: Callable[[Place, Any], AbstractContextManager[Any]] = _as_it_is
    usual: tuple[str, ...] = LIBTORRENT
    """The rivals that take part when none is named."""
    in_quick: bool = False
    """Whether `--quick` without names runs it."""
    warm: bool = True
    """Whether each side does one run that is not counted first (page cache, resume records, compiled modules)."""
