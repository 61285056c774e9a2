from __future__ import annotations

from torrent.pieces.taker import MAX_LAPSED, Taker


def test_a_peer_that_never_answers_costs_no_memory() -> None:
    taker = Taker("a")
    for key in range(MAX_LAPSED + 100):
        taker.remember(key)
    assert len(taker.lapsed) == MAX_LAPSED
    assert 0 not in taker.lapsed
    assert MAX_LAPSED + 99 in taker.lapsed


def test_a_name_may_be_anything_hashable() -> None:
    assert Taker(("127.0.0.1", 1), speed=3.0).speed == 3.0
