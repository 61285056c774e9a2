"""`python -m bench`: ours and libtorrent in turn, three jobs, at least five pairs each.

- download: one file of 2 GiB with pieces of 1 MiB, from one libtorrent seeder
- small: 20,000 files of 1 GiB in all, from one libtorrent seeder
- seed: the same file as in `download`, served to a libtorrent leecher

The data (about 3 GiB, and as much again while running) is made once and kept in the work folder until it is deleted.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench import report, runs
from bench.measure import ROOT, BenchError
from bench.payload import digest, many_files, one_file

MIB = 2**20


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__.split("\n", 1)[0] if __doc__ else "")
    parser.add_argument("jobs", nargs="*", metavar="JOB", help="download, small, seed (default: all)")
    parser.add_argument("--pairs", type=int, default=0, help="pairs of runs for each job (default 5, with --quick 2)")
    parser.add_argument("--quick", action="store_true", help="a tenth of the data, to see that everything runs")
    parser.add_argument("--version", choices=["v1", "v2", "hybrid"], default="v1", help="kind of torrent")
    parser.add_argument("--work", type=Path, help="folder for data and logs (default: bench/work)")
    parser.add_argument("--only", choices=["ours", "theirs"], help="run one side alone and print its figures")
    parser.add_argument("--no-check", action="store_true", help="do not compare the sha256 of what was written")
    parser.add_argument("--temporary", action="store_true", help="use a temporary work folder and delete it")
    found = parser.parse_args()
    unknown = set(found.jobs) - {"download", "small", "seed"}
    if unknown:
        parser.error(f"no such job: {', '.join(sorted(unknown))}")
    found.jobs = found.jobs or ["download", "small", "seed"]
    found.pairs = found.pairs or (2 if found.quick else 5)
    return found


def prepare(name: str, work: Path, *, quick: bool, kind: str) -> tuple[runs.Job, str]:
    """Make data and torrent of a job where they are missing; returns it with a title."""
    if name == "small":
        count, total = (2000, 100 * MIB) if quick else (20_000, 1024 * MIB)
        data = many_files(work / f"small-{count}", count, total)
        size = sum(p.stat().st_size for p in data.rglob("*") if p.is_file())
        what = f"{count} files, {size / MIB:.0f} MiB"
    else:
        size = (200 if quick else 2048) * MIB
        data = one_file(work / f"file-{size // MIB}.bin", size)
        what = f"one file of {size / MIB:.0f} MiB"
    torrent = work / f"{data.name}.{kind}.torrent"
    if not torrent.exists():
        subprocess.run([*runs.THEIRS, "make", str(data), str(torrent), str(MIB), kind], check=True, cwd=ROOT)
    sides = "seeders under one libtorrent leecher" if name == "seed" else "downloads from one libtorrent seeder"
    return runs.Job(name, torrent, data, size, work), f"{name}: {sides}, {what}, {kind}, pieces of 1 MiB"


def measure(job: runs.Job, pairs: int, check: str, only: str | None) -> list[dict[str, runs.Run]]:
    """Run the pairs of one job; each is a dict of "ours" and "theirs"."""
    found: list[dict[str, runs.Run]] = []

    def all_pairs(one: Callable[[str], runs.Run]) -> None:
        for number in range(pairs):
            order = [only] if only else (["ours", "theirs"] if number % 2 == 0 else ["theirs", "ours"])
            pair = {}
            for who in order:
                pair[who] = run = one(who)
                print(
                    f"  {number + 1}/{pairs} {who:7}{run.whole:7.0f} MiB/s whole {run.sustained:7.0f} sustained"
                    f"{run.cpu:7.2f} CPU s/GiB{run.peak:6.0f} MiB{run.first:7.2f} s to first block",
                    flush=True,
                )
            found.append(pair)

    if job.name == "seed":
        if only != "theirs":
            runs.seed("ours", job, check="")  # leaves a resume record: like libtorrent we then trust the data
        all_pairs(lambda who: runs.seed(who, job, check=check))
    else:
        with runs.their_seed(job, watch=True) as (seeder, port):
            runs.download(only or "theirs", job, seeder, port, check="")  # warms the page cache
            all_pairs(lambda who: runs.download(who, job, seeder, port, check=check))
    return found


def bench(chosen: argparse.Namespace, work: Path) -> int:
    """Run every job, print the tables and leave the raw figures in bench/results."""
    results: dict[str, Any] = {"machine": report.machine(), "pairs": chosen.pairs, "quick": chosen.quick, "jobs": {}}
    tables = []
    for name in chosen.jobs:
        job, title = prepare(name, work, quick=chosen.quick, kind=chosen.version)
        print(title, flush=True)
        pairs = measure(job, chosen.pairs, "" if chosen.no_check else digest(job.data), chosen.only)
        raw = [{who: run.as_dict() for who, run in pair.items()} for pair in pairs]
        results["jobs"][name] = {"title": title, "runs": raw}
        if not chosen.only:
            both = [(pair["ours"], pair["theirs"]) for pair in pairs]
            results["jobs"][name]["summary"] = report.summary(both)
            tables.append(report.table(title, both))
    folder = ROOT / "bench" / "results"
    folder.mkdir(parents=True, exist_ok=True)
    out = folder / time.strftime("%Y%m%d-%H%M%S.json")
    out.write_text(json.dumps(results, indent=1) + "\n")
    print("\n" + "\n\n".join([*tables, f"raw figures: {out.relative_to(ROOT)}"]))
    return 0


def main() -> int:
    chosen = arguments()
    try:
        if chosen.temporary:
            with tempfile.TemporaryDirectory(prefix="bench") as folder:
                return bench(chosen, Path(folder))
        work = (chosen.work or ROOT / "bench" / "work").resolve()
        work.mkdir(parents=True, exist_ok=True)
        return bench(chosen, work)
    except BenchError as error:
        print(f"bench: error: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
