"""Progress for programs and logs: the keys are a promise, the lines are few."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from torrent.cli import progress
from torrent.cli.output import Output
from torrent.errors import DiskFullError
from torrent.views import TorrentView

VIEW = TorrentView(
    info_hash="ab" * 20,
    name="ubuntu.iso",
    status="downloading",
    reason="",
    path="/srv/ubuntu.iso",
    size=2_673_868_800,
    wanted=2_673_868_800,
    done=320_864_256,
    pieces=100,
    pieces_done=12,
    rate_down=7_235_174.4,
    rate_up=340_992.0,
    downloaded=320_864_256,
    uploaded=1024,
    wasted=0,
    hash_failures=0,
    peers=31,
    seeds=12,
    peers_known=60,
    availability=2.0,
    eta=325.2,
    ratio=0.05,
    private=False,
    checked=0.0,
    sources=(("DHT", 12), ("tracker", 19)),
)
DONE = replace(VIEW, status="seeding", done=VIEW.wanted, eta=0.0)


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_json_lines(capsys: pytest.CaptureFixture[str]) -> None:
    show = progress.Json(Output())
    show.listening(6881)
    show.added(VIEW, {"source": "x.torrent"})
    show.tick([VIEW])
    show.done(DONE, 372.1234)
    show.tick([DONE])
    show.failed(DiskFullError("no room", hint="free some"), 4, what="ubuntu.iso", info_hash="ab" * 20)
    show.stopped(VIEW, "torrent download x.torrent", 130)
    show.stopped(DONE, "torrent download x.torrent", 143)
    got = lines(capsys)
    kinds = ["listening", "added", "progress", "done", "seeding", "error", "error", "stopped"]
    assert [line["type"] for line in got] == kinds
    assert all(line["v"] == 1 for line in got)
    assert got[0] == {"v": 1, "type": "listening", "port": 6881}
    wanted = {"v", "type", "hash", "name", "status", "done", "total", "down", "up", "peers", "seeds", "eta"}
    assert wanted <= set(got[2])
    assert (got[2]["down"], got[2]["eta"], got[2]["peers"]) == (7235174, 325, 31)
    assert {"hash", "path", "seconds", "bytes"} <= set(got[3])
    assert (got[3]["seconds"], got[3]["bytes"]) == (372.123, VIEW.wanted)
    assert got[5]["error"] == "ubuntu.iso: no room"
    assert (got[5]["hint"], got[5]["code"], got[5]["hash"]) == ("free some", 4, "ab" * 20)
    assert (got[6]["error"], got[6]["code"]) == ("stopped at 12.0%", 130)


def test_json_never_shows_a_rate_or_a_name_raw(capsys: pytest.CaptureFixture[str]) -> None:
    progress.Json(Output()).tick([replace(VIEW, name="\u202e\x1b", eta=None)])
    out = capsys.readouterr().out
    assert out.isascii()
    assert "\x1b" not in out
    assert '"eta":null' in out


def test_plain_lines_are_few(capsys: pytest.CaptureFixture[str]) -> None:
    now = 0.0
    show = progress.Plain(Output(), clock=lambda: now)
    for step in range(200):
        now = step * 0.5
        show.tick([replace(VIEW, done=VIEW.wanted * step // 2000)])
    out, err = capsys.readouterr()
    assert out == ""
    assert 9 <= len(err.splitlines()) <= 12
    assert all("\r" not in line and "\x1b" not in line for line in err.splitlines())


def test_plain_lines_come_at_five_per_cent_and_with_a_new_status(capsys: pytest.CaptureFixture[str]) -> None:
    show = progress.Plain(Output(), clock=lambda: 0.0)
    for percent in range(0, 100, 2):
        show.tick([replace(VIEW, done=VIEW.wanted * percent // 100)])
    assert len(capsys.readouterr().err.splitlines()) == 16
    show.tick([DONE])
    show.tick([replace(DONE, status="error", reason="disk full")])
    assert capsys.readouterr().err.splitlines()[-1].endswith("error: disk full")


def test_a_plain_line() -> None:
    line = progress.plain_line(VIEW, "10:00:10", named=False)
    assert line == "10:00:10  12.0%  306 MiB/2.49 GiB  6.9 MiB/s  eta 5m25s  peers 31"
    assert progress.plain_line(DONE, "10:00:10", named=True).endswith("ratio 0.05  peers 31  ubuntu.iso")


def test_why_nothing_moves() -> None:
    assert progress.state_words(replace(VIEW, peers=0)) == "no peers yet"
    assert progress.state_words(replace(VIEW, status="checking", checked=0.456)) == "checking 45%"
    assert progress.state_words(replace(VIEW, status="waiting", reason="disk full")) == "waiting: disk full"
    assert progress.state_words(replace(VIEW, status="paused")) == "paused"


def test_the_path_is_the_data(capsys: pytest.CaptureFixture[str]) -> None:
    progress.Plain(Output()).done(DONE, 372.1)
    out, err = capsys.readouterr()
    assert out == "/srv/ubuntu.iso\n"
    assert err.startswith("✔ done in 6m12s  2.49 GiB  avg 842 KiB/s  ratio 0.05  hash fails 0  → /srv/ubuntu.iso")


def test_nothing_had_to_be_fetched(capsys: pytest.CaptureFixture[str]) -> None:
    progress.Silent(Output()).done(replace(DONE, downloaded=0), 0.0)
    assert "was there already" in capsys.readouterr().err


def test_stopped_says_how_to_go_on(capsys: pytest.CaptureFixture[str]) -> None:
    progress.Plain(Output()).stopped(replace(VIEW, done=VIEW.wanted * 679 // 1000 + 9), "torrent download x", 130)
    assert "stopped at 67.9%, resume: torrent download x" in capsys.readouterr().err


def test_all_bytes_but_not_all_pieces_is_not_complete() -> None:
    assert progress.is_complete(DONE)
    assert not progress.is_complete(VIEW)
    assert not progress.is_complete(replace(DONE, status="downloading"))
    assert progress.percent_of(DONE) == "100%"
    assert progress.percent_of(replace(DONE, status="downloading")) == "99.9%"
    assert progress.percent_of(replace(DONE, status="downloading", done=0, wanted=0)) == "100%"


def test_make(monkeypatch: pytest.MonkeyPatch) -> None:
    output = Output()
    assert type(progress.make("auto", output)) is progress.Plain
    assert type(progress.make("none", output)) is progress.Silent
    assert type(progress.make("json", output)) is progress.Json
    assert output.json
    assert type(progress.make("bar", output)) is progress.Json
    quiet = Output()
    quiet.quiet = True
    assert type(progress.make("auto", quiet)) is progress.Silent
    assert type(progress.make("bar", Output())).__name__ == "Bar"
