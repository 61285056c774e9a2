"""Does the piece manager keep its promises whatever happens, in whatever order? Seeds are printed on failure."""

from __future__ import annotations

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.pieces.swarm import Swarm, check, make
from torrent.pieces import Received, Taker
from torrent.terms import BLOCK_SIZE


class Chaos:
    """Random calls in any order, checked after each."""

    def __init__(self, seed: int) -> None:
        self.rng = rng = random.Random(seed)
        count = rng.choice([1, 2, 5, 30])
        blocks = rng.choice([1, 2, 5])
        pads = {p: range(rng.randrange(blocks + 1)) for p in range(count) if rng.random() < 0.2}
        self.pieces, self.budget = make(
            count,
            blocks,
            seed=seed,
            most=rng.choice([3, 1000]) * blocks * BLOCK_SIZE,
            priorities=[rng.randrange(4) for _ in range(count)],
            sequential=rng.random() < 0.3,
            first=rng.getrandbits(count) if rng.random() < 0.3 else 0,
            pad_blocks=pads,
        )
        self.count = count
        self.now = 0.0
        self.takers: list[Taker] = []
        self.ever: dict[Taker, list[tuple[int, int, int]]] = {}
        self.complete: list[int] = []
        self.hashing: list[tuple[int, bytearray]] = []

    def step(self) -> None:
        rng, pieces = self.rng, self.pieces
        self.now += rng.choice([0.0, 0.001, 0.3, 30.0])
        verb = rng.choice(
            [
                "join",
                "leave",
                "have",
                "bits",
                "choke",
                "reject",
                "lapse",
                "cancel",
                "priorities",
                "lost",
                "finish",
                "stuck",
            ]
            + ["pick", "receive", "finish"] * 6
        )
        if verb == "join" or not self.takers:
            taker = Taker(rng.randrange(6), speed=rng.choice([0.0, 1e3, 1e6]))
            pieces.join(taker)
            pieces.peer_has_bits(taker, rng.choice([rng.getrandbits(self.count), pieces.geometry.everything]))
            self.takers.append(taker)
            return
        taker = rng.choice(self.takers)
        asked = self.ever.setdefault(taker, [])
        if verb == "leave" and len(self.takers) > 2:
            pieces.leave(taker)
            self.takers.remove(taker)
        elif verb == "have":
            pieces.peer_has(taker, rng.randrange(self.count))
        elif verb == "bits":
            pieces.peer_has_bits(taker, taker.has | rng.getrandbits(self.count))
        elif verb == "choke":
            pieces.choked(taker, rng.getrandbits(self.count) if rng.random() < 0.5 else 0)
        elif verb == "reject" and asked:
            pieces.rejected(taker, *rng.choice(asked)[:2])
        elif verb == "lapse":
            pieces.lapse(taker, self.now - 1.0)
        elif verb == "cancel":
            pieces.cancel_all(taker)
        elif verb == "priorities":
            pieces.set_priorities([rng.choice([0, 1, 1, 2, 7]) for _ in range(self.count)])
            pieces.set_sequential(rng.random() < 0.5)
        elif verb == "lost":
            pieces.lost(rng.randrange(self.count))
        elif verb == "pick":
            only = rng.getrandbits(self.count) if rng.random() < 0.2 else None
            blocks = pieces.pick(taker, rng.choice([1, 3, 40]), self.now, only=only)
            assert len(set(blocks)) == len(blocks)
            assert all(taker.has >> piece & 1 and (only is None or only >> piece & 1) for piece, _, _ in blocks)
            asked += blocks
        elif verb == "receive" and asked:
            self.receive(taker, asked)
        elif verb == "stuck" and self.budget.give_up is not None:
            self.budget.give_up(self.now, rng.choice([-1, 0, 1]))
        elif verb == "finish":
            self.finish()
        pieces.take_cancels()

    def receive(self, taker: Taker, asked: list[tuple[int, int, int]]) -> None:
        for _ in range(self.rng.randrange(1, 8)):
            piece, begin, length = self.rng.choice(asked)
            outcome = self.pieces.received(taker, piece, begin, memoryview(bytes(length)))
            if outcome is Received.COMPLETE:
                self.complete.append(piece)

    def finish(self) -> None:
        if self.complete and self.rng.random() < 0.8:
            piece = self.complete.pop()
            self.hashing.append((piece, self.pieces.take_complete(piece)))
        elif self.hashing:
            piece, buffer = self.hashing.pop(self.rng.randrange(len(self.hashing)))
            how = self.rng.choice([self.pieces.verified, self.pieces.failed, self.pieces.unwritten])
            how(piece, buffer)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 1 << 32))
def test_any_sequence_keeps_every_piece_in_one_set_and_no_block_asked_twice(seed: int) -> None:
    chaos = Chaos(seed)
    for _ in range(150):
        chaos.step()
        check(chaos.pieces, chaos.budget, chaos.takers)


def test_liars_are_convicted_and_honest_peers_never() -> None:
    for seed in range(1000):
        liars_convicted(seed)


def liars_convicted(seed: int) -> int:
    """Run one small swarm with liars; return the bad pieces it took to convict them all."""
    rng = random.Random(seed)
    pieces, budget = make(rng.choice([12, 25]), rng.choice([1, 3, 6]), seed=seed, most=20 * 6 * BLOCK_SIZE)
    swarm = Swarm(pieces, rng, depth=rng.choice([2, 8, 20]))
    everything = pieces.geometry.everything
    for n in range(rng.randrange(1, 5)):
        swarm.add(f"honest {n}", everything, rng.choice([30e3, 300e3, 3e6]), speed=rng.choice([0.0, None]))
    for n in range(rng.randrange(1, 3)):
        swarm.add(f"liar {n}", everything, rng.choice([30e3, 300e3]), lies=rng.choice([0.05, 0.5, 1.0]), speed=0.0)
    swarm.run(2000.0, 0.25)
    assert pieces.done, f"seed {seed}"
    assert not budget.out
    assert all(str(name).startswith("liar") for name in swarm.convicted), f"seed {seed}"
    assert swarm.bad_pieces == 0 or swarm.convicted, f"seed {seed}"
    check(pieces, budget, [peer.taker for peer in swarm.peers])
    return swarm.bad_pieces


def test_a_liar_is_convicted_within_three_bad_pieces() -> None:
    runs = 100
    late = sum(one_liar(seed, lies) > 3 for lies in (0.01, 0.03, 0.05) for seed in range(runs))
    assert late <= 3 * runs * 0.02, "about half a percent; the seeds are fixed"


def one_liar(seed: int, lies: float) -> int:
    """Run a swarm of four honest peers and a liar; return how many pieces were bad."""
    rng = random.Random(seed)
    pieces, _ = make(60, 8, seed=seed)
    swarm = Swarm(pieces, rng, depth=16)
    for n in range(4):
        swarm.add(f"honest {n}", pieces.geometry.everything, rng.choice([1e5, 1e6]), speed=rng.choice([0.0, None]))
    swarm.add("liar", pieces.geometry.everything, 1e6, lies=lies, speed=rng.choice([0.0, None]))
    swarm.run(1000.0, 0.1)
    assert pieces.done, f"seed {seed}"
    assert set(swarm.convicted) == ({"liar"} if swarm.bad_pieces else set()), f"seed {seed}"
    return swarm.bad_pieces
