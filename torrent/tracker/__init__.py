"""The face of the tracker folder: announce a torrent, scrape swarms, keep the schedule, serve a tracker.

Importing it loads neither aiohttp nor ssl. BEP 3, 7, 12, 15, 23, 24, 31, 41, 48.
"""

from __future__ import annotations

from torrent.tracker.announce import Announce, AnnounceReply, ScrapeReply, TrackerRefused
from torrent.tracker.client import TrackerClient
from torrent.tracker.server import TrackerServer
from torrent.tracker.tiers import Due, Tiers
from torrent.tracker.urls import TrackerUrl, shown_url

__all__ = [
    "Announce",
    "AnnounceReply",
    "Due",
    "ScrapeReply",
    "Tiers",
    "TrackerClient",
    "TrackerRefused",
    "TrackerServer",
    "TrackerUrl",
    "shown_url",
]
