"""The history: is what was saved read back, the latest found, and a change told from chance?"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bench import history
from bench.case import BenchError


def cell(median: float, least: float, most: float, **more: float) -> dict[str, float]:
    return {"median": median, "least": least, "most": most, **more}


def results(ours: dict[str, float], *, quick: bool = False, ratio: float = 1.0) -> dict[str, Any]:
    summary = {"sustained": {"ours": ours, "libtorrent": cell(1, 1, 1, ratio=ratio)}}
    return {"when": "then", "quick": quick, "cases": {"download": {"title": "t", "runs": [], "summary": summary}}}


def test_what_is_saved_is_read_back(tmp_path: Path) -> None:
    path = history.save(results(cell(1, 1, 1)), tmp_path)
    assert history.load(str(path))["cases"] == results(cell(1, 1, 1))["cases"]


def test_two_in_one_second_are_two_files(tmp_path: Path) -> None:
    assert len({history.save(results(cell(1, 1, 1)), tmp_path) for _ in range(3)}) == 3


def test_last_is_the_latest_of_this_format(tmp_path: Path) -> None:
    for name, when in (("20260101-000000", "old"), ("20260301-000000", "new")):
        (tmp_path / f"{name}.json").write_text(json.dumps({"format": history.FORMAT, "when": when, "cases": {}}))
    (tmp_path / "20260401-000000.json").write_text(json.dumps({"jobs": {}}))
    assert history.load("last", tmp_path)["when"] == "new"


@pytest.mark.parametrize("text", ["", "[]", '{"jobs": {}}', "{"])
def test_what_is_no_result_is_an_error(tmp_path: Path, text: str) -> None:
    path = tmp_path / "one.json"
    path.write_text(text)
    with pytest.raises(BenchError):
        history.load(str(path))


def test_no_result_at_all_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="no earlier result"):
        history.load("last", tmp_path)
    with pytest.raises(BenchError):
        history.load(str(tmp_path / "none.json"))


@pytest.mark.parametrize(
    ("new", "old", "better", "says"),
    [
        (cell(20, 18, 22), cell(10, 9, 11), "more", "better"),
        (cell(20, 18, 22), cell(10, 9, 11), "less", "worse"),
        (cell(10, 9, 11), cell(20, 18, 22), "less", "better"),
        (cell(10, 9, 11), cell(20, 18, 22), "more", "worse"),
        (cell(20, 10, 22), cell(10, 9, 11), "more", ""),
    ],
)
def test_only_spreads_apart_are_a_change(new: Any, old: Any, better: str, says: str) -> None:
    assert history.verdict(new, old, better).strip() == says


def test_a_change_is_told_with_its_ratios() -> None:
    text = history.changes(results(cell(150, 140, 160), ratio=1.5), results(cell(100, 90, 110), ratio=1.0))
    assert "download sustained" in text and "+50.0 %" in text and "better" in text
    assert "libtorrent 1.00 -> 1.50" in text


def test_a_quick_run_is_not_taken_for_a_whole_one() -> None:
    assert "quick" in history.changes(results(cell(1, 1, 1)), results(cell(1, 1, 1), quick=True))


def test_cases_measured_once_are_not_compared() -> None:
    before = {"when": "then", "quick": False, "cases": {}}
    assert "no case was measured both times" in history.changes(results(cell(1, 1, 1)), before)
