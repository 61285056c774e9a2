"""What does our own tracker answer to one HTTP request line or one datagram?

A core: a request and the address it came from go in, an answer or nothing comes out. Nothing in a request is believed
but its numbers, within bounds: the peer is where the request came from. A datagram is answered only to somebody who
showed that it receives there, with an id from `_connection_id` (a keyed hash of the address, good for one to two
minutes), and an unproven one gets 16 bytes for its 16, so we amplify nothing. BEP 3, 7, 15, 23, 24, 48.
"""

from __future__ import annotations

import struct
from hashlib import blake2s
from ipaddress import ip_address
from urllib.parse import unquote_to_bytes

from torrent import bencode
from torrent.net import pack_compact4, pack_compact6
from torrent.terms import Address, InfoHash
from torrent.tracker.announce import EVENTS
from torrent.tracker.registry import Registry
from torrent.tracker.udp import ANNOUNCE, CONNECT, ERROR, PROTOCOL_ID, SCRAPE

MAX_SCRAPE = 74
MIN_INTERVAL = 30
_ANNOUNCE = struct.Struct(">QII20s20sQQQIIIiH")
_SLOT = 60.0


def answer_http(registry: Registry, target: str, source: Address, now: float) -> tuple[int, bytes]:
    """Answer the target of a GET request; returns an HTTP status and a body."""
    path, _, query = target.partition("?")
    fields: dict[str, list[bytes]] = {}
    for pair in query.split("&", 256)[:256]:
        name, _, value = pair.partition("=")
        fields.setdefault(name, []).append(unquote_to_bytes(value.replace("+", " ")))
    if path == "/announce":
        return 200, _announce(registry, fields, source, now)
    if path == "/scrape":
        return 200, _scrape(registry, fields, now)
    return 404, b"this is a BitTorrent tracker: announce at /announce\n"


def answer_udp(registry: Registry, data: bytes, source: Address, now: float, secret: bytes) -> bytes | None:
    """Answer a datagram, or return None where silence is the answer."""
    if len(data) < 16:
        return None
    connection, action, transaction = struct.unpack_from(">QII", data)
    if action == CONNECT:
        if connection != PROTOCOL_ID:
            return None
        return struct.pack(">IIQ", CONNECT, transaction, _connection_id(secret, source, now))
    if connection not in (_connection_id(secret, source, now), _connection_id(secret, source, now - _SLOT)):
        return None
    if action == ANNOUNCE and len(data) >= _ANNOUNCE.size:
        return _announce_udp(registry, data, source, now)
    if action == SCRAPE:
        hashes = [InfoHash(data[at : at + 20]) for at in range(16, min(len(data), 16 + 20 * MAX_SCRAPE) - 19, 20)]
        found = (registry.scrape(one, now) for one in hashes)
        counts = ((one.seeds, one.completed, one.leechers) if one else (0, 0, 0) for one in found)
        return struct.pack(">II", SCRAPE, transaction) + b"".join(struct.pack(">III", *three) for three in counts)
    return struct.pack(">II", ERROR, transaction) + b"bad request"


def _announce_udp(registry: Registry, data: bytes, source: Address, now: float) -> bytes:
    _, _, transaction, info_hash, peer_id, _, left, _, event, _, _, numwant, port = _ANNOUNCE.unpack_from(data)
    if not port or event >= len(EVENTS):
        return struct.pack(">II", ERROR, transaction) + b"bad request"
    peer, v6 = Address(source.host, port), ":" in source.host
    registry.announce(InfoHash(info_hash), peer_id, peer, left=left, event=EVENTS[event], now=now)
    numwant = 0 if EVENTS[event] == "stopped" else numwant
    peers = [other for other, _ in registry.peers(InfoHash(info_hash), peer, numwant=numwant, now=now, v6=v6)]
    swarm = registry.scrape(InfoHash(info_hash), now)
    counts = (swarm.leechers, swarm.seeds) if swarm else (0, 0)
    head = struct.pack(">IIIII", ANNOUNCE, transaction, registry.interval, *counts)
    return head + (pack_compact6(peers) if v6 else pack_compact4(peers))


def _announce(registry: Registry, fields: dict[str, list[bytes]], source: Address, now: float) -> bytes:
    info_hash, peer_id = (fields.get(name, [b""])[0] for name in ("info_hash", "peer_id"))
    port, left, numwant = (_number(fields, name) for name in ("port", "left", "numwant"))
    event = fields.get("event", [b""])[0].decode("ascii", "replace")
    if len(info_hash) != 20 or len(peer_id) != 20:
        return _failure("info_hash and peer_id must have 20 bytes")
    if not 0 < port < 65536:
        return _failure("there is no such port")
    peer = Address(source.host, port)
    registry.announce(InfoHash(info_hash), peer_id, peer, left=left, event=event, now=now)
    found = registry.peers(InfoHash(info_hash), peer, numwant=0 if event == "stopped" else numwant, now=now)
    swarm = registry.scrape(InfoHash(info_hash), now)
    reply: dict[bytes, bencode.Value] = {
        b"complete": swarm.seeds if swarm else 0,
        b"downloaded": swarm.completed if swarm else 0,
        b"external ip": ip_address(source.host).packed,
        b"incomplete": swarm.leechers if swarm else 0,
        b"interval": registry.interval,
        b"min interval": min(MIN_INTERVAL, registry.interval),
    }
    if fields.get("compact", [b"1"])[0] == b"0":
        no_id = fields.get("no_peer_id", [b"0"])[0] == b"1"
        peers: list[bencode.Value] = []
        for other, its_id in found:
            entry: dict[bytes, bencode.Value] = {b"ip": other.host.encode(), b"port": other.port}
            peers.append(entry if no_id else entry | {b"peer id": its_id})
        reply[b"peers"] = peers
    else:
        addresses = [other for other, _ in found]
        reply[b"peers"] = pack_compact4(addresses)
        reply[b"peers6"] = pack_compact6(addresses)
    return bencode.encode(reply)


def _scrape(registry: Registry, fields: dict[str, list[bytes]], now: float) -> bytes:
    hashes = [InfoHash(one) for one in fields.get("info_hash", [])[:MAX_SCRAPE] if len(one) == 20]
    if not hashes:
        return _failure("name the torrents to scrape")
    found = ((one, registry.scrape(one, now)) for one in hashes)
    files: dict[bytes, bencode.Value] = {
        one: {b"complete": swarm.seeds, b"downloaded": swarm.completed, b"incomplete": swarm.leechers}
        for one, swarm in found
        if swarm is not None
    }
    return bencode.encode({b"files": files})


def _number(fields: dict[str, list[bytes]], name: str) -> int:
    text = fields.get(name, [b""])[0]
    return int(text) if text.isdigit() and len(text) < 20 else -1


def _failure(reason: str) -> bytes:
    return bencode.encode({b"failure reason": reason.encode()})


def _connection_id(secret: bytes, source: Address, now: float) -> int:
    text = f"{source.host} {source.port} {int(now // _SLOT)}"
    return int.from_bytes(blake2s(text.encode(), key=secret, digest_size=8).digest(), "big")
