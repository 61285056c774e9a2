"""`torrent seed`: here are the files, who wants them?

Data is checked against the torrent before a single byte is claimed: by the resume record where it vouches for the
files, by hashing them otherwise. Files that are not whole are not seeded (exit 5). Of many torrents only what they do
together is told (`seed_many`).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from torrent.cli import sources
from torrent.cli.config import load
from torrent.cli.create import Making, save
from torrent.cli.download import polite
from torrent.cli.options import HOST_PORT, RATE, TIME, Command, json_option, tiers
from torrent.cli.output import Output, current
from torrent.cli.progress import MODES, make
from torrent.cli.verify import data_of
from torrent.errors import InputError, TorrentError
from torrent.terms import Address

if TYPE_CHECKING:
    from torrent.cli.live import Job
    from torrent.metainfo import Metainfo
    from torrent.settings import Loaded


@click.command("seed", cls=Command)
@click.argument("named", metavar="SOURCE... [DATA]", nargs=-1, required=True)
@click.option("-t", "--tracker", "trackers", multiple=True, metavar="URL[,URL]", help="Tracker for a new torrent.")
@click.option(
    "-o", "--output", "saved", metavar="FILE", type=click.Path(path_type=Path), help="Save the new torrent here."
)
@click.option("--v1", "version", flag_value="v1", help="Make a v1 torrent.")
@click.option("--v2", "version", flag_value="v2", help="Make a v2 torrent.")
@click.option("--hybrid", "version", flag_value="hybrid", help="Make a hybrid torrent.")
@click.option("--private", is_flag=True, help="Make the new torrent private.")
@click.option("--time", "time_", type=TIME, metavar="TIME", help="Stop after this time.")
@click.option("--ratio", type=click.FloatRange(min=0), metavar="RATIO", help="Stop at this ratio.")
@click.option("--super-seeding", is_flag=True, default=None, help="Offer each peer a different piece first (BEP 16).")
@click.option("--limit-up", type=RATE, metavar="RATE", help="Upload limit, such as 5M or 40Mbit.")
@click.option("--port", type=click.IntRange(0, 65535), metavar="PORT", help="Port to listen on; 0 picks a free one.")
@click.option(
    "--peer", "peers", type=HOST_PORT, multiple=True, metavar="HOST:PORT", help="Also dial this peer; repeatable."
)
@click.option("--bind", metavar="IP", help="Use this local address for everything.")
@click.option("--verify", is_flag=True, help="Hash everything, whatever the resume record says.")
@click.option("--force", is_flag=True, help="Let -o overwrite a file.")
@click.option("--progress", "mode", type=click.Choice(MODES), default="auto", help="How to show what goes on.")
@json_option
@click.pass_context
def command(ctx: click.Context, /, named: tuple[str, ...], **given: Any) -> int:
    """Share SOURCE: a torrent whose files are in DATA (the folder they are in, or the files themselves), or just a file
    or folder, for which a torrent is made first. With several torrents, DATA is the folder that holds the files of all.
    """
    from torrent.cli import loop

    output = current(ctx)
    overrides = {
        "net.port": given["port"],
        "net.bind": given["bind"],
        "net.limit_up": given["limit_up"],
        "seed.time": given["time_"],
        "seed.ratio": given["ratio"],
        "seed.super_seeding": given["super_seeding"],
    }
    loaded = load(output, overrides)
    source_list, data = _parted(named)
    if len(source_list) == 1:
        metainfo, folder = _prepare(output, source_list[0], data, given)
        return loop.run(_seed(output, loaded, [_job(source_list[0], metainfo, folder, given)], [], given))
    jobs, failures = _prepare_all(output, loaded, source_list, data, given)
    return loop.run(_seed(output, loaded, jobs, failures, given))


def _parted(named: tuple[str, ...]) -> tuple[list[str], Path | None]:
    """Return the sources, and DATA: the last name, if it is not the first and no torrent."""
    last = named[-1]
    if len(named) > 1 and sources.kind_of(last) == "path" and (Path(last).is_dir() or not _is_torrent(Path(last))):
        return list(named[:-1]), Path(last)
    return list(named), None


def _prepare(output: Output, source: str, data: Path | None, given: dict[str, Any]) -> tuple[Metainfo, Path]:
    path = Path(source)
    if data is None and sources.kind_of(source) == "path" and (path.is_dir() or not _is_torrent(path)):
        metainfo = _make(output, path, given)
        return metainfo, path.resolve().parent
    _refuse_making(given)
    metainfo = sources.load_now(source)
    return metainfo, data_of(output, metainfo, data)


def _prepare_all(
    output: Output, loaded: Loaded, source_list: Sequence[str], data: Path | None, given: dict[str, Any]
) -> tuple[list[Job], list[tuple[str, BaseException]]]:
    """Read many torrents; those that cannot be read are failures, and the others go on."""
    _refuse_making(given)
    if data is not None:
        data.stat()
    usual = Path(loaded.config.download.dir).expanduser()
    jobs: dict[str, Job] = {}
    failures: list[tuple[str, BaseException]] = []
    for source in source_list:
        try:
            metainfo = sources.load_now(source)
            if metainfo.hex in jobs:
                raise InputError(f"{sources.shown(source)}: the same torrent as {jobs[metainfo.hex].source}")
            here = Path.cwd() if Path(metainfo.name).exists() else usual
            folder = here if data is None else sources.data_folder(metainfo, data.absolute())
            jobs[metainfo.hex] = _job(source, metainfo, folder, given)
        except (TorrentError, OSError) as error:
            failures.append(("", error))
    return list(jobs.values()), failures


def _refuse_making(given: dict[str, Any]) -> None:
    if given["saved"] or given["trackers"] or given["version"]:
        raise InputError("-o, -t, --v1, --v2 and --hybrid are for a torrent that is made now")


def _job(source: str, metainfo: Metainfo, folder: Path, given: dict[str, Any]) -> Job:
    from torrent.cli.live import Job

    return Job(sources.shown(source), metainfo, folder, {"check": given["verify"]}, seed_only=True)


def _is_torrent(path: Path) -> bool:
    if path.suffix == ".torrent":
        return True
    with path.open("rb") as file:
        return file.read(11).startswith((b"d8:announce", b"d4:info", b"d13:announce", b"d7:comment"))


def _make(output: Output, path: Path, given: dict[str, Any]) -> Metainfo:
    from torrent.metainfo import Metainfo

    making = Making(version=given["version"] or "v1", trackers=tiers(given["trackers"]), private=given["private"])
    raw = making.make(output, path)
    metainfo = Metainfo.from_bytes(raw)
    if metainfo.name != path.resolve().name:
        raise InputError(f"{path.name}: this name cannot be used in a torrent as it is", hint="rename it first")
    if given["saved"]:
        save(given["saved"], raw, force=given["force"])
        output.say(f"saved {given['saved']}")
    if not output.json:
        output.data(str(metainfo.magnet()))
    return metainfo


async def _seed(
    output: Output,
    loaded: Loaded,
    jobs: Sequence[Job],
    failures: Sequence[tuple[str, BaseException]],
    given: dict[str, Any],
) -> int:
    from torrent.cli.live import Rules, Run
    from torrent.cli.seed_many import FEW, Many

    rules = Rules(
        seed=True,
        peers=tuple(Address(*peer) for peer in given["peers"]),
        free_port=loaded.origins["net.port"] == "default",
    )
    mode = given["mode"]
    if len(jobs) <= FEW:
        return await Run(polite(loaded), output, make(mode, output), rules).carry(jobs, failures)
    progress = make("plain" if mode in ("auto", "bar") else mode, output)
    return await Many(polite(loaded), output, progress, rules).carry(jobs, failures)
