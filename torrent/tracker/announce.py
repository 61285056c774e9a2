"""What is said to a tracker, and what may a tracker say back?

Values only, the same for HTTP and UDP. Everything here that came from a tracker is already bounded: at most `MAX_PEERS`
peers, intervals between `MIN_INTERVAL` and `MAX_INTERVAL`, text that is safe to show. A tracker that asks for an
announce every second, or never again, is held to those limits in `clamped_interval`; one that floods us with peers
loses the rest in `bounded_peers`. BEP 3, 15, 24, 31, 48.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from torrent.errors import TrackerError
from torrent.net import is_usable_peer
from torrent.terms import Address, InfoHash, PeerId
from torrent.text import safe_text

EVENTS = ("", "completed", "started", "stopped")
"""The events in the order of their numbers in BEP 15."""

MAX_PEERS = 2000
MIN_INTERVAL = 60.0
MAX_INTERVAL = 86400.0
DEFAULT_INTERVAL = 1800.0
"""Seconds between announces when the tracker does not say (the usual half hour)."""

MAX_COUNT = 2**31 - 1
MAX_TEXT = 200
"""Characters of a tracker's words that are kept."""


class TrackerRefused(TrackerError):
    """The tracker answered, and the answer is no.

    `retry_in` is in seconds: 0 if the tracker did not say, infinite if it never wants to hear from us again (BEP 31).
    """

    def __init__(self, message: str, *, retry_in: float = 0.0) -> None:
        super().__init__(message)
        self.retry_in = retry_in


@dataclass(frozen=True, slots=True)
class Announce:
    """One announce of one torrent. Sizes are bytes; `numwant` below 0 means what the settings say.

    `key` is 32 random bits, the same for the whole session (BEP 7); `ip` is empty unless the user insists on one;
    `tracker_id` is what this tracker last gave us.
    """

    info_hash: InfoHash
    peer_id: PeerId
    port: int
    uploaded: int = 0
    downloaded: int = 0
    left: int = 0
    event: str = ""
    numwant: int = -1
    key: int = 0
    ip: str = ""
    tracker_id: bytes = b""

    def __post_init__(self) -> None:
        if len(self.info_hash) != 20 or len(self.peer_id) != 20:
            raise ValueError("info hash and peer id are 20 bytes on the wire")
        if self.event not in EVENTS:
            raise ValueError(f"no such event: {self.event}")


@dataclass(frozen=True, slots=True)
class AnnounceReply:
    """A tracker's answer. Intervals are seconds; counts are None when the tracker keeps them to itself."""

    peers: tuple[Address, ...] = ()
    interval: float = DEFAULT_INTERVAL
    min_interval: float = MIN_INTERVAL
    seeds: int | None = None
    leechers: int | None = None
    warning: str = ""
    tracker_id: bytes = b""
    external_ip: str = ""


@dataclass(frozen=True, slots=True)
class ScrapeReply:
    """What a tracker knows of one swarm; `completed` counts finished downloads ever."""

    seeds: int
    completed: int
    leechers: int


def clamped_interval(value: object) -> float:
    """Return the seconds to wait until the next announce, whatever the tracker asked for."""
    if not isinstance(value, int):
        return DEFAULT_INTERVAL
    return float(min(max(value, int(MIN_INTERVAL)), int(MAX_INTERVAL)))


def clamped_count(value: object) -> int | None:
    """Return a count that a tracker sent, or None if it sent nothing that can be one."""
    if not isinstance(value, int) or value < 0:
        return None
    return min(value, MAX_COUNT)


def bounded_peers(found: Iterable[Address]) -> tuple[Address, ...]:
    """Return the first `MAX_PEERS` different addresses that a peer may have."""
    peers: dict[Address, None] = {}
    for address in found:
        if address.port and address not in peers and is_usable_peer(address.host):
            peers[address] = None
            if len(peers) >= MAX_PEERS:
                break
    return tuple(peers)


def refusal(reason: object, retry_in: object = None) -> TrackerRefused:
    """Build the error for a tracker's `failure reason` and its `retry in`: minutes, as number or text, or "never"."""
    text = safe_text(reason.strip(b"\0 \r\n"), MAX_TEXT) if isinstance(reason, bytes) else ""
    wait = 0.0
    if isinstance(retry_in, bytes):
        if retry_in == b"never":
            wait = math.inf
        elif retry_in.isdigit() and len(retry_in) <= 9:
            wait = int(retry_in) * 60.0
    elif isinstance(retry_in, int) and retry_in > 0:
        wait = min(retry_in, int(MAX_INTERVAL)) * 60.0
    if wait != math.inf:
        wait = min(wait, MAX_INTERVAL)
    return TrackerRefused(text or "the tracker gave no reason", retry_in=wait)
