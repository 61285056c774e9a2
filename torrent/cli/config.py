"""`torrent config`: what can be set, what is it now, and who said so?"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from torrent import settings
from torrent.cli.options import Command, json_option
from torrent.cli.output import Output, current
from torrent.errors import ConfigError


@click.group("config")
def command() -> None:
    """Show and change settings.

    Flags beat the environment (TORRENT_SECTION_KEY), that beats the file, that beats the defaults.
    """


@command.command("path", cls=Command)
@click.pass_context
def show_path(ctx: click.Context) -> None:
    """Print where the settings file is."""
    output = current(ctx)
    output.data(str(_path(output)))


@command.command("show", cls=Command)
@click.option("--origin", is_flag=True, help="Say where each value comes from.")
@json_option
@click.pass_context
def show(ctx: click.Context, origin: bool) -> None:
    """Print every setting as it is now."""
    output = current(ctx)
    loaded = load(output)
    values = {name: _value(loaded, name) for name in settings.SETTINGS}
    if output.json:
        output.record({name: {"value": value, "origin": loaded.origins[name]} for name, value in values.items()})
        return
    section = ""
    for name, value in values.items():
        head, key = name.split(".", 1)
        if head != section:
            output.data(f"[{head}]")
            section = head
        line = f"{key} = {_toml(value)}"
        output.data(f"{line:<40} # {loaded.origins[name]}" if origin else line)


@command.command("get", cls=Command)
@click.argument("name")
@click.pass_context
def get(ctx: click.Context, name: str) -> None:
    """Print the setting NAME, for example net.port."""
    output = current(ctx)
    settings.known(name)
    value = _value(load(output), name)
    output.data(str(value).lower() if isinstance(value, bool) else str(value))


@command.command("set", cls=Command)
@click.argument("name")
@click.argument("value")
@click.pass_context
def set_(ctx: click.Context, name: str, value: str) -> None:
    """Set NAME to VALUE in the settings file; comments stay."""
    output = current(ctx)
    path = _path(output)
    written = settings.save(path, name, value)
    output.say(f"{name} = {_toml(written)} in {path}")
    variable = settings.known(name).variable
    if os.environ.get(variable) is not None:
        output.warn(f"{variable} is set in the environment and wins over the file")


@command.command("edit", cls=Command)
@click.pass_context
def edit(ctx: click.Context) -> None:
    """Open the settings file in $EDITOR and check it afterwards."""
    output = current(ctx)
    path = _path(output)
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(template(), encoding="utf-8")
    click.edit(filename=str(path))
    try:
        loaded = settings.load(path, {}, {})
    except ConfigError as error:
        raise ConfigError(f"saved, but it cannot be used: {error}", hint=error.hint) from None
    for warning in loaded.warnings:
        output.warn(warning)


def load(output: Output, overrides: dict[str, Any] | None = None) -> settings.Loaded:
    """Return the settings of this run and say what is odd about them."""
    given = Path(output.config_path).expanduser() if output.config_path else None
    loaded = settings.load(given, os.environ, overrides or {})
    for warning in loaded.warnings:
        output.warn(warning)
    return loaded


def template() -> str:
    """Return a settings file that sets nothing and explains everything."""
    lines: list[str] = []
    section = ""
    for name, setting in settings.SETTINGS.items():
        head, key = name.split(".", 1)
        if head != section:
            lines += ["", f"[{head}]"] if section else [f"[{head}]"]
            section = head
        lines += [f"# {setting.doc}", f"# {key} = {_toml(settings.shown(name, setting.default))}"]
    return "\n".join(lines) + "\n"


def _path(output: Output) -> Path:
    return Path(output.config_path).expanduser() if output.config_path else settings.default_path(os.environ)


def _value(loaded: settings.Loaded, name: str) -> Any:
    section, key = name.split(".", 1)
    return settings.shown(name, getattr(getattr(loaded.config, section), key))


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        import json

        return json.dumps(value, ensure_ascii=False)
    return str(value)
