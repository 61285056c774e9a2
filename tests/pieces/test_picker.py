from __future__ import annotations

import random
from collections import Counter

import pytest

from tests.pieces.swarm import Budget
from torrent.pieces import Geometry, Pieces, Received, Taker, bits
from torrent.pieces.picker import QUEUED
from torrent.terms import BLOCK_SIZE

FAST = 1e6


def make(count: int, blocks: int = 2, *, seed: int = 1, most: int = 1 << 60, **more: object) -> Pieces:
    geometry = Geometry(count * blocks * BLOCK_SIZE, blocks * BLOCK_SIZE)
    have = more.pop("have", 0)
    return Pieces(geometry, have, buffers=Budget(most), rng=random.Random(seed), **more)  # type: ignore[arg-type]


def joined(pieces: Pieces, name: str, has: int | None = None, speed: float = 0.0) -> Taker:
    taker = Taker(name, speed=speed)
    pieces.join(taker)
    pieces.peer_has_bits(taker, pieces.geometry.everything if has is None else has)
    return taker


def numbers(blocks: list[tuple[int, int, int]]) -> list[int]:
    return list(dict.fromkeys(piece for piece, _, _ in blocks))


def arrive(pieces: Pieces, taker: Taker, blocks: list[tuple[int, int, int]]) -> Received:
    for piece, begin, length in blocks:
        outcome = pieces.received(taker, piece, begin, memoryview(bytes(length)))
    return outcome


def test_the_rarest_come_first_in_order_of_rarity() -> None:
    pieces = make(30, have=0b1111)
    for name, has in (("a", bits.full(20)), ("b", bits.full(10)), ("c", bits.full(10))):
        joined(pieces, name, has)
    picked = numbers(pieces.pick(joined(pieces, "me"), 100, 0.0))
    assert set(picked[:10]) == set(range(20, 30))
    assert set(picked[10:20]) == set(range(10, 20))
    assert set(picked[20:]) == set(range(4, 10))


def test_ties_are_random() -> None:
    counts = Counter(
        numbers(pieces.pick(joined(pieces, "me"), 1, 0.0))[0]
        for pieces in (make(20, have=0b1111, seed=seed) for seed in range(800))
    )
    assert set(counts) == set(range(4, 20))
    assert max(counts.values()) < 200


def test_the_first_pieces_are_random_and_not_the_rarest() -> None:
    picked = set()
    for seed in range(100):
        pieces = make(20, seed=seed, have=0b111)
        joined(pieces, "other", bits.full(19))
        picked.add(numbers(pieces.pick(joined(pieces, "me"), 1, 0.0))[0])
    assert len(picked) > 10


def test_a_have_is_seen_by_the_next_choice() -> None:
    pieces = make(20, have=0b1111)
    me, other = joined(pieces, "me", speed=FAST), joined(pieces, "other", bits.full(18))
    assert numbers(pieces.pick(me, 2, 0.0))[0] in (18, 19)
    pieces.peer_has_bits(other, bits.full(20) ^ 1 << 7)
    assert numbers(pieces.pick(me, 2, 1.0)) == [7]


def test_priority_then_first_then_order() -> None:
    pieces = make(8, priorities=[1, 1, 7, 0, 1, 7, 1, 1], first=1 << 5 | 1 << 6, sequential=True)
    assert numbers(pieces.pick(joined(pieces, "me"), 99, 0.0)) == [5, 2, 6, 0, 1, 4, 7]


def test_order_can_change_on_the_way() -> None:
    pieces = make(40, have=0b1111)
    me = joined(pieces, "me", speed=FAST)
    pieces.pick(me, 2, 0.0)
    pieces.set_sequential(True)
    rest = list(bits.iterate(pieces.wanted))
    assert numbers(pieces.pick(me, 6, 0.0)) == rest[:3]
    pieces.set_first(1 << rest[20])
    assert numbers(pieces.pick(me, 2, 0.0)) == [rest[20]]
    pieces.set_priorities([7 if piece == rest[30] else 1 for piece in range(40)])
    assert numbers(pieces.pick(me, 2, 0.0)) == [rest[30]]


def test_suggested_pieces_win_ties_only() -> None:
    pieces = make(30, have=0b1111)
    joined(pieces, "other", bits.full(20))
    me = joined(pieces, "me")
    me.suggested = 1 << 25 | 1 << 5
    assert numbers(pieces.pick(me, 2, 0.0)) == [25]


def test_only_restricts_every_step() -> None:
    pieces = make(10, 4)
    me = joined(pieces, "me", speed=FAST)
    pieces.pick(me, 2, 0.0)
    mine = next(iter(me.mine))
    other = 1 << (mine + 1) % 10
    assert numbers(pieces.pick(me, 9, 0.0, only=other)) == [(mine + 1) % 10]
    assert pieces.pick(me, 9, 0.0, only=0) == []
    assert numbers(pieces.pick(me, 2, 0.0, only=1 << mine)) == [mine]


def test_a_fast_peer_fetches_whole_pieces_alone() -> None:
    pieces = make(10, 4)
    fast, other = joined(pieces, "fast", speed=FAST), joined(pieces, "other", speed=FAST)
    mine = numbers(pieces.pick(fast, 2, 0.0))
    theirs = numbers(pieces.pick(other, 9, 0.0))
    assert not set(mine) & set(theirs)
    assert numbers(pieces.pick(fast, 2, 0.0)) == mine


def test_slow_and_unknown_peers_share_what_they_open() -> None:
    pieces = make(10, 4)
    opened = numbers(pieces.pick(joined(pieces, "unknown"), 1, 0.0))
    assert numbers(pieces.pick(joined(pieces, "slow", speed=10.0), 1, 0.0)) == opened
    assert numbers(pieces.pick(joined(pieces, "fast", speed=FAST), 2, 0.0)) == opened


@pytest.mark.parametrize("how", ["leave", "lapse", "choke"])
def test_the_piece_of_an_owner_in_trouble_goes_to_others(how: str) -> None:
    pieces = make(10, 4)
    owner, other = joined(pieces, "owner", speed=FAST), joined(pieces, "other", speed=FAST)
    blocks = pieces.pick(owner, 2, 0.0)
    if how == "leave":
        pieces.leave(owner)
    elif how == "lapse":
        pieces.lapse(owner, 1.0)
    else:
        pieces.choked(owner)
    assert pieces.pick(other, 2, 1.0) == blocks


def test_without_buffers_the_pieces_of_the_slowest_owner_are_shared() -> None:
    pieces = make(10, 64, most=2 * 64 * BLOCK_SIZE)
    slow, slower = joined(pieces, "slow", speed=2e6), joined(pieces, "slower", speed=1e6)
    joined_late = joined(pieces, "fast", speed=40e6)
    first, second = numbers(pieces.pick(slow, 8, 0.0)), numbers(pieces.pick(slower, 8, 0.0))
    picked = pieces.pick(joined_late, 60, 0.0)
    assert numbers(picked) == second + first
    assert sum(piece == second[0] for piece, _, _ in picked) == 56


def test_a_slow_peer_takes_no_more_of_a_fast_owner_than_helps() -> None:
    pieces = make(1, 64)
    fast, slow = joined(pieces, "fast", speed=10e6), joined(pieces, "slow", speed=20e3)
    pieces.pick(fast, 8, 0.0)
    assert pieces.pick(slow, 50, 0.0) == []


def test_the_budget_is_kept_and_nothing_is_lost_by_waiting() -> None:
    pieces = make(20, 4, most=3 * 4 * BLOCK_SIZE, sequential=True)
    me = joined(pieces, "me", speed=FAST)
    done = []
    while not pieces.done:
        blocks = pieces.pick(me, 99, 0.0)
        assert len(blocks) <= 12
        for block in blocks:
            if arrive(pieces, me, [block]) is Received.COMPLETE:
                done.append(block[0])
                pieces.verified(block[0], pieces.take_complete(block[0]))
    assert done == list(range(20))


def spoil(pieces: Pieces, a: Taker, b: Taker) -> int:
    """Have a piece fail that both gave blocks for."""
    blocks = pieces.pick(a, 1, 0.0)
    blocks_b = pieces.pick(b, 1, 0.0)
    assert numbers(blocks) == numbers(blocks_b)
    arrive(pieces, a, blocks)
    assert arrive(pieces, b, blocks_b) is Received.COMPLETE
    piece = blocks[0][0]
    assert pieces.failed(piece, pieces.take_complete(piece)) == []
    return piece


def test_a_failed_piece_is_fetched_from_another_source_alone() -> None:
    pieces = make(10)
    a, b = joined(pieces, "a"), joined(pieces, "b")
    piece = spoil(pieces, a, b)
    c = joined(pieces, "c")
    assert piece not in numbers(pieces.pick(a, 9, 0.0))
    assert numbers(pieces.pick(c, 1, 0.0)) == [piece]
    for taker in (a, b):
        pieces.pick(taker, 99, 0.0)
    assert not any(key // 2 == piece for taker in (a, b) for key in taker.inflight)
    assert numbers(pieces.pick(c, 1, 0.0)) == [piece]


def test_a_suspect_is_the_source_when_there_is_no_other() -> None:
    pieces = make(10)
    a, b = joined(pieces, "a"), joined(pieces, "b")
    piece = spoil(pieces, a, b)
    assert numbers(pieces.pick(a, 2, 0.0)) == [piece]
    assert piece not in numbers(pieces.pick(b, 99, 0.0))


def test_a_choked_better_source_is_not_waited_for_forever() -> None:
    pieces = make(10)
    a, b = joined(pieces, "a"), joined(pieces, "b")
    piece = spoil(pieces, a, b)
    joined(pieces, "never picks")
    assert piece not in numbers(pieces.pick(a, 2, 0.0))
    assert numbers(pieces.pick(a, 2, 11.0)) == [piece]


def test_a_suspect_fetches_alone() -> None:
    pieces = make(10, 2)
    a, b, c = joined(pieces, "a"), joined(pieces, "b"), joined(pieces, "c")
    spoil(pieces, a, b)
    arrive(pieces, c, pieces.pick(c, 2, 0.0))
    shared = numbers(pieces.pick(c, 1, 0.0))
    assert shared not in numbers(pieces.pick(a, 2, 0.0))
    assert pieces.in_progress()[-1].owner == "a"


def test_a_huge_torrent_is_picked_from_all_over() -> None:
    pieces = make(500_000, 1, have=0b1111)
    picked = [numbers(pieces.pick(joined(pieces, str(n), speed=FAST), 1, 0.0))[0] for n in range(20)]
    assert len(set(picked)) == 20
    assert max(picked) - min(picked) > 200_000


def test_with_little_memory_each_is_asked_for_its_part_of_half_of_it() -> None:
    pieces = make(16, 64, most=4 * 64 * BLOCK_SIZE)
    takers = [joined(pieces, name, speed=speed) for name, speed in (("slow", 1e5), ("a", 1e6), ("b", 1e6))]
    for taker in takers:
        pieces.pick(taker, 1, 0.0)
    slow, a, b = (1 + len(pieces.pick(taker, 999, 1.0)) for taker in takers)
    assert 2 <= slow < a / 5 and a == b
    assert 100 <= slow + a + b <= 128
    assert pieces.pick(takers[1], 999, 1.0) == [], "and no more until a quarter of that came"
    crowd = [joined(pieces, f"other {n}", speed=1e6) for n in range(300)]
    for taker in crowd:
        assert len(pieces.pick(taker, 1, 1.1)) <= 1
    assert sum(len(taker.inflight) for taker in [*takers, *crowd]) <= 4 * 64


def test_with_plenty_of_memory_nobody_is_held_back() -> None:
    pieces = make(400, 64)
    takers = [joined(pieces, str(n), speed=FAST) for n in range(20)]
    assert [len(pieces.pick(taker, 500, 0.0)) for taker in takers] == [500] * 20


def test_no_more_is_asked_in_all_than_keeps_everybody_busy():
    pieces = make(1000, 64)
    takers = [joined(pieces, f"t{number}", speed=5e6) for number in range(20)]
    for one in takers:
        pieces.pick(one, 8, 0.0)
    for now in (1.0, 2.0, 3.0):
        for one in takers:
            pieces.pick(one, 500, now)
    near = sum(len(one.inflight) for one in takers)
    assert QUEUED // 2 <= near * BLOCK_SIZE <= QUEUED + 20 * 8 * BLOCK_SIZE
    for one in takers:
        one.delay = 0.5
    for now in (4.0, 5.0, 6.0):
        for one in takers:
            pieces.pick(one, 500, now)
    far = sum(len(one.inflight) for one in takers)
    assert far * BLOCK_SIZE >= QUEUED // 2 + 20 * 5e6 * 0.5 * 2
