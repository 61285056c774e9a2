"""What does the engine look like from outside at one moment?

Views are immutable, pulled by whoever shows them and built only then. All text in them is safe to show.
Sizes are bytes, rates bytes per second, times seconds.
"""

from __future__ import annotations

from dataclasses import dataclass

STATUSES = ("checking", "downloading", "seeding", "finished", "paused", "waiting", "error", "stopped")
"""checking: files on disk are hashed · finished: all wanted bytes are there, not all of the torrent ·
waiting: paused by an error that mends itself (disk full) · error: paused until the user acts."""


@dataclass(frozen=True, slots=True)
class TorrentView:
    """One torrent: what a list row or a progress line shows."""

    info_hash: str
    name: str
    status: str
    reason: str
    path: str
    size: int
    wanted: int
    done: int
    pieces: int
    pieces_done: int
    rate_down: float
    rate_up: float
    downloaded: int
    uploaded: int
    wasted: int
    hash_failures: int
    peers: int
    seeds: int
    peers_known: int
    availability: float
    eta: float | None
    ratio: float
    private: bool
    checked: float
    sources: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True)
class PeerView:
    """One connected peer. `flags` are Transmission's letters."""

    address: str
    client: str
    flags: str
    progress: float
    rate_down: float
    rate_up: float
    downloaded: int
    uploaded: int
    requests_out: int
    requests_in: int
    source: str


@dataclass(frozen=True, slots=True)
class TrackerView:
    """One tracker of one torrent."""

    tier: int
    url: str
    status: str
    seeds: int | None
    leechers: int | None
    next_announce: float | None
    message: str


@dataclass(frozen=True, slots=True)
class FileView:
    """One file of one torrent; `priority` 0 means it is not wanted."""

    index: int
    path: str
    size: int
    done: int
    priority: int


@dataclass(frozen=True, slots=True)
class SessionView:
    """The whole session."""

    port: int
    torrents: int
    peers: int
    rate_down: float
    rate_up: float
    downloaded: int
    uploaded: int
