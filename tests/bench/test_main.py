"""The command: are its words understood, does everybody begin as often, and what does a failing side stop?"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from bench import __main__ as command
from bench import clients
from bench.case import BenchError, Case, Place
from bench.cases import all_cases


def never(*given: Any) -> Any:
    raise AssertionError("not to be run")


def case(name: str = "one", **more: Any) -> Case:
    given = {"prepare": never, "run": never, "rivals": ("libtorrent", "libtorrent-tuned", "plain"), **more}
    return Case(name, "a title", ("sustained",), **given)


CASES = {"one": case("one", in_quick=True), "two": case("two")}


def read(*words: str) -> argparse.Namespace:
    return command.arguments(words, CASES)


def test_by_default_everything_is_measured_five_times() -> None:
    found = read()
    assert (found.cases, found.pairs, found.quick) == (["one", "two"], 5, False)


def test_quick_is_a_few_cases_twice_unless_told_otherwise() -> None:
    assert (read("--quick").cases, read("--quick").pairs) == (["one"], 2)
    assert (read("--quick", "two", "--pairs", "7").cases, read("--quick", "--pairs", "7").pairs) == (["two"], 7)


@pytest.mark.parametrize("words", [["three"], ["--against", "nobody"], ["--pairs", "0"]])
def test_what_is_not_there_is_refused(words: list[str]) -> None:
    with pytest.raises(SystemExit):
        read(*words)


@pytest.mark.parametrize(
    ("against", "found"),
    [
        ("usual", ["libtorrent", "libtorrent-tuned"]),
        ("all", ["libtorrent", "libtorrent-tuned", "plain"]),
        ("none", []),
        ("plain,libtorrent", ["libtorrent", "plain"]),
        ("usual,plain", ["libtorrent", "libtorrent-tuned", "plain"]),
    ],
)
def test_rivals_are_asked_by_name_or_by_kind(against: str, found: list[str]) -> None:
    assert command.rivals(CASES["one"], read("--against", against).against) == found


@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_in_as_many_turns_everybody_begins_and_ends_as_often(count: int) -> None:
    sides = [f"side-{number}" for number in range(count)]
    turns = [command.rotated(sides, number) for number in range(2 * count)]
    assert all(sorted(turn) == sides for turn in turns)
    assert set(Counter(turn[0] for turn in turns).values()) == {2}
    assert set(Counter(turn[-1] for turn in turns).values()) == {2}


def place(tmp_path: Path) -> Place:
    return Place(tmp_path / "work", tmp_path / "out")


def test_a_case_is_prepared_once_warmed_and_run_in_turn(tmp_path: Path) -> None:
    told: list[str] = []

    def prepare(place: Place) -> str:
        told.append("prepare")
        return "data"

    @contextmanager
    def ready(place: Place, context: str) -> Iterator[str]:
        told.append(f"ready {context}")
        yield "seed"
        told.append("over")

    def run(place: Place, context: str, side: str) -> dict[str, float]:
        assert context == "seed"
        told.append(side)
        return {"sustained": 1.0 if side == "plain" else 2.0}

    found = command.measure(
        case(prepare=prepare, run=run, ready=ready), place(tmp_path), read("--pairs", "2", "--against", "plain")
    )
    assert told == ["prepare", "ready data", "ours", "plain", "ours", "plain", "plain", "ours", "over"]
    assert len(found["runs"]) == 2
    assert found["summary"]["sustained"]["plain"]["ratio"] == 2.0


def test_a_rival_that_fails_is_left_out_with_its_reason(tmp_path: Path) -> None:
    ran: list[str] = []

    def run(place: Place, context: Any, side: str) -> dict[str, float]:
        ran.append(side)
        if side == "plain" and len(ran) > 3:
            raise BenchError("it fell")
        return {"sustained": 1.0}

    found = command.measure(
        case(prepare=lambda place: None, run=run), place(tmp_path), read("--pairs", "3", "--against", "plain")
    )
    assert found["left_out"] == {"plain": "it fell"}
    assert ran.count("plain") == 2 and len(found["runs"]) == 3


def test_ours_may_not_fail(tmp_path: Path) -> None:
    def run(place: Place, context: Any, side: str) -> dict[str, float]:
        raise BenchError("we fell")

    with pytest.raises(BenchError, match="we fell"):
        command.measure(case(prepare=lambda place: None, run=run), place(tmp_path), read("--against", "none"))


def test_who_is_not_installed_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clients, "available", lambda side: side != "libtorrent")
    found = command.measure(
        case(prepare=lambda place: None, run=lambda place, context, side: {"sustained": 1.0}),
        place(tmp_path),
        read("--pairs", "1"),
    )
    assert "not installed" in found["left_out"]["libtorrent"]
    assert set(found["runs"][0]) == {"ours", "libtorrent-tuned"}


def test_the_cases_that_are_there_are_well_formed() -> None:
    cases = all_cases()
    assert {"download", "download-50", "small", "upload-1", "upload-50", "swarm"} <= set(cases)
    for name, found in cases.items():
        assert name == found.name and found.figures
        assert set(found.usual) <= set(found.rivals) | {"libtorrent", "libtorrent-tuned"}
        for rival in found.rivals:
            clients.available(rival)
    assert [name for name, found in cases.items() if found.in_quick]


def test_the_list_names_every_case() -> None:
    text = command.listing(CASES)
    assert "one                 *" in text and "two                  " in text
