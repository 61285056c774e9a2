"""What can go wrong, and whose fault is it?

Three families, so that a caller knows what to do without reading a message:

- `InputError`: what the user gave us is bad (file, link, path, setting). Say it plainly and stop.
- `RemoteError`: a peer, tracker or node misbehaved. Never fatal; it feeds back-off and bans.
- `LocalError`: this machine failed us (disk, socket). Pause the torrent, say why, lose nothing.

There is no class for our own bugs: those travel as the exception they are.
Messages are one line, start in lower case and already hold only text that is safe to show.
"""

from __future__ import annotations


class TorrentError(Exception):
    """The root of every error this program raises on purpose."""

    hint: str = ""

    def __init__(self, message: str = "", *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class InputError(TorrentError):
    """What the user gave us cannot be used."""


class BencodeError(InputError):
    """Bytes are not the bencoding we accept (BEP 3). Callers reading from a remote turn it into a RemoteError."""


class MetainfoError(InputError):
    """A .torrent file or info dictionary is not acceptable."""


class MagnetError(InputError):
    """A magnet link is not acceptable (BEP 9)."""


class ConfigError(InputError):
    """A setting has a value it cannot have."""


class RemoteError(TorrentError):
    """Somebody on the network misbehaved or did not answer."""


class PeerError(RemoteError):
    """A peer broke the peer wire protocol; its connection is closed."""


class TrackerError(RemoteError):
    """A tracker refused, failed, lied or did not answer in time."""


class LocalError(TorrentError):
    """This machine failed us."""


class DiskError(LocalError):
    """A file could not be read, written or created."""


class DiskFullError(DiskError):
    """There is no room left; the torrent waits until there is."""


class NetworkError(LocalError):
    """A local socket could not be opened or bound."""
