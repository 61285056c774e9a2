"""Whom do we serve, and what?

Requests of a gulp are collected, neighbours are joined into one read, and the answer leaves as one gathered write of
headers and views. Data is read just before it is sent, from the page cache without a detour where it is there, in a
disk thread where it is not. A peer has at most one such answer on its way: the next is read when the socket took the
last, so a slow reader holds `RUN` bytes and no more.

Who is unchoked is the choker's decision; this applies it. With super-seeding (BEP 16) each peer is offered one piece at
a time and gets the next when somebody else shows it has the last, or at the next round once it has it itself.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from torrent.errors import DiskError
from torrent.peer import allowed_fast, wire
from torrent.pieces import bits

if TYPE_CHECKING:
    from torrent.swarm.member import Member
    from torrent.swarm.parts import Parts

RUN = 256 * 1024
"""Bytes read and sent at once to one peer."""


RUNS_IN_A_ROW = 4
"""Runs sent to one peer before the loop sees to the others."""

MOST_SPARE = 4
"""Buffers kept for the next peers."""


class Seed:
    """The uploading half of one torrent."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._state = parts.state
        self._spare: list[bytearray] = []
        self._fill_due = False

    # greeting

    def greet(self, member: Member) -> None:
        """Tell a new peer what we have."""
        state = self._state
        have, pieces = state.pieces.have, state.geometry.pieces
        protocol = member.protocol
        if self._super_seeding():
            protocol.start(None, everything=False, nothing=True)
            self._offer_next(member)
            return
        everything = state.pieces.have_count == pieces
        protocol.start(bits.to_wire(have, pieces), everything=everything, nothing=not have)
        if protocol.fast and have:
            lucky = [
                piece for piece in allowed_fast(member.host, state.metainfo.info_hash, pieces) if have >> piece & 1
            ]
            for piece in lucky:
                member.granted |= 1 << piece
            if lucky:
                protocol.allow_fast(lucky)

    # choking

    def on_interest(self, member: Member, interested: bool) -> None:
        """Give a free slot at once to a peer that becomes interested, or free the one it no longer needs.

        Once for all that peers say before the loop turns: interest may flap thousands of times in one gulp.
        """
        now = member.now

        def fill() -> None:
            self._fill_due = False
            self.fill(now)

        if not self._fill_due:
            self._fill_due = True
            self._parts.defer(fill)

    def fill(self, now: float) -> None:
        """Hand out free slots."""
        if self._state.active:
            self._apply(*self._state.choker.fill(self._state.members, now, seeding=self._state.complete), now)

    def round(self, now: float) -> None:
        """Decide all slots anew (every ten seconds)."""
        if self._state.active:
            self._apply(*self._state.choker.round(self._state.members, now, seeding=self._state.complete), now)
            if self._super_seeding():
                self._offer_to_waiting()

    def choke_all(self) -> None:
        """Serve nobody."""
        for member in self._state.members:
            self._choke(member)

    def _apply(self, unchoke: Iterable[Member], choke: Iterable[Member], now: float) -> None:
        for member in choke:
            self._choke(member)
        for member in unchoke:
            if member.protocol.am_choking:
                member.last_unchoked = now
                member.sent_before_unchoke = member.bytes_up
                member.protocol.unchoke()

    def _choke(self, member: Member) -> None:
        if not member.protocol.am_choking:
            member.protocol.choke()
            kept = {block: None for block in member.asked if member.granted >> block[0] & 1}
            member.protocol.reject([block for block in member.asked if block not in kept])
            member.asked = kept

    # serving

    def serve(self, member: Member, now: float) -> None:
        """Serve `member` until its socket is full, its requests are answered, or others should have a turn."""
        for _ in range(RUNS_IN_A_ROW):
            if not self._serve_run(member, now):
                return
        self._parts.defer(lambda: self.serve(member, now))

    def _serve_run(self, member: Member, now: float) -> bool:
        """Read and send as many requests as one run and the upload limit hold; return whether to go on."""
        state = self._state
        connection = member.connection
        if member.reading or connection.write_paused or not member.asked or connection.closed or not state.active:
            return False
        most = RUN
        chain = state.limit_up
        if chain.is_limited:
            delay = chain.delay(now)
            if delay > 0:
                self._parts.throttle.wait_to_serve(member, delay)
                return False
            most = min(RUN, max(chain.available(now), 1))
        blocks: list[tuple[int, int, int]] = []
        total = 0
        for block in member.asked:
            if blocks and total + block[2] > most:
                break
            blocks.append(block)
            total += block[2]
        for block in blocks:
            del member.asked[block]
        chain.take(total, now)
        self._read(member, blocks, total)
        return True

    def _read(self, member: Member, blocks: list[tuple[int, int, int]], total: int) -> None:
        if member.outbox is None or len(member.outbox) < total:
            member.outbox = self._spare.pop() if self._spare and total <= RUN else bytearray(max(RUN, total))
        view = memoryview(member.outbox)
        store = self._state.store
        late: list[tuple[int, int, int, int]] = []
        at = 0
        for piece, begin, length in _joined(blocks):
            if not store.read_now(piece, begin, length, view[at : at + length]):
                late.append((piece, begin, length, at))
            at += length
        if not late:
            self._send(member, blocks, view, total)
            return
        member.reading = True
        waiting = len(late)
        failure: DiskError | None = None

        def done(error: DiskError | None) -> None:
            nonlocal waiting, failure
            waiting -= 1
            failure = failure or error
            if waiting:
                return
            member.reading = False
            if failure is not None:
                member.protocol.reject(blocks)
                self._parts.on_disk_error(failure)
            elif not member.connection.closed:
                self._send(member, blocks, view, total)
                self.serve(member, member.now)

        for piece, begin, length, offset in late:
            store.read(piece, begin, length, view[offset : offset + length], done)

    def _send(self, member: Member, blocks: list[tuple[int, int, int]], view: memoryview, total: int) -> None:
        parts: list[bytes | memoryview] = []
        at = 0
        header = wire.piece_header
        for piece, begin, length in blocks:
            parts.append(header(piece, begin, length))
            parts.append(view[at : at + length])
            at += length
        member.connection.write_many(parts)
        now = member.connection.last_sent
        member.bytes_up += total
        member.speed_up.add(total, now)
        self._state.uploaded += total
        self._state.speed_up.add(total, now)

    def left(self, member: Member) -> None:
        """Keep the buffer of a peer that left for the next one."""
        member.asked.clear()
        outbox = member.outbox
        unused = outbox is not None and not member.reading and not member.connection.backlog()
        if outbox is not None and unused and len(outbox) == RUN and len(self._spare) < MOST_SPARE:
            self._spare.append(outbox)
        member.outbox = None

    # super-seeding

    def _super_seeding(self) -> bool:
        state = self._state
        return state.options.super_seeding and state.pieces.have_count == state.geometry.pieces

    def on_peer_has(self, member: Member, piece: int) -> None:
        """Offer the next piece to whom the last one has left for somebody else, or who has nobody to give it to."""
        if not self._super_seeding():
            return
        for other in self._state.members:
            if other.super_piece == piece and (other is not member or self._is_alone(member)):
                self._offer_next(other)

    def _is_alone(self, member: Member) -> bool:
        return all(other is member or other.taker.is_seed for other in self._state.members)

    def _offer_to_waiting(self) -> None:
        """Offer the next piece to those whose last one nobody took from them: they may not reach each other."""
        for member in self._state.members:
            if member.super_piece is not None and member.taker.has >> member.super_piece & 1:
                self._offer_next(member)

    def _offer_next(self, member: Member) -> None:
        state = self._state
        everything = (1 << state.geometry.pieces) - 1
        offered = 0
        for other in state.members:
            if other.super_piece is not None:
                offered |= 1 << other.super_piece
        missing = everything & ~member.taker.has
        choice = state.pieces.availability.rarest(missing & ~offered) or state.pieces.availability.rarest(missing)
        if choice:
            member.super_piece = bits.random_set_bit(choice, state.rng)
            member.protocol.have([member.super_piece])


def _joined(blocks: list[tuple[int, int, int]]) -> list[tuple[int, int, int]]:
    """Join blocks that follow each other in one piece into one span."""
    spans: list[tuple[int, int, int]] = []
    last_piece, last_begin, last_length = blocks[0]
    for piece, begin, length in blocks[1:]:
        if piece == last_piece and begin == last_begin + last_length:
            last_length += length
        else:
            spans.append((last_piece, last_begin, last_length))
            last_piece, last_begin, last_length = piece, begin, length
    spans.append((last_piece, last_begin, last_length))
    return spans
