"""How long do picking and receiving take? Run it: python tests/pieces/bench_pieces.py

Prints microseconds per call; asserts nothing, as clocks are not to be trusted in tests.
"""

from __future__ import annotations

import random
import time

from torrent.pieces import Geometry, Pieces, Received, Taker


class Endless:
    """Buffers without a budget, recycled; an account on itself."""

    on_room = None
    give_up = None

    def __init__(self) -> None:
        self.free: list[bytearray] = []

    def account(self) -> Endless:
        return self

    @property
    def share(self) -> int:
        return 1 << 60

    def take(self, size: int, now: float, pace: int) -> bytearray:
        return self.free.pop() if self.free else bytearray(size)

    def give(self, buffer: bytearray) -> None:
        self.free.append(buffer)


def bench_pick(count: int, piece_length: int, seed: bool) -> None:
    """A swarm of 40 peers; one asks for 250 blocks again and again and gets them all."""
    rng = random.Random(1)
    pieces = Pieces(Geometry(count * piece_length, piece_length), 0b11111, buffers=Endless(), rng=rng)
    for n in range(40):
        other = Taker(n)
        other.has = rng.getrandbits(count)
        pieces.join(other)
    taker = Taker("me", speed=1e9)
    taker.has = pieces.geometry.everything if seed else rng.getrandbits(count) | rng.getrandbits(count)
    pieces.join(taker)
    block = memoryview(bytes(min(16384, piece_length)))
    picks, receives, verifies, rounds, done = [], 0.0, 0.0, 100, 0
    now = 0.0
    for _ in range(rounds):
        now += 0.004
        start = time.perf_counter()
        blocks = pieces.pick(taker, 250, now)
        picks.append(time.perf_counter() - start)
        assert len(blocks) == 250
        received = pieces.received
        complete = []
        start = time.perf_counter()
        for piece, begin, _length in blocks:
            if received(taker, piece, begin, block) is Received.COMPLETE:
                complete.append(piece)
        receives += time.perf_counter() - start
        start = time.perf_counter()
        for piece in complete:
            pieces.verified(piece, pieces.take_complete(piece))
        verifies += time.perf_counter() - start
        done += len(complete)
    picks.sort()
    print(
        f"{count:>9} pieces of {piece_length >> 10:>5} KiB, {'seed' if seed else 'half':>4}: "
        f"pick(250) median {picks[rounds // 2] * 1e6:7.1f} p90 {picks[rounds * 9 // 10] * 1e6:7.1f} us, "
        f"received {receives / rounds / 250 * 1e6:5.2f} us/block, piece done {verifies / max(1, done) * 1e6:6.1f} us"
    )


def bench_have(count: int) -> None:
    """HAVE messages and interest."""
    rng = random.Random(2)
    pieces = Pieces(Geometry(count * 16384, 16384), 0, buffers=Endless(), rng=rng)
    taker = Taker("me")
    pieces.join(taker)
    numbers = [rng.randrange(count) for _ in range(1000)]
    start = time.perf_counter()
    for number in numbers:
        pieces.peer_has(taker, number)
    has = time.perf_counter() - start
    start = time.perf_counter()
    for _ in range(100):
        pieces.is_interesting(taker)
    interest = time.perf_counter() - start
    start = time.perf_counter()
    for _ in range(10):
        pieces.availability.add(taker.has)
        pieces.availability.remove(taker.has)
    joins = time.perf_counter() - start
    start = time.perf_counter()
    pieces.availability.counts(0, count)
    counts = time.perf_counter() - start
    print(
        f"{count:>9} pieces: HAVE {has * 1e3:.2f} us, interesting {interest * 1e4:.2f} us, "
        f"bitfield in and out {joins * 1e5:.1f} us, all counts {counts * 1e6:.0f} us"
    )


def bench_copy() -> None:
    """The copy of a block alone, to be taken off the figure for `received`."""
    view, block = memoryview(bytearray(64 << 14)), memoryview(bytes(16384))
    start = time.perf_counter()
    for _ in range(1000):
        for begin in range(0, 64 << 14, 1 << 14):
            view[begin : begin + 16384] = block
    print(f"copying 16 KiB: {(time.perf_counter() - start) / 64000 * 1e6:.2f} us")


if __name__ == "__main__":
    bench_copy()
    for pieces_in_torrent in (10_000, 100_000, 1_000_000):
        bench_have(pieces_in_torrent)
    for pieces_in_torrent, length in (
        (10_000, 1 << 20),
        (10_000, 1 << 18),
        (100_000, 1 << 20),
        (1_000_000, 1 << 20),
        (100_000, 1 << 14),
    ):
        for whole in (True, False):
            bench_pick(pieces_in_torrent, length, whole)
