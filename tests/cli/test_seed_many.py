"""`torrent seed` with many torrents: all are seeded, one line tells of all, and what is wrong with one is told."""

from __future__ import annotations

import json
import random
from hashlib import sha1
from pathlib import Path
from typing import Any

import pytest

from torrent.bencode import encode
from torrent.cli.output import Output
from torrent.cli.progress import Json, Plain
from torrent.cli.seed_many import FEW, TELL_SECONDS, Teller
from torrent.views import SessionView

COUNT = FEW + 10


@pytest.fixture
def many(tmp_path: Path) -> tuple[list[Path], Path]:
    """Torrents, and the folder of their files."""
    data, folder = tmp_path / "data", tmp_path / "torrents"
    data.mkdir()
    folder.mkdir()
    rng = random.Random(3)
    paths = []
    for number in range(COUNT):
        content = rng.randbytes(1000)
        (data / f"f{number}").write_bytes(content)
        info = {
            b"length": 1000,
            b"name": b"f%d" % number,
            b"piece length": 16384,
            b"pieces": sha1(content).digest(),
        }
        paths.append(folder / f"{number}.torrent")
        paths[-1].write_bytes(encode({b"info": info}))
    return paths, data


def test_all_are_seeded_and_told_of_together(part: Any, cli: Any, many: Any, tmp_path: Path) -> None:
    paths, data = many
    seed = part("seed", *paths, data, "--port", "0", "--bind", "127.0.0.1", "--json")
    port = seed.until("listening")["port"]
    while (told := seed.until("summary"))["seeding"] < COUNT:
        pass
    assert (told["torrents"], told["failed"], told["peers"]) == (COUNT, 0, 0)
    result = cli(
        "download", paths[7], "-o", tmp_path / "got", "--port", "0", "--peer", f"127.0.0.1:{port}", "--timeout", "30s"
    )
    assert result.code == 0, result.err
    assert (tmp_path / "got" / "f7").read_bytes() == (data / "f7").read_bytes()
    while seed.until("summary")["uploaded"] < 1000:
        pass
    assert seed.stop() == 143


def test_what_is_wrong_with_some_does_not_hold_up_the_others(cli: Any, many: Any) -> None:
    paths, data = many
    (data / "f3").write_bytes(bytes(1000))
    paths[5].write_bytes(b"nonsense")
    result = cli("seed", *paths, paths[0], data, "--port", "0", "--time", "0.2s", "--json")
    assert result.code == 5
    lines = [json.loads(line) for line in result.out.splitlines()]
    errors = [line["error"] for line in lines if line["type"] == "error"]
    assert len(errors) == 3
    assert any("pieces are missing or bad" in error for error in errors)
    assert any("the same torrent as" in error for error in errors)
    assert lines[-1]["type"] == "summary" and lines[-1]["failed"] == 1
    assert len([line for line in lines if line["type"] == "added"]) == COUNT - 1


def test_for_people_it_is_a_few_lines_however_many_there_are(cli: Any, many: Any) -> None:
    paths, data = many
    result = cli("seed", *paths, data, "--port", "0", "--time", "0.2s")
    assert result.code == 0 and result.out == ""
    lines = result.err.splitlines()
    assert lines[0].startswith(f"seeding {COUNT} of {COUNT} torrents, loaded in ")
    assert lines[-1].startswith("stopped, sent 0 B") and len(lines) <= 3


def test_a_few_have_lines_of_their_own(cli: Any, many: Any) -> None:
    paths, data = many
    result = cli("seed", *paths[:3], data, "--port", "0", "--time", "0.2s", "--json")
    assert result.code == 0, result.err
    lines = [json.loads(line) for line in result.out.splitlines()]
    assert {line["name"] for line in lines if line["type"] == "added"} == {"f0", "f1", "f2"}
    assert not [line for line in lines if line["type"] == "summary"]


def test_a_torrent_as_last_name_is_a_torrent(cli: Any, many: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    paths, data = many
    monkeypatch.chdir(data)
    result = cli("seed", *paths[:2], "--port", "0", "--time", "0.2s", "--json")
    assert result.code == 0, result.err
    assert result.out.count('"added"') == 2


def test_what_is_for_one_that_is_made_now_is_refused(cli: Any, many: Any) -> None:
    paths, data = many
    assert cli("seed", *paths, data, "--private", "-t", "http://x.example/announce").code == 1
    assert cli("seed", *paths, data / "none").code == 9


def view(uploaded: int = 0, peers: int = 0) -> SessionView:
    return SessionView(1, 5, peers, 0.0, 0.0, 0, uploaded)


def test_a_line_comes_every_ten_seconds_and_only_with_news(capsys: Any) -> None:
    now = [0.0]
    teller = Teller(Plain(Output()), 5, lambda: now[0])
    teller.seeding = 5
    for second in range(60):
        now[0] = float(second)
        teller.tell(view(uploaded=2048 if second > 30 else 0))
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2 and "seeding 5" in lines[0] and "2 KiB" in lines[1]
    assert TELL_SECONDS == 10


def test_a_program_hears_only_news(capsys: Any) -> None:
    teller = Teller(Json(Output()), 5, lambda: 0.0)
    for peers in (0, 0, 1, 1, 1):
        teller.tell(view(peers=peers))
    teller.failed = 1
    teller.tell(view(peers=1), last=True)
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["peers"] for line in lines] == [0, 1, 1]
    assert lines[-1] == {
        "v": 1, "type": "summary", "torrents": 5, "seeding": 0, "failed": 1, "up": 0, "peers": 1, "uploaded": 0,
    }  # fmt: skip
