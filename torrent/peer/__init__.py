"""The wire with one remote: what arrives as bytes leaves as decisions for the swarm, and the other way round."""

from torrent.peer import extensions, wire
from torrent.peer.clients import client_name, our_peer_id
from torrent.peer.connection import GULP, KEEP_ALIVE_SECONDS, Connection, Conversation, Host
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
    "Host",
    "PeerProtocol",
    "Pipeline",
    "allowed_fast",
    "client_name",
    "extensions",
    "our_peer_id",
    "wire",
]
