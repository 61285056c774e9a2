"""How long an address waits after it failed, and what makes up for it."""

from __future__ import annotations

import random

import pytest

from torrent.peerbook.entry import LONGEST_WAIT, PROOF, REDIAL, SOURCES, USERS_LONGEST_WAIT, Entry
from torrent.terms import Address


def make(source: str = "tracker") -> Entry:
    return Entry(Address("5.6.7.8", 6881), source, 0)


def waits(entry: Entry, count: int) -> list[float]:
    """Fail `count` times with middling luck; return how long each wait is."""
    found = []
    for now in range(count):
        entry.fail(now, 0.5)
        found.append(entry.retry_at - now)
    return found


def test_each_failure_doubles_the_wait_up_to_an_hour() -> None:
    found = waits(make(), 30)
    assert found[:9] == [15, 30, 60, 120, 240, 480, 960, 1920, LONGEST_WAIT]
    assert set(found[8:]) == {LONGEST_WAIT}


def test_what_the_user_named_is_tried_again_within_a_minute() -> None:
    found = waits(make("user"), 30)
    assert found[:5] == [2, 4, 8, 16, 32]
    assert set(found[5:]) == {USERS_LONGEST_WAIT}


def test_luck_spreads_the_wait_by_a_quarter_either_way() -> None:
    early, late = make(), make()
    early.fail(0.0, 0.0)
    late.fail(0.0, 1.0)
    assert (early.retry_at, late.retry_at) == (15 * 0.75, 15 * 1.25)


@pytest.mark.parametrize(("lasted", "useful"), [(0.1, True), (PROOF, False), (PROOF * 2, True)])
def test_a_connection_of_use_wipes_failures_out(lasted: float, useful: bool) -> None:
    entry = make()
    waits(entry, 5)
    entry.connect(100.0)
    entry.leave(100.0 + lasted, 0.5, useful=useful)
    assert (entry.failures, entry.was_useful) == (0, True)
    assert entry.retry_at == 100 + lasted + REDIAL


def test_a_connection_of_no_use_is_one_more_failure() -> None:
    entry = make()
    waits(entry, 2)
    entry.connect(100.0)
    entry.leave(101.0, 0.5, useful=False)
    assert (entry.failures, entry.was_useful) == (3, False)
    assert entry.retry_at == 161


def test_the_order_of_dialling() -> None:
    users, useful, seed, plain, ranked, failed = (make("user" if i == 0 else SOURCES[-1]) for i in range(6))
    useful.was_useful = seed.is_seed = True
    ranked.rank = 5
    failed.fail(0.0, 0.5)
    failed.was_useful = True
    users.fail(0.0, 0.5)
    expected = [users, useful, seed, plain, ranked, failed]
    mixed = random.Random(1).sample(expected, 6)
    assert mixed != expected == sorted(mixed, key=Entry.dial_order)
