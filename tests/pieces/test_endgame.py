from __future__ import annotations

import random

from tests.pieces.swarm import Budget, Swarm
from torrent.pieces import Geometry, Pieces, Received, Taker
from torrent.pieces import endgame as rooms
from torrent.terms import BLOCK_SIZE


def make(count: int, blocks: int) -> Pieces:
    geometry = Geometry(count * blocks * BLOCK_SIZE, blocks * BLOCK_SIZE)
    return Pieces(geometry, 0, buffers=Budget(), rng=random.Random(1))


def joined(pieces: Pieces, name: str, has: int | None = None, speed: float = 1e6) -> Taker:
    taker = Taker(name, speed=speed)
    pieces.join(taker)
    pieces.peer_has_bits(taker, pieces.geometry.everything if has is None else has)
    return taker


def test_the_last_blocks_are_asked_of_a_third_when_both_are_late_and_the_first_copy_cancels() -> None:
    pieces = make(1, 8)
    takers = [joined(pieces, name) for name in "abcd"]
    assert not pieces.endgame
    first = pieces.pick(takers[0], 8, 0.0)
    assert pieces.endgame
    assert pieces.pick(takers[1], 8, 0.0) == first[:-2:-1], "the others are as soon where they are"
    assert sorted(pieces.pick(takers[1], 8, 1.0)) == first[:-1]
    assert pieces.pick(takers[2], 8, 1.2) == first[-1:], "of the others the second has only just been asked"
    assert sorted(pieces.pick(takers[2], 8, 2.0)) == first[:-1]
    assert pieces.pick(takers[3], 8, 9.0) == []
    assert pieces.pick(takers[1], 8, 9.0) == [], "never twice of the same"
    piece, begin, length = first[3]
    assert pieces.received(takers[1], piece, begin, memoryview(bytes(length))) is Received.STORED
    assert sorted(taker.name for taker, *block in pieces.take_cancels() if tuple(block) == first[3]) == ["a", "c"]
    assert pieces.received(takers[0], piece, begin, memoryview(bytes(length))) is Received.DUPLICATE


def test_what_is_about_to_come_is_not_asked_twice() -> None:
    pieces = make(1, 8)
    holder, other = joined(pieces, "holder", speed=5e6), joined(pieces, "other", speed=5e6)
    pieces.pick(holder, 8, 0.0)
    assert pieces.pick(other, 8, 0.0) == []


def test_with_many_left_at_most_two_are_asked() -> None:
    pieces = make(10, 8)
    slow, b, c = joined(pieces, "slow", speed=20e3), joined(pieces, "b"), joined(pieces, "c")
    assert len(pieces.pick(slow, 80, 0.0)) == 80
    asked = pieces.pick(b, 30, 0.0) + pieces.pick(c, 30, 0.0)
    assert len(asked) == len(set(asked)) == 60


def test_a_healthy_holder_loses_its_last_blocks_and_not_its_next() -> None:
    pieces = make(1, 40)
    holder, other = joined(pieces, "holder"), joined(pieces, "other")
    blocks = pieces.pick(holder, 40, 0.0)
    duplicates = pieces.pick(other, 99, 0.0)
    assert duplicates == blocks[: 40 - len(duplicates) - 1 : -1]
    assert 10 <= len(duplicates) <= 20, "each is expected sooner here than there"


def test_a_stalled_holder_loses_what_waits_longest() -> None:
    pieces = make(1, 40)
    holder, other = joined(pieces, "holder"), joined(pieces, "other")
    blocks = [*pieces.pick(holder, 10, 0.0), *pieces.pick(holder, 30, 5.0)]
    assert pieces.pick(other, 10, 6.0) == blocks[:10]


def test_blocks_asked_twice_are_bounded(monkeypatch) -> None:
    monkeypatch.setattr(rooms, "MAX_DUPLICATES", 7)
    pieces = make(1, 60)
    pieces.pick(joined(pieces, "slow", speed=20e3), 60, 0.0)
    assert len(pieces.pick(joined(pieces, "b"), 50, 0.0)) == 7
    assert pieces.pick(joined(pieces, "c"), 50, 0.0) == []


def test_before_the_endgame_blocks_change_hands_instead() -> None:
    pieces = make(2, 8)
    stalled, quick = joined(pieces, "stalled"), joined(pieces, "quick", 0b01)
    only_first = pieces.pick(stalled, 8, 0.0, only=0b01)
    assert not pieces.endgame
    assert pieces.pick(quick, 8, 0.1) == []
    taken = pieces.pick(quick, 8, 5.0)
    assert taken == only_first
    assert pieces.take_cancels() == [(stalled, *block) for block in only_first]
    assert not stalled.inflight
    assert pieces.received(stalled, *only_first[0][:2], memoryview(bytes(BLOCK_SIZE))) is Received.STORED
    assert pieces.take_cancels() == [(quick, *only_first[0])]


def test_while_the_disk_is_behind_blocks_change_hands_in_the_endgame_only() -> None:
    pieces = make(4, 8)
    stalled, quick = joined(pieces, "stalled"), joined(pieces, "quick", 0b0111)
    for _ in range(2):
        for piece, begin, length in pieces.pick(quick, 8, 0.0, only=0b0110):
            pieces.received(quick, piece, begin, memoryview(bytes(length)))
    buffers = {piece: pieces.take_complete(piece) for piece in (1, 2)}
    asked = pieces.pick(stalled, 8, 0.0, only=0b0001)
    assert pieces.pick(quick, 8, 5.0) == []
    pieces.verified(1, buffers[1])
    assert pieces.pick(quick, 8, 6.0) == asked


def test_a_taker_for_which_nothing_was_found_rests() -> None:
    pieces = make(2, 8)
    busy, idle = joined(pieces, "busy"), joined(pieces, "idle", 0b01)
    pieces.pick(busy, 8, 0.0, only=0b01)
    assert pieces.pick(idle, 8, 0.0) == [] and idle.rest_until > 0.0
    pieces.lapse(busy, 1.0)
    assert len(pieces.pick(idle, 8, 0.0)) == 8, "open blocks are found at once"


def test_pieces_nobody_has_do_not_hold_up_the_endgame() -> None:
    pieces = make(3, 4)
    a, b = joined(pieces, "a", 0b011), joined(pieces, "b", 0b011)
    pieces.pick(a, 99, 0.0)
    assert pieces.wanted == 0b100 and pieces.endgame
    assert len(pieces.pick(b, 99, 1.0)) == 8


def test_a_sole_source_on_parole_is_helped_when_it_takes_too_long() -> None:
    pieces = make(1, 4)
    a, b = joined(pieces, "a", speed=0.0), joined(pieces, "b", speed=0.0)
    for taker in (a, b):
        for piece, begin, length in pieces.pick(taker, 2, 0.0):
            pieces.received(taker, piece, begin, memoryview(bytes(length)))
    pieces.failed(0, pieces.take_complete(0))
    assert len(pieces.pick(a, 4, 0.0)) == 4
    assert pieces.pick(b, 4, 10.0) == []
    assert len(pieces.pick(b, 4, 21.0)) == 4


def test_the_end_of_a_download_wastes_little() -> None:
    pieces = make(60, 16)
    swarm = Swarm(pieces, random.Random(4), depth=16)
    for n, rate in enumerate((20e3, 100e3, 500e3, 1e6, 1e6)):
        swarm.add(n, pieces.geometry.everything, rate)
    requests = 0
    original = pieces.pick

    def counted(*args: object, **more: object) -> list[tuple[int, int, int]]:
        nonlocal requests
        blocks = original(*args, **more)  # type: ignore[arg-type]
        requests += len(blocks)
        return blocks

    pieces.pick = counted  # type: ignore[method-assign]
    swarm.run(60.0)
    assert pieces.done
    assert swarm.now < 1.25 * 60 * 16 * BLOCK_SIZE / 2.62e6
    assert requests < 1.1 * 960
