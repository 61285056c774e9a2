from __future__ import annotations

from torrent.pieces import blame as rooms
from torrent.pieces.blame import Blame
from torrent.pieces.partial import PAD
from torrent.terms import BLOCK_SIZE

GOOD = bytearray(b"g" * 4 * BLOCK_SIZE)


def spoiled(*blocks: int) -> bytearray:
    data = bytearray(GOOD)
    for block in blocks:
        data[block * BLOCK_SIZE + 7] ^= 1
    return data


def test_a_sole_sender_is_convicted_at_once() -> None:
    blame = Blame()
    assert blame.failed(5, spoiled(1), ["a"] * 4) == ["a"]
    assert blame.parole == 0


def test_of_several_the_one_whose_block_differs_is_convicted() -> None:
    blame = Blame()
    assert blame.failed(5, spoiled(1, 2), ["a", "b", "c", "a"]) == []
    assert blame.parole == 1 << 5
    assert blame.is_suspect(5, "a") and blame.is_exclusive(5)
    assert blame.is_suspected("a") and not blame.is_suspected("d")
    assert not blame.is_suspect(5, "d") and not blame.is_suspect(4, "a")
    assert sorted(blame.verified(5, GOOD)) == ["b", "c"]
    assert not blame.is_suspected("a")
    assert blame.parole == 0
    assert blame.verified(5, GOOD) == []


def test_several_rounds_are_remembered() -> None:
    blame = Blame()
    blame.failed(0, spoiled(0), ["a", "b", "b", "b"])
    blame.failed(0, spoiled(3), ["c", "c", "c", "d"])
    assert all(blame.is_suspected(name) for name in "abcd")
    assert sorted(blame.verified(0, GOOD)) == ["a", "d"]
    assert not any(blame.is_suspected(name) for name in "abcd")


def test_a_round_with_one_sender_convicts_it_and_keeps_the_case() -> None:
    blame = Blame()
    blame.failed(0, spoiled(0), ["a", "b", "b", "b"])
    assert blame.failed(0, spoiled(2), ["c"] * 4) == ["c"]
    assert blame.verified(0, GOOD) == ["a"]


def test_nobody_is_convicted_for_pads() -> None:
    blame = Blame()
    assert blame.failed(0, spoiled(3), ["a", "a", "a", PAD]) == []
    assert blame.verified(0, GOOD) == []


def test_a_sole_source_that_fails_to_deliver_loses_its_privilege() -> None:
    blame = Blame()
    blame.failed(0, spoiled(0), ["a", "b", "b", "b"])
    for _ in range(3):
        assert blame.is_exclusive(0)
        blame.give_up(0)
    assert not blame.is_exclusive(0)
    blame.give_up(99)


def test_waiting_for_a_better_source_ends() -> None:
    blame = Blame()
    assert not blame.may_wait(0, 100.0)
    blame.failed(0, spoiled(0), ["a", "b", "b", "b"])
    assert blame.may_wait(0, 100.0)
    assert blame.may_wait(0, 109.0)
    assert not blame.may_wait(0, 111.0)


def test_memory_is_bounded(monkeypatch) -> None:
    monkeypatch.setattr(rooms, "_MAX_BLOCKS", 40)
    blame = Blame()
    for piece in range(30):
        blame.failed(piece, spoiled(0), ["a", "b", "b", "b"])
    assert blame.parole.bit_count() == 10
    assert blame.verified(0, GOOD) == []
    assert blame.verified(29, GOOD) == ["a"]
    for _ in range(20):
        blame.failed(28, spoiled(0), ["a", "b", "b", "b"])
    assert blame.parole >> 28 & 1
