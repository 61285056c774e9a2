"""`torrent verify`: are the files on this disk what the torrent says? Nothing is changed. Exit 5 if not."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from torrent import settings
from torrent.cli import exits, sources
from torrent.cli.config import load
from torrent.cli.meter import Meter
from torrent.cli.options import Command, json_option
from torrent.cli.output import Output, current
from torrent.units import format_rate, format_size

if TYPE_CHECKING:
    from torrent.metainfo import Metainfo
    from torrent.verify import Verification

FEW = 20


@click.command("verify", cls=Command)
@click.argument("source")
@click.argument("data", required=False, type=click.Path(path_type=Path))
@click.option("--quick", is_flag=True, help="Compare sizes and times only, hash nothing.")
@click.option("--threads", "--jobs", type=click.IntRange(1, 256), help="Hashing threads; default: one for each core.")
@json_option
@click.pass_context
def command(ctx: click.Context, source: str, data: Path | None, quick: bool, threads: int | None) -> int:
    """Check the files of SOURCE in DATA: the folder they are in, or the files themselves."""
    from torrent import lanes
    from torrent.verify import verify

    output = current(ctx)
    lanes.use(load(output).config.disk.hashing)
    metainfo = sources.load_now(source)
    folder = data_of(output, metainfo, data)
    state = settings.state_folder(os.environ)
    with Meter(output, "checking") as meter:
        result = verify(metainfo, folder, threads=threads or 0, quick=quick, state_dir=state, on_progress=meter)
        seconds = meter.seconds
    if output.json:
        output.record(
            {
                "ok": result.ok,
                "pieces": result.pieces,
                "bad_pieces": list(result.bad),
                "files": [file.path for file in result.files],
            }
        )
    else:
        _report(output, metainfo, result, seconds, quick=quick)
    return exits.OK if result.ok else exits.VERIFY_FAILED


def data_of(output: Output, metainfo: Metainfo, data: Path | None) -> Path:
    """Return the folder with the torrent's data: as named, else here if it is here, else the download folder."""
    if data is not None:
        data.stat()
        return sources.data_folder(metainfo, data.absolute())
    if Path(metainfo.name).exists():
        return Path.cwd()
    return Path(load(output).config.download.dir).expanduser()


def _report(output: Output, metainfo: Metainfo, result: Verification, seconds: float, *, quick: bool) -> None:
    if result.ok:
        how = "sizes match" if quick else f"all {result.pieces} pieces good"
        rate = "" if quick or seconds <= 0 else f"  {format_rate(metainfo.size / seconds)}"
        output.say(f"{output.glyph('✔', 'ok:')} {metainfo.name}: {how}{rate}", fg="green")
        return
    bad = ", ".join(str(piece) for piece in result.bad[:FEW]) + (", ..." if len(result.bad) > FEW else "")
    wrong = f"{len(result.bad)} of {result.pieces} pieces bad{f': {bad}' if bad else ''}"
    output.say(
        f"{output.glyph('✗', 'bad:')} {metainfo.name}: {wrong}  {format_size(result.bytes_bad)} to fetch again",
        fg="red",
    )
    for file in result.files:
        output.data(f"{file.fault:<9} {file.path}")
