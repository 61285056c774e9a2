"""`torrent tracker`: what does a tracker say, and how do we run a small one ourselves?"""

from __future__ import annotations

import asyncio
import secrets
from typing import TYPE_CHECKING

import click

from torrent.cli import sources
from torrent.cli.config import load
from torrent.cli.options import TIME, Command, json_option
from torrent.cli.output import Output, current
from torrent.errors import InputError
from torrent.terms import InfoHash, PeerId
from torrent.units import format_time

if TYPE_CHECKING:
    from torrent.config import TrackerConfig
    from torrent.tracker import AnnounceReply, ScrapeReply


@click.group("tracker")
def command() -> None:
    """Ask a tracker, or run one."""


@command.command("announce", cls=Command)
@click.argument("url")
@click.argument("torrent")
@click.option("--port", type=click.IntRange(1, 65535), default=6881, show_default=True, help="Port to announce.")
@click.option("--numwant", type=click.IntRange(0, 2000), default=50, show_default=True, help="Peers to ask for.")
@click.option("--event", type=click.Choice(["started", "completed", "stopped"]), help="Event to report.")
@click.option("--stay", is_flag=True, help="Do not say `stopped` afterwards; we stay listed as a peer.")
@click.option("--timeout", type=TIME, metavar="TIME", help="Wait at most this long.")
@json_option
@click.pass_context
def announce(
    ctx: click.Context,
    url: str,
    torrent: str,
    port: int,
    numwant: int,
    event: str | None,
    stay: bool,
    timeout: float | None,
) -> None:
    """Ask the tracker at URL for peers of TORRENT: a .torrent, a magnet link or an info-hash.

    Peers go to standard output, one a line.
    """
    from torrent.cli import loop

    output = current(ctx)
    info_hash = hash_of(torrent)
    config = load(output, {"tracker.timeout": timeout, "tracker.numwant": numwant}).config
    reply = loop.run(_announce(config.tracker, config.net.bind, url, info_hash, port, event or "", stay))
    if output.json:
        output.record(
            {
                "peers": [str(peer) for peer in reply.peers],
                "interval": reply.interval,
                "min_interval": reply.min_interval,
                "seeds": reply.seeds,
                "leechers": reply.leechers,
                "warning": reply.warning,
                "external_ip": reply.external_ip,
            }
        )
        return
    for peer in reply.peers:
        output.data(str(peer))
    counts = f"seeds {_known(reply.seeds)}, leechers {_known(reply.leechers)}"
    output.say(f"{len(reply.peers)} peers, {counts}, next in {format_time(reply.interval)}")
    if reply.warning:
        output.warn(reply.warning)


@command.command("scrape", cls=Command)
@click.argument("url")
@click.argument("torrents", metavar="TORRENT...", nargs=-1, required=True)
@click.option("--timeout", type=TIME, metavar="TIME", help="Wait at most this long.")
@json_option
@click.pass_context
def scrape(ctx: click.Context, url: str, torrents: tuple[str, ...], timeout: float | None) -> None:
    """Ask the tracker at URL how many seeds and leechers each TORRENT has."""
    from torrent.cli import loop

    output = current(ctx)
    hashes = [hash_of(torrent) for torrent in torrents]
    config = load(output, {"tracker.timeout": timeout}).config
    found = loop.run(_scrape(config.tracker, config.net.bind, url, hashes))
    for info_hash in hashes:
        reply = found.get(info_hash)
        if output.json:
            counts = {name: getattr(reply, name) if reply else None for name in ("seeds", "leechers", "completed")}
            output.record({"hash": info_hash.hex(), **counts})
        elif reply is None:
            output.data(f"{info_hash.hex()}  unknown")
        else:
            output.data(
                f"{info_hash.hex()}  seeds {reply.seeds}  leechers {reply.leechers}  completed {reply.completed}"
            )


@command.command("serve", cls=Command)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=6969, show_default=True, help="Port; 0 picks a free one."
)
@json_option
@click.pass_context
def serve(ctx: click.Context, host: str, port: int) -> int:
    """Run a small tracker until it is stopped."""
    from torrent.cli import loop

    return loop.run(_serve(current(ctx), host, port))


def hash_of(torrent: str) -> InfoHash:
    """Return the info-hash a tracker knows TORRENT by."""
    if sources.kind_of(torrent) != "magnet":
        return sources.load_now(torrent).swarm_hashes[0]
    magnet = sources.parse_magnet(torrent)
    if magnet.info_hash_v1:
        return InfoHash(magnet.info_hash_v1)
    if magnet.info_hash_v2:
        return InfoHash(magnet.info_hash_v2[:20])
    raise InputError(f"{sources.shown(torrent)}: holds no info-hash")


async def _announce(
    config: TrackerConfig, bind: str, url: str, info_hash: InfoHash, port: int, event: str, stay: bool
) -> AnnounceReply:
    from torrent.tracker import Announce, TrackerClient

    client = TrackerClient(config, bind=bind)
    peer_id, key = PeerId(b"-PT0100-" + secrets.token_bytes(12)), secrets.randbits(31)

    def words(event: str) -> Announce:
        left = 0 if event == "completed" else 1
        return Announce(info_hash, peer_id, port, left=left, event=event, numwant=config.numwant, key=key)

    try:
        reply = await client.announce(url, words(event))
        if event != "stopped" and not stay:
            await client.announce(url, words("stopped"))
        return reply
    finally:
        await client.close()


async def _scrape(config: TrackerConfig, bind: str, url: str, hashes: list[InfoHash]) -> dict[InfoHash, ScrapeReply]:
    from torrent.tracker import TrackerClient

    client = TrackerClient(config, bind=bind)
    try:
        return dict(await client.scrape(url, hashes))
    finally:
        await client.close()


async def _serve(output: Output, host: str, port: int) -> int:
    from torrent.cli import loop
    from torrent.tracker import TrackerServer

    with loop.signals() as stopped:
        async with TrackerServer(host, port) as server:
            if output.json:
                output.record({"v": 1, "type": "listening", "url": server.url})
            else:
                output.say(f"tracker at {server.url}")
            return await asyncio.shield(stopped)


def _known(count: int | None) -> str:
    return "?" if count is None else str(count)
