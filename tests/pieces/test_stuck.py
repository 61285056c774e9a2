"""Do pieces that get no further make room, and only those, and only when room is needed?"""

from __future__ import annotations

import random

import pytest

from tests.pieces.swarm import Budget, Swarm, check
from torrent.pieces import Geometry, Pieces, Received, Taker
from torrent.pieces.stuck import STUCK_SECONDS
from torrent.storage import Buffers
from torrent.terms import BLOCK_SIZE


def make(count: int, blocks: int, buffers: Buffers | Budget) -> Pieces:
    return Pieces(Geometry(count * blocks * BLOCK_SIZE, blocks * BLOCK_SIZE), 0, buffers=buffers, rng=random.Random(1))


def joined(pieces: Pieces, name: str, has: int | None = None, speed: float = 1e6) -> Taker:
    taker = Taker(name, speed=speed)
    pieces.join(taker)
    pieces.peer_has_bits(taker, pieces.geometry.everything if has is None else has)
    return taker


def give(pieces: Pieces, taker: Taker, *blocks: tuple[int, int, int]) -> Received:
    for piece, begin, length in blocks:
        outcome = pieces.received(taker, piece, begin, memoryview(bytes(length)))
    return outcome


def test_a_piece_without_a_block_for_long_is_given_up() -> None:
    budget = Budget()
    pieces = make(2, 8, budget)
    a, b = joined(pieces, "a"), joined(pieces, "b")
    asked = pieces.pick(a, 8, 0.0)
    moving = pieces.pick(b, 8, 0.0)
    assert budget.give_up is not None
    assert not budget.give_up(1.0, 0), "the first look only makes a note"
    give(pieces, b, moving[0])
    assert not budget.give_up(STUCK_SECONDS, 0)
    assert budget.give_up(1.0 + STUCK_SECONDS, 0)
    assert [one.piece for one in pieces.in_progress()] == [moving[0][0]]
    assert pieces.take_cancels() == [(a, *block) for block in asked]
    check(pieces, budget, [a, b])
    assert give(pieces, a, asked[0]) is Received.DUPLICATE
    assert not budget.give_up(2.0 + STUCK_SECONDS, 0), "the other has moved"


def test_pieces_that_nobody_has_go_first_and_then_those_of_which_little_is_there() -> None:
    budget = Budget()
    pieces = make(3, 8, budget)
    gone, *others = joined(pieces, "gone"), joined(pieces, "b", 0b110), joined(pieces, "c", 0b110)
    first = pieces.pick(gone, 8, 0.0, only=0b001)
    give(pieces, gone, *first[:7])
    for taker, most in zip(others, (5, 3), strict=True):
        give(pieces, taker, *pieces.pick(taker, 8, 0.0)[:most])
    pieces.leave(gone)
    assert budget.give_up is not None and not budget.give_up(0.0, 0)
    left = []
    while budget.give_up(STUCK_SECONDS, 0):
        left.append(sorted(one.received.bit_count() for one in pieces.in_progress()))
    assert left == [[3, 5], [5], []]
    check(pieces, budget, others)


@pytest.mark.parametrize(("pace", "given_up"), [(1, True), (0, False), (-1, False)])
def test_a_piece_that_drips_goes_only_for_somebody_fast(pace: int, given_up: bool) -> None:
    budget = Budget()
    pieces = make(1, 256, budget)
    drip = joined(pieces, "drip")
    asked = pieces.pick(drip, 256, 0.0)
    assert budget.give_up is not None and not budget.give_up(0.0, pace)
    give(pieces, drip, *asked[:3])
    assert budget.give_up(STUCK_SECONDS, pace) is given_up
    give(pieces, drip, *asked[3:9])
    assert not budget.give_up(2 * STUCK_SECONDS, pace), "at this pace it takes minutes, not hours"


def test_a_piece_on_parole_starts_over() -> None:
    budget = Budget()
    pieces = make(1, 4, budget)
    a, b = joined(pieces, "a", speed=0.0), joined(pieces, "b", speed=0.0)
    for taker in (a, b):
        give(pieces, taker, *pieces.pick(taker, 2, 0.0))
    pieces.failed(0, pieces.take_complete(0))
    give(pieces, a, pieces.pick(a, 4, 0.0)[0])
    assert budget.give_up is not None and not budget.give_up(0.0, 0)
    assert budget.give_up(STUCK_SECONDS, 0)
    check(pieces, budget, [a, b])
    assert len(pieces.pick(b, 4, STUCK_SECONDS)) == 4


def test_complete_pieces_are_left_alone() -> None:
    budget = Budget()
    pieces = make(1, 2, budget)
    a = joined(pieces, "a")
    assert give(pieces, a, *pieces.pick(a, 2, 0.0)) is Received.COMPLETE
    assert budget.give_up is not None
    for now in (0.0, 2 * STUCK_SECONDS):
        assert not budget.give_up(now, 1)
    assert pieces.take_complete(0)
    assert not budget.give_up(4 * STUCK_SECONDS, 1)


def test_a_download_goes_on_when_all_memory_is_in_pieces_whose_sources_left() -> None:
    buffers = Buffers(4 * 16 * BLOCK_SIZE)
    pieces = make(16, 16, buffers)
    swarm = Swarm(pieces, random.Random(1), depth=20)
    rare = [swarm.add(n, 1 << n, 1e5) for n in range(4)]
    swarm.run(0.5)
    assert buffers.out == buffers.budget and pieces.have_count < 4
    for peer in rare:
        peer.gone = True
        pieces.leave(peer.taker)
    swarm.add("other", pieces.geometry.everything & ~0b1111, 1e6)
    swarm.run(60.0)
    assert pieces.have.bit_count() >= 12
    swarm.add("seed", pieces.geometry.everything, 1e6)
    swarm.run(60.0)
    assert pieces.done


def test_peers_that_drip_what_only_they_have_do_not_hold_all_memory() -> None:
    buffers = Buffers(4 * 256 * BLOCK_SIZE)
    pieces = make(40, 256, buffers)
    swarm = Swarm(pieces, random.Random(1), depth=64)
    for n in range(8):
        swarm.add(f"drip {n}", 1 << n, BLOCK_SIZE / 10, speed=1e6)
    swarm.run(1.0)
    assert buffers.out == buffers.budget
    for peer in swarm.peers:
        peer.taker.speed = BLOCK_SIZE / 10
    swarm.add("honest", pieces.geometry.everything & ~0xFF, 5e6)
    swarm.run(180.0, 0.1)
    assert pieces.have.bit_count() >= 32, "40 s at full speed"


def test_a_torrent_that_stands_still_does_not_hold_up_another() -> None:
    buffers = Buffers(4 * 8 * BLOCK_SIZE)
    still, other = make(4, 8, buffers), make(12, 8, buffers)
    for number in range(2):
        sleeper = joined(still, f"sleeper {number}")
        give(still, sleeper, *still.pick(sleeper, 32, float(number))[:7])
    assert buffers.out == buffers.budget
    for sleeper in list(still._requests.takers):
        still.leave(sleeper)
    swarm = Swarm(other, random.Random(1))
    swarm.add("seed", other.geometry.everything, 1e6)
    swarm.run(40.0)
    assert other.done
    awake = joined(still, "awake")
    swarm = Swarm(still, random.Random(2))
    while not still.done:
        for block in still.pick(awake, 32, 41.0):
            if give(still, awake, block) is Received.COMPLETE:
                still.verified(block[0], still.take_complete(block[0]))
    assert buffers.out == 0


def test_two_torrents_share_memory_and_neither_waits_for_ever() -> None:
    buffers = Buffers(2 * 8 * BLOCK_SIZE)
    swarms = []
    for n in range(2):
        pieces = make(30, 8, buffers)
        swarms.append(Swarm(pieces, random.Random(n), depth=16))
        for peer in range(3):
            swarms[n].add((n, peer), pieces.geometry.everything, 3e5)
    for _ in range(2000):
        for swarm in swarms:
            swarm.step(0.05)
            if not all(one.pieces.done for one in swarms):
                counts = [one.pieces.have_count for one in swarms]
                assert abs(counts[0] - counts[1]) < 12, counts
    assert all(swarm.pieces.done for swarm in swarms)
    assert sum(swarm.wasted for swarm in swarms) == 0
    assert swarms[0].now > 0


def test_who_is_refused_hears_of_room() -> None:
    buffers = Buffers(8 * BLOCK_SIZE)
    one, other = make(2, 8, buffers), make(2, 8, buffers)
    a, b = joined(one, "a"), joined(other, "b")
    told: list[int] = []
    other.tell_of_room(lambda: told.append(1))
    asked = one.pick(a, 8, 0.0)
    assert other.pick(b, 8, 0.0) == []
    give(one, a, *asked)
    assert give(one, a, *one.pick(a, 8, 0.1)) is Received.COMPLETE
    assert not told
    one.verified(asked[0][0], one.take_complete(asked[0][0]))
    assert told == [1]
    assert other.pick(b, 8, 0.1)
