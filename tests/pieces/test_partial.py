from __future__ import annotations

from torrent.pieces.partial import PAD, Partial
from torrent.terms import BLOCK_SIZE


def partial(size: int) -> Partial:
    return Partial(3, 8, size, bytearray(b"\xff" * size), 0.0)


def test_a_new_piece_is_open() -> None:
    fresh = partial(2 * BLOCK_SIZE + 1)
    assert (fresh.count, fresh.tail, fresh.base, fresh.open_count, fresh.missing) == (3, 1, 24, 3, 3)
    assert [fresh.length(block) for block in range(3)] == [BLOCK_SIZE, BLOCK_SIZE, 1]


def test_a_whole_block_at_the_end_is_not_empty() -> None:
    assert partial(2 * BLOCK_SIZE).tail == BLOCK_SIZE


def test_pads_are_zero_and_sent_by_nobody() -> None:
    padded = partial(3 * BLOCK_SIZE + 5)
    padded.pad(range(2, 4))
    assert bytes(padded.buffer) == b"\xff" * 2 * BLOCK_SIZE + bytes(BLOCK_SIZE + 5)
    assert (padded.missing, padded.open_count) == (2, 2)
    assert padded.returned.pop() == 0
    padded.senders[0] = "a"
    padded.reset()
    assert padded.senders == [None, None, PAD, PAD]
    assert padded.returned == [1, 0]


def test_blocks_come_back_in_order() -> None:
    part = partial(4 * BLOCK_SIZE)
    part.next = 4
    for block in (2, 0, 3):
        part.reopen(block)
    assert part.is_open(2) and not part.is_open(1)
    part.close(2)
    part.close(1)
    assert [part.returned.pop() for _ in range(2)] == [0, 3]


def test_progress_shows_blocks_as_sets() -> None:
    part = partial(4 * BLOCK_SIZE)
    part.next = 3
    part.senders[1] = "a"
    part.reopen(2)
    view = part.progress(hashing=False)
    assert (view.received, view.asked, view.blocks, view.owner) == (0b0010, 0b0001, 4, None)
