"""The pictures: are bars as long as what they show, and is the PNG one?"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bench import plot


def cases(**medians: float) -> dict[str, Any]:
    row = {side.replace("_", "-"): {"median": value, "least": value, "most": value} for side, value in medians.items()}
    return {"download": {"summary": {"sustained": row, "cpu": row}}}


@pytest.mark.parametrize(("value", "length"), [(100, 40), (50, 20), (25, 10), (0, 0), (200, 40), (-1, 0)])
def test_a_bar_is_as_long_as_its_share(value: float, length: int) -> None:
    assert plot.bar(value, 100) == "█" * length


def test_a_bar_has_eighths() -> None:
    assert plot.bar(1, 100, 50) == "▌" and plot.bar(100 / 400, 100, 50) == "▏"


def test_the_smallest_value_is_seen_and_nothing_is_divided_by_nothing() -> None:
    assert plot.bar(1e-9, 100) == "▏"
    assert plot.bar(5, 0) == ""


def test_every_side_has_a_line_and_the_longest_is_full() -> None:
    text = plot.bars(cases(ours=800, libtorrent=400, libtorrent_tuned=200))
    lines = text.splitlines()
    assert lines[0] == "download: sustained, MiB/s (more is better)"
    assert [line.count("█") for line in lines[1:]] == [40, 20, 10]
    assert "800" in lines[1] and lines[2].split()[0] == "libtorrent"


def test_a_case_without_figures_is_left_out() -> None:
    assert plot.bars({"download": {"summary": {}}}) == ""
    assert not plot.png({"download": {"summary": {}}}, Path("never.png"))


def test_the_picture_is_a_png(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    path = tmp_path / "one.png"
    assert plot.png(
        {**cases(ours=3, aria2=1), "two": {"summary": {"seconds": cases(ours=1)["download"]["summary"]["cpu"]}}}, path
    )
    assert path.read_bytes().startswith(b"\x89PNG\r\n")
