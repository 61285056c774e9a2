"""How is the torrent doing?

Derives the status and builds the views from the facts. Nothing here changes anything, and nothing is stored: a view is
as old as the call that made it.
"""

from __future__ import annotations

from torrent.swarm.member import Member
from torrent.swarm.state import State
from torrent.views import FileView, PeerView, TorrentView


def status(state: State) -> str:
    """Return the torrent's status, one of `views.STATUSES`."""
    if state.stopping:
        return "stopped"
    if state.failure:
        return "waiting" if state.waits else "error"
    if state.paused:
        return "paused"
    if state.leeching:
        return "downloading"
    whole = state.pieces.have_count == state.geometry.pieces
    return "seeding" if whole or state.options.seed_only else "finished"


def torrent_view(state: State, now: float, eta: float | None) -> TorrentView:
    """Describe the torrent in one row."""
    pieces, metainfo = state.pieces, state.metainfo
    size = metainfo.size
    done = pieces.bytes_done - state.pads_done
    left = pieces.left - state.pads_left
    members = state.members
    return TorrentView(
        info_hash=state.hex,
        name=metainfo.name,
        status=status(state),
        reason=state.failure,
        path=str(state.store.path),
        size=size,
        wanted=done + left,
        done=done,
        pieces=state.geometry.pieces,
        pieces_done=pieces.have_count,
        rate_down=state.speed_down.rate(now),
        rate_up=state.speed_up.rate(now),
        downloaded=state.downloaded,
        uploaded=state.uploaded,
        wasted=state.wasted,
        hash_failures=state.hash_failures,
        peers=len(members),
        seeds=sum(1 for member in members if member.taker.is_seed),
        peers_known=len(state.book),
        availability=pieces.availability.distributed(),
        eta=eta,
        ratio=(state.uploaded_before + state.uploaded) / size if size else 0.0,
        private=metainfo.private,
        checked=1.0,
        sources=tuple(sorted(_sources(state).items())),
    )


def _sources(state: State) -> dict[str, int]:
    sources: dict[str, int] = {}
    for member in state.members:
        sources[member.source] = sources.get(member.source, 0) + 1
    return sources


def peer_views(state: State, now: float) -> list[PeerView]:
    """Describe every connected peer."""
    return [_peer_view(state, member, now) for member in state.members]


def _peer_view(state: State, member: Member, now: float) -> PeerView:
    return PeerView(
        address=str(member.address),
        client=member.client,
        flags=flags(member, optimistic=state.choker.is_optimistic(member)),
        progress=member.taker.has.bit_count() / max(1, state.geometry.pieces) if not member.taker.is_seed else 1.0,
        rate_down=member.speed_down.rate(now),
        rate_up=member.speed_up.rate(now),
        downloaded=member.bytes_down,
        uploaded=member.bytes_up,
        requests_out=len(member.taker.inflight),
        requests_in=len(member.asked),
        source=member.source,
    )


def flags(member: Member, *, optimistic: bool = False) -> str:
    """Return Transmission's letters for what goes on between us and a peer."""
    protocol = member.protocol
    letters = ""
    if protocol.am_interested:
        letters += "d" if protocol.peer_choking else "D"
    elif not protocol.peer_choking:
        letters += "K"
    if protocol.peer_interested:
        letters += "u" if protocol.am_choking else "U"
    elif not protocol.am_choking:
        letters += "?"
    for holds, letter in (
        (optimistic, "O"),
        (member.snubbed, "S"),
        (member.incoming, "I"),
        (bool(member.allowed), "F"),
    ):
        if holds:
            letters += letter
    return letters


def file_views(state: State, wanted: frozenset[int] | None) -> list[FileView]:
    """Describe every file that exists on disk; pads are left out."""
    done = state.store.file_progress(state.pieces.have)
    return [
        FileView(
            index=file.index,
            path="/".join(file.path),
            size=file.length,
            done=done[file.index],
            priority=1 if wanted is None or file.index in wanted else 0,
        )
        for file in state.metainfo.files
        if not file.is_pad
    ]
