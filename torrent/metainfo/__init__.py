"""What is a torrent? The face of this folder: .torrent files and magnets as immutable values, and how to make them."""

from torrent.metainfo import build, merkle
from torrent.metainfo.build import FileEntry, Plan, PlannedFile
from torrent.metainfo.document import Metainfo, PieceHashes
from torrent.metainfo.edit import KEEP, edit
from torrent.metainfo.info import File
from torrent.metainfo.limits import MAX_INFO_SIZE, MAX_PIECE_LENGTH, MAX_PIECES, MAX_TORRENT_SIZE
from torrent.metainfo.magnet import Magnet

__all__ = [
    "KEEP",
    "MAX_INFO_SIZE",
    "MAX_PIECES",
    "MAX_PIECE_LENGTH",
    "MAX_TORRENT_SIZE",
    "File",
    "FileEntry",
    "Magnet",
    "Metainfo",
    "PieceHashes",
    "Plan",
    "PlannedFile",
    "build",
    "edit",
    "merkle",
]
