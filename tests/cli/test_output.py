"""Output: what goes where, what colour does, and that no name commands a terminal."""

from __future__ import annotations

import io
import json
import sys

import pytest

from torrent.cli.output import Output, describe, unicode_locale
from torrent.errors import DiskError

HOSTILE = "a\x1b]0;PWN\x07b\x9b31m\u202egpj.exe\r\n[/nope]"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_data_and_words_go_apart(capsys: pytest.CaptureFixture[str]) -> None:
    output = Output()
    output.data("data")
    output.say("words")
    output.detail("more words")
    assert capsys.readouterr() == ("data\n", "words\n")


def test_quiet_keeps_errors_and_v_adds_details(capsys: pytest.CaptureFixture[str]) -> None:
    output = Output()
    output.quiet, output.verbosity = True, 1
    output.say("words")
    output.warn("careful")
    output.error(DiskError("no room", hint="free some"), what="x.iso")
    assert capsys.readouterr().err == ("torrent: warning: careful\ntorrent: error: x.iso: no room\nhint: free some\n")


def test_no_name_commands_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    output = Output()
    output.color = "always"
    output.data(HOSTILE)
    output.say(HOSTILE)
    output.warn(HOSTILE)
    output.error(HOSTILE)
    out, err = capsys.readouterr()
    text = (out + err).replace("\x1b[31m\x1b[1m", "").replace("\x1b[33m\x1b[1m", "").replace("\x1b[0m", "")
    assert not any(ord(char) < 32 and char != "\n" for char in text)
    assert "\x9b" not in text
    assert "\u202e" not in text
    assert "[/nope]" in text
    assert len(text.splitlines()) == 4


def test_records_are_one_escaped_line(capsys: pytest.CaptureFixture[str]) -> None:
    Output().record({"name": HOSTILE, "n": 1})
    out = capsys.readouterr().out
    assert out.isascii()
    assert out.count("\n") == 1
    assert out.isprintable() or out[:-1].isprintable()
    assert json.loads(out)["name"] == HOSTILE


def test_colour(monkeypatch: pytest.MonkeyPatch) -> None:
    output = Output()
    assert not output.coloured(io.StringIO())
    assert output.coloured(Terminal())
    monkeypatch.setenv("NO_COLOR", "1")
    assert not output.coloured(Terminal())
    output.color = "always"
    assert output.coloured(io.StringIO())
    monkeypatch.delenv("NO_COLOR")
    output.color = "auto"
    monkeypatch.setenv("TERM", "dumb")
    assert not output.coloured(Terminal())


def test_glyphs_follow_the_locale(monkeypatch: pytest.MonkeyPatch) -> None:
    assert unicode_locale()
    assert Output().glyph("✔", "ok") == "✔"
    monkeypatch.setenv("LC_ALL", "C")
    assert not unicode_locale()
    assert Output().glyph("✔", "ok") == "ok"


def test_sentences() -> None:
    assert describe(FileNotFoundError(2, "No such file or directory", "x")) == "x: no such file or directory"
    assert describe(DiskError("full")) == "full"
    assert describe(ValueError()) == "ValueError"
    assert describe("said") == "said"


def test_stdout_that_cannot_show_a_name_shows_an_escape(program: object) -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    stream.reconfigure(errors="backslashreplace")
    stream.write("é")
    stream.flush()
    assert stream.buffer.getvalue() == b"\\xe9"  # type: ignore[attr-defined]
    assert sys.stdout is not stream
