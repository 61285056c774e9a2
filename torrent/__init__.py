"""A BitTorrent client to use from Python: the one face of the engine.

Every public name is here and is loaded when it is first used, so `import torrent` costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torrent import errors as errors
    from torrent import events as events
    from torrent import views as views
    from torrent.config import Config as Config
    from torrent.errors import TorrentError as TorrentError
    from torrent.handle import Torrent as Torrent
    from torrent.metainfo import Magnet as Magnet
    from torrent.metainfo import Metainfo as Metainfo
    from torrent.session import Session as Session
    from torrent.terms import VERSION as __version__
    from torrent.terms import Address as Address

_HOMES = {
    "Address": "torrent.terms",
    "Config": "torrent.config",
    "Magnet": "torrent.metainfo",
    "Metainfo": "torrent.metainfo",
    "Session": "torrent.session",
    "Torrent": "torrent.handle",
    "TorrentError": "torrent.errors",
    "__version__": "torrent.terms",
    "errors": "",
    "events": "",
    "views": "",
}

_NAMES = {"__version__": "VERSION"}

__all__ = [
    "Address",
    "Config",
    "Magnet",
    "Metainfo",
    "Session",
    "Torrent",
    "TorrentError",
    "__version__",
    "errors",
    "events",
    "views",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home = _HOMES[name]
    value = getattr(import_module(home), _NAMES.get(name, name)) if home else import_module(f"{__name__}.{name}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
