"""A run: who gives up when, whose code wins, and what happens on a signal. The session here is a puppet."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Self

import pytest

from torrent.cli.live import Job, Rules, Run, resolved
from torrent.cli.output import Output
from torrent.cli.progress import Json
from torrent.config import Config
from torrent.errors import DiskError, DiskFullError, InputError, NetworkError
from torrent.terms import Address
from torrent.views import TorrentView

VIEW = TorrentView(
    info_hash="ab" * 20,
    name="x.iso",
    status="downloading",
    reason="",
    path="/srv/x.iso",
    size=1000,
    wanted=1000,
    done=0,
    pieces=10,
    pieces_done=0,
    rate_down=0.0,
    rate_up=0.0,
    downloaded=0,
    uploaded=0,
    wasted=0,
    hash_failures=0,
    peers=0,
    seeds=0,
    peers_known=0,
    availability=0.0,
    eta=None,
    ratio=0.0,
    private=False,
    checked=0.0,
)


class Puppet:
    """A torrent that does what the test says."""

    def __init__(self, view: TorrentView, complete: bool, error: Exception | None) -> None:
        self.now = view
        self._complete = complete
        self._error = error
        self.seeding = asyncio.Event()

    def view(self) -> TorrentView:
        return self.now

    async def completed(self) -> None:
        if self._error:
            raise self._error
        if not self._complete:
            await asyncio.Event().wait()
        self.now = replace(self.now, done=1000, status="seeding", downloaded=1000)

    async def stopped(self) -> None:
        self.seeding.set()
        await asyncio.Event().wait()


class Stage:
    """A session of puppets: `plays` maps names to (view, complete, error at add, error later)."""

    port = 4711

    def __init__(self, plays: dict[str, Any], port_in_use: bool = False) -> None:
        self.plays = plays
        self.torrents: dict[str, Puppet] = {}
        self.seen: list[Config] = []
        self.removed: list[Puppet] = []
        self.added: list[dict[str, Any]] = []
        self.left = False
        self.began = asyncio.Event()
        self.seeding = asyncio.Event()
        self.port_in_use = port_in_use

    def __call__(self, config: Config) -> Any:
        self.seen.append(config)
        return self

    async def __aenter__(self) -> Self:
        if self.port_in_use and self.seen[-1].net.port:
            raise NetworkError("port 6881 is in use")
        return self

    async def __aexit__(self, *facts: object) -> None:
        self.left = True

    async def add(self, metainfo: Any, directory: Path, **options: Any) -> Puppet:
        play = self.plays[metainfo.name]
        self.added.append({"directory": directory, **options})
        if play.get("refused"):
            raise play["refused"]
        view = replace(VIEW, name=metainfo.name, info_hash=metainfo.hex, **play.get("view", {}))
        puppet = Puppet(view, play.get("complete", False), play.get("error"))
        self.torrents[metainfo.hex] = puppet
        puppet.seeding = self.seeding
        self.began.set()
        return puppet

    async def remove(self, puppet: Puppet) -> None:
        self.removed.append(puppet)


def job(name: str, **more: Any) -> Job:
    metainfo: Any = SimpleNamespace(name=name, hex=name.encode().hex().ljust(40, "0"), version="v1")
    return Job(f"{name}.torrent", metainfo, Path("/srv"), **more)


Played = Callable[..., tuple[int, list[dict[str, Any]]]]


@pytest.fixture
def play(capsys: pytest.CaptureFixture[str]) -> Played:
    def run(stage: Stage, *jobs: Job, meanwhile: Any = None, **rules: Any) -> tuple[int, list[dict[str, Any]]]:
        output = Output()
        output.argv = ("download", "x y.torrent", "-o", "/srv")
        progress = Json(output)
        progress.period = 0.01

        async def story() -> int:
            carrying = Run(Config(), output, progress, Rules(**rules), session=stage).carry(jobs)  # type: ignore[arg-type]
            if meanwhile is None:
                return await carrying
            task = asyncio.create_task(carrying)
            await meanwhile(stage)
            return await task

        code = asyncio.run(story())
        return code, [json.loads(line) for line in capsys.readouterr().out.splitlines()]

    return run


def test_done(play: Played) -> None:
    stage = Stage({"a": {"complete": True}})
    code, lines = play(stage, job("a", options={"check": True}), peers=(Address("127.0.0.1", 5),))
    assert code == 0
    assert [lines[0]["type"], lines[1]["type"], lines[-1]["type"]] == ["listening", "added", "done"]
    assert lines[0]["port"] == 4711
    assert stage.added == [
        {"directory": Path("/srv"), "check": True, "peers": [Address("127.0.0.1", 5)], "seed_only": False}
    ]
    assert stage.left


def test_each_ends_alone_and_the_highest_code_wins(play: Played) -> None:
    stage = Stage(
        {
            "a": {"complete": True},
            "b": {"refused": DiskFullError("no room", hint="free some")},
            "c": {"error": DiskError("it broke")},
            "d": {"refused": InputError("named twice")},
        }
    )
    code, lines = play(stage, *(job(name) for name in "abcd"))
    assert code == 4
    errors = {line["error"]: line["code"] for line in lines if line["type"] == "error"}
    assert errors == {"b: no room": 4, "c: it broke": 4, "d: named twice": 1}
    assert [line["name"] for line in lines if line["type"] == "done"] == ["a"]


def test_timeout_without_a_peer_is_6_and_with_one_7(play: Played) -> None:
    code, lines = play(Stage({"a": {}}), job("a"), timeout=0.05)
    assert (code, lines[-1]["code"]) == (6, 6)
    assert "no peers" in lines[-1]["error"]
    stage = Stage({"a": {"view": {"peers": 1}}})
    code, lines = play(stage, job("a"), timeout=0.05)
    assert (code, lines[-1]["code"]) == (7, 7)
    assert lines[-1]["hint"] == "resume: torrent download 'x y.torrent' -o /srv"
    assert stage.removed


def test_stall(play: Played) -> None:
    code, lines = play(Stage({"a": {"view": {"peers": 1, "downloaded": 5}}}), job("a"), stall=0.05)
    assert code == 7
    assert "no data came" in lines[-1]["error"]
    assert play(Stage({"a": {}}), job("a"), stall=0.05)[0] == 6


def test_checking_is_no_stall(play: Played) -> None:
    code, lines = play(Stage({"a": {"view": {"status": "checking", "peers": 1}}}), job("a"), stall=0.02, timeout=0.15)
    assert code == 7
    assert "not done" in lines[-1]["error"]


def test_a_taken_port_is_replaced_only_when_nobody_chose_it(play: Played) -> None:
    stage = Stage({"a": {"complete": True}}, port_in_use=True)
    assert play(stage, job("a"), free_port=True)[0] == 0
    assert [config.net.port for config in stage.seen] == [6881, 0]
    with pytest.raises(NetworkError):
        play(Stage({"a": {}}, port_in_use=True), job("a"))


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_stops_in_order(play: Played, number: int, code: int) -> None:
    async def meanwhile(stage: Stage) -> None:
        await stage.began.wait()
        os.kill(os.getpid(), number)

    stage = Stage({"a": {"view": {"done": 679, "peers": 1}}})
    got, lines = play(stage, job("a"), meanwhile=meanwhile)
    assert got == code
    assert stage.left
    assert lines[-1]["error"] == "stopped at 67.9%"
    assert lines[-1]["hint"].startswith("resume: torrent download 'x y.torrent'")
    assert lines[-1]["code"] == code


def test_a_signal_while_seeding(play: Played) -> None:
    async def meanwhile(stage: Stage) -> None:
        await stage.seeding.wait()
        os.kill(os.getpid(), signal.SIGINT)

    code, lines = play(Stage({"a": {"complete": True}}), job("a"), meanwhile=meanwhile, seed=True)
    assert code == 130
    kinds = [line["type"] for line in lines]
    assert "done" in kinds
    assert kinds[-1] == "stopped"


def test_files_that_are_not_whole_are_not_seeded(play: Played) -> None:
    stage = Stage({"a": {"view": {"done": 900, "pieces_done": 9}}})
    code, lines = play(stage, job("a", seed_only=True), seed=True)
    assert code == 5
    assert lines[-1]["error"] == "a: 1 of 10 pieces are missing or bad in /srv/x.iso"


def test_on_complete_sees_the_torrent_and_no_shell(play: Played, tmp_path: Path) -> None:
    script, seen = tmp_path / "done.sh", tmp_path / "seen"
    script.write_text(f'#!/bin/sh\necho "$BT_NAME $BT_PATH $BT_HASH $1" > {seen}\necho noise\nexit 3\n')
    script.chmod(0o755)
    code, lines = play(Stage({"a": {"complete": True}}), job("a"), on_complete=f"{script} '$(id); x'")
    assert code == 0
    assert seen.read_text() == f"a /srv/x.iso {'61'.ljust(40, '0')} $(id); x\n"
    assert lines[-1]["type"] == "done"
    assert play(Stage({"a": {"complete": True}}), job("a"), on_complete="/nowhere/at-all")[0] == 0


async def test_names_of_peers_are_looked_up() -> None:
    assert await resolved([Address("127.0.0.1", 80), Address("::1", 81)]) == [
        Address("127.0.0.1", 80),
        Address("::1", 81),
    ]
    with pytest.raises(InputError, match="peer"):
        await resolved([Address("no-such-host.invalid", 80)])
