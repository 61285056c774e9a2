"""The face of the peer book: the known peers of one torrent, who is banned, and which of two peers to keep."""

from __future__ import annotations

from torrent.peerbook.bans import Bans, subscriber
from torrent.peerbook.book import CAP, PeerBook
from torrent.peerbook.entry import SOURCES
from torrent.peerbook.priority import peer_priority

__all__ = ["CAP", "SOURCES", "Bans", "PeerBook", "peer_priority", "subscriber"]
