from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from torrent.pieces import bits
from torrent.pieces.pool import WINDOW, Pool


def drain(pool: Pool, seed: int = 0) -> list[int]:
    rng = random.Random(seed)
    taken = []
    while (piece := pool.pop(rng)) >= 0:
        taken.append(piece)
    return taken


@given(st.sets(st.integers(0, 5 * WINDOW), max_size=200), st.booleans(), st.integers(0, 99))
def test_every_piece_comes_once(pieces: set[int], ordered: bool, seed: int) -> None:
    taken = drain(Pool(bits.of(pieces), ordered=ordered, epoch=0, until=0.0), seed)
    assert sorted(taken) == sorted(pieces)
    assert not ordered or taken == sorted(taken)


def test_ties_are_broken_differently_each_time() -> None:
    def first(seed: int) -> int:
        return Pool(bits.full(3 * WINDOW), ordered=False, epoch=0, until=0.0).pop(random.Random(seed))

    assert len({first(seed) // WINDOW for seed in range(50)}) == 3
    assert len({first(seed) for seed in range(50)}) > 45


def test_a_piece_behind_a_gap_is_not_likelier_among_few() -> None:
    few = 0b111 << 5000
    taken = [Pool(few, ordered=False, epoch=0, until=0.0).pop(random.Random(seed)) for seed in range(600)]
    assert all(taken.count(piece) > 150 for piece in (5000, 5001, 5002))


def test_what_is_put_back_comes_again_at_random() -> None:
    pool = Pool(bits.full(2000), ordered=False, epoch=0, until=0.0)
    piece = pool.pop(random.Random(0))
    pool.put_back(piece)
    assert sorted(drain(pool)) == list(range(2000))


def test_what_is_put_back_comes_again() -> None:
    pool = Pool(0b110, ordered=True, epoch=0, until=0.0)
    rng = random.Random(0)
    assert pool.pop(rng) == 1
    pool.put_back(1)
    assert drain(pool) == [1, 2]
