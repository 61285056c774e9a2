"""How does it look? Bars in the terminal, and a PNG where matplotlib is installed (`pip install -e '.[bench]'`)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.case import FIGURES, OURS

WIDTH = 40
_EIGHTHS = " ▏▎▍▌▋▊▉"


def bar(value: float, most: float, width: int = WIDTH) -> str:
    """Return a bar of at most `width` characters, in steps of an eighth of one."""
    if most <= 0 or value <= 0:
        return ""
    steps = max(1, round(min(value / most, 1.0) * width * 8))
    whole, rest = divmod(steps, 8)
    return "█" * whole + (_EIGHTHS[rest] if rest else "")


def bars(cases: Mapping[str, Any]) -> str:
    """Return the headline figure of every case as bars, a line for each side."""
    blocks = []
    for name, case in cases.items():
        figure = next(iter(case["summary"]), None)
        if figure is None:
            continue
        kind = FIGURES[figure]
        row = case["summary"][figure]
        most = max(cell["median"] for cell in row.values())
        lines = [f"{name}: {kind.label}, {kind.unit} ({kind.better} is better)"]
        for side, cell in row.items():
            value = cell["median"]
            lines.append(f"  {side:17}{value:10.{kind.digits}f} {bar(value, most)}".rstrip())
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks)


def png(cases: Mapping[str, Any], path: Path) -> bool:
    """Draw every case, its headline and its CPU, with whiskers from least to most; False without matplotlib."""
    try:
        import matplotlib
    except ImportError:
        return False
    matplotlib.use("Agg")
    from matplotlib import pyplot

    shown = [(name, case, _figures(case["summary"])) for name, case in cases.items() if case["summary"]]
    if not shown:
        return False
    columns = max(len(figures) for _, _, figures in shown)
    size = (6.5 * columns, 0.8 + sum(0.9 + 0.28 * len(case["summary"][figures[0]]) for _, case, figures in shown))
    heights = [1.2 + 0.35 * len(case["summary"][figures[0]]) for _, case, figures in shown]
    figure, axes = pyplot.subplots(
        len(shown), columns, figsize=size, squeeze=False, height_ratios=heights, layout="constrained"
    )
    for (name, case, figures), line in zip(shown, axes, strict=True):
        for place, axis in enumerate(line):
            if place >= len(figures):
                axis.set_visible(False)
                continue
            _draw(axis, name, figures[place], case["summary"][figures[place]])
    figure.savefig(path, dpi=110)
    pyplot.close(figure)
    return True


def _figures(summary: Mapping[str, Any]) -> list[str]:
    """The headline, and what it cost."""
    keys = list(summary)
    return keys[:1] + [key for key in ("cpu", "cpu_total", "idle_cpu") if key in keys[1:]][:1]


def _draw(axis: Any, name: str, figure: str, row: Mapping[str, Any]) -> None:
    kind = FIGURES[figure]
    sides = list(row)
    values = [row[side]["median"] for side in sides]
    reach = [
        [row[side]["median"] - row[side]["least"] for side in sides],
        [row[side]["most"] - row[side]["median"] for side in sides],
    ]
    colours = ["#d1495b" if side == OURS else "#8d99ae" for side in sides]
    axis.barh(sides, values, xerr=reach, color=colours, error_kw={"ecolor": "#333333", "elinewidth": 0.8, "capsize": 2})
    axis.invert_yaxis()
    axis.set_title(f"{name}: {kind.label}, {kind.unit} ({kind.better} is better)", fontsize=9, loc="left")
    axis.tick_params(labelsize=8)
    for edge in ("top", "right"):
        axis.spines[edge].set_visible(False)
