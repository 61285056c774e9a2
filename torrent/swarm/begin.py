"""How does a torrent whose files are open become a live one?

Puts the facts of a new `State` together: what is there, what is wanted, in which order, and the policies that will
decide. Nothing runs yet.
"""

from __future__ import annotations

from random import Random

from torrent.choker import Choker
from torrent.config import Config
from torrent.hub import Hub
from torrent.metainfo import Metainfo
from torrent.peerbook import PeerBook
from torrent.pieces import Buffers, Geometry, Pieces, pad_blocks
from torrent.ratelimit import Chain
from torrent.rates import Speed
from torrent.selection import ends_of_files, pad_bytes, piece_priorities
from torrent.storage import Store
from torrent.swarm.state import Options, State
from torrent.terms import PeerId

TURN_PIECES = 20
"""Pieces a peer may have in its turn while we seed."""


def begin(
    metainfo: Metainfo,
    store: Store,
    *,
    wanted: frozenset[int] | None,
    options: Options,
    config: Config,
    buffers: Buffers,
    hub: Hub,
    peer_id: PeerId,
    limit_down: Chain,
    limit_up: Chain,
    rng: Random,
    now: float,
) -> State:
    """Return the facts of a torrent at its first moment; `wanted` are file indices, None for all."""
    geometry = Geometry.of(metainfo)
    pieces = Pieces(
        geometry,
        store.have,
        priorities=piece_priorities(metainfo, wanted),
        buffers=buffers,
        rng=rng,
        sequential=options.sequential,
        first=ends_of_files(metainfo, wanted) if options.first_last else 0,
        pad_blocks=pad_blocks(metainfo),
    )
    pads = pad_bytes(metainfo)
    have, missing = pieces.have, pieces.missing
    return State(
        metainfo=metainfo,
        geometry=geometry,
        pieces=pieces,
        store=store,
        config=config,
        options=options,
        peer_id=peer_id,
        hub=hub,
        book=PeerBook(rng),
        choker=Choker(config.net.upload_slots, rng, quota=TURN_PIECES * metainfo.piece_length),
        limit_down=limit_down,
        limit_up=limit_up,
        rng=rng,
        speed_down=Speed(now),
        speed_up=Speed(now),
        uploaded_before=store.totals.uploaded,
        downloaded_before=store.totals.downloaded,
        pads=pads,
        pads_done=sum(size for piece, size in pads.items() if have >> piece & 1),
        pads_left=sum(size for piece, size in pads.items() if missing >> piece & 1),
    )
