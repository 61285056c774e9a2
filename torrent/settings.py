"""Where does the `Config` of this run come from?

Flags beat the environment (`TORRENT_SECTION_KEY`), that beats the TOML file, that beats the defaults; the origin of
every value is remembered. A value that cannot be used is a `ConfigError` that names the key and the place it came
from; a key nobody knows is only a warning with the nearest name, so that one file serves several versions.
Writing goes through tomlkit, keeps comments and order, and replaces the file in one step.
"""

from __future__ import annotations

import difflib
import ipaddress
import math
import os
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from torrent import units
from torrent.config import Config
from torrent.errors import ConfigError, InputError
from torrent.text import safe_text

PREFIX = "TORRENT_"
MAX_FILE = 1024 * 1024
_RESERVED = frozenset({"TORRENT_CONFIG", "TORRENT_STATE"})


@dataclass(frozen=True, slots=True)
class Setting:
    """One thing that can be told: its dotted name, default, unit and sentence."""

    name: str
    default: Any
    unit: str
    doc: str

    @property
    def variable(self) -> str:
        """The environment variable that sets it."""
        return PREFIX + self.name.replace(".", "_").upper()


def _catalogue() -> dict[str, Setting]:
    found = {}
    default = Config()
    for section in fields(Config):
        part = getattr(default, section.name)
        for field in fields(part):
            name = f"{section.name}.{field.name}"
            found[name] = Setting(name, getattr(part, field.name), field.metadata["unit"], field.metadata["doc"])
    return found


SETTINGS: dict[str, Setting] = _catalogue()

_RANGES: dict[str, tuple[float, float]] = {
    "net.port": (0, 65535),
    "net.max_peers": (1, 100_000),
    "net.max_peers_per_torrent": (1, 100_000),
    "net.half_open": (1, 10_000),
    "net.upload_slots": (1, 10_000),
    "net.pipeline": (1, 10_000),
    "disk.memory": (1024 * 1024, 1 << 40),
    "disk.threads": (1, 64),
    "disk.open_files": (4, 1_000_000),
    "tracker.timeout": (0.1, 3600),
    "tracker.stop_timeout": (0, 60),
    "tracker.numwant": (0, 2000),
}
_CHOICES = {"download.preallocate": ("sparse", "fallocate"), "disk.hashing": ("auto", "hashlib")}
_ADDRESSES = frozenset({"net.bind", "tracker.announce_ip"})
_PARSERS: dict[str, Callable[[str], float]] = {
    "size": units.parse_size,
    "rate": units.parse_rate,
    "time": units.parse_time,
}
_YES, _NO = frozenset({"true", "yes", "on", "1"}), frozenset({"false", "no", "off", "0"})


@dataclass(frozen=True, slots=True)
class Loaded:
    """A `Config`, where each value came from (flag, env, file or default), and what was odd on the way."""

    config: Config
    origins: dict[str, str]
    warnings: tuple[str, ...]
    path: Path


def default_path(env: Mapping[str, str]) -> Path:
    """Return the settings file: `TORRENT_CONFIG`, else `torrent/config.toml` in the user's configuration folder."""
    if env.get("TORRENT_CONFIG"):
        return Path(env["TORRENT_CONFIG"]).expanduser()
    if env.get("XDG_CONFIG_HOME"):
        return Path(env["XDG_CONFIG_HOME"]) / "torrent" / "config.toml"
    from platformdirs import user_config_path

    return user_config_path("torrent", appauthor=False) / "config.toml"


def state_folder(env: Mapping[str, str]) -> Path:
    """Return where resume records live: `TORRENT_STATE`, else `torrent` in the user's state folder."""
    if env.get("TORRENT_STATE"):
        return Path(env["TORRENT_STATE"]).expanduser()
    if env.get("XDG_STATE_HOME"):
        return Path(env["XDG_STATE_HOME"]) / "torrent"
    from platformdirs import user_state_path

    return user_state_path("torrent", appauthor=False)


def load(path: Path | None, env: Mapping[str, str], overrides: Mapping[str, Any]) -> Loaded:
    """Put the settings together.

    `path` is a file that must exist, or None for the default one, which need not. `overrides` maps dotted names to
    values given on the command line; None means "not given". Raises `ConfigError`.
    """
    where = path or default_path(env)
    values: dict[str, Any] = {name: setting.default for name, setting in SETTINGS.items()}
    origins = dict.fromkeys(SETTINGS, "default")
    warnings: list[str] = []

    def put(name: str, value: Any, origin: str, source: str) -> None:
        try:
            values[name] = convert(name, value)
        except ConfigError as error:
            raise ConfigError(f"{error} (in {source})", hint=error.hint) from None
        origins[name] = origin

    for name, value in _read(where, required=path is not None, warnings=warnings).items():
        put(name, value, "file", safe_text(str(where)))
    variables = {setting.variable: name for name, setting in SETTINGS.items()}
    for variable in sorted(env):
        if variable in variables:
            put(variables[variable], env[variable], "env", variable)
        elif _looks_like_ours(variable):
            warnings.append(f"unknown variable {safe_text(variable, 60)}{_nearest(variable, variables)}")
    for name, value in overrides.items():
        if value is not None:
            put(name, value, "flag", "the command line")
    return Loaded(_build(values), origins, tuple(warnings), where)


def convert(name: str, value: Any) -> Any:
    """Return `value` (text, or what TOML or a flag gave) as the setting `name` holds it; raises `ConfigError`."""
    setting = known(name)
    try:
        result = _typed(setting, value)
    except InputError as error:
        raise ConfigError(f"{name}: {error}", hint=error.hint) from None
    low, high = _RANGES.get(name, (0, math.inf))
    if isinstance(result, int | float) and not isinstance(result, bool) and not low <= result <= high:
        bounds = f"between {low:g} and {high:g}" if high < math.inf else f"at least {low:g}"
        raise ConfigError(f"{name}: {_shown(value)} is not {bounds}")
    if name in _CHOICES and result not in _CHOICES[name]:
        raise ConfigError(f"{name}: {_shown(value)} is not one of {', '.join(_CHOICES[name])}")
    if name in _ADDRESSES and result:
        try:
            ipaddress.ip_address(result)
        except ValueError:
            raise ConfigError(f"{name}: {_shown(value)} is not an IP address") from None
    return result


def known(name: str) -> Setting:
    """Return the setting called `name`; raises `ConfigError` with the nearest name."""
    if name not in SETTINGS:
        raise ConfigError(f"no setting is called {_shown(name)}{_nearest(name, SETTINGS)}")
    return SETTINGS[name]


def shown(name: str, value: Any) -> Any:
    """Return `value` as it is written in the file: sizes, rates and times as text with units."""
    unit = known(name).unit
    if unit == "time":
        return f"{int(value)}s" if value == int(value) else f"{value:.3f}s"
    if unit in ("size", "rate"):
        for power, letter in ((3, "G"), (2, "M"), (1, "K")):
            if value and value % 1024**power == 0:
                return f"{value // 1024**power}{letter}"
        return str(value)
    return value


def save(path: Path, name: str, value: Any) -> Any:
    """Set `name` in the file at `path`, keeping everything else as it is; return the value as written."""
    import tomlkit
    from tomlkit.exceptions import TOMLKitError

    written = shown(name, convert(name, value))
    section, key = name.split(".", 1)
    try:
        document = tomlkit.parse(_text(path)) if path.exists() else tomlkit.document()
        table = document.setdefault(section, tomlkit.table())
        table[key] = written
    except (TOMLKitError, TypeError, AttributeError, RecursionError) as error:
        raise ConfigError(f"{safe_text(str(path))}: {safe_text(str(error))}") from None
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.write_text(tomlkit.dumps(document), encoding="utf-8")
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    return written


def _read(path: Path, *, required: bool, warnings: list[str]) -> dict[str, Any]:
    if not required and not path.exists():
        return {}
    try:
        document = tomllib.loads(_text(path))
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise ConfigError(f"{safe_text(str(path))}: {safe_text(str(error) or 'nested too deeply')}") from None
    found = {}
    sections = {field.name for field in fields(Config)}
    for section, table in document.items():
        if section not in sections or not isinstance(table, dict):
            warnings.append(f"{safe_text(str(path))}: unknown section {_shown(section)}{_nearest(section, sections)}")
            continue
        for key, value in table.items():
            name = f"{section}.{key}"
            if name in SETTINGS:
                found[name] = value
            else:
                warnings.append(f"{safe_text(str(path))}: unknown key {_shown(name)}{_nearest(name, SETTINGS)}")
    return found


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_FILE + 1)
        if len(data) > MAX_FILE:
            raise ConfigError(f"{safe_text(str(path))}: larger than {units.format_size(MAX_FILE)}")
        return data.decode()
    except OSError as error:
        raise ConfigError(f"{safe_text(str(path))}: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{safe_text(str(path))}: not UTF-8 text") from None


def _typed(setting: Setting, value: Any) -> Any:
    kind = type(setting.default)
    if setting.unit and isinstance(value, str):
        return kind(_PARSERS[setting.unit](value))
    if kind is bool:
        word = str(value).lower()
        if word in _YES | _NO:
            return word in _YES
        raise InputError(f"{_shown(value)} is neither true nor false")
    if kind is str:
        if isinstance(value, str) and "\0" not in value:
            return value
        raise InputError(f"{_shown(value)} is not text")
    if isinstance(value, bool) or not isinstance(value, int | float | str) or len(str(value)) > 30:
        raise InputError(f"{_shown(value)} is not a number")
    try:
        number = kind(value)
    except (ValueError, OverflowError):
        raise InputError(f"{_shown(value)} is not {'a whole' if kind is int else 'a'} number") from None
    if (kind is float and not math.isfinite(number)) or (isinstance(value, float) and kind is int and number != value):
        raise InputError(f"{_shown(value)} is not {'a whole' if kind is int else 'a'} number")
    return number


def _build(values: Mapping[str, Any]) -> Config:
    sections = {}
    default = Config()
    for section in fields(Config):
        part = getattr(default, section.name)
        sections[section.name] = type(part)(**{f.name: values[f"{section.name}.{f.name}"] for f in fields(part)})
    return Config(**sections)


def _looks_like_ours(variable: str) -> bool:
    if not variable.startswith(PREFIX) or variable in _RESERVED:
        return False
    return any(variable.startswith(f"{PREFIX}{section.name.upper()}_") for section in fields(Config))


def _nearest(name: str, names: Any) -> str:
    close = difflib.get_close_matches(name, list(names), n=1, cutoff=0.6)
    return f"; did you mean {close[0]}?" if close else ""


def _shown(value: Any) -> str:
    return safe_text(str(value), 80)
