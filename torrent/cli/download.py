"""`torrent download`: the files behind a torrent, verified, on this disk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from torrent.cli import exits, sources
from torrent.cli.config import load
from torrent.cli.options import HOST_PORT, RATE, TIME, Command, json_option
from torrent.cli.output import Output, current
from torrent.cli.progress import MODES
from torrent.errors import InputError
from torrent.terms import Address
from torrent.units import parse_goal

if TYPE_CHECKING:
    from torrent.cli.live import Job
    from torrent.config import Config
    from torrent.settings import Loaded

STOP_TIMEOUT = 2.0
"""Seconds that trackers get to hear `stopped` when the command ends, unless the settings say otherwise."""


class Download(Command):
    """Takes `--seed` with or without a value: what follows it is a value only if it reads as one."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        for at, arg in enumerate(args):
            if arg == "--":
                break
            if arg == "--seed" and not _is_goal(args[at + 1 : at + 2]):
                args[at] = "--seed="
        return super().parse_args(ctx, args)


def _is_goal(values: Sequence[str]) -> bool:
    try:
        return bool(values and parse_goal(values[0]))
    except InputError:
        return False


def _goal(ctx: click.Context, param: click.Parameter, value: str | None) -> tuple[float, float] | None:
    if value is None:
        return None
    try:
        return parse_goal(value) if value else (0.0, 0.0)
    except InputError as error:
        raise click.BadParameter(f"{error} ({error.hint})", ctx, param) from None


@click.command("download", cls=Download)
@click.argument("source_list", metavar="SOURCE...", nargs=-1, required=True)
@click.option(
    "-o", "--output", "directory", metavar="DIR", type=click.Path(path_type=Path), help="Folder for the files."
)
@click.option("--files", "patterns", multiple=True, metavar="1,3-5|GLOB", help="Fetch only these files; repeatable.")
@click.option("--list", "list_", is_flag=True, help="List the files with their numbers and stop.")
@click.option("--sequential", is_flag=True, default=None, help="Fetch pieces in order.")
@click.option("--first-last", is_flag=True, default=None, help="Fetch the first and last piece of every file first.")
@click.option("--seed", "goal", metavar="[TIME|RATIO]", callback=_goal, help="Go on seeding, up to a time or ratio.")
@click.option("--limit-down", type=RATE, metavar="RATE", help="Download limit, such as 5M or 40Mbit.")
@click.option("--limit-up", type=RATE, metavar="RATE", help="Upload limit.")
@click.option("--port", type=click.IntRange(0, 65535), metavar="PORT", help="Port to listen on; 0 picks a free one.")
@click.option(
    "--peer", "peers", type=HOST_PORT, multiple=True, metavar="HOST:PORT", help="Also ask this peer; repeatable."
)
@click.option("--bind", metavar="IP", help="Use this local address for everything.")
@click.option("--timeout", type=TIME, default="0", metavar="TIME", help="Give up when not done after this time.")
@click.option("--stall", type=TIME, default="0", metavar="TIME", help="Give up after this time without data.")
@click.option("--verify", is_flag=True, help="Check files that are there, whatever the resume record says.")
@click.option(
    "--on-complete", metavar="CMD", help="Run this when done, without a shell; sees BT_NAME, BT_PATH, BT_HASH."
)
@click.option("--progress", "mode", type=click.Choice(MODES), default="auto", help="How to show what goes on.")
@json_option
@click.pass_context
def command(ctx: click.Context, /, source_list: tuple[str, ...], list_: bool, **given: Any) -> int:
    """Download every SOURCE: a .torrent file, an http(s) URL, or - for standard input.

    Stopped downloads go on where they were. The path of each finished download goes to standard output when that is
    not a terminal.
    """
    output = current(ctx)
    if list_:
        return _list(output, source_list)
    return start(output, source_list, given)


def start(output: Output, source_list: Sequence[str], given: dict[str, Any]) -> int:
    """Read the settings and run everything on one event loop."""
    from torrent.cli import loop

    goal = given["goal"]
    overrides = {
        "download.sequential": given["sequential"],
        "download.first_last": given["first_last"],
        "download.on_complete": given["on_complete"],
        "net.port": given["port"],
        "net.bind": given["bind"],
        "net.limit_down": given["limit_down"],
        "net.limit_up": given["limit_up"],
        "seed.time": goal[0] if goal and any(goal) else None,
        "seed.ratio": goal[1] if goal and any(goal) else None,
    }
    loaded = load(output, overrides)
    directory = Path(given["directory"] or loaded.config.download.dir).expanduser()
    return loop.run(_download(output, loaded, source_list, directory, given))


def polite(loaded: Loaded) -> Config:
    """Return the settings for a command that should leave quickly: trackers get two seconds to hear goodbye."""
    config = loaded.config
    if loaded.origins["tracker.stop_timeout"] != "default":
        return config
    return replace(config, tracker=replace(config.tracker, stop_timeout=STOP_TIMEOUT))


async def _download(
    output: Output, loaded: Loaded, source_list: Sequence[str], directory: Path, given: dict[str, Any]
) -> int:
    from torrent.cli.live import Rules, Run
    from torrent.cli.progress import make

    jobs, failures = await _jobs(source_list, directory, given)
    rules = Rules(
        timeout=given["timeout"],
        stall=given["stall"],
        seed=given["goal"] is not None,
        peers=tuple(Address(*peer) for peer in given["peers"]),
        on_complete=loaded.config.download.on_complete,
        free_port=loaded.origins["net.port"] == "default",
    )
    return await Run(polite(loaded), output, make(given["mode"], output), rules).carry(jobs, failures)


async def _jobs(
    source_list: Sequence[str], directory: Path, given: dict[str, Any]
) -> tuple[list[Job], list[tuple[str, BaseException]]]:
    from torrent.cli.live import Job
    from torrent.errors import TorrentError

    jobs: list[Job] = []
    failures: list[tuple[str, BaseException]] = []
    for source in source_list:
        try:
            metainfo = await sources.load(source)
            options: dict[str, Any] = {"files": sources.select(metainfo, given["patterns"]), "check": given["verify"]}
            if any(job.metainfo.hex == metainfo.hex for job in jobs):
                raise InputError(f"{sources.shown(source)}: named twice")
            jobs.append(Job(sources.shown(source), metainfo, directory, options))
        except (TorrentError, OSError) as error:
            failures.append(("", error))
    return jobs, failures


def _list(output: Output, source_list: Sequence[str]) -> int:
    from torrent.cli.info import show_files

    for source in source_list:
        metainfo = sources.load_now(source)
        if output.json:
            files = [
                {"number": number, "path": "/".join(file.path), "size": file.length}
                for number, file in sources.numbered(metainfo)
            ]
            output.record({"name": metainfo.name, "hash": metainfo.hex, "files": files})
            continue
        output.data(metainfo.name)
        show_files(output, metainfo)
    return exits.OK
