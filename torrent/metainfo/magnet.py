"""What does a magnet link say (BEP 9, hashes of BEP 52, `so` of BEP 53)?

Read: `xt` (btih in hex or base32, btmh as a sha2-256 multihash), `dn`, `tr`, `ws`, `x.pe`, `so`, `xl`; numbered keys
(`tr.1`) too. Links that would be fetched (`xs`, `as`, `mt`) are ignored on purpose: a link must not make this program
visit an address by itself. A hostile link may be endless (`MAX_MAGNET`), name thousands of trackers (`fields.urls`), or
hide escapes in names (`safe_text`).
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import quote, unquote, unquote_to_bytes

from torrent.errors import MagnetError
from torrent.metainfo import fields, limits
from torrent.terms import Address, InfoHash
from torrent.text import safe_text

MAX_MAGNET = 256 * 1024
"""Characters of a link."""
_MAX_PEERS = 200
_MAX_RANGES = 10_000
_MAX_INDEX = 2**31
_SHA256_MULTIHASH = b"\x12\x20"
_RANGE = re.compile(r"([0-9]{1,10})(?:-([0-9]{1,10}))?")
_PORT = re.compile(r"[0-9]{1,5}")


@dataclass(frozen=True, slots=True)
class Magnet:
    """A link to a torrent. `select_only`: file indices as inclusive ranges; `length`: bytes, if the link says."""

    info_hash_v1: bytes | None = None
    info_hash_v2: bytes | None = None
    name: str = ""
    trackers: tuple[str, ...] = ()
    web_seeds: tuple[str, ...] = ()
    peers: tuple[Address, ...] = ()
    select_only: tuple[tuple[int, int], ...] = ()
    length: int | None = None

    @property
    def swarm_hashes(self) -> tuple[InfoHash, ...]:
        """The names of its swarms on the wire, v1 first."""
        both = (self.info_hash_v1, self.info_hash_v2[:20] if self.info_hash_v2 else None)
        return tuple(InfoHash(value) for value in both if value)

    @property
    def info_hash(self) -> InfoHash:
        """The 20 bytes this torrent goes by: v1, else v2 cut short."""
        return self.swarm_hashes[0]

    @property
    def hex(self) -> str:
        """The main hash in hex: 40 letters of v1, else all 64 of v2."""
        return (self.info_hash_v1 or self.info_hash_v2 or b"").hex()

    @classmethod
    def parse(cls, text: str) -> Magnet:
        """Read a magnet link, or a bare hash (40 or 64 hex digits, 32 of base32); MagnetError otherwise."""
        if len(text) > MAX_MAGNET:
            raise MagnetError("the magnet link is too long")
        text = text.encode("utf-8", "replace").decode().strip()  # an argument may hold lone surrogates
        if text[:8].lower() != "magnet:?":
            return _bare(text)
        keys: dict[str, list[str]] = {}
        for part in text[8:].split("&"):
            key, _, value = part.partition("=")
            keys.setdefault(re.sub(r"\.[0-9]+$", "", key.lower()), []).append(value)
        v1, v2 = _hashes(keys.get("xt", []))
        names = [name for name in (unquote(value.replace("+", " ")) for value in keys.get("dn", [])) if name]
        trackers = [unquote_to_bytes(value) for value in keys.get("tr", [])]
        seeds = [unquote_to_bytes(value) for value in keys.get("ws", [])]
        size = unquote(keys.get("xl", [""])[0])
        return cls(
            info_hash_v1=v1,
            info_hash_v2=v2,
            name=safe_text(names[0], 1024) if names else "",
            trackers=fields.urls(list(trackers), fields.TRACKER_SCHEMES, limits.MAX_TRACKERS),
            web_seeds=fields.urls(list(seeds), fields.SEED_SCHEMES, limits.MAX_SEEDS),
            peers=_peers(keys.get("x.pe", [])),
            select_only=_ranges(keys.get("so", [])),
            length=int(size) if re.fullmatch(r"[0-9]{1,18}", size) else None,
        )

    def __str__(self) -> str:
        parts = []
        if self.info_hash_v1:
            parts.append(f"xt=urn:btih:{self.info_hash_v1.hex()}")
        if self.info_hash_v2:
            parts.append(f"xt=urn:btmh:{(_SHA256_MULTIHASH + self.info_hash_v2).hex()}")
        if self.name:
            parts.append(f"dn={quote(self.name, safe='')}")
        if self.length is not None:
            parts.append(f"xl={self.length}")
        parts.extend(f"tr={quote(url, safe='')}" for url in self.trackers)
        parts.extend(f"ws={quote(url, safe='')}" for url in self.web_seeds)
        parts.extend(f"x.pe={quote(str(peer), safe=':[]')}" for peer in self.peers)
        if self.select_only:
            ranges = (str(low) if low == high else f"{low}-{high}" for low, high in self.select_only)
            parts.append(f"so={','.join(ranges)}")
        return "magnet:?" + "&".join(parts)


def _bare(text: str) -> Magnet:
    for prefix, size in (("urn:btih:", 40), ("urn:btih:", 32), ("urn:btmh:1220", 64)):
        if len(text) == size:
            v1, v2 = _hashes([prefix + text])
            return Magnet(v1, v2)
    raise MagnetError("this is not a magnet link", hint="a magnet link starts with magnet:?xt=urn:btih:")


def _hashes(topics: list[str]) -> tuple[bytes | None, bytes | None]:
    """Return the v1 and v2 hash named by the exact topics; others are ignored."""
    v1: set[bytes] = set()
    v2: set[bytes] = set()
    for topic in topics:
        kind, _, value = unquote(topic).rpartition(":")
        if kind.lower() == "urn:btih":
            v1.add(_btih(value))
        elif kind.lower() == "urn:btmh":
            v2.update(_btmh(value))
    if len(v1) > 1 or len(v2) > 1:
        raise MagnetError("the magnet link names two torrents at once")
    if not v1 and not v2:
        raise MagnetError("the magnet link has no BitTorrent hash", hint="look for xt=urn:btih:")
    return next(iter(v1), None), next(iter(v2), None)


def _btih(value: str) -> bytes:
    try:
        if len(value) == 40 and value.isascii() and value.isalnum():
            return bytes.fromhex(value)
        if len(value) == 32:
            return base64.b32decode(value.upper())
    except (ValueError, binascii.Error):
        pass
    raise MagnetError("the hash in the magnet link is damaged", hint="it has 40 hex digits, or 32 letters of base32")


def _btmh(value: str) -> list[bytes]:
    try:
        digest = bytes.fromhex(value) if value.isascii() and value.isalnum() else b""
    except ValueError:
        digest = b""
    if not digest:
        raise MagnetError("the v2 hash in the magnet link is damaged")
    if digest[:2] != _SHA256_MULTIHASH:
        return []  # another hash function: a torrent of a version to come
    if len(digest) != 34:
        raise MagnetError("the v2 hash in the magnet link has the wrong length")
    return [digest[2:]]


def _peers(values: list[str]) -> tuple[Address, ...]:
    """Return the peers given as literal addresses; host names are not looked up for a link."""
    found: dict[Address, None] = {}
    for value in values[:_MAX_PEERS]:
        host, _, port = unquote(value).rpartition(":")
        try:
            literal = str(ip_address(host.removeprefix("[").removesuffix("]")))
        except ValueError:
            continue
        if _PORT.fullmatch(port) and 0 < int(port) < 65536 and "%" not in literal:
            found[Address(literal, int(port))] = None
    return tuple(found)


def _ranges(values: list[str]) -> tuple[tuple[int, int], ...]:
    """Return the file indices of BEP 53 as ranges; what is no range is left out."""
    found: list[tuple[int, int]] = []
    for value in values:
        for part in unquote(value).split(",")[:_MAX_RANGES]:
            match = _RANGE.fullmatch(part)
            if match:
                low, high = int(match[1]), int(match[2] or match[1])
                if low <= high < _MAX_INDEX:
                    found.append((low, high))
    return tuple(found[:_MAX_RANGES])
