from __future__ import annotations

import pytest

from tests.pieces.swarm import Budget
from torrent.pieces import Geometry
from torrent.pieces.board import HAVE, IN_PROGRESS, SKIPPED, WANTED, Board
from torrent.pieces.taker import Taker
from torrent.terms import BLOCK_SIZE


def make(count: int = 4, have: int = 0, priorities: list[int] | None = None, most: int = 1 << 60) -> Board:
    return Board(Geometry(count * 2 * BLOCK_SIZE, 2 * BLOCK_SIZE), have, priorities, Budget(most), {})


def test_every_piece_starts_in_its_set() -> None:
    board = make(4, 0b1001, [0, 1, 0, 5])
    assert list(board.state) == [HAVE, WANTED, SKIPPED, HAVE]
    assert (board.wanted, board.missing, board.left) == (0b10, 0b10, 2 * BLOCK_SIZE)
    assert board.levels == [0b1000, 0b0010]


def test_pieces_beyond_the_last_cannot_be_had() -> None:
    for have in (0b10000, -1):
        with pytest.raises(ValueError):
            make(4, have)


def test_a_piece_goes_through_the_sets() -> None:
    board = make()
    assert board.open(2, 0.0) is not None
    assert (board.state[2], board.wanted, board.missing) == (IN_PROGRESS, 0b1011, 0b1111)
    with pytest.raises(ValueError):
        board.hash(2)
    board.open(2, 0.0)


def test_without_a_buffer_nothing_is_opened() -> None:
    board = make(most=1)
    assert board.open(0, 0.0) is not None
    assert board.open(1, 0.0) is None
    assert board.state[1] == WANTED


def test_open_blocks_are_listed_by_owner() -> None:
    board = make()
    partial = board.open(1, 0.0)
    assert partial is not None
    board.reflag(partial)
    assert (board.shared, board.owned) == (0b10, 0)
    a, b = Taker("a"), Taker("b")
    board.set_owner(partial, a)
    assert (board.shared, board.owned, list(a.mine)) == (0, 0b10, [1])
    board.set_owner(partial, b)
    assert (list(a.mine), list(b.mine), board.owned) == ([], [1], 0b10)
    partial.next = 2
    board.reflag(partial)
    assert (board.shared, board.owned, list(b.mine)) == (0, 0, [])
    partial.reopen(0)
    board.reflag(partial)
    assert (board.owned, list(b.mine)) == (0b10, [1])
    board.discard(partial)
    assert (board.shared, board.owned, list(b.mine), board.state[1]) == (0, 0, [], WANTED)
    assert not board.partials


def test_a_hash_failure_puts_the_piece_back() -> None:
    board = make(2, 0, [1, 1])
    partial = board.open(0, 0.0)
    assert partial is not None
    partial.senders[:] = ["a", "b"]
    partial.missing = 0
    epoch = board.epoch
    assert board.failed(0, board.hash(0)) == []
    assert (board.state[0], board.blame.parole, board.hashing) == (WANTED, 1, {})
    assert board.epoch > epoch, "pools made before do not know of the parole"


def test_lost_is_only_for_what_was_had() -> None:
    board = make(2, 0b11, [0, 1])
    board.lost(0)
    board.lost(1)
    board.lost(1)
    assert list(board.state) == [SKIPPED, WANTED]
    assert (board.have, board.have_count, board.bytes_have, board.missing) == (0, 0, 0, 0b10)
