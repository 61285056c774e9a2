"""`torrent version`: which version is this, and what does it run on?"""

from __future__ import annotations

import click

from torrent import __version__
from torrent.cli.options import Command, json_option
from torrent.cli.output import current

PARTS = ("aiohttp", "bencode2", "click", "rich", "textual", "uvloop")


@click.command("version", cls=Command)
@json_option
@click.pass_context
def command(ctx: click.Context) -> None:
    """Print the version; with -v also those of Python and of what we stand on."""
    output = current(ctx)
    if not output.json and not output.verbosity:
        output.data(f"torrent {__version__}")
        return
    import platform

    from torrent import lanes

    facts = {"torrent": __version__, "python": platform.python_version(), "system": platform.platform(), **_parts()}
    facts["hashing"] = lanes.describe()
    if output.json:
        output.record({name: value for name, value in facts.items() if value})
        return
    for name, value in facts.items():
        output.data(f"{name} {value or 'not installed'}")


def _parts() -> dict[str, str]:
    from importlib.metadata import PackageNotFoundError, version

    found = {}
    for name in PARTS:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = ""
    return found
