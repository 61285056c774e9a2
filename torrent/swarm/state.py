"""What do all parts of one live torrent know?

The facts and nothing else: no decision is taken here. Each fact has one writer, named beside it; everybody reads.
Status is not among them: `report` derives it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING

from torrent.choker import Choker
from torrent.config import Config
from torrent.hub import Hub
from torrent.metainfo import Metainfo
from torrent.peerbook import PeerBook
from torrent.pieces import Geometry, Pieces
from torrent.ratelimit import Chain
from torrent.rates import Speed
from torrent.storage import Store
from torrent.terms import PeerId

if TYPE_CHECKING:
    from torrent.swarm.member import Member


@dataclass(slots=True)
class Options:
    """What the user asked of this torrent alone."""

    seed_only: bool = False
    super_seeding: bool = False
    sequential: bool = False
    first_last: bool = False


@dataclass(slots=True, eq=False)
class State:
    """The facts of one live torrent."""

    metainfo: Metainfo
    geometry: Geometry
    pieces: Pieces
    store: Store
    config: Config
    options: Options
    peer_id: PeerId
    hub: Hub
    book: PeerBook
    choker: Choker[Member]
    limit_down: Chain
    limit_up: Chain
    rng: Random
    speed_down: Speed  # leech
    speed_up: Speed  # seed

    members: dict[Member, None] = field(default_factory=dict)  # recruit
    dialling: int = 0  # recruit

    downloaded: int = 0  # leech: bytes of blocks this session
    uploaded: int = 0  # seed: bytes of blocks this session
    wasted: int = 0  # leech
    hash_failures: int = 0  # leech
    uploaded_before: int = 0  # bytes of earlier sessions, from the resume record
    downloaded_before: int = 0

    pads: dict[int, int] = field(default_factory=dict)  # bytes of padding in the pieces that have any
    pads_done: int = 0  # leech: those of verified pieces
    pads_left: int = 0  # leech: those of pieces still to come

    paused: bool = False  # lifecycle
    stopping: bool = False  # lifecycle
    complete: bool = False  # lifecycle: every wanted byte is verified and on disk
    failure: str = ""  # lifecycle: why this machine made us pause
    waits: bool = False  # lifecycle: the failure mends itself (disk full)
    goal_reached: bool = False  # lifecycle: seeding ended because its goal was met
    bans: int = 0  # recruit

    @property
    def hex(self) -> str:
        """The torrent's name in events and views."""
        return self.metainfo.hex

    @property
    def active(self) -> bool:
        """Whether blocks may be asked for or given."""
        return not (self.paused or self.stopping or self.failure)

    @property
    def leeching(self) -> bool:
        """Whether blocks are asked for."""
        return not (self.complete or self.options.seed_only) and self.active
