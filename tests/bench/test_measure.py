"""Costs: are lines stamped, is the CPU of a process its own, and does a process that hangs end?"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from bench.case import BenchError
from bench.measure import MIB, Process, until


def python(tmp_path: Path, code: str, *, lines: bool = True) -> Process:
    return Process([sys.executable, "-c", code], tmp_path / "one.log", lines=lines)


def test_lines_are_found_by_their_type_and_carry_their_moment(tmp_path: Path) -> None:
    code = 'print("noise"); print(\'{"type": "one", "at": 1.5}\'); print(\'{"type": "two", "port": 7}\')'
    with python(tmp_path, code) as process:
        assert process.wait_for("one", timeout=30)[0] == 1.5
        stamp, line = process.wait_for("two", timeout=30)
        assert line["port"] == 7 and stamp >= process.started
        assert process.finish(30).code == 0


def test_an_error_line_is_raised_and_so_is_an_end(tmp_path: Path) -> None:
    with (
        python(tmp_path, 'print(\'{"type": "error", "error": "no space"}\')') as process,
        pytest.raises(BenchError, match="no space"),
    ):
        process.wait_for("done", timeout=30)
    with python(tmp_path, "raise SystemExit('it fell')") as process, pytest.raises(BenchError, match="it fell"):
        process.wait_for("done", timeout=30)


def test_what_a_process_uses_is_counted_with_its_memory(tmp_path: Path) -> None:
    code = "x = bytearray(100 << 20)\nx[::4096] = b'1' * len(x[::4096])\nfor _ in range(3_000_000): pass"
    with python(tmp_path, code) as process:
        cost = process.finish(60)
    assert cost.code == 0 and 0 < cost.cpu <= cost.seconds * 2
    assert cost.peak > 100 * MIB


def test_standard_input_tells_and_its_end_stops(tmp_path: Path) -> None:
    code = "import sys\nfor line in sys.stdin: print(line, end='', flush=True)"
    with python(tmp_path, code) as process:
        process.tell(type="echo", dial=["127.0.0.1", 1])
        assert process.wait_for("echo", timeout=30)[1]["dial"] == ["127.0.0.1", 1]
        assert process.stop().code == 0


def test_who_does_not_end_is_killed(tmp_path: Path) -> None:
    with python(tmp_path, "import time; time.sleep(600)", lines=False) as process:
        assert process.running
        assert process.finish(0.1).code == -9
        assert not process.running


def test_without_lines_what_is_printed_goes_to_the_log(tmp_path: Path) -> None:
    with python(tmp_path, "print('hello')", lines=False) as process:
        process.finish(30)
    assert "hello" in process.tail()


def test_until_gives_up() -> None:
    answers = iter([None, False, 5])
    assert until(lambda: next(answers), 30, "an answer", every=0) == 5
    with pytest.raises(BenchError, match="never"):
        until(lambda: None, 0, "never", every=0)
