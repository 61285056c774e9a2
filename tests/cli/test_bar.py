"""Bars: nothing wider than the terminal, nothing parsed, nothing but ASCII where the locale has no more."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from torrent.cli.bar import Bar, bar_line, header, render, short_line
from torrent.cli.output import Output
from torrent.errors import DiskError
from torrent.views import TorrentView

VIEW = TorrentView(
    info_hash="ab" * 20,
    name="ubuntu-24.04.2-desktop-amd64.iso",
    status="downloading",
    reason="",
    path="/srv/ubuntu.iso",
    size=2_673_868_800,
    wanted=2_673_868_800,
    done=1_815_000_000,
    pieces=100,
    pieces_done=67,
    rate_down=7_235_174.4,
    rate_up=340_992.0,
    downloaded=1_815_000_000,
    uploaded=1024,
    wasted=0,
    hash_failures=0,
    peers=31,
    seeds=12,
    peers_known=60,
    availability=2.0,
    eta=117.0,
    ratio=0.05,
    private=False,
    checked=0.0,
    sources=(("DHT", 12), ("tracker", 19)),
)


def test_two_lines_for_one_torrent() -> None:
    first, second = render([VIEW], 100, unicode=True)
    assert first.plain == "ubuntu-24.04.2-desktop-amd64.iso  2.49 GiB  31 peers (DHT 12, tracker 19)"
    assert second.plain.startswith(" 67.8% ━━━━━")
    assert second.plain.endswith("━  ▼ 6.9 MiB/s  1m57s  1.69 GiB/2.49 GiB  ▲ 333 KiB/s")


def test_a_line_each_and_a_total_for_several() -> None:
    lines = render([VIEW, replace(VIEW, name="b")], 80, unicode=True)
    assert len(lines) == 3
    assert lines[2].plain.startswith("total 67.8%  down 13.8 MiB/s")
    assert render([], 80, unicode=True) == []


STATUSES = st.sampled_from(["downloading", "seeding", "finished", "checking", "paused", "waiting", "error"])


@given(
    st.text(min_size=0, max_size=90),
    STATUSES,
    st.integers(24, 200),
    st.integers(0, 10**15),
    st.booleans(),
    st.sampled_from(["", "no room left on the device at all"]),
)
def test_no_line_is_wider_than_the_terminal(
    name: str, status: str, width: int, done: int, unicode: bool, reason: str
) -> None:
    from torrent.text import safe_text

    view = replace(VIEW, name=safe_text(name), status=status, done=done, wanted=10**15, reason=reason, eta=None)
    for line in [*render([view], width, unicode=unicode), *render([view, VIEW], width, unicode=unicode)]:
        assert cell_len(line.plain) <= width, line.plain
        assert "\n" not in line.plain


def test_forty_columns_still_say_how_far() -> None:
    assert "67.8%" in bar_line(VIEW, 39, unicode=True).plain
    assert "67.8%" in short_line(VIEW, 39, unicode=True).plain
    assert header(VIEW, 39).plain.startswith("ubuntu-24")


def test_ascii_where_the_locale_has_no_more() -> None:
    for status in ("downloading", "seeding", "checking"):
        for line in render([replace(VIEW, status=status, eta=None)], 80, unicode=False):
            assert line.plain.isascii()


def test_all_is_all_only_when_it_is() -> None:
    assert "99.9%" in bar_line(replace(VIEW, done=VIEW.wanted - 1), 80, unicode=True).plain


def screen(monkeypatch: pytest.MonkeyPatch) -> tuple[Bar, io.StringIO]:
    monkeypatch.setenv("TERM", "xterm-256color")
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=True, width=100, markup=False, highlight=False, emoji=False)
    return Bar(Output(), console), stream


def test_markup_in_names_is_text_and_the_cursor_comes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    bar, stream = screen(monkeypatch)
    for name in ("[/nope]", "[red]x[/red]", ":smile: [link=http://x]y[/link]"):
        bar.tick([replace(VIEW, name=name)])
        assert name in stream.getvalue()
    bar.note("[/nope] \x1b]0;PWN\x07 noted")
    bar.close()
    text = stream.getvalue()
    assert "[/nope] \ufffd]0;PWN\ufffd noted" in text
    assert text.count("\x1b[?25l") == text.count("\x1b[?25h") == 1


def test_an_error_comes_after_the_bars_are_gone(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    bar, stream = screen(monkeypatch)
    bar.tick([VIEW])
    bar.failed(DiskError("no room"), 4, what="ubuntu.iso")
    assert stream.getvalue().endswith("\x1b[?25h") or "\x1b[?25h" in stream.getvalue()
    assert capsys.readouterr().err == "torrent: error: ubuntu.iso: no room\n"
    bar.close()
