"""What is a torrent? The face of this folder: .torrent files and magnets as immutable values, and how to make them."""

from torrent.metainfo import build, merkle
from torrent.metainfo.build import FileEntry, Plan, PlannedFile

__all__ = ["FileEntry", "Plan", "PlannedFile", "build", "merkle"]
