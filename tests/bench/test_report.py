"""Medians, spread and ratios: are they those of the pairs, and does a missing side only miss itself?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from bench import report
from bench.case import FIGURES, Case


def case(*figures: str, rivals: tuple[str, ...] = ("libtorrent", "aria2")) -> Case:
    def never(*given: Any) -> Any:
        raise AssertionError("not to be run")

    return Case("one", "a title", figures or ("sustained", "cpu"), rivals, never, never)


PAIRS: list[Mapping[str, Mapping[str, float]]] = [
    {"ours": {"sustained": 100.0, "cpu": 1.0}, "libtorrent": {"sustained": 50.0, "cpu": 2.0}},
    {"ours": {"sustained": 300.0, "cpu": 1.2}, "libtorrent": {"sustained": 100.0, "cpu": 2.0}},
    {"ours": {"sustained": 200.0, "cpu": 0.8}, "libtorrent": {"sustained": 200.0, "cpu": 2.0}},
]


def test_ratios_are_taken_within_a_turn() -> None:
    assert report.ratios(PAIRS, "libtorrent", "sustained") == [1.0, 2.0, 3.0]
    assert report.ratios(PAIRS, "libtorrent", "cpu") == pytest.approx([0.4, 0.5, 0.6])


def test_the_ratio_is_the_median_of_the_ratios_not_the_ratio_of_the_medians() -> None:
    pairs = [
        {"ours": {"sustained": 10.0}, "libtorrent": {"sustained": 1.0}},
        {"ours": {"sustained": 10.0}, "libtorrent": {"sustained": 5.0}},
        {"ours": {"sustained": 2.0}, "libtorrent": {"sustained": 4.0}},
    ]
    cell = report.summary(case("sustained"), pairs)["sustained"]["libtorrent"]
    assert (cell["ratio"], cell["ratio_least"], cell["ratio_most"]) == (2.0, 0.5, 10.0)
    assert (cell["median"], cell["least"], cell["most"]) == (4.0, 1.0, 5.0)


def test_our_side_has_no_ratio_to_itself() -> None:
    assert "ratio" not in report.summary(case(), PAIRS)["sustained"]["ours"]


def test_a_rival_that_dropped_out_is_compared_where_it_ran() -> None:
    pairs = [*PAIRS[:1], {"ours": {"sustained": 500.0, "cpu": 1.0}}]
    row = report.summary(case(), pairs)["sustained"]
    assert row["libtorrent"]["ratio"] == 2.0 and row["ours"]["median"] == 300.0
    assert "aria2" not in row


def test_a_figure_that_a_side_does_not_have_is_left_out_of_its_row() -> None:
    pairs = [{"ours": {"sustained": 1.0, "cpu": 1.0}, "libtorrent": {"sustained": 2.0}}]
    assert list(report.summary(case(), pairs)["cpu"]) == ["ours"]


def test_nothing_divides_by_nothing() -> None:
    pairs = [{"ours": {"cpu": 1.0}, "libtorrent": {"cpu": 0.0}}]
    assert report.ratios(pairs, "libtorrent", "cpu") == [pytest.approx(1e9)]


def test_the_table_names_every_side_and_figure() -> None:
    text = report.table(case(), PAIRS)
    assert "one: a title, 3 turns" in text
    assert "sustained, MiB/s (more is better)" in text and "CPU per GiB, s (less is better)" in text
    row = next(line for line in text.splitlines() if line.strip().startswith("libtorrent"))
    assert row.split() == ["libtorrent", "100", "50", "200", "2.00", "1.00", "..", "3.00"]


def test_the_table_tells_a_quick_run_and_one_turn() -> None:
    assert "--quick" in report.table(case(), PAIRS[:1], quick=True)
    assert ", 1 turn\n" in report.table(case(), PAIRS[:1])


def test_a_run_is_one_line_with_the_figures_of_the_case_in_order() -> None:
    text = report.line(case("cpu", "sustained"), "ours", {"sustained": 12.6, "cpu": 1.234, "peak": 9.0})
    assert text.split(None, 1)[1] == "CPU per GiB 1.23 s, sustained 13 MiB/s"


def test_every_figure_says_which_way_is_better() -> None:
    assert {figure.better for figure in FIGURES.values()} == {"more", "less"}
    assert len({(figure.label, figure.unit) for figure in FIGURES.values()}) == len(FIGURES)


def test_the_machine_is_told_without_its_name() -> None:
    import platform

    assert platform.node() not in str(report.machine()).split()
