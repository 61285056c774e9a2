"""Which options do commands share, and how is what a person typed turned into values?

Everything here refuses with a `click` usage error (exit 2) that says what would have been accepted.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import click

from torrent import units
from torrent.cli.output import current
from torrent.errors import InputError

F = TypeVar("F", bound=Callable[..., Any])


class Command(click.Command):
    """A command that also takes -v, -q, --color and --config, wherever they stand."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.params.extend(common_options())


def common_options() -> list[click.Option]:
    """Return fresh copies of the options that every command takes."""
    return [
        click.Option(
            ["-v", "--verbose"],
            count=True,
            expose_value=False,
            callback=_keep("verbosity"),
            help="Say more; -vv shows tracebacks.",
        ),
        click.Option(
            ["-q", "--quiet"],
            is_flag=True,
            expose_value=False,
            callback=_keep("quiet"),
            help="Say only what went wrong.",
        ),
        click.Option(
            ["--color"],
            type=click.Choice(["auto", "always", "never"]),
            expose_value=False,
            callback=_keep("color"),
            help="Colour on the terminal.",
        ),
        click.Option(
            ["--config"],
            metavar="FILE",
            expose_value=False,
            callback=_keep("config_path"),
            help="Read settings from FILE.",
        ),
    ]


def _keep(attribute: str) -> Callable[[click.Context, click.Parameter, Any], None]:
    def keep(ctx: click.Context, param: click.Parameter, value: Any) -> None:
        if value:
            setattr(current(ctx), attribute, value)

    return keep


def json_option(function: F) -> F:
    """Add --json: the result as one JSON object (or one a line) on standard output."""

    def keep(ctx: click.Context, param: click.Parameter, value: bool) -> None:
        if value:
            current(ctx).json = True

    return click.option("--json", "json_", is_flag=True, expose_value=False, callback=keep, help="Print JSON.")(
        function
    )


class _Unit(click.ParamType):  # type: ignore[type-arg]
    def __init__(self, name: str, parse: Callable[[str], Any]) -> None:
        self.name = name
        self._parse = parse

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if not isinstance(value, str):
            return value
        try:
            return self._parse(value)
        except InputError as error:
            self.fail(f"{error}{f' ({error.hint})' if error.hint else ''}", param, ctx)


SIZE = _Unit("size", units.parse_size)
RATE = _Unit("rate", units.parse_rate)
TIME = _Unit("time", units.parse_time)


def _host_port(text: str) -> Any:
    from torrent.net import parse_address

    return parse_address(text, names=True)


HOST_PORT = _Unit("host:port", _host_port)


def tiers(values: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    """Return tracker tiers: every -t is a tier, commas part the trackers inside one."""
    split = (tuple(url.strip() for url in value.split(",") if url.strip()) for value in values)
    return tuple(tier for tier in split if tier)
