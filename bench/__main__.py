"""`python -m bench`: our client and others in turn, case by case, at least five turns each.

`python -m bench --list` names the cases and who can take part. Data is made once and kept in the work folder; what is
downloaded goes to memory where there is enough, else, or with --disk, to the work folder.
"""

from __future__ import annotations

import argparse
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench import clients, history, plot, report
from bench.case import OURS, BenchError, Case, Place
from bench.cases import all_cases
from bench.measure import GIB, ROOT

MEMORY = Path("/dev/shm")


def arguments(words: Sequence[str], cases: dict[str, Case]) -> argparse.Namespace:
    """Read the command line and settle the defaults."""
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure our client and others in turn.")
    parser.add_argument("cases", nargs="*", metavar="CASE", help="default: all, with --quick a few of each kind")
    parser.add_argument("--list", action="store_true", help="name the cases and who can take part, and stop")
    parser.add_argument("--pairs", type=int, metavar="N", help="turns for each case (default 5, with --quick 2)")
    parser.add_argument("--quick", action="store_true", help="a tenth of the data, to see that everything runs")
    parser.add_argument("--against", default="usual", metavar="NAME,...", help="usual (default), all, none, or names")
    parser.add_argument("--compare", metavar="FILE", help='print the change since an earlier result, or "last"')
    parser.add_argument("--no-plot", action="store_true", help="leave out the bars and the PNG")
    parser.add_argument("--no-warm", action="store_true", help="leave out the run of each side that is not counted")
    parser.add_argument("--disk", action="store_true", help="download to the work folder, not to memory")
    parser.add_argument("--work", type=Path, help="folder for data and logs (default: bench/work)")
    found = parser.parse_args(words)
    if unknown := [name for name in found.cases if name not in cases]:
        parser.error(f"no such case: {', '.join(unknown)} (--list names them)")
    known = {rival for case in cases.values() for rival in case.rivals}
    found.against = found.against.split(",")
    if unknown := [name for name in found.against if name not in known | {"usual", "all", "none"}]:
        parser.error(f"nobody here is called {', '.join(unknown)} (--list names them)")
    if found.pairs is not None and found.pairs < 1:
        parser.error("--pairs is at least 1")
    found.cases = found.cases or [name for name, case in cases.items() if case.in_quick or not found.quick]
    found.pairs = found.pairs or (2 if found.quick else 5)
    return found


def rivals(case: Case, against: Sequence[str]) -> list[str]:
    """Return who is asked to take part in a case, in the order of the case."""
    asked = set(against)
    if "usual" in asked:
        asked |= set(case.usual)
    if "all" in asked:
        asked |= set(case.rivals)
    return [rival for rival in case.rivals if rival in asked]


def rotated(sides: Sequence[str], number: int) -> list[str]:
    """Return the sides in the order of one turn: another one begins each time, and every other turn runs backwards."""
    start = number % len(sides)
    order = [*sides[start:], *sides[:start]]
    return order[::-1] if number // len(sides) % 2 else order


@contextmanager
def place_for(chosen: argparse.Namespace) -> Iterator[Place]:
    """Yield the folders: what is downloaded goes to memory where that is large enough."""
    work = (chosen.work or ROOT / "bench" / "work").resolve()
    work.mkdir(parents=True, exist_ok=True)
    roomy = MEMORY.is_dir() and shutil.disk_usage(MEMORY).free >= (2 if chosen.quick else 8) * GIB
    with tempfile.TemporaryDirectory(prefix="bench-out-", dir=MEMORY if roomy and not chosen.disk else work) as out:
        yield Place(work, Path(out), chosen.quick)


def measure(case: Case, place: Place, chosen: argparse.Namespace) -> dict[str, Any]:
    """Run one case and return what is kept of it. A rival that fails is left out from there on; ours may not."""
    began = time.monotonic()
    sides = [OURS]
    left_out = {}
    for rival in rivals(case, chosen.against):
        if not clients.available(rival):
            left_out[rival] = "not installed (bench/install installs it)"
            print(f"  {rival}: {left_out[rival]}", flush=True)
        else:
            sides.append(rival)
    pairs: list[dict[str, dict[str, float]]] = []
    with case.ready(place, case.prepare(place)) as context:
        for number in range(-1 if case.warm and not (chosen.no_warm or chosen.quick) else 0, chosen.pairs):
            pair: dict[str, dict[str, float]] = {}
            for side in rotated(sides, max(number, 0)):
                try:
                    pair[side] = case.run(place, context, side)
                except (BenchError, OSError) as error:
                    if side == OURS:
                        raise BenchError(f"ours: {error}") from error
                    left_out[side] = str(error).strip()
                    sides.remove(side)
                    print(f"  {side} is left out: {left_out[side]}", flush=True)
                    continue
                label = "warm" if number < 0 else f"{number + 1}/{chosen.pairs}"
                print(f"  {label:5} {report.line(case, side, pair[side])}", flush=True)
            if number >= 0:
                pairs.append(pair)
    kept = {"title": case.title, "runs": pairs, "summary": report.summary(case, pairs), "left_out": left_out}
    took = time.monotonic() - began
    print(f"\n{report.table(case, pairs, quick=chosen.quick)}\n\n  {case.name} took {took:.0f} s\n", flush=True)
    return kept


def bench(chosen: argparse.Namespace, cases: dict[str, Case]) -> int:
    """Run what was asked for; print tables and bars, leave the figures and the picture in bench/results."""
    before = history.load(chosen.compare) if chosen.compare else None
    kept: dict[str, Any] = {}
    failed = False
    with place_for(chosen) as place:
        for name in chosen.cases:
            print(f"{name}: {cases[name].title}", flush=True)
            try:
                kept[name] = measure(cases[name], place, chosen)
            except (BenchError, OSError) as error:
                failed = True
                print(f"bench: error: {name}: {error}", file=sys.stderr)
            except KeyboardInterrupt:
                failed = True
                print(f"bench: stopped in {name}", file=sys.stderr)
                break
        memory = place.out.is_relative_to(MEMORY)
    if not kept:
        return 1
    taking_part = {side for case in kept.values() for pair in case["runs"] for side in pair}
    results = {
        "when": time.strftime("%Y-%m-%d %H:%M:%S"),
        "machine": report.machine(),
        "versions": {side: clients.version(side) for side in sorted(taking_part)},
        "pairs": chosen.pairs,
        "quick": chosen.quick,
        "output": "memory" if memory else "disk",
        "cases": kept,
    }
    path = history.save(results)
    print(f"figures: {path.relative_to(ROOT)}")
    if not chosen.no_plot:
        print("\n" + plot.bars(kept) + "\n")
        picture = path.with_suffix(".png")
        drawn = plot.png(kept, picture)
        print(f"picture: {picture.relative_to(ROOT)}" if drawn else "no picture: matplotlib is not installed")
    if before is not None:
        print("\n" + history.changes(results, before))
    return int(failed)


def listing(cases: dict[str, Case]) -> str:
    """Return the cases with who can take part; those that --quick runs are marked."""
    lines = []
    for name, case in cases.items():
        lines.append(f"{name:20}{'*' if case.in_quick else ' '} {case.title}")
        lines.append(f"{'':22}{', '.join(case.rivals)}")
    return "\n".join([*lines, "* is in --quick"])


def main() -> int:
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    cases = all_cases()
    chosen = arguments(sys.argv[1:], cases)
    if chosen.list:
        print(listing(cases))
        return 0
    try:
        return bench(chosen, cases)
    except BenchError as error:
        print(f"bench: error: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
