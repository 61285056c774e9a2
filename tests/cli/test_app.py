"""The group: laziness, help, errors in one line, exit codes, pipes that close."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import pytest

from torrent.cli import app
from torrent.errors import DiskFullError, TrackerError

FORBIDDEN = {
    "aiofiles",
    "aiohttp",
    "asyncio",
    "bencode2",
    "hashlib",
    "importlib.metadata",
    "json",
    "logging",
    "multiprocessing",
    "platformdirs",
    "rich",
    "socket",
    "sqlite3",
    "ssl",
    "textual",
    "tomlkit",
    "torrent.metainfo",
    "torrent.session",
    "uvloop",
}


def loaded_by(*args: str) -> set[str]:
    script = (
        "import sys\nfrom torrent.cli.app import run\ncode = run(sys.argv[1:])\n"
        "print(code, *sorted(sys.modules), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, *args], capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2]
    )
    code, *modules = done.stderr.split()
    assert code == "0"
    return set(modules)


@pytest.mark.parametrize(
    "args", [["--help"], ["--version"], ["download", "--help"], ["seed", "--help"], ["info", "--help"], []]
)
def test_help_loads_next_to_nothing(args: list[str]) -> None:
    assert not FORBIDDEN & loaded_by(*args)


def test_help_of_the_group_loads_no_command() -> None:
    assert not {f"torrent.cli.{name}" for name in app.COMMANDS} & loaded_by("--help")


def test_help_names_every_command(cli: Any) -> None:
    result = cli("--help")
    assert result.code == 0
    for name, text in app.COMMANDS.items():
        assert name in result.out
        assert text in result.out
    assert cli().out == result.out


@pytest.mark.parametrize("name", [*app.COMMANDS, *app.ALIASES])
def test_every_command_has_help_that_fits(cli: Any, name: str) -> None:
    result = cli(name, "--help")
    assert result.code == 0
    assert max(map(len, result.out.splitlines())) <= 100


def test_an_unknown_command_names_the_nearest(cli: Any) -> None:
    result = cli("downlaod", "x")
    assert result.code == 2
    assert result.err.startswith("torrent: error: no such command 'downlaod'. Did you mean 'download'?\n")
    assert result.out == ""


def test_an_unknown_option_is_a_usage_error(cli: Any) -> None:
    result = cli("download", "--sed")
    assert result.code == 2
    assert "torrent: error: no such option" in result.err
    assert "hint: torrent download --help" in result.err


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (DiskFullError("no room left", hint="free some"), 4),
        (TrackerError("it hangs"), 6),
        (KeyboardInterrupt(), 130),
        (click.Abort(), 130),
        (BrokenPipeError(), 141),
        (ZeroDivisionError("ours"), 1),
        (MemoryError(), 1),
    ],
)
def test_no_exception_becomes_a_traceback(
    cli: Any, monkeypatch: pytest.MonkeyPatch, error: BaseException, code: int
) -> None:
    def fail(*args: Any, **kwargs: Any) -> None:
        raise error

    monkeypatch.setattr(app.group, "invoke", fail)
    monkeypatch.setattr(app, "_abandon_stdout", lambda: None)
    result = cli("version")
    assert result.code == code
    assert "Traceback" not in result.err
    assert len(result.err.splitlines()) <= 2


def test_two_v_show_the_traceback(cli: Any, tmp_path: Path) -> None:
    assert "Traceback" not in cli("info", "-v", tmp_path / "none").err
    assert "Traceback" in cli("info", "-vv", tmp_path / "none").err


def test_a_reader_that_leaves_is_no_error(tmp_path: Path, sample: Path) -> None:
    command = f'"{sys.executable}" -m torrent info --pieces "{sample}" | head -1; echo "${{PIPESTATUS[0]}}"'
    root = str(Path(__file__).parents[2])
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, cwd=root, timeout=60)
    assert done.stderr == ""
    assert done.stdout.splitlines()[-1] in ("0", "141")


def test_a_closed_pipe_is_141(program: Any, sample: Path) -> None:
    import os

    reader, writer = os.pipe()
    os.close(reader)
    root = str(Path(__file__).parents[2])
    done = subprocess.run(
        [sys.executable, "-m", "torrent", "info", str(sample)],
        stdout=writer,
        stderr=subprocess.PIPE,
        cwd=root,
        timeout=60,
    )
    os.close(writer)
    assert done.returncode == 141
    assert done.stderr == b""


def test_python_dash_m_is_the_command(program: Any) -> None:
    done = program("--version")
    assert (done.returncode, done.stdout, done.stderr) == (0, "torrent 0.1.0\n", "")
    assert program("info", "nothing-here").returncode == 9
