"""A swarm in simulated time around one `Pieces`, and the invariants that must hold after every step."""

from __future__ import annotations

import random
from collections.abc import Callable, Hashable

from torrent.pieces import Geometry, Pieces, Received, Taker, bits
from torrent.pieces.partial import PAD
from torrent.terms import BLOCK_SIZE

SHORT = 100


class Budget:
    """Buffers that count what is out, and come back dirty; an account on itself."""

    def __init__(self, most: int = 1 << 60) -> None:
        self.most = most
        self.out: dict[int, bytearray] = {}
        self.on_room: Callable[[], None] | None = None
        self.give_up: Callable[[float, int], bool] | None = None

    def account(self) -> Budget:
        return self

    @property
    def share(self) -> int:
        return self.most

    def take(self, size: int, now: float, pace: int) -> bytearray | None:
        if self.out and sum(map(len, self.out.values())) + size > self.most:
            return None
        buffer = bytearray(b"\xaa" * size)
        self.out[id(buffer)] = buffer
        return buffer

    def give(self, buffer: bytearray) -> None:
        del self.out[id(buffer)]


def make(
    count: int = 8, blocks: int = 4, have: int = 0, *, most: int = 1 << 60, seed: int = 1, **more: object
) -> tuple[Pieces, Budget]:
    """A torrent of `count` pieces, the last one short, with a budget of `most` bytes."""
    geometry = Geometry(count * blocks * BLOCK_SIZE - SHORT, blocks * BLOCK_SIZE)
    budget = Budget(most)
    return Pieces(geometry, have, buffers=budget, rng=random.Random(seed), **more), budget  # type: ignore[arg-type]


def content_of(geometry: Geometry, piece: int) -> bytes:
    """The right bytes of a piece, no two pieces alike."""
    size = geometry.size(piece)
    return random.Random(piece).randbytes(64).ljust(size, bytes([piece & 255 | 1]))[:size]


def check(pieces: Pieces, budget: Budget, takers: list[Taker]) -> None:
    """Assert what must be true between any two calls."""
    board, requests = pieces._board, pieces._requests
    everything = pieces.geometry.everything
    busy = bits.of([*board.partials, *board.hashing])
    assert len(board.partials) + len(board.hashing) == busy.bit_count()
    skipped = bits.of(p for p in range(pieces.geometry.pieces) if board.state[p] == 0)
    sets = [board.have, busy, board.wanted, skipped]
    assert sum(s.bit_count() for s in sets) == pieces.geometry.pieces
    assert sets[0] | sets[1] | sets[2] | sets[3] == everything
    for number, members in ((3, board.have), (2, busy), (1, board.wanted)):
        assert bits.of(p for p in range(pieces.geometry.pieces) if board.state[p] == number) == members
    selected = bits.of(p for p in range(pieces.geometry.pieces) if board.priority[p])
    assert board.missing == selected & ~board.have
    assert board.left == pieces.geometry.bytes_in(board.missing)
    assert board.bytes_have == pieces.geometry.bytes_in(board.have)
    assert board.have_count == board.have.bit_count()
    buffers = [p.buffer for p in [*board.partials.values(), *board.hashing.values()]]
    assert sorted(map(id, buffers)) == sorted(budget.out)
    asked: dict[int, list[Taker]] = {}
    for taker in takers:
        for key in taker.inflight:
            asked.setdefault(key, []).append(taker)
        assert set(taker.mine) == {p.piece for p in board.partials.values() if p.owner is taker and p.open_count}
    for key, askers in asked.items():
        assert key // pieces.geometry.stride in board.partials
        if len(askers) > 1:
            assert set(requests.duplicates[key]) == set(askers) and len(askers) <= 3
    assert all(len(askers) > 1 and set(askers) == set(asked[key]) for key, askers in requests.duplicates.items())
    for partial in board.partials.values():
        opened = 0
        for block in range(partial.count):
            states = [
                partial.senders[block] is not None,
                partial.base + block in asked,
                partial.is_open(block),
            ]
            assert sum(states) == 1, (partial.piece, block, states)
            opened += states[2]
        assert opened == partial.open_count
        assert partial.missing == partial.senders.count(None)
        bit = 1 << partial.piece
        assert bool(board.shared & bit) == (opened > 0 and partial.owner is None)
        assert bool(board.owned & bit) == (opened > 0 and partial.owner is not None)
        assert partial.owner is None or partial.owner in requests.takers
        if partial.exclusive and partial.missing:
            assert set(partial.senders) <= {None, PAD, partial.owner.name if partial.owner else None}
    assert not (board.shared | board.owned) & ~bits.of(board.partials)
    for piece in range(pieces.geometry.pieces):
        assert pieces.availability.count(piece) == sum(t.has >> piece & 1 for t in requests.takers)


class Peer:
    """One simulated peer: a queue of requests served at its rate, each answer possibly spoiled."""

    def __init__(self, taker: Taker, rate: float, lies: float = 0.0) -> None:
        self.taker = taker
        self.rate = rate
        self.lies = lies
        self.queue: list[tuple[int, int, int]] = []
        self.credit = 0.0
        self.gone = False


class Swarm:
    """Peers around one `Pieces`; `step` lets time pass. `wasted` counts the blocks that came in vain."""

    def __init__(self, pieces: Pieces, rng: random.Random, depth: int = 8) -> None:
        self.pieces = pieces
        self.rng = rng
        self.depth = depth
        self.peers: list[Peer] = []
        self.now = 0.0
        self.wasted = 0
        self.blocks = 0
        self.bad_pieces = 0
        self.convicted: list[Hashable] = []
        self.contents: dict[int, bytes] = {}
        self.on_step: Callable[[], None] = lambda: None

    def add(self, name: Hashable, has: int, rate: float, *, lies: float = 0.0, speed: float | None = None) -> Peer:
        taker = Taker(name, speed=rate if speed is None else speed)
        self.pieces.join(taker)
        self.pieces.peer_has_bits(taker, has)
        peer = Peer(taker, rate, lies)
        self.peers.append(peer)
        return peer

    def content(self, piece: int) -> bytes:
        if piece not in self.contents:
            self.contents[piece] = content_of(self.pieces.geometry, piece)
        return self.contents[piece]

    def step(self, seconds: float) -> None:
        self.now += seconds
        for peer in self.rng.sample(self.peers, len(self.peers)):
            if peer.gone:
                continue
            peer.queue += self.pieces.pick(peer.taker, self.depth - len(peer.taker.inflight), self.now)
            self._cancel()
            peer.credit = min(peer.credit + peer.rate * seconds, 64 * BLOCK_SIZE + peer.rate * seconds)
            while peer.queue and peer.credit >= BLOCK_SIZE and not peer.gone:
                peer.credit -= BLOCK_SIZE
                self._serve(peer, *peer.queue.pop(0))
            if self.now > 60:
                self.pieces.lapse(peer.taker, self.now - 60)
        self.on_step()

    def _cancel(self) -> None:
        for taker, *block in self.pieces.take_cancels():
            for peer in self.peers:
                if peer.taker is taker and tuple(block) in peer.queue:
                    peer.queue.remove(tuple(block))

    def _serve(self, peer: Peer, piece: int, begin: int, length: int) -> None:
        data = self.content(piece)[begin : begin + length]
        if self.rng.random() < peer.lies:
            data = bytes([data[0] ^ 1]) + data[1:]
        outcome = self.pieces.received(peer.taker, piece, begin, memoryview(data))
        assert outcome is not Received.UNREQUESTED
        self.blocks += 1
        self.wasted += outcome is Received.DUPLICATE
        self._cancel()
        if outcome is Received.COMPLETE:
            self._settle(piece)

    def _settle(self, piece: int) -> None:
        buffer = self.pieces.take_complete(piece)
        if bytes(buffer) == self.content(piece):
            convicted = self.pieces.verified(piece, buffer)
        else:
            self.bad_pieces += 1
            convicted = self.pieces.failed(piece, buffer)
        self.convicted += convicted
        for peer in self.peers:
            if peer.taker.name in convicted and not peer.gone:
                peer.gone = True
                self.pieces.leave(peer.taker)

    def run(self, seconds: float, step: float = 0.05) -> None:
        end = self.now + seconds
        while self.now < end and not self.pieces.done:
            self.step(step)
