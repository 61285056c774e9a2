"""What can the program be told, and what does it do when it is told nothing?

`Config` is an immutable value: five sections, each field with its default and its sentence (the `doc` metadata, shown
by `torrent config show`). How the value comes about (flags, environment, file) is the business of `torrent.settings`.
Rates are bytes per second, sizes bytes, times seconds; 0 means "no limit" wherever a limit is meant.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


def _setting(default: Any, doc: str, unit: str = "") -> Any:
    return field(default=default, metadata={"doc": doc, "unit": unit})


@dataclass(frozen=True, slots=True)
class DownloadConfig:
    """How torrents are fetched and where they go."""

    dir: str = _setting("~/Downloads", "folder that downloads go to")
    preallocate: str = _setting("sparse", "sparse, or fallocate to reserve the space first")
    sequential: bool = _setting(False, "fetch pieces in order instead of rarest first")
    first_last: bool = _setting(False, "fetch the first and last piece of every file first")
    on_complete: str = _setting("", "command to run when a download is done (no shell; BT_NAME, BT_PATH, BT_HASH set)")


@dataclass(frozen=True, slots=True)
class NetConfig:
    """Peers, ports and rates."""

    port: int = _setting(6881, "port to listen on for all torrents; 0 picks a free one")
    bind: str = _setting("", "local address that every socket uses; empty means all")
    limit_down: int = _setting(0, "download limit of the whole program", "rate")
    limit_up: int = _setting(0, "upload limit of the whole program", "rate")
    max_peers: int = _setting(200, "connections of the whole program")
    max_peers_per_torrent: int = _setting(80, "connections of one torrent")
    half_open: int = _setting(30, "connections being dialled at once")
    upload_slots: int = _setting(8, "peers unchoked at once in one torrent, the optimistic one included")
    pipeline: int = _setting(2000, "requests in flight to one peer, at most")


@dataclass(frozen=True, slots=True)
class SeedConfig:
    """When seeding ends."""

    ratio: float = _setting(0.0, "stop seeding at this ratio of bytes sent to the size of the torrent")
    time: float = _setting(0.0, "stop seeding after this time", "time")
    super_seeding: bool = _setting(False, "offer each peer a different piece while we are the only seed (BEP 16)")


@dataclass(frozen=True, slots=True)
class DiskConfig:
    """Memory and threads between the network and the files."""

    memory: int = _setting(96 * 1024 * 1024, "bytes of unfinished pieces held in memory", "size")
    threads: int = _setting(2, "threads that hash, write and read")
    open_files: int = _setting(512, "file descriptors kept open")
    hashing: str = _setting("auto", "auto hashes many blocks and pieces at once where libipsec-mb is, or hashlib")


@dataclass(frozen=True, slots=True)
class TrackerConfig:
    """How trackers are asked."""

    timeout: float = _setting(30.0, "a whole announce may take this long", "time")
    stop_timeout: float = _setting(5.0, "the last announce on exit may take this long", "time")
    numwant: int = _setting(100, "peers to ask for")
    announce_ip: str = _setting("", "address to announce instead of the one the tracker sees")


@dataclass(frozen=True, slots=True)
class Config:
    """Everything a `Session` can be told."""

    download: DownloadConfig = field(default_factory=DownloadConfig)
    net: NetConfig = field(default_factory=NetConfig)
    seed: SeedConfig = field(default_factory=SeedConfig)
    disk: DiskConfig = field(default_factory=DiskConfig)
    tracker: TrackerConfig = field(default_factory=TrackerConfig)
