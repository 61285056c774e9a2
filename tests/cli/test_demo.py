"""`torrent demo`: the whole program, as a user sees it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torrent.cli import demo


def test_the_demo_works_and_leaves_nothing(program: Any, tmp_path: Path) -> None:
    done = program("demo", "--generated", "--size", "512K", "--limit", "0", env={"TMPDIR": str(tmp_path)})
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "the demo worked: 3 files are the same"
    assert "tracker   http://127.0.0.1:" in done.stderr
    assert "done in" in done.stderr
    assert not list(tmp_path.glob("torrent-demo-*"))


def test_the_payload_is_always_the_same(tmp_path: Path) -> None:
    one, two = demo._payload(tmp_path / "1", 100_000), demo._payload(tmp_path / "2", 100_000)
    assert [demo._digest(path) for path in demo._files(one)] == [demo._digest(path) for path in demo._files(two)]
    assert sum(path.stat().st_size for path in demo._files(one)) == 100_041


def test_a_difference_is_found(tmp_path: Path, capsys: Any) -> None:
    from torrent.cli.output import Output

    one, two = demo._payload(tmp_path / "1", 1000), demo._payload(tmp_path / "2", 1000)
    assert demo._compare(Output(), one, two) == 0
    (two / "random.bin").write_bytes(b"x")
    assert demo._compare(Output(), one, two) == 5
    assert "DIFFERENT" in capsys.readouterr().out
