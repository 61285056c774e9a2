"""What can a user of the engine do with one torrent?

`Torrent` is the handle that `Session.add` returns. It exists from the moment a torrent is added, while its files are
still being checked, until it is removed.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from torrent.errors import DiskError, LocalError
from torrent.metainfo import Metainfo
from torrent.swarm import Swarm, file_views
from torrent.terms import Address
from torrent.views import FileView, PeerView, TorrentView, TrackerView

if TYPE_CHECKING:
    from torrent.ratelimit import TokenBucket


class Torrent:
    """One torrent of a session."""

    def __init__(
        self,
        metainfo: Metainfo,
        path: str,
        wanted: frozenset[int] | None,
        limits: tuple[TokenBucket, TokenBucket],
    ) -> None:
        self.metainfo = metainfo
        self._path = path
        self._wanted = wanted
        self._limit_down, self._limit_up = limits
        self._swarm: Swarm | None = None
        self._checked = 0.0

    @property
    def info_hash(self) -> str:
        """The hex of the torrent's main hash, as in events and views."""
        return self.metainfo.hex

    # what the session calls

    def on_check(self, done: int, total: int) -> None:
        """Note how far the check of the files on disk is."""
        self._checked = done / total if total else 1.0

    def begin(self, swarm: Swarm) -> None:
        """Go live."""
        self._swarm = swarm

    # views

    def view(self) -> TorrentView:
        """Describe the torrent."""
        if self._swarm is not None:
            return self._swarm.view()
        metainfo = self.metainfo
        return TorrentView(
            info_hash=metainfo.hex,
            name=metainfo.name,
            status="checking",
            reason="",
            path=self._path,
            size=metainfo.size,
            wanted=metainfo.size,
            done=0,
            pieces=metainfo.pieces,
            pieces_done=0,
            rate_down=0.0,
            rate_up=0.0,
            downloaded=0,
            uploaded=0,
            wasted=0,
            hash_failures=0,
            peers=0,
            seeds=0,
            peers_known=0,
            availability=0.0,
            eta=None,
            ratio=0.0,
            private=metainfo.private,
            checked=self._checked,
        )

    def peers(self) -> list[PeerView]:
        """Describe the connected peers."""
        return self._swarm.peer_views() if self._swarm is not None else []

    def trackers(self) -> list[TrackerView]:
        """Describe the trackers."""
        return self._swarm.tracker_views() if self._swarm is not None else []

    def files(self) -> list[FileView]:
        """Describe the files."""
        return file_views(self._swarm.state, self._wanted) if self._swarm is not None else []

    # commands

    def pause(self) -> None:
        """Stop transferring until `resume`."""
        if self._swarm is not None:
            self._swarm.pause()

    def resume(self) -> None:
        """Go on after `pause`, or after an error that has been mended."""
        if self._swarm is not None:
            self._swarm.resume()

    def announce(self) -> None:
        """Ask the trackers for peers as soon as they allow."""
        if self._swarm is not None:
            self._swarm.announce_now()

    def add_peer(self, address: Address) -> None:
        """Dial a peer the user knows."""
        self.add_peers([address])

    def add_peers(self, addresses: Iterable[Address]) -> None:
        """Dial peers the user knows."""
        if self._swarm is not None:
            self._swarm.add_peers(addresses, "user")

    def set_limits(self, down: int | None = None, up: int | None = None) -> None:
        """Limit this torrent, in bytes per second; 0 lifts a limit, None leaves it."""
        if self._swarm is not None:
            now = self._swarm.now()
            if down is not None:
                self._limit_down.set_rate(down, now)
            if up is not None:
                self._limit_up.set_rate(up, now)

    # waiting

    async def completed(self) -> None:
        """Return when every wanted byte is verified and on disk.

        Raises DiskError if the torrent was paused by an error that does not mend itself, and LocalError if the torrent
        was removed before it was done.
        """
        swarm = self._live()
        while not swarm.state.complete:
            if swarm.state.stopping:
                raise LocalError("the torrent was stopped before it was done")
            if swarm.state.failure and not swarm.state.waits:
                raise DiskError(swarm.state.failure)
            if swarm.state.options.seed_only:
                raise LocalError("pieces are missing, and this torrent only seeds")
            await swarm.changed.wait()

    async def stopped(self) -> None:
        """Return when the torrent has left the session, its seeding goal is met, or an error ended it (DiskError)."""
        swarm = self._live()
        while not (swarm.state.stopping or swarm.state.goal_reached):
            if swarm.state.failure and not swarm.state.waits:
                raise DiskError(swarm.state.failure)
            await swarm.changed.wait()

    def _live(self) -> Swarm:
        if self._swarm is None:
            raise LocalError("the torrent's files are still being checked")
        return self._swarm
