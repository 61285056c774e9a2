"""What do the figures say? Medians of each side, and the median, smallest and largest ratio over the pairs."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from statistics import median
from typing import Any

from bench.runs import Run

FIGURES = {
    "whole": ("whole run, MiB/s", "more"),
    "sustained": ("sustained, MiB/s", "more"),
    "cpu": ("CPU seconds per GiB", "less"),
    "peak": ("peak memory, MiB", "less"),
    "first": ("time to first block, s", "less"),
}
"""Field of a run -> how it is called, and which way is better."""


def ratios(pairs: Sequence[tuple[Run, Run]], field: str) -> list[float]:
    """Return ours divided by theirs for each pair, sorted."""
    return sorted(getattr(ours, field) / max(getattr(theirs, field), 1e-9) for ours, theirs in pairs)


def summary(pairs: Sequence[tuple[Run, Run]]) -> dict[str, Any]:
    """Return, for each figure, the medians of both sides and the ratios."""
    found = {}
    for field in FIGURES:
        each = ratios(pairs, field)
        found[field] = {
            "ours": median(getattr(ours, field) for ours, _ in pairs),
            "theirs": median(getattr(theirs, field) for _, theirs in pairs),
            "ratio": median(each),
            "ratio_min": each[0],
            "ratio_max": each[-1],
        }
    return found


def table(title: str, pairs: Sequence[tuple[Run, Run]]) -> str:
    """Return the summary as text."""
    lines = [title, f"{'':26}{'ours':>10}{'theirs':>10}{'ratio':>9}   (smallest .. largest of {len(pairs)} pairs)"]
    for field, row in summary(pairs).items():
        name, better = FIGURES[field]
        digits = 2 if field in ("cpu", "first") else 0
        lines.append(
            f"  {name:24}{row['ours']:10.{digits}f}{row['theirs']:10.{digits}f}{row['ratio']:9.2f}"
            f"   ({row['ratio_min']:.2f} .. {row['ratio_max']:.2f}; {better} is better)"
        )
    return "\n".join(lines)


def machine() -> dict[str, Any]:
    """Say where the figures come from: processor, cores, kernel and versions, nothing that names the machine."""
    try:
        info = Path("/proc/cpuinfo").read_text(errors="replace")
        model = next(line.split(":", 1)[1].strip() for line in info.splitlines() if line.startswith("model name"))
    except (OSError, StopIteration):
        model = platform.processor()
    versions = {}
    for name in ("libtorrent", "uvloop", "torrent-tui"):
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            versions[name] = ""
    return {
        "cpu": model,
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "versions": versions,
    }
