"""What do the figures say? Medians and spread of each side, and the ratios of ours to theirs over the pairs."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from statistics import median
from typing import Any

from bench.case import FIGURES, OURS, Case

Run = Mapping[str, float]
Pair = Mapping[str, Run]
"""What every side did in one turn: side -> figures."""


def ratios(pairs: Sequence[Pair], rival: str, figure: str) -> list[float]:
    """Return ours divided by theirs for each turn in which both ran, sorted."""
    both = [(pair[OURS][figure], pair[rival][figure]) for pair in pairs if _has(pair, OURS, figure, rival)]
    return sorted(ours / max(theirs, 1e-9) for ours, theirs in both)


def _has(pair: Pair, side: str, figure: str, *more: str) -> bool:
    return all(who in pair and figure in pair[who] for who in (side, *more))


def summary(case: Case, pairs: Sequence[Pair]) -> dict[str, Any]:
    """Return figure -> side -> median, least, most, and for rivals the ratio with its least and most."""
    found: dict[str, Any] = {}
    sides = [side for side in (OURS, *case.rivals) if any(side in pair for pair in pairs)]
    for figure in case.figures:
        row: dict[str, Any] = {}
        for side in sides:
            values = sorted(pair[side][figure] for pair in pairs if _has(pair, side, figure))
            if not values:
                continue
            row[side] = {"median": median(values), "least": values[0], "most": values[-1]}
            each = ratios(pairs, side, figure) if side != OURS else []
            if each:
                row[side] |= {"ratio": median(each), "ratio_least": each[0], "ratio_most": each[-1]}
        if row:
            found[figure] = row
    return found


def table(case: Case, pairs: Sequence[Pair], *, quick: bool = False) -> str:
    """Return the summary as text: a block for each figure, a line for each side."""
    least = " (a part of the data: --quick)" if quick else ""
    lines = [f"{case.name}: {case.title}{least}, {len(pairs)} {'turn' if len(pairs) == 1 else 'turns'}"]
    head = f"{'':28}{'median':>10}{'least':>10}{'most':>10}{'ours/theirs':>14}{'least .. most':>18}"
    lines.append(head)
    for figure, row in summary(case, pairs).items():
        kind = FIGURES[figure]
        lines.append(f"  {kind.label}, {kind.unit} ({kind.better} is better)")
        for side, cell in row.items():
            values = "".join(f"{cell[key]:10.{kind.digits}f}" for key in ("median", "least", "most"))
            text = f"    {side:24}{values}"
            if "ratio" in cell:
                text += f"{cell['ratio']:14.2f}" + f"{cell['ratio_least']:.2f} .. {cell['ratio_most']:.2f}".rjust(18)
            lines.append(text)
    return "\n".join(lines)


def line(case: Case, side: str, run: Run) -> str:
    """Return one run as one line of text."""
    shown = [(FIGURES[figure], run[figure]) for figure in case.figures if figure in run]
    parts = [f"{kind.label} {value:.{kind.digits}f} {kind.unit}" for kind, value in shown]
    return f"{side:17} " + ", ".join(parts)


def machine() -> dict[str, Any]:
    """Say where the figures come from: processor, cores, kernel and versions, nothing that names the machine."""
    try:
        info = Path("/proc/cpuinfo").read_text(errors="replace")
        model = next(line.split(":", 1)[1].strip() for line in info.splitlines() if line.startswith("model name"))
    except (OSError, StopIteration):
        model = platform.processor()
    versions = {}
    for name in ("uvloop", "torrent-tui"):
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
