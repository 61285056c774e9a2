"""`torrent magnet`: which link leads to this torrent?"""

from __future__ import annotations

from dataclasses import replace

import click

from torrent.cli import sources
from torrent.cli.options import Command, json_option
from torrent.cli.output import current


@click.command("magnet", cls=Command)
@click.argument("source_list", metavar="SOURCE...", nargs=-1, required=True)
@click.option("--no-trackers", is_flag=True, help="Leave trackers out.")
@click.option("--no-web-seeds", is_flag=True, help="Leave web seeds out.")
@json_option
@click.pass_context
def command(ctx: click.Context, source_list: tuple[str, ...], no_trackers: bool, no_web_seeds: bool) -> None:
    """Print the magnet link of each SOURCE: a .torrent, a URL, - or a magnet link to tidy up."""
    output = current(ctx)
    for source in source_list:
        if sources.kind_of(source) == "magnet":
            magnet = sources.parse_magnet(source)
        else:
            magnet = sources.load_now(source).magnet()
        if no_trackers:
            magnet = replace(magnet, trackers=())
        if no_web_seeds:
            magnet = replace(magnet, web_seeds=())
        if output.json:
            output.record(
                {
                    "magnet": str(magnet),
                    "name": magnet.name,
                    "info_hash_v1": magnet.info_hash_v1.hex() if magnet.info_hash_v1 else None,
                    "info_hash_v2": magnet.info_hash_v2.hex() if magnet.info_hash_v2 else None,
                }
            )
        else:
            output.data(str(magnet))
