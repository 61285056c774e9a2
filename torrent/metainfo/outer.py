"""What stands in a .torrent outside the info dictionary, and how is the file put together again?

The info dictionary goes in and out as the raw bytes it was (never re-encoded), because its hash names the torrent.
BEPs 3 (announce), 5 (nodes), 12 (announce-list), 17 and 19 (seeds), 38 (similar), 52 (piece layers).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from torrent.bencode import Encodable, Value, encode


@dataclass(frozen=True, slots=True)
class Outer:
    """The facts beside the info dictionary, already checked; the words are those of `Metainfo`."""

    trackers: tuple[tuple[str, ...], ...] = ()
    web_seeds: tuple[str, ...] = ()
    http_seeds: tuple[str, ...] = ()
    nodes: tuple[tuple[str, int], ...] = ()
    comment: str = ""
    created_by: str = ""
    creation_date: int | None = None
    similar: tuple[bytes, ...] = ()
    collections: tuple[str, ...] = ()
    layers: Mapping[bytes, bytes] = field(default_factory=dict)


def join(raw: Mapping[bytes, bytes]) -> bytes:
    """Return a dictionary made of values that are encoded already; keys are put in order."""
    parts = [encode(key) + raw[key] for key in sorted(raw)]
    return b"d" + b"".join(parts) + b"e"


def tracker_keys(trackers: tuple[tuple[str, ...], ...]) -> dict[bytes, Value]:
    """Return `announce`, and `announce-list` when there is more than one tracker (BEP 12)."""
    tiers = [[url.encode() for url in tier] for tier in trackers if tier]
    if not tiers:
        return {}
    keys: dict[bytes, Value] = {b"announce": tiers[0][0]}
    if len(tiers) > 1 or len(tiers[0]) > 1:
        keys[b"announce-list"] = [list[Value](tier) for tier in tiers]
    return keys


def write(raw_info: bytes, outer: Outer) -> bytes:
    """Return the .torrent file that holds `raw_info` as it is, and `outer`."""
    keys: dict[bytes, Encodable] = dict(tracker_keys(outer.trackers))
    if outer.web_seeds:
        urls = [url.encode() for url in outer.web_seeds]
        keys[b"url-list"] = urls[0] if len(urls) == 1 else urls
    if outer.http_seeds:
        keys[b"httpseeds"] = [url.encode() for url in outer.http_seeds]
    if outer.nodes:
        keys[b"nodes"] = [[host.encode(), port] for host, port in outer.nodes]
    if outer.comment:
        keys[b"comment"] = outer.comment.encode("utf-8", "replace")
    if outer.created_by:
        keys[b"created by"] = outer.created_by.encode("utf-8", "replace")
    if outer.creation_date is not None:
        keys[b"creation date"] = outer.creation_date
    if outer.similar:
        keys[b"similar"] = list(outer.similar)
    if outer.collections:
        keys[b"collections"] = [name.encode("utf-8", "replace") for name in outer.collections]
    if outer.layers:
        keys[b"piece layers"] = dict(outer.layers)
    raw = {key: encode(value) for key, value in keys.items()}
    raw[b"info"] = raw_info
    return join(raw)
