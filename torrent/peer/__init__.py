"""The wire with one remote: what arrives as bytes leaves as decisions for the swarm, and the other way round."""

from torrent.peer import extensions, wire
from torrent.peer.connection import GULP, KEEP_ALIVE_SECONDS, Connection, Conversation
from torrent.peer.extensions import ExtensionHandshake
from torrent.peer.fast import allowed_fast
from torrent.peer.handshake import Handshake
from torrent.peer.pipeline import Pipeline
from torrent.peer.protocol import PeerProtocol

__all__ = [
    "GULP",
    "KEEP_ALIVE_SECONDS",
    "Connection",
    "Conversation",
    "ExtensionHandshake",
    "Handshake",
    "PeerProtocol",
    "Pipeline",
    "allowed_fast",
    "extensions",
    "wire",
]
