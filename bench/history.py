"""What was measured before, and has it changed? One JSON file for each run of the suite, in `bench/results`."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.case import FIGURES, OURS, BenchError
from bench.measure import ROOT

RESULTS = ROOT / "bench" / "results"
FORMAT = 2


def save(results: Mapping[str, Any], folder: Path = RESULTS) -> Path:
    """Write one run of the suite and return the file."""
    folder.mkdir(parents=True, exist_ok=True)
    stamp = time.strftime("%Y%m%d-%H%M%S")
    path = folder / f"{stamp}.json"
    for number in range(2, 1000):
        if not path.exists():
            break
        path = folder / f"{stamp}-{number}.json"
    path.write_text(json.dumps({"format": FORMAT, **results}, indent=1) + "\n", encoding="utf-8")
    return path


def load(name: str, folder: Path = RESULTS) -> dict[str, Any]:
    """Read an earlier run: a file, or "last" for the latest one; BenchError when there is none."""
    if name != "last":
        found = _read(Path(name))
        if found is None:
            raise BenchError(f"{name} is not a result of this suite")
        return found
    for path in sorted(folder.glob("*.json"), reverse=True):
        if (found := _read(path)) is not None:
            return found
    raise BenchError("there is no earlier result to compare with")


def _read(path: Path) -> dict[str, Any] | None:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BenchError(f"{path.name}: {error}") from None
    return found if isinstance(found, dict) and found.get("format") == FORMAT else None


def changes(now: Mapping[str, Any], before: Mapping[str, Any]) -> str:
    """Return as text how our own figures, and the ratios to the rivals, have changed since an earlier run.

    A median of ours that lies outside what was seen before, and whose spread does not reach it either, is marked as
    better or worse; the rest may be chance.
    """
    lines = [f"compared with {before.get('when', 'an earlier run')}"]
    if bool(now.get("quick")) != bool(before.get("quick")):
        lines.append("  one of the two was a quick run: the amounts of data differ")
    for name, case in now["cases"].items():
        earlier = before["cases"].get(name, {}).get("summary", {})
        for figure, row in case["summary"].items():
            if OURS not in row or OURS not in earlier.get(figure, {}):
                continue
            kind = FIGURES[figure]
            new, old = row[OURS], earlier[figure][OURS]
            part = (new["median"] / old["median"] - 1) * 100 if old["median"] else 0.0
            text = (
                f"  {name + ' ' + kind.label:44}{old['median']:10.{kind.digits}f} -> {new['median']:<10.{kind.digits}f}"
            )
            lines.append(
                f"{text}{part:+6.1f} %{verdict(new, old, kind.better)}{_ratios(row, earlier[figure])}".rstrip()
            )
    if len(lines) == 1:
        lines.append("  no case was measured both times")
    return "\n".join(lines)


def verdict(new: Mapping[str, float], old: Mapping[str, float], better: str) -> str:
    """Return "  better", "  worse" or nothing, when the spreads of two medians overlap."""
    if new["least"] > old["most"]:
        return "  better" if better == "more" else "  worse "
    if new["most"] < old["least"]:
        return "  better" if better == "less" else "  worse "
    return "        "


def _ratios(row: Mapping[str, Any], earlier: Mapping[str, Any]) -> str:
    both = [side for side, cell in row.items() if "ratio" in cell and "ratio" in earlier.get(side, {})]
    return "".join(f"  {side} {earlier[side]['ratio']:.2f} -> {row[side]['ratio']:.2f}" for side in both)
