"""How large may a torrent be before it is refused?

The figures are those that libtorrent and Transmission ship; each is checked before anything of that size is built.
"""

from __future__ import annotations

MAX_TORRENT_SIZE = 10_000_000
"""Bytes of a .torrent file, unless the caller allows more."""
MAX_INFO_SIZE = 30 * 1024 * 1024
"""Bytes of an info dictionary, as fetched from peers (BEP 9)."""
MAX_PIECES = 2_097_152
MAX_PIECE_LENGTH = 512 * 1024 * 1024
MIN_V2_PIECE_LENGTH = 16 * 1024
MAX_LENGTH = 2**63 - 1
"""Bytes of the piece space: what a signed 64-bit offset can reach."""
MAX_PATH_DEPTH = 100
MAX_COMPONENTS = 2_000_000
"""Components of all paths of a v2 tree together: a tree names each folder once, a path again for every file."""
MAX_DUPLICATES = 500
"""Names that had to change because another file had them already."""
MAX_NAME_BYTES = 255
MAX_TRACKERS = 300
MAX_SEEDS = 300
MAX_NODES = 300
MAX_URL_LENGTH = 2048
MAX_NOTES = 20
