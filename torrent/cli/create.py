"""`torrent create`: a .torrent of a file or folder."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from torrent import __version__
from torrent.cli.config import load
from torrent.cli.meter import Meter
from torrent.cli.options import HOST_PORT, SIZE, Command, json_option, tiers
from torrent.cli.output import Output, current
from torrent.errors import DiskError
from torrent.units import format_rate, format_size

if TYPE_CHECKING:
    from torrent.create import Links
    from torrent.metainfo import Metainfo, build


@dataclass(frozen=True, slots=True)
class Making:
    """How a torrent is to be made; `piece_length` 0 lets the size decide."""

    version: build.Version = "v1"
    piece_length: int = 0
    trackers: tuple[tuple[str, ...], ...] = ()
    web_seeds: tuple[str, ...] = ()
    nodes: tuple[tuple[str, int], ...] = ()
    private: bool = False
    source: str = ""
    comment: str = ""
    exclude: tuple[str, ...] = ()
    creation_date: int | None = None
    links: Links = "follow"
    pad: bool = False
    name: str = ""
    threads: int = 0

    def make(self, output: Output, path: Path) -> bytes:
        """Hash what is at `path`, show how far it is, and return the .torrent."""
        from torrent.create import create

        with Meter(output, "hashing") as meter:
            return create(
                path,
                version=self.version,
                piece_length=self.piece_length or "auto",
                trackers=self.trackers,
                web_seeds=self.web_seeds,
                nodes=self.nodes,
                private=self.private,
                source=self.source,
                comment=self.comment,
                exclude=self.exclude,
                creation_date=self.creation_date,
                created_by=f"torrent {__version__}",
                links=self.links,
                pad=self.pad,
                name=self.name,
                threads=self.threads,
                on_progress=meter,
            )


def _piece(ctx: click.Context, param: click.Parameter, value: str) -> int:
    if value == "auto":
        return 0
    size: int = SIZE.convert(value, param, ctx)
    if size < 1:
        raise click.BadParameter("a piece has at least one byte", ctx, param)
    return size


def _date(ctx: click.Context, param: click.Parameter, value: str | None) -> int | None:
    from datetime import UTC, datetime

    if value is None:
        return None
    try:
        if value.isdigit() and len(value) < 12:
            return int(value)
        when = datetime.fromisoformat(value)
        return int((when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp())
    except (ValueError, OverflowError):
        raise click.BadParameter("write it as 2026-01-31, 2026-01-31T12:00 or seconds since 1970", ctx, param) from None


@click.command("create", cls=Command)
@click.argument("path", type=click.Path(path_type=Path))
@click.option(
    "-o", "--output", "target", metavar="FILE", type=click.Path(path_type=Path), help="Default: NAME.torrent here."
)
@click.option("-t", "--tracker", "trackers", multiple=True, metavar="URL[,URL]", help="A tier of trackers; repeatable.")
@click.option("-w", "--web-seed", "web_seeds", multiple=True, metavar="URL", help="A web seed (BEP 19); repeatable.")
@click.option("--node", "nodes", type=HOST_PORT, multiple=True, metavar="HOST:PORT", help="A DHT node; repeatable.")
@click.option("--private", is_flag=True, help="Only peers from the trackers (BEP 27).")
@click.option("--v1", "version", flag_value="v1", help="The classic format (default).")
@click.option("--v2", "version", flag_value="v2", help="The format of BEP 52.")
@click.option("--hybrid", "version", flag_value="hybrid", help="Both in one.")
@click.option(
    "--piece", "piece_length", default="auto", callback=_piece, metavar="SIZE|auto", help="Length of a piece."
)
@click.option("--comment", default="", help="A comment.")
@click.option("--source", default="", help="The source tag of a private tracker; changes the info-hash.")
@click.option("--exclude", multiple=True, metavar="GLOB", help="Leave out what matches; repeatable.")
@click.option("--links", type=click.Choice(["follow", "keep", "skip"]), default="follow", help="What to do with links.")
@click.option("--pad", is_flag=True, help="Start every file of a v1 torrent on a piece (BEP 47).")
@click.option("--name", default="", help="Name of the torrent; default: the name of the file or folder.")
@click.option("--date", callback=_date, metavar="DATE", help="Creation date; default: now.")
@click.option("--no-date", is_flag=True, help="No creation date: the same input makes the same file.")
@click.option(
    "--threads", type=click.IntRange(1, 256), default=None, help="Hashing threads; default: one for each core."
)
@click.option("--force", is_flag=True, help="Overwrite the .torrent.")
@click.option("--magnet", is_flag=True, help="Also print the magnet link.")
@json_option
@click.pass_context
def command(ctx: click.Context, /, path: Path, target: Path | None, force: bool, magnet: bool, **given: Any) -> None:
    """Make a .torrent of the file or folder PATH."""
    from torrent import lanes
    from torrent.metainfo import Metainfo

    output = current(ctx)
    lanes.use(load(output).config.disk.hashing)
    if given["date"] is not None and given["no_date"]:
        raise click.UsageError("--date and --no-date exclude each other")
    path.lstat()
    target = target or Path(f"{given['name'] or path.resolve().name}.torrent")
    _refuse(target, force=force)
    making = Making(
        version=given["version"] or "v1",
        piece_length=given["piece_length"],
        trackers=tiers(given["trackers"]),
        web_seeds=given["web_seeds"],
        nodes=tuple((node.host, node.port) for node in given["nodes"]),
        private=given["private"],
        source=given["source"],
        comment=given["comment"],
        exclude=given["exclude"],
        creation_date=None if given["no_date"] else given["date"] if given["date"] is not None else int(time.time()),
        links=given["links"],
        pad=given["pad"],
        name=given["name"],
        threads=given["threads"] or 0,
    )
    started = time.monotonic()
    raw = making.make(output, path)
    metainfo = Metainfo.from_bytes(raw)
    save(target, raw, force=force)
    _report(output, metainfo, target, time.monotonic() - started, magnet=magnet)


def save(target: Path, raw: bytes, *, force: bool) -> None:
    """Write a .torrent in one step; raises `DiskError` rather than overwrite one without `force`."""
    _refuse(target, force=force)
    temporary = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        temporary.write_bytes(raw)
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


def _refuse(target: Path, *, force: bool) -> None:
    if target.is_dir():
        raise DiskError(f"{target}: is a folder")
    if target.exists() and not force:
        raise DiskError(f"{target}: exists already", hint="--force overwrites it")


def _report(output: Output, metainfo: Metainfo, target: Path, seconds: float, *, magnet: bool) -> None:
    link = str(metainfo.magnet())
    if output.json:
        from torrent.cli.info import as_json

        output.record({**as_json(metainfo), "path": str(target.absolute()), "magnet": link})
        return
    files = sum(not file.is_pad for file in metainfo.files)
    hashes = [f"v1 {metainfo.info_hash_v1.hex()}"] if metainfo.info_hash_v1 else []
    hashes += [f"v2 {metainfo.info_hash_v2.hex()}"] if metainfo.info_hash_v2 else []
    mark = output.glyph("✔ ", "")
    parts = [f"{mark}{target}", f"{files} file{'' if files == 1 else 's'}", format_size(metainfo.size)]
    parts += [f"piece {format_size(metainfo.piece_length)}", *hashes]
    parts += [f"hashed {format_rate(metainfo.size / seconds)}"] if seconds > 0 else []
    output.say("  ".join(parts), fg="green")
    for note in metainfo.notes:
        output.say(f"note: {note}")
    if magnet:
        output.data(link)
