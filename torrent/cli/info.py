"""`torrent info`: what is in this torrent? Nothing on the network is asked (but a URL is fetched)."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from torrent.cli import sources
from torrent.cli.options import Command, json_option
from torrent.cli.output import Output, current
from torrent.units import format_size

if TYPE_CHECKING:
    from torrent.metainfo import Magnet, Metainfo

FIRST_FILES = 20


@click.command("info", cls=Command)
@click.argument("source")
@click.option("--files", is_flag=True, help="List all files.")
@click.option("--trackers", is_flag=True, help="List trackers, one a line, and nothing else.")
@click.option("--pieces", is_flag=True, help="List the hashes of the pieces.")
@click.option("--raw", is_flag=True, help="Write the info dictionary as it is in the torrent.")
@json_option
@click.pass_context
def command(ctx: click.Context, source: str, files: bool, trackers: bool, pieces: bool, raw: bool) -> None:
    """Show what is in SOURCE: a .torrent, a URL, a magnet link or - for standard input."""
    output = current(ctx)
    if sources.kind_of(source) == "magnet":
        _show_magnet(output, sources.parse_magnet(source))
        return
    metainfo = sources.load_now(source)
    if raw:
        sys.stdout.buffer.write(metainfo.raw_info)
    elif output.json:
        output.record(as_json(metainfo))
    elif trackers:
        for tier in metainfo.trackers:
            for url in tier:
                output.data(url)
    elif pieces:
        _show_pieces(output, metainfo)
    else:
        _show(output, metainfo, everything=files)


def as_json(metainfo: Metainfo) -> dict[str, Any]:
    """Return what `--json` prints."""
    return {
        "name": metainfo.name,
        "info_hash_v1": metainfo.info_hash_v1.hex() if metainfo.info_hash_v1 else None,
        "info_hash_v2": metainfo.info_hash_v2.hex() if metainfo.info_hash_v2 else None,
        "version": metainfo.version,
        "piece_length": metainfo.piece_length,
        "pieces": metainfo.pieces,
        "size": metainfo.size,
        "private": metainfo.private,
        "files": [
            {"path": "/".join(file.path), "size": file.length, "attr": file.attr}
            for file in metainfo.files
            if not file.is_pad
        ],
        "trackers": [list(tier) for tier in metainfo.trackers],
        "web_seeds": list(metainfo.web_seeds),
        "comment": metainfo.comment,
        "created_by": metainfo.created_by,
        "creation_date": metainfo.creation_date,
    }


def _show(output: Output, metainfo: Metainfo, *, everything: bool) -> None:
    files = sources.numbered(metainfo)
    rows = [("name", metainfo.name)]
    if metainfo.info_hash_v1:
        rows.append(("info hash v1", metainfo.info_hash_v1.hex()))
    if metainfo.info_hash_v2:
        rows.append(("info hash v2", metainfo.info_hash_v2.hex()))
    rows += [
        ("version", metainfo.version),
        ("size", f"{format_size(metainfo.size)} ({metainfo.size} bytes) in {_count(len(files), 'file')}"),
        ("pieces", f"{metainfo.pieces} x {format_size(metainfo.piece_length)}"),
        ("private", "yes" if metainfo.private else "no"),
    ]
    rows += [(f"tracker {number}", ", ".join(tier)) for number, tier in enumerate(metainfo.trackers, 1)]
    rows += [("web seed", url) for url in metainfo.web_seeds]
    rows += [("http seed", url) for url in metainfo.http_seeds]
    rows += [("node", f"{host}:{port}") for host, port in metainfo.nodes]
    rows += [("source", metainfo.source), ("comment", metainfo.comment), ("created by", metainfo.created_by)]
    rows += [("created", _date(metainfo.creation_date)), *(("note", note) for note in metainfo.notes)]
    for name, value in rows:
        if value:
            output.data(f"{name:<13} {value}")
    output.data("files")
    show_files(output, metainfo, None if everything else FIRST_FILES)


def show_files(output: Output, metainfo: Metainfo, limit: int | None = None) -> None:
    """Print the files with the numbers that `--files` takes."""
    files = sources.numbered(metainfo)
    width = len(str(len(files)))
    for number, file in files[:limit]:
        arrow = f" -> {'/'.join(file.symlink)}" if file.symlink else ""
        output.data(f"  {number:>{width}}  {format_size(file.length):>9}  {'/'.join(file.path)}{arrow}")
    if limit is not None and len(files) > limit:
        output.data(f"  {output.glyph('…', '...')} {len(files) - limit} more (--files lists all)")


def _show_pieces(output: Output, metainfo: Metainfo) -> None:
    for piece in range(metainfo.pieces):
        hashes = metainfo.piece_hashes(piece)
        both = (hashes.v1.hex() if hashes.v1 else "-", hashes.v2.hex() if hashes.v2 else "-")
        output.data(f"{piece} {both[0]} {both[1]}")


def _show_magnet(output: Output, magnet: Magnet) -> None:
    if output.json:
        output.record(
            {
                "name": magnet.name,
                "info_hash_v1": magnet.info_hash_v1.hex() if magnet.info_hash_v1 else None,
                "info_hash_v2": magnet.info_hash_v2.hex() if magnet.info_hash_v2 else None,
                "trackers": [[url] for url in magnet.trackers],
                "web_seeds": list(magnet.web_seeds),
                "size": magnet.length,
            }
        )
        return
    rows = [("name", magnet.name or "")]
    rows += [("info hash v1", magnet.info_hash_v1.hex() if magnet.info_hash_v1 else "")]
    rows += [("info hash v2", magnet.info_hash_v2.hex() if magnet.info_hash_v2 else "")]
    rows += [("tracker", url) for url in magnet.trackers]
    rows += [("web seed", url) for url in magnet.web_seeds]
    rows += [("peer", str(peer)) for peer in magnet.peers]
    for name, value in rows:
        if value:
            output.data(f"{name:<13} {value}")


def _date(seconds: int | None) -> str:
    if seconds is None:
        return ""
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    except (OverflowError, ValueError, OSError):
        return str(seconds)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
