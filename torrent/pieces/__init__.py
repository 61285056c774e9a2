"""The piece manager of one torrent: what we have, what is in progress, which block is asked of whom next."""

from torrent.pieces import bits
from torrent.pieces.availability import Availability
from torrent.pieces.board import Buffers
from torrent.pieces.geometry import MAX_REQUEST, Geometry, pad_blocks
from torrent.pieces.partial import Progress, Received
from torrent.pieces.pieces import Pieces
from torrent.pieces.taker import Taker

__all__ = [
    "MAX_REQUEST",
    "Availability",
    "Buffers",
    "Geometry",
    "Pieces",
    "Progress",
    "Received",
    "Taker",
    "bits",
    "pad_blocks",
]
