"""How does one announce or scrape reach its tracker and come back?

A shell (S): one `TrackerClient` per process asks any number of trackers at once over HTTP, HTTPS and UDP. It opens one
UDP socket per address family at the first need. Whatever a tracker does, an announce ends within its time with an
`AnnounceReply` or a `TrackerError`.

A tracker that has IPv4 and IPv6 addresses is asked over both (BEP 7), so that peers of both kinds find us: the first
answer counts, the other family has `FAMILY_GRACE` seconds more to add its peers. A tracker somewhere on the Internet
has no business naming peers on this machine: loopback addresses in its answer are dropped. BEP 3, 7, 15, 41, 48.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import replace
from random import Random, SystemRandom
from typing import TYPE_CHECKING, Any, TypeVar

from torrent.config import TrackerConfig
from torrent.errors import TrackerError
from torrent.net import is_global, is_loopback
from torrent.terms import Address, InfoHash
from torrent.tracker import fetch, http, udp
from torrent.tracker.announce import MAX_PEERS, Announce, AnnounceReply, ScrapeReply
from torrent.tracker.endpoint import UdpEndpoint
from torrent.tracker.resolve import resolve
from torrent.tracker.urls import TrackerUrl

if TYPE_CHECKING:
    import ssl

Reply = TypeVar("Reply")

FAMILY_GRACE = 2.0
UDP_PATH = "/announce"
"""UDP trackers have no path that could reach anything else, so the rule about paths always holds for them."""


class TrackerClient:
    """Asks trackers. `bind` is the local address to use, `tls` replaces the system's certificates."""

    def __init__(
        self,
        config: TrackerConfig | None = None,
        *,
        bind: str = "",
        user_agent: str = "torrent-tui",
        first_byte: float = fetch.FIRST_BYTE,
        rng: Random | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._config = config or TrackerConfig()
        self._bind = bind
        self._user_agent = user_agent
        self._first_byte = first_byte
        self._rng = rng or SystemRandom()
        self._tls = tls
        self._endpoints: dict[bool, asyncio.Task[UdpEndpoint]] = {}
        self._closed = False

    async def announce(self, url: str, announce: Announce, *, timeout: float | None = None) -> AnnounceReply:
        """Announce to one tracker within `timeout` seconds (as configured if None); raises `TrackerError`."""
        if timeout is None:
            timeout = self._config.stop_timeout if announce.event == "stopped" else self._config.timeout
        numwant = self._config.numwant if announce.numwant < 0 else announce.numwant
        announce = replace(
            announce,
            numwant=0 if announce.event == "stopped" else numwant,
            ip=announce.ip or self._config.announce_ip,
        )
        target = TrackerUrl.parse(url)
        ask = self._announce_udp if target.scheme == "udp" else self._announce_http
        return await self._within(timeout, ask(target, announce, timeout))

    async def scrape(
        self, url: str, hashes: Sequence[InfoHash], *, timeout: float | None = None
    ) -> dict[InfoHash, ScrapeReply]:
        """Ask a tracker about any number of swarms; those it does not know are missing. Raises `TrackerError`."""
        timeout = self._config.timeout if timeout is None else timeout
        target = TrackerUrl.parse(url)
        ask = self._scrape_udp if target.scheme == "udp" else self._scrape_http
        return await self._within(timeout, ask(target, hashes, timeout))

    async def close(self) -> None:
        """Close the sockets; announces still under way end with a `TrackerError`."""
        self._closed = True
        tasks, self._endpoints = list(self._endpoints.values()), {}
        for done in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(done, UdpEndpoint):
                done.close()

    async def _within(self, timeout: float, work: Coroutine[Any, Any, Reply]) -> Reply:
        if self._closed:
            work.close()
            raise TrackerError("the client is closed")
        try:
            async with asyncio.timeout(timeout):
                return await work
        except TimeoutError:
            raise TrackerError("timed out") from None

    async def _announce_http(self, target: TrackerUrl, announce: Announce, timeout: float) -> AnnounceReply:
        url = http.announce_url(target, announce)
        ips = await resolve(url.host, url.port, path=url.path, bind=self._bind)

        async def ask(v6: bool) -> AnnounceReply:
            body, last = await self._fetch(url, [ip for ip in ips if (":" in ip) == v6])
            return _credible(http.parse_announce(body), last)

        return await _over_families(ips, ask)

    async def _announce_udp(self, target: TrackerUrl, announce: Announce, timeout: float) -> AnnounceReply:
        ips = await resolve(target.host, target.port, path=UDP_PATH, bind=self._bind)

        async def ask(v6: bool) -> AnnounceReply:
            to = Address(next(ip for ip in ips if (":" in ip) == v6), target.port)
            body = udp.announce_body(announce, target.request_uri)
            endpoint = await self._endpoint(v6)
            reply = udp.parse_announce(await endpoint.ask(to, udp.ANNOUNCE, body, timeout), v6=v6)
            return _credible(reply, (to.host,))

        return await _over_families(ips, ask)

    async def _scrape_http(
        self, target: TrackerUrl, hashes: Sequence[InfoHash], timeout: float
    ) -> dict[InfoHash, ScrapeReply]:
        found: dict[InfoHash, ScrapeReply] = {}
        for at in range(0, len(hashes), http.MAX_SCRAPE):
            some = hashes[at : at + http.MAX_SCRAPE]
            url = http.scrape_url(target, some)
            ips = await resolve(url.host, url.port, path=url.path, bind=self._bind)
            body, _ = await self._fetch(url, ips)
            replies = http.parse_scrape(body)
            found.update((one, replies[one]) for one in some if one in replies)
        return found

    async def _scrape_udp(
        self, target: TrackerUrl, hashes: Sequence[InfoHash], timeout: float
    ) -> dict[InfoHash, ScrapeReply]:
        ips = await resolve(target.host, target.port, path=UDP_PATH, bind=self._bind)
        found: dict[InfoHash, ScrapeReply] = {}
        endpoint = await self._endpoint(":" in ips[0])
        for at in range(0, len(hashes), udp.MAX_SCRAPE):
            some = hashes[at : at + udp.MAX_SCRAPE]
            to = Address(ips[0], target.port)
            found |= udp.parse_scrape(await endpoint.ask(to, udp.SCRAPE, udp.scrape_body(some), timeout), some)
        return found

    async def _fetch(self, url: TrackerUrl, ips: list[str]) -> tuple[bytes, list[str]]:
        return await fetch.fetch(
            url,
            ips,
            user_agent=self._user_agent,
            bind=self._bind,
            first_byte=self._first_byte,
            tls=self._tls,
        )

    async def _endpoint(self, v6: bool) -> UdpEndpoint:
        """Return the socket of a family, opening it once however many ask for it at the same time."""
        opening = self._endpoints.get(v6)
        if opening is None or (opening.done() and opening.exception() is not None):
            bind = self._bind or ("::" if v6 else "0.0.0.0")
            opening = self._endpoints[v6] = asyncio.ensure_future(UdpEndpoint.open(bind, self._rng))
        endpoint = await asyncio.shield(opening)
        if self._closed:
            endpoint.close()
        return endpoint


def _credible(reply: AnnounceReply, tracker_ips: Sequence[str]) -> AnnounceReply:
    if all(is_global(ip) for ip in tracker_ips):
        return replace(reply, peers=tuple(peer for peer in reply.peers if not is_loopback(peer.host)))
    return reply


async def _over_families(
    ips: Sequence[str], ask: Callable[[bool], Coroutine[Any, Any, AnnounceReply]]
) -> AnnounceReply:
    """Ask over every family that `ips` has and merge the answers; raises the first error if none answers."""
    families = sorted({":" in ip for ip in ips})
    if len(families) == 1:
        return await ask(families[0])
    tasks = [asyncio.ensure_future(ask(v6)) for v6 in families]
    try:
        done, late = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        if late:
            good = any(task.exception() is None for task in done)
            await asyncio.wait(late, timeout=FAMILY_GRACE if good else None)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
    finished = [task for task in tasks if not task.cancelled()]
    replies = [task.result() for task in finished if task.exception() is None]
    if not replies:
        raise finished[0].exception() or TrackerError("timed out")
    merged = replies[0]
    for reply in replies[1:]:
        merged = replace(
            merged,
            peers=tuple(dict.fromkeys(merged.peers + reply.peers))[:MAX_PEERS],
            interval=max(merged.interval, reply.interval),
            min_interval=max(merged.min_interval, reply.min_interval),
            external_ip=merged.external_ip or reply.external_ip,
            tracker_id=merged.tracker_id or reply.tracker_id,
            warning=merged.warning or reply.warning,
        )
    return merged
