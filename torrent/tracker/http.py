"""How is an HTTP tracker asked, and what is in its answer?

Bytes and values only; fetching is the client's business. Any body, however hostile, becomes an `AnnounceReply` within
the bounds of `torrent.tracker.announce` or a `TrackerError`: the bencode reader limits size and nesting, entries of
the wrong type are skipped one by one, host names in peer lists are not looked up (a tracker could have us resolve
anything). BEP 3, 7 (peers6), 23 (compact), 24 (external ip), 31 (retry in), 48 (scrape).
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from ipaddress import ip_address
from urllib.parse import quote_from_bytes

from torrent import bencode
from torrent.errors import BencodeError, TrackerError
from torrent.net import canonical_ip, unpack_compact4, unpack_compact6
from torrent.terms import Address, InfoHash
from torrent.text import safe_text
from torrent.tracker.announce import (
    MAX_INTERVAL,
    MAX_TEXT,
    MIN_INTERVAL,
    Announce,
    AnnounceReply,
    ScrapeReply,
    bounded_peers,
    clamped_count,
    clamped_interval,
    refusal,
)
from torrent.tracker.urls import TrackerUrl

MAX_BODY = 1024 * 1024
"""Bytes of an answer, after decompression."""

MAX_SCRAPE = 50
"""Hashes in one scrape: 3 kB of URL at most, which every server takes."""

MAX_TRACKER_ID = 256


class Body:
    """Collects the body of one answer and never holds more than `limit` bytes of it, packed or unpacked."""

    def __init__(self, encoding: str = "", limit: int = MAX_BODY) -> None:
        encoding = encoding.strip().lower()
        if encoding not in ("", "identity", "gzip", "x-gzip", "deflate"):
            raise TrackerError("the tracker answers in an encoding nobody asked for")
        self._unpack = None if encoding in ("", "identity") else zlib.decompressobj(wbits=47)
        self._data = bytearray()
        self._taken = 0
        self._limit = limit

    def feed(self, chunk: bytes) -> None:
        """Take more of the body; raises `TrackerError` if it is too large or not what it says it is."""
        self._taken += len(chunk)
        if self._unpack is not None:
            try:
                chunk = self._unpack.decompress(chunk, self._limit + 1 - len(self._data))
            except zlib.error:
                raise TrackerError("the tracker's answer is packed wrongly") from None
        self._data += chunk
        if max(self._taken, len(self._data)) > self._limit:
            raise TrackerError("the tracker's answer is too large")

    def value(self) -> bytes:
        """Return the whole body, unpacked."""
        if self._unpack is not None and self._taken and not self._unpack.eof:
            raise TrackerError("the tracker's answer ends too early")
        return bytes(self._data)


def announce_url(url: TrackerUrl, announce: Announce) -> TrackerUrl:
    """Return the URL whose fetching is this announce."""
    fields: list[tuple[str, str]] = [
        ("info_hash", quote_from_bytes(announce.info_hash, safe="")),
        ("peer_id", quote_from_bytes(announce.peer_id, safe="")),
        ("port", str(announce.port)),
        ("uploaded", str(max(0, announce.uploaded))),
        ("downloaded", str(max(0, announce.downloaded))),
        ("left", str(max(0, announce.left))),
        ("compact", "1"),
        ("no_peer_id", "1"),
        ("key", f"{announce.key & 0xFFFFFFFF:08X}"),
    ]
    if announce.numwant >= 0:
        fields.append(("numwant", str(announce.numwant)))
    if announce.event:
        fields.append(("event", announce.event))
    if announce.ip:
        fields.append(("ip", quote_from_bytes(announce.ip.encode(), safe=":")))
    if announce.tracker_id:
        fields.append(("trackerid", quote_from_bytes(announce.tracker_id, safe="")))
    return url.with_query("&".join(f"{name}={value}" for name, value in fields))


def scrape_url(url: TrackerUrl, hashes: Iterable[InfoHash]) -> TrackerUrl:
    """Return the URL whose fetching is a scrape of these hashes."""
    return url.scrape().with_query("&".join(f"info_hash={quote_from_bytes(one, safe='')}" for one in hashes))


def parse_announce(body: bytes) -> AnnounceReply:
    """Read the answer to an announce; raises `TrackerRefused` for a failure and `TrackerError` for nonsense."""
    reply = _dictionary(body)
    interval = clamped_interval(reply.get(b"interval"))
    lower = reply.get(b"min interval")
    min_interval = min(max(float(min(lower, 10**9)), MIN_INTERVAL), MAX_INTERVAL) if isinstance(lower, int) else 0.0
    warning, tracker_id = reply.get(b"warning message"), reply.get(b"tracker id")
    return AnnounceReply(
        peers=bounded_peers(_peers(reply)),
        interval=max(interval, min_interval),
        min_interval=max(min_interval, MIN_INTERVAL),
        seeds=clamped_count(reply.get(b"complete")),
        leechers=clamped_count(reply.get(b"incomplete")),
        warning=safe_text(warning, MAX_TEXT) if isinstance(warning, bytes) else "",
        tracker_id=tracker_id if isinstance(tracker_id, bytes) and len(tracker_id) <= MAX_TRACKER_ID else b"",
        external_ip=_external_ip(reply.get(b"external ip")),
    )


def parse_scrape(body: bytes) -> dict[InfoHash, ScrapeReply]:
    """Read the answer to a scrape; swarms the tracker says nothing sensible about are left out."""
    files = _dictionary(body).get(b"files")
    if not isinstance(files, dict):
        raise TrackerError("the tracker's answer holds no files")
    found = {}
    for key, entry in files.items():
        if len(key) == 20 and isinstance(entry, dict):
            counts = [clamped_count(entry.get(name)) or 0 for name in (b"complete", b"downloaded", b"incomplete")]
            found[InfoHash(key)] = ScrapeReply(*counts)
    return found


def _dictionary(body: bytes) -> dict[bytes, bencode.Value]:
    try:
        reply = bencode.decode(body)
    except BencodeError:
        raise TrackerError("the answer is not that of a tracker") from None
    if not isinstance(reply, dict):
        raise TrackerError("the answer is not that of a tracker")
    if b"failure reason" in reply:
        raise refusal(reply[b"failure reason"], reply.get(b"retry in"))
    return reply


def _peers(reply: dict[bytes, bencode.Value]) -> Iterator[Address]:
    peers = reply.get(b"peers")
    if isinstance(peers, bytes):
        yield from unpack_compact4(peers[: len(peers) // 6 * 6])
    elif isinstance(peers, list):
        for peer in peers:
            if isinstance(peer, dict):
                yield from _peer(peer)
    peers6 = reply.get(b"peers6")
    if isinstance(peers6, bytes):
        yield from unpack_compact6(peers6[: len(peers6) // 18 * 18])


def _peer(peer: dict[bytes, bencode.Value]) -> Iterator[Address]:
    host, port = peer.get(b"ip"), peer.get(b"port")
    if isinstance(host, bytes) and isinstance(port, int) and 0 < port < 65536:
        ip = canonical_ip(host[:64].decode("ascii", "replace"))
        if ip is not None:
            yield Address(ip, port)


def _external_ip(value: object) -> str:
    if not isinstance(value, bytes) or len(value) not in (4, 16):
        return ""
    return canonical_ip(str(ip_address(value))) or ""
