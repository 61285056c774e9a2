"""What do we ask of whom?

From an unchoke to a verified piece: `refill` keeps a peer's pipeline full with what the picker chooses, `after_gulp`
runs once per gulp of blocks, a complete piece goes to the disk threads in one job, and its verdict comes back to
`_written`. When memory for pieces is spent the picker gives nothing and the peer is remembered as starved until a
buffer comes back: we stop asking, not reading. When the disk threads fall behind, whoever brought the last piece is not
read until one is written, so that little is in memory alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from torrent.errors import DiskError, PeerError
from torrent.events import PieceFailed, PieceVerified
from torrent.peer import GULP
from torrent.pieces import Received, Taker

if TYPE_CHECKING:
    from torrent.swarm.member import Member
    from torrent.swarm.parts import Parts

LOST_MOST = 8
"""Pieces that a crash may cost, as long as one peer sends: those with the disk threads, those that the next gulp
completes, and an unfinished one. Whoever brings more than that is not read until the disk threads have caught up; what
it has sent already waits in the kernel. A longer queue would not be faster either: its pieces would have fallen out of
the processor's caches before they are hashed and written."""

DISK = "disk"
"""Why a connection is not read."""

STALL_SECONDS = 20.0
"""Seconds without any block after which a peer's requests go back to the picker and it counts as snubbing us."""

FEED_SECONDS = 0.2
"""Between two tries for idle peers while blocks come in; the picker notices a stalled peer no sooner."""

FIRST_SECONDS = 6.0
"""The same for a peer that never gave us anything: nothing speaks for its promise yet."""

HUNGRY_SECONDS = 2.0
"""Seconds of silence after which blocks go to a peer that has proved itself and waits for something to do.

Else a few dozen peers that claim everything and send nothing could hold every block of a torrent, three times over."""

SAY_SECONDS = 0.1
"""How long a HAVE waits for others to leave with, while `MANY` peers or more are connected: each wakes them all."""

MANY = 8

UNASKED_MOST = 256
"""Blocks nobody asked for that end a connection; a few are cancels that crossed on the wire."""


class Leech:
    """The downloading half of one torrent."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._state = parts.state
        self._starved: dict[Member, None] = {}
        self._fresh: list[int] = []
        self._unsaid: list[int] = []
        self._say_due = False
        self._writing: dict[int, bytearray] = {}
        self._unasked: dict[Member, int] = {}
        self._refill_due = False
        self._feed_at = 0.0
        self._room_due = False
        parts.state.pieces.tell_of_room(self._on_room)
        self._held: dict[Member, None] = {}
        gulp = -(-GULP // parts.state.geometry.piece_length)
        self._unwritten = max(LOST_MOST - 1 - gulp, parts.state.config.disk.threads + 1)

    # asking

    def refill(self, member: Member, now: float) -> None:
        """Fill the pipeline of `member` if a quarter of it is free."""
        state = self._state
        taker = member.taker
        in_flight = len(taker.inflight)
        room = member.pipeline.depth - in_flight
        if room <= 0 or (in_flight and room < member.pipeline.depth >> 2) or not state.leeching:
            return
        only: int | None = None
        if member.protocol.peer_choking:
            only = member.allowed
            if not only or state.options.sequential or state.options.first_last:  # the order matters more
                return
        if not member.protocol.am_interested:
            return
        blocks = state.pieces.pick(taker, room, now, only=only)
        if not blocks:
            if not in_flight:
                self._starved[member] = None
            return
        if not in_flight:
            member.asked_idle = member.last_block = now
        member.pipeline.asked(now, idle=not in_flight)
        member.protocol.request(blocks)

    def refill_all(self, now: float) -> None:
        """Give work to everybody who may have it, the fastest first: blocks came back or memory did."""
        for member in sorted(self._state.members, key=lambda one: (one.snubbed, -one.speed_down.rate(now))):
            self.refill(member, now)

    def _refill_soon(self, now: float) -> None:
        """Give work to everybody once, however often a peer gives blocks back in one gulp."""

        def refill() -> None:
            self._refill_due = False
            self.refill_all(now)

        if not self._refill_due:
            self._refill_due = True
            self._parts.defer(refill)

    def after_gulp(self, member: Member, size: int, now: float) -> None:
        """Account `size` bytes of blocks and ask for more."""
        state = self._state
        state.downloaded += size
        member.bytes_down += size
        member.speed_down.add(size, now)
        state.speed_down.add(size, now)
        if member.asked_idle is not None:
            member.pipeline.first_answer(now - member.asked_idle)
            member.asked_idle = None
        member.pipeline.receive(size, now)
        member.taker.speed = member.speed_down.rate(now)
        member.taker.delay = member.pipeline.rtt
        member.last_block = now
        member.snubbed = False
        self._cancel_others()
        self.refill(member, now)
        if len(self._writing) > self._unwritten:
            self._held[member] = None
            member.connection.pause_reading(DISK)
        if self._starved and now >= self._feed_at:
            self._feed(now)

    # what the peer says

    def on_offer(self, member: Member) -> None:
        """Tell the peer whether it has something for us now."""
        state = self._state
        if state.leeching:
            member.protocol.set_interested(state.pieces.is_interesting(member.taker))
            if member in self._starved or not member.taker.inflight:
                self.refill(member, member.now)
        if member.taker.is_seed:
            self._parts.recruit.is_seed(member)
        self._parts.recruit.part_if_useless(member)

    def on_choke(self, member: Member) -> None:
        """Take back what the peer will not send; with the fast extension it rejects each request itself (BEP 6)."""
        if not member.protocol.fast and (member.taker.inflight or member.taker.mine):
            self._state.pieces.choked(member.taker, keep=0)
            self._refill_soon(member.now)

    def on_reject(self, member: Member, piece: int, begin: int) -> None:
        """Give a refused block to others."""
        known = self._state.pieces.rejected(member.taker, piece, begin)
        member.allowed &= ~(1 << piece)
        if known and not member.taker.inflight:
            self._refill_soon(member.now)

    def on_uncommon(self, member: Member, received: int, piece: int, begin: int, size: int) -> None:
        """Act on a block that completed its piece, came twice, or was never asked for."""
        state = self._state
        if received == Received.COMPLETE:
            buffer = self._writing[piece] = state.pieces.take_complete(piece)
            state.store.write(piece, buffer, self._written)
            return
        state.wasted += size
        if received == Received.UNREQUESTED:
            count = self._unasked[member] = self._unasked.get(member, 0) + 1
            if count > UNASKED_MOST:
                raise PeerError("sends blocks nobody asked for")

    def left(self, member: Member) -> None:
        """Give everything the member held to others."""
        self._starved.pop(member, None)
        self._unasked.pop(member, None)
        self._held.pop(member, None)
        self._state.pieces.leave(member.taker)

    # the disk's verdict

    def _written(self, piece: int, good: bool, error: DiskError | None) -> None:
        state = self._state
        buffer = self._writing.pop(piece)
        if self._held and len(self._writing) <= self._unwritten // 2:
            held, self._held = self._held, {}
            for member in held:
                member.connection.resume_reading(DISK)
        if error is not None:
            state.pieces.unwritten(piece, buffer)
            self._parts.on_disk_error(error)
            return
        if good:
            convicted = state.pieces.verified(piece, buffer)
            padding = state.pads.get(piece, 0)
            state.pads_done += padding
            state.pads_left -= padding
            state.hub.publish(PieceVerified(state.hex, piece))
            if not self._fresh:
                self._parts.defer(self._tell)
            self._fresh.append(piece)
        else:
            convicted = state.pieces.failed(piece, buffer)
            state.hash_failures += 1
            state.wasted += state.geometry.size(piece)
            state.hub.publish(PieceFailed(state.hex, piece))
        del buffer  # the next piece may need its room
        for name in convicted:
            self._parts.recruit.ban(name, "sent corrupt data")
        if self._starved:
            self._feed(max((member.now for member in state.members), default=0.0))

    def _feed(self, now: float) -> None:
        """Try again for those who found nothing to do: memory or blocks may have come back, or a peer fallen behind."""
        self._feed_at = now + FEED_SECONDS
        starved, self._starved = self._starved, {}
        for member in starved:
            self.refill(member, now)

    def _on_room(self) -> None:
        """Try again soon for those who starve: another torrent gave memory back."""

        def feed() -> None:
            self._room_due = False
            self._feed(max((member.now for member in self._state.members), default=0.0))

        if self._starved and not self._room_due:
            self._room_due = True
            self._parts.defer(feed)

    def _tell(self) -> None:
        """Announce what was verified since the last call, and lose interest where nothing is left to want."""
        state = self._state
        self._unsaid += self._fresh
        self._fresh.clear()
        if len(state.members) < MANY or state.pieces.done:
            self._say()
        elif not self._say_due:
            self._say_due = True
            self._parts.later(SAY_SECONDS, self._say)
        for member in list(state.members):
            if member.protocol.am_interested and not state.pieces.is_interesting(member.taker):
                member.protocol.set_interested(False)
        if state.pieces.done and not state.complete:
            self._parts.on_complete()

    def _say(self) -> None:
        """Announce every piece verified since the last call to those who lack it."""
        self._say_due = False
        unsaid, self._unsaid = self._unsaid, []
        for member in list(self._state.members):
            if unsaid and not member.taker.is_seed:
                self._announce(member, unsaid)

    def _announce(self, member: Member, fresh: Iterable[int]) -> None:
        has = member.taker.has
        lacking = [piece for piece in fresh if not has >> piece & 1]
        if lacking:
            member.protocol.have(lacking)

    def _cancel_others(self) -> None:
        cancels = self._state.pieces.take_cancels()
        if not cancels:
            return
        blocks: dict[Taker, list[tuple[int, int, int]]] = {}
        for taker, *block in cancels:
            blocks.setdefault(taker, []).append((block[0], block[1], block[2]))
        for member in self._state.members:
            if member.taker in blocks:
                member.protocol.cancel(blocks[member.taker])

    # time

    def tick(self, now: float) -> None:
        """Take blocks back from peers that stall, and try again for those that starve."""
        state = self._state
        if not state.leeching:
            return
        came_back = 0
        hungry = any(one.bytes_down and state.pieces.is_interesting(one.taker) for one in self._starved)
        for member in state.members:
            if member in self._held:  # it may have sent a lot that we did not look at
                member.last_block = now
            if not member.taker.inflight:
                continue
            silent = now - member.last_block
            patience = STALL_SECONDS if member.bytes_down else FIRST_SECONDS
            if silent > patience:
                came_back += state.pieces.lapse(member.taker, now - patience / 2)
                member.snubbed = True
                member.pipeline.stalled()
                member.last_block = now
            elif hungry and silent > HUNGRY_SECONDS:
                came_back += state.pieces.lapse(member.taker, now - HUNGRY_SECONDS)
        if came_back or self._starved:
            self._starved.clear()
            self.refill_all(now)
