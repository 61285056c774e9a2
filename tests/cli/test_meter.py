"""The meter: one line on a terminal, nothing elsewhere."""

from __future__ import annotations

import io
import sys

import pytest

from torrent.cli import meter
from torrent.cli.output import Output


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setattr(meter, "PERIOD", 0.0)
    monkeypatch.setenv("COLUMNS", "40")
    with meter.Meter(Output(), "hashing") as show:
        show(1, 3)
        show(3, 3)
    lines = screen.getvalue().split("\r\x1b[K")
    assert lines[1].startswith("hashing 33.3%")
    assert lines[2].startswith("hashing 100%")
    assert max(map(len, lines)) < 40
    assert lines[-1] == ""


def test_elsewhere_and_when_quiet(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    with meter.Meter(Output(), "hashing") as show:
        show(1, 3)
    assert capsys.readouterr().err == ""
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    output = Output()
    output.quiet = True
    with meter.Meter(output, "hashing") as show:
        show(1, 3)
    assert screen.getvalue() == ""
    assert show.seconds >= 0
