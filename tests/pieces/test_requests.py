from __future__ import annotations

from tests.pieces.swarm import Budget
from torrent.pieces import Geometry, Received
from torrent.pieces.board import Board
from torrent.pieces.partial import Partial
from torrent.pieces.requests import Requests
from torrent.pieces.taker import Taker
from torrent.terms import BLOCK_SIZE, Block

LENGTH = 4 * BLOCK_SIZE - 9


def make() -> tuple[Board, Requests, Partial, Taker, Taker]:
    board = Board(Geometry(LENGTH, 4 * BLOCK_SIZE), 0, None, Budget(), {})
    requests = Requests(board)
    a, b = Taker("a"), Taker("b")
    requests.takers.update({a: None, b: None})
    partial = board.open(0, 0.0)
    assert partial is not None
    board.reflag(partial)
    return board, requests, partial, a, b


def test_asking_in_parts_asks_every_block_once() -> None:
    board, requests, partial, a, _ = make()
    out: list[tuple[int, int, int]] = []
    assert [requests.ask(a, partial, n, 1.0, out) for n in (1, 2, 5, 5)] == [1, 2, 1, 0]
    assert out == [(0, n * BLOCK_SIZE, BLOCK_SIZE) for n in range(3)] + [(0, 3 * BLOCK_SIZE, BLOCK_SIZE - 9)]
    assert a.inflight == {0: 1.0, 1: 1.0, 2: 1.0, 3: 1.0}
    assert board.shared == 0


def test_blocks_given_back_come_first() -> None:
    board, requests, partial, a, b = make()
    requests.ask(a, partial, 3, 1.0, [])
    requests.drop(a, [2, 0])
    assert board.shared == 1 and list(a.lapsed) == [2, 0]
    out: list[tuple[int, int, int]] = []
    requests.ask(b, partial, 9, 2.0, out)
    assert [begin // BLOCK_SIZE for _, begin, _ in out] == [0, 2, 3]


def test_a_duplicate_given_back_stays_with_the_other() -> None:
    board, requests, partial, a, b = make()
    requests.ask(a, partial, 4, 1.0, [])
    b.inflight[1] = 2.0
    requests.duplicates[1] = [a, b]
    requests.drop(a, [1])
    assert requests.duplicates == {} and board.shared == 0 and 1 in b.inflight
    requests.drop(b, [1])
    assert board.shared == 1 and partial.returned == [1]


def test_the_first_copy_cancels_the_others() -> None:
    _, requests, partial, a, b = make()
    requests.ask(a, partial, 4, 1.0, [])
    b.inflight[3] = 2.0
    requests.duplicates[3] = [a, b]
    requests.settle(b, partial, 3)
    assert requests.cancels == [(a, 0, 3 * BLOCK_SIZE, BLOCK_SIZE - 9)]
    assert 3 not in a.inflight and 3 in a.lapsed and 3 in b.inflight


def test_an_exclusive_piece_starts_over_with_another_source() -> None:
    board, requests, partial, a, b = make()
    board.blame.failed(0, bytearray(LENGTH), ["a", "b", "a", "b"])
    partial.exclusive = True
    board.set_owner(partial, a)
    requests.ask(a, partial, 3, 1.0, [])
    del a.inflight[0]
    partial.senders[0] = "a"
    partial.missing -= 1
    requests.disown(b)
    assert partial.owner is a
    requests.disown(a)
    assert (partial.owner, partial.missing, partial.open_count, a.inflight) == (None, 4, 4, {})
    assert len(requests.cancels) == 2 and board.shared == 1
    assert requests.late(a, 1, 1, memoryview(bytes(BLOCK_SIZE))) is Received.DUPLICATE
    for _ in range(2):
        assert partial.exclusive
        board.set_owner(partial, b)
        requests.disown(b)
    assert not partial.exclusive


def test_late_blocks() -> None:
    board, requests, partial, a, b = make()
    data = memoryview(b"x" * BLOCK_SIZE)
    requests.ask(a, partial, 3, 1.0, [])
    assert requests.late(b, 0, 0, data) is Received.UNREQUESTED
    requests.drop(a, [0, 1, 2])
    requests.ask(b, partial, 1, 1.0, [])
    assert requests.late(a, 0, 0, data) is Received.STORED
    assert requests.cancels == [(b, 0, 0, BLOCK_SIZE)] and b.inflight == {}
    assert requests.late(a, 0, 0, data) is Received.UNREQUESTED
    assert requests.late(a, 1, 1, data) is Received.STORED
    assert partial.returned == [2] and partial.missing == 2
    partial.next = 2
    partial.returned = []
    assert requests.late(a, 2, 2, data) is Received.DUPLICATE, "asked of an earlier life of the piece"
    assert bytes(partial.buffer[: 2 * BLOCK_SIZE]) == b"x" * 2 * BLOCK_SIZE
    assert board.state[0] == 2


def test_what_a_liar_gave_is_fetched_again() -> None:
    board, requests, partial, a, b = make()
    requests.ask(a, partial, 4, 1.0, [])
    a.inflight.clear()
    partial.senders[:] = ["a", "b", "a", None]
    partial.missing = 1
    b.inflight[3] = 1.0
    requests.distrust([])
    assert partial.missing == 1
    requests.distrust(["a"])
    assert partial.senders == [None, "b", None, None]
    assert (partial.missing, partial.open_count, board.shared) == (3, 2, 1)


def test_a_rejecting_owner_owns_no_more() -> None:
    board, requests, partial, a, b = make()
    board.set_owner(partial, a)
    requests.ask(a, partial, 2, 1.0, [])
    assert requests.rejected(a, 1)
    assert partial.owner is None and board.shared == 1
    assert not requests.rejected(b, 0)
    requests.drop(a, [0])
    assert requests.rejected(a, 0), "a cancelled request may be rejected"
    assert not requests.rejected(a, 0)


def test_blocks_are_named_with_their_length() -> None:
    requests = make()[1]
    assert requests.blocks([3]) == [Block(0, 3 * BLOCK_SIZE, BLOCK_SIZE - 9)]
