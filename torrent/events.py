"""What happens inside the engine that somebody outside may want to know?

Happenings are small frozen values, published synchronously into bounded rings (`torrent.hub`). `info_hash` is the hex
of the torrent's main hash (v1 where there is one), the same string as in `views.TorrentView.info_hash`.
All text in them is safe to show.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Event:
    """The base of all events."""


@dataclass(frozen=True, slots=True)
class Listening(Event):
    """The session accepts peers on this port (the same for IPv4 and IPv6)."""

    port: int


@dataclass(frozen=True, slots=True)
class TorrentEvent(Event):
    """The base of events about one torrent."""

    info_hash: str


@dataclass(frozen=True, slots=True)
class Added(TorrentEvent):
    """A torrent was added to the session."""

    name: str


@dataclass(frozen=True, slots=True)
class Removed(TorrentEvent):
    """A torrent left the session."""


@dataclass(frozen=True, slots=True)
class StatusChanged(TorrentEvent):
    """The derived status is another one now; `status` is one of `views.STATUSES`."""

    status: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class PieceVerified(TorrentEvent):
    """A piece passed its hash check and is on disk."""

    piece: int


@dataclass(frozen=True, slots=True)
class PieceFailed(TorrentEvent):
    """A piece did not pass its hash check and is fetched again."""

    piece: int


@dataclass(frozen=True, slots=True)
class Completed(TorrentEvent):
    """Every wanted byte is verified and on disk."""

    path: str


@dataclass(frozen=True, slots=True)
class TorrentFailed(TorrentEvent):
    """The torrent is paused by an error of this machine; `waits` is true if it goes on by itself when it can."""

    reason: str
    waits: bool = False


@dataclass(frozen=True, slots=True)
class PeerConnected(TorrentEvent):
    """A peer finished its handshake."""

    address: str
    client: str
    incoming: bool


@dataclass(frozen=True, slots=True)
class PeerDisconnected(TorrentEvent):
    """A connection ended; `reason` says why in plain words."""

    address: str
    reason: str


@dataclass(frozen=True, slots=True)
class PeerBanned(TorrentEvent):
    """A peer was banned for what it did."""

    address: str
    reason: str


@dataclass(frozen=True, slots=True)
class TrackerAnswered(TorrentEvent):
    """A tracker answered an announce."""

    url: str
    peers: int
    seeds: int
    leechers: int
    warning: str = ""


@dataclass(frozen=True, slots=True)
class TrackerFailed(TorrentEvent):
    """An announce failed; it is tried again in `retry_in` seconds."""

    url: str
    reason: str
    retry_in: float
