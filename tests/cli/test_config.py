"""`torrent config`: show, origins, get, set, edit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from torrent import settings
from torrent.cli import config


def test_path(cli: Any, tmp_path: Path) -> None:
    assert cli("config", "path").out == f"{tmp_path}/config/torrent/config.toml\n"
    assert cli("config", "path", "--config", "/x/y.toml").out == "/x/y.toml\n"


def test_show_is_a_settings_file(cli: Any, tmp_path: Path) -> None:
    path = tmp_path / "c.toml"
    path.write_text(cli("config", "show").out)
    loaded = settings.load(path, {}, {})
    assert loaded.warnings == ()
    assert set(loaded.origins.values()) == {"file"}


def test_origins(cli: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORRENT_NET_LIMIT_UP", "2M")
    assert cli("config", "set", "net.port", "7000").code == 0
    out = cli("config", "show", "--origin").out
    assert "port = 7000                              # file" in out
    assert 'limit_up = "2M"                          # env' in out
    record = cli("config", "show", "--json").json()
    assert record["net.port"] == {"value": 7000, "origin": "file"}
    assert set(record) == set(settings.SETTINGS)


def test_get_and_set(cli: Any) -> None:
    assert cli("config", "get", "net.port").out == "6881\n"
    assert cli("config", "set", "download.sequential", "yes").code == 0
    assert cli("config", "get", "download.sequential").out == "true\n"
    result = cli("config", "set", "net.port", "99999")
    assert (result.code, result.out) == (2, "")
    assert "between 0 and 65535" in result.err
    result = cli("config", "get", "net.prot")
    assert result.code == 2
    assert "did you mean net.port?" in result.err


def test_set_says_when_the_environment_wins(cli: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORRENT_NET_PORT", "5000")
    assert "wins over the file" in cli("config", "set", "net.port", "7000").err


def test_warnings_do_not_stop_a_command(cli: Any, tmp_path: Path) -> None:
    path = tmp_path / "c.toml"
    path.write_text("[net]\nprot = 1\n")
    result = cli("config", "get", "net.port", "--config", path)
    assert result.code == 0
    assert "torrent: warning:" in result.err


def test_edit_writes_a_template_and_checks_the_result(
    cli: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = tmp_path / "new" / "c.toml"
    monkeypatch.setenv("EDITOR", "true")
    assert cli("config", "edit", "--config", path).code == 0
    assert "# port to listen on" in path.read_text()
    assert settings.load(path, {}, {}).config == settings.Config()
    path.write_text("[net]\nport = 'x'\n")
    result = cli("config", "edit", "--config", path)
    assert result.code == 2
    assert "saved, but it cannot be used" in result.err


def test_the_template_without_its_hashes_is_the_default(tmp_path: Path) -> None:
    path = tmp_path / "c.toml"
    lines = [line.removeprefix("# ") if " = " in line else line for line in config.template().splitlines()]
    path.write_text("\n".join(lines))
    assert settings.load(path, {}, {}).config == settings.Config()
