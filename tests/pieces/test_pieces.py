from __future__ import annotations

import random

import pytest

from tests.pieces.swarm import SHORT, Budget, Swarm, check, content_of, make
from torrent.errors import PeerError
from torrent.pieces import Geometry, Pieces, Received, Taker, bits
from torrent.terms import BLOCK_SIZE


def joined(pieces: Pieces, name: str, has: int | None = None, speed: float = 0.0) -> Taker:
    taker = Taker(name, speed=speed)
    pieces.join(taker)
    if has is None:
        pieces.peer_has_all(taker)
    else:
        pieces.peer_has_bits(taker, has)
    return taker


def feed(pieces: Pieces, taker: Taker, blocks: list[tuple[int, int, int]]) -> list[Received]:
    return [
        pieces.received(taker, piece, begin, memoryview(content_of(pieces.geometry, piece))[begin : begin + length])
        for piece, begin, length in blocks
    ]


def settle(pieces: Pieces, piece: int) -> None:
    buffer = pieces.take_complete(piece)
    assert bytes(buffer) == content_of(pieces.geometry, piece)
    pieces.verified(piece, buffer)


def test_one_peer_gives_everything() -> None:
    pieces, budget = make()
    taker = joined(pieces, "a")
    assert pieces.left == pieces.geometry.length and not pieces.done
    while not pieces.done:
        blocks = pieces.pick(taker, 5, 0.0)
        assert blocks
        for block, outcome in zip(blocks, feed(pieces, taker, blocks), strict=True):
            if outcome is Received.COMPLETE:
                settle(pieces, block[0])
        check(pieces, budget, [taker])
    assert (pieces.left, pieces.bytes_done, pieces.have) == (0, pieces.geometry.length, 0xFF)
    assert not budget.out and not pieces.is_interesting(taker) and pieces.pick(taker, 5, 1.0) == []


def test_a_torrent_without_bytes_is_done() -> None:
    pieces = Pieces(Geometry(0, BLOCK_SIZE), 0, buffers=Budget(), rng=random.Random(0))
    taker = Taker("a")
    pieces.join(taker)
    pieces.peer_has_all(taker)
    assert pieces.done and pieces.left == 0 and not pieces.is_interesting(taker)
    assert pieces.pick(taker, 10, 0.0) == []
    with pytest.raises(PeerError):
        pieces.peer_has(taker, 0)
    pieces.leave(taker)


def test_short_pieces_in_the_middle() -> None:
    geometry = Geometry(4 * 2 * BLOCK_SIZE, 2 * BLOCK_SIZE, {1: BLOCK_SIZE + 3, 2: 1})
    pieces = Pieces(geometry, 0, buffers=Budget(), rng=random.Random(0), sequential=True)
    taker = joined(pieces, "a")
    blocks = pieces.pick(taker, 100, 0.0)
    assert [block for block in blocks if block[0] in (1, 2)] == [(1, 0, BLOCK_SIZE), (1, BLOCK_SIZE, 3), (2, 0, 1)]
    for block, outcome in zip(blocks, feed(pieces, taker, blocks), strict=True):
        if outcome is Received.COMPLETE:
            settle(pieces, block[0])
    assert pieces.done


def test_pad_blocks_are_not_asked_for_and_are_zero() -> None:
    pieces, _ = make(2, 4, pad_blocks={0: range(2, 4)})
    taker = joined(pieces, "a")
    blocks = pieces.pick(taker, 100, 0.0)
    assert sorted(begin for piece, begin, _ in blocks if piece == 0) == [0, BLOCK_SIZE]
    assert feed(pieces, taker, sorted(blocks))[1] is Received.COMPLETE
    buffer = pieces.take_complete(0)
    assert bytes(buffer[2 * BLOCK_SIZE :]) == bytes(2 * BLOCK_SIZE)
    assert pieces.failed(0, buffer) == [], "the pads may be the lie"
    assert len([block for block in pieces.pick(taker, 100, 0.0) if block[0] == 0]) == 4


def test_a_piece_of_pads_only_is_fetched_as_if_it_had_none() -> None:
    pieces, _ = make(2, 4, pad_blocks={1: range(4)})
    assert len(pieces.pick(joined(pieces, "a"), 100, 0.0)) == 8


def test_what_was_not_asked_is_not_stored() -> None:
    pieces, budget = make()
    taker, other = joined(pieces, "a"), joined(pieces, "b")
    piece, begin, length = pieces.pick(taker, 1, 0.0)[0]
    block = memoryview(bytes(BLOCK_SIZE))
    wrong = [
        (other, piece, begin, block),
        (taker, piece, begin + 1, block),
        (taker, piece, begin, block[:-1]),
        (taker, piece, begin + BLOCK_SIZE, block),
        (taker, piece - 1, begin + 4 * BLOCK_SIZE, block),
        (taker, piece + 1, begin - 4 * BLOCK_SIZE, block),
        (taker, 1 << 31, 0, block),
        (taker, -1, 0, block),
        (taker, piece, 1 << 31, block),
        (taker, piece, begin, block[:0]),
    ]
    for who, number, offset, data in wrong:
        assert pieces.received(who, number, offset, data) is Received.UNREQUESTED
    assert bytes(pieces._board.partials[piece].buffer) == b"\xaa" * pieces.geometry.size(piece)
    check(pieces, budget, [taker, other])
    assert feed(pieces, taker, [(piece, begin, length)]) == [Received.STORED]
    assert feed(pieces, taker, [(piece, begin, length)]) == [Received.UNREQUESTED]


def test_a_late_answer_is_welcome_and_cancels_the_second_request() -> None:
    pieces, budget = make(1)
    slow, quick = joined(pieces, "slow"), joined(pieces, "quick")
    blocks = pieces.pick(slow, 4, 0.0)
    assert pieces.lapse(slow, 1.0) == 4 and not slow.inflight
    assert pieces.pick(quick, 2, 1.0) == blocks[:2]
    assert feed(pieces, slow, blocks[:1]) == [Received.STORED]
    assert pieces.take_cancels() == [(quick, *blocks[0])]
    assert pieces.take_cancels() == []
    assert feed(pieces, slow, blocks[3:]) == [Received.STORED]
    assert feed(pieces, quick, blocks[:1]) == [Received.DUPLICATE]
    assert pieces.pick(quick, 9, 1.0) == [blocks[2]]
    check(pieces, budget, [slow, quick])


def test_lapse_takes_only_what_is_old() -> None:
    pieces, _ = make()
    taker = joined(pieces, "a")
    pieces.pick(taker, 3, 0.0)
    pieces.pick(taker, 2, 5.0)
    assert pieces.lapse(taker, 5.0) == 3
    assert pieces.lapse(taker, 5.0) == 0
    assert len(taker.inflight) == 2


def test_reject_choke_cancel_and_leave_give_blocks_back() -> None:
    pieces, budget = make(sequential=True)
    taker, other = joined(pieces, "a"), joined(pieces, "b")
    blocks = pieces.pick(taker, 8, 0.0)
    assert pieces.rejected(taker, *blocks[0][:2])
    assert not pieces.rejected(taker, *blocks[0][:2])
    assert not pieces.rejected(taker, 99, 0) and not pieces.rejected(taker, 0, 1 << 40)
    check(pieces, budget, [taker, other])
    pieces.choked(taker, keep=0b10)
    assert {key // 4 for key in taker.inflight} == {1}
    assert pieces.cancel_all(taker) == blocks[4:]
    assert pieces.pick(other, 8, 0.0) == blocks
    pieces.leave(other)
    pieces.leave(other)
    check(pieces, budget, [taker, other])
    assert pieces.availability.seeds == 1
    assert pieces.pick(taker, 8, 0.0) == blocks


def test_priorities_can_change_at_any_time() -> None:
    pieces, budget = make(4, priorities=[1, 0, 7, 1], sequential=True)
    taker = joined(pieces, "a")
    assert pieces.left == 3 * 4 * BLOCK_SIZE - SHORT
    assert {block[0] for block in pieces.pick(taker, 5, 0.0)} == {2, 0}
    pieces.set_priorities([0, 1, 1, 0])
    check(pieces, budget, [taker])
    assert [cancel[1] for cancel in pieces.take_cancels()] == [0]
    assert {block[0] for block in pieces.pick(taker, 99, 0.0)} == {1}
    blocks = [(2, n * BLOCK_SIZE, BLOCK_SIZE) for n in range(4)]
    assert feed(pieces, taker, blocks)[-1] is Received.COMPLETE
    buffer = pieces.take_complete(2)
    pieces.set_priorities([0, 1, 0, 0])
    check(pieces, budget, [taker])
    pieces.failed(2, buffer)
    check(pieces, budget, [taker])
    assert pieces.left == 4 * BLOCK_SIZE
    with pytest.raises(ValueError):
        pieces.set_priorities([8, 0, 0, 0])
    with pytest.raises(ValueError):
        pieces.set_priorities([1])


def test_a_vanished_piece_and_a_full_disk_are_fetched_again() -> None:
    pieces, budget = make(2, have=0b01)
    taker = joined(pieces, "a")
    pieces.lost(0)
    pieces.lost(1)
    check(pieces, budget, [taker])
    assert pieces.left == pieces.geometry.length
    blocks = pieces.pick(taker, 8, 0.0)
    feed(pieces, taker, blocks)
    pieces.unwritten(1, pieces.take_complete(1))
    check(pieces, budget, [taker])
    assert pieces.wanted == 0b10
    assert pieces.bytes_pending == 4 * BLOCK_SIZE


def test_have_messages_make_a_seed() -> None:
    pieces, budget = make(3)
    taker = joined(pieces, "a", 0)
    for piece in (0, 2, 2, 1):
        assert not taker.is_seed
        pieces.peer_has(taker, piece)
    assert taker.is_seed and pieces.availability.seeds == 1
    check(pieces, budget, [taker])
    for piece in (3, -1):
        with pytest.raises(PeerError):
            pieces.peer_has(taker, piece)
    pieces.peer_has_bits(taker, 0b1)
    assert not taker.is_seed
    check(pieces, budget, [taker])


def test_progress_is_shown() -> None:
    pieces, _ = make(2)
    taker = joined(pieces, "a", speed=1e9)
    blocks = pieces.pick(taker, 6, 0.0)
    feed(pieces, taker, blocks[:5])
    pieces.take_complete(blocks[0][0])
    fetching, hashing = pieces.in_progress()
    assert (hashing.piece, hashing.hashing, hashing.received) == (blocks[0][0], True, 0b1111)
    assert (fetching.received, fetching.asked, fetching.owner) == (0b01, 0b10, "a")


def test_peers_that_have_different_parts_are_enough_together() -> None:
    pieces, _ = make(30, 3)
    swarm = Swarm(pieces, random.Random(5))
    for n in range(5):
        swarm.add(n, bits.of(range(n, 30, 5)), 200e3)
    swarm.run(300.0)
    assert pieces.done and swarm.wasted == 0


def test_a_stalled_peer_does_not_hold_up_the_end() -> None:
    pieces, _ = make(20, 4)
    swarm = Swarm(pieces, random.Random(5))
    swarm.add("stalled", pieces.geometry.everything, 0.0, speed=1e6)
    swarm.add("quick", pieces.geometry.everything, 1e6)
    swarm.run(10.0)
    assert pieces.done and swarm.now < 5.0
