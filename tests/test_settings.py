"""Settings: the order of origins, what is refused, what is only warned about, and files that keep their comments."""

from __future__ import annotations

from pathlib import Path

import pytest

from torrent import settings
from torrent.config import Config
from torrent.errors import ConfigError


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_told_nothing_it_is_the_default(tmp_path: Path) -> None:
    loaded = settings.load(None, {"XDG_CONFIG_HOME": str(tmp_path)}, {})
    assert loaded.config == Config()
    assert set(loaded.origins.values()) == {"default"}
    assert loaded.warnings == ()
    assert loaded.path == tmp_path / "torrent" / "config.toml"


def test_flags_beat_environment_beats_file_beats_default(tmp_path: Path) -> None:
    path = write(tmp_path / "c.toml", '[net]\nport = 1000\nlimit_up = "2M"\nmax_peers = 9\n')
    env = {"TORRENT_CONFIG": str(path), "TORRENT_NET_PORT": "2000", "TORRENT_NET_LIMIT_UP": "3M"}
    loaded = settings.load(None, env, {"net.port": 3000, "net.bind": None})
    net = loaded.config.net
    assert (net.port, net.limit_up, net.max_peers, net.half_open) == (3000, 3 << 20, 9, 30)
    names = ("net.port", "net.limit_up", "net.max_peers", "net.half_open")
    assert [loaded.origins[name] for name in names] == ["flag", "env", "file", "default"]


def test_a_file_named_on_purpose_must_exist(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        settings.load(tmp_path / "none.toml", {}, {})


def test_unknown_names_are_warnings_with_the_nearest_name(tmp_path: Path) -> None:
    path = write(tmp_path / "c.toml", "[net]\nprot = 1\n[nett]\nx = 1\n[dht]\nenabled = true\n")
    env = {"TORRENT_NET_PROT": "1", "TORRENT_SOMETHING": "x"}
    loaded = settings.load(path, env, {})
    text = "\n".join(loaded.warnings)
    assert "net.prot; did you mean net.port?" in text
    assert "nett; did you mean net?" in text
    assert "TORRENT_NET_PROT; did you mean TORRENT_NET_PORT?" in text
    assert "TORRENT_SOMETHING" not in text
    assert len(loaded.warnings) == 4


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("net.port", "99999"),
        ("net.port", -1),
        ("net.port", 1.5),
        ("net.port", True),
        ("net.port", "9" * 5000),
        ("net.limit_down", "5 apples"),
        ("net.limit_down", -5),
        ("net.bind", "localhost"),
        ("download.preallocate", "maybe"),
        ("download.sequential", "perhaps"),
        ("download.dir", 5),
        ("seed.ratio", "nan"),
        ("seed.ratio", float("inf")),
        ("seed.time", [1]),
        ("disk.memory", "1K"),
        ("disk.threads", 0),
    ],
)
def test_values_that_cannot_be(name: str, value: object) -> None:
    with pytest.raises(ConfigError) as caught:
        settings.convert(name, value)
    assert name in str(caught.value)
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize(
    ("name", "value", "result"),
    [
        ("download.sequential", "yes", True),
        ("download.sequential", False, False),
        ("seed.time", "1h30m", 5400.0),
        ("seed.time", 90, 90.0),
        ("disk.memory", "32M", 32 << 20),
        ("net.limit_down", "40Mbit", 5_000_000),
        ("net.bind", "::1", "::1"),
        ("seed.ratio", "2", 2.0),
    ],
)
def test_values_that_can(name: str, value: object, result: object) -> None:
    assert settings.convert(name, value) == result
    assert type(settings.convert(name, value)) is type(result)


def test_what_is_written_reads_back_and_comments_stay(tmp_path: Path) -> None:
    path = write(tmp_path / "c.toml", "# mine\n[net]\nport = 1 # the port\n\n[ui]\ntheme = 'x'\n")
    settings.save(path, "net.port", "4000")
    settings.save(path, "net.limit_up", "2M")
    settings.save(path, "seed.time", "1h30m")
    text = path.read_text()
    assert "# mine" in text
    assert "4000 # the port" in text
    assert "theme = 'x'" in text
    loaded = settings.load(path, {}, {})
    assert (loaded.config.net.port, loaded.config.net.limit_up, loaded.config.seed.time) == (4000, 2 << 20, 5400.0)
    assert list(tmp_path.iterdir()) == [path]


def test_a_new_file_gets_its_folders(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "c.toml"
    settings.save(path, "download.dir", "/srv")
    assert settings.load(path, {}, {}).config.download.dir == "/srv"


@pytest.mark.parametrize("text", ["[net", "net = 5\n[net]\n", "x = " + "[" * 5000, "\x00", "[net]\nport = 'x'\n"])
def test_broken_files_are_config_errors(tmp_path: Path, text: str) -> None:
    path = write(tmp_path / "c.toml", text)
    with pytest.raises(ConfigError) as caught:
        settings.load(path, {}, {})
    assert "\n" not in str(caught.value)


def test_a_broken_file_is_not_overwritten(tmp_path: Path) -> None:
    path = write(tmp_path / "c.toml", "[net")
    with pytest.raises(ConfigError):
        settings.save(path, "net.port", 5)
    assert path.read_text() == "[net"


def test_every_default_survives_a_round_trip(tmp_path: Path) -> None:
    path = tmp_path / "c.toml"
    for name, setting in settings.SETTINGS.items():
        settings.save(path, name, setting.default)
    loaded = settings.load(path, {}, {})
    assert loaded.config == Config()
    assert set(loaded.origins.values()) == {"file"}


def test_not_utf8_and_too_large(tmp_path: Path) -> None:
    path = tmp_path / "c.toml"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="UTF-8"):
        settings.load(path, {}, {})
    path.write_bytes(b"#" * (settings.MAX_FILE + 1))
    with pytest.raises(ConfigError, match="larger"):
        settings.load(path, {}, {})
