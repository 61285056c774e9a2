"""Does the budget hold, does asking stop when it is spent, and does everybody have a turn?"""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from torrent.storage import Buffers
from torrent.storage.buffers import IDLE, LOOK_SECONDS, PATIENCE, Account


def test_buffers_are_recycled_by_size():
    buffers = Buffers(100)
    first = buffers.take(40)
    buffers.give(first)
    assert buffers.take(40) is first
    assert len(buffers.take(30)) == 30


def test_a_spent_budget_says_none_until_something_comes_back():
    buffers = Buffers(100)
    first, second = buffers.take(50), buffers.take(50)
    assert buffers.take(1) is None
    buffers.give(second)
    assert buffers.take(50) is second
    assert first is not second


def test_one_piece_larger_than_the_budget_is_allowed_alone():
    buffers = Buffers(100)
    big = buffers.take(1000)
    assert big is not None and buffers.take(1) is None
    buffers.give(big)
    assert buffers.take(1000) is not None


def test_giving_back_twice_is_a_bug_that_shows():
    buffers = Buffers(100)
    mine = buffers.take(10)
    buffers.give(mine)
    with pytest.raises(ValueError):
        buffers.give(mine)
    account, other = buffers.account(), buffers.account()
    mine = account.take(10, 0.0)
    with pytest.raises(ValueError):
        other.give(mine)


def test_when_nothing_is_out_next_to_nothing_is_kept():
    buffers = Buffers(100 * IDLE)
    taken = [buffers.take(10 * IDLE) for _ in range(10)]
    for buffer in taken[1:]:
        buffers.give(buffer)
    assert buffers.kept == 90 * IDLE
    buffers.give(taken[0])
    assert buffers.kept == 0
    buffers.give(buffers.take(IDLE))
    assert buffers.kept == IDLE


@given(st.lists(st.one_of(st.sampled_from([8, 16, 40]), st.none()), max_size=60))
def test_memory_stays_in_the_budget(steps):
    buffers, out = Buffers(100), []
    for size in steps:
        if size is None:
            if out:
                buffers.give(out.pop(0))
        elif (taken := buffers.take(size)) is not None:
            assert all(taken is not other for other in out)
            out.append(taken)
        kept = sum(len(b) for each in buffers._kept.values() for b in each)
        assert kept == buffers.kept and buffers.out == sum(map(len, out))
        assert buffers.out + kept <= 100


class Torrent:
    """One that always wants another piece of `size`, fetches what it has at one pace, and counts what it finished."""

    def __init__(self, buffers: Buffers, size: int, telling: bool) -> None:
        self.account = buffers.account()
        self.size = size
        self.out: list[bytearray] = []
        self.done = 0
        self.credit = 0
        self.told = False
        if telling:
            self.account.on_room = self.hear

    def hear(self) -> None:
        self.told = True

    def fill(self, now: float) -> None:
        while (taken := self.account.take(self.size, now)) is not None:
            self.out.append(taken)

    def work(self, pace: int, now: float) -> None:
        self.credit = self.credit + pace if self.out else 0
        while self.out and self.credit >= self.size:
            self.credit -= self.size
            self.done += self.size
            self.account.give(self.out.pop(0))
            self.fill(now)


def compete(budget: int, sizes: list[int], *, telling: bool = True, rounds: int = 4000, seed: int = 1) -> list[int]:
    """Let torrents that want memory for ever run side by side; return the bytes each finished."""
    rng, buffers, now = random.Random(seed), Buffers(budget), 0.0
    torrents = [Torrent(buffers, size, telling) for size in sizes]
    for step in range(rounds):
        now += 0.01
        order = rng.sample(torrents, len(torrents))
        for torrent in order:
            torrent.work(8, now)
        for torrent in order:
            if torrent.told or step % 100 == 0:
                torrent.told = False
                torrent.fill(now)
        assert buffers.out <= max(budget, *sizes)
        assert buffers.out == sum(torrent.account.out for torrent in torrents)
    return [torrent.done for torrent in torrents]


@pytest.mark.parametrize("telling", [True, False])
@pytest.mark.parametrize(
    ("budget", "sizes"),
    [
        (96, [1, 1]),
        (96, [16, 16]),
        (96, [1, 16]),
        (32, [64, 64]),
        (32, [64, 1]),
        (32, [32, 1, 1]),
        (64, [16] * 9),
        (64, [100, 16, 4, 1]),
    ],
)
def test_no_torrent_starves_another(budget, sizes, telling):
    done = compete(budget, sizes, telling=telling)
    assert min(done) > 0.1 * max(done), done
    if telling and len(set(sizes)) == 1:
        assert min(done) > 0.6 * max(done), done


def test_where_others_are_told_of_room_memory_does_not_lie_idle():
    alone = compete(32, [64])[0]
    both = compete(32, [64, 64])
    assert sum(both) > 0.45 * alone, "a turn changes hands at once, not with the next tick"


def test_who_comes_late_is_served_while_another_is_busy():
    buffers = Buffers(100)
    first, second = Torrent(buffers, 10, True), Torrent(buffers, 10, True)
    first.fill(0.0)
    second.fill(0.0)
    assert (len(first.out), len(second.out)) == (10, 0)
    for _ in range(20):
        first.work(10, 0.1)
        second.fill(0.1)
    assert (len(first.out), len(second.out)) == (5, 5)


def test_who_stops_asking_loses_its_place():
    buffers = Buffers(100)
    first, gone = Torrent(buffers, 10, False), Torrent(buffers, 10, False)
    first.fill(0.0)
    gone.fill(0.0)
    for _ in range(3):
        first.work(10, 0.1)
    assert len(first.out) < 10 and gone.account in buffers.waiting
    first.fill(0.1 + PATIENCE)
    assert len(first.out) == 10 and gone.account not in buffers.waiting
    del gone
    for buffer in first.out:
        first.account.give(buffer)
    buffers.waiting.clear()
    assert not buffers.holders, "an account that holds nothing is known to nobody"


class Hoard:
    """An account that gives up one buffer each time it is asked, if it is told to."""

    def __init__(self, buffers: Buffers, sizes: list[int]) -> None:
        self.account: Account = buffers.account()
        self.out = [self.account.take(size, 0.0) for size in sizes]
        self.asked: list[tuple[float, int]] = []
        self.stuck = True
        self.account.give_up = self.give_up

    def give_up(self, now: float, pace: int) -> bool:
        self.asked.append((now, pace))
        if not self.stuck or not self.out:
            return False
        self.account.give(self.out.pop())
        return True


def test_stuck_memory_goes_to_who_needs_it():
    buffers = Buffers(100)
    hoard, other = Hoard(buffers, [40, 40, 20]), buffers.account()
    hoard.stuck = False
    assert other.take(30, 1.0) is None and hoard.asked == [(1.0, 0)]
    hoard.stuck = True
    assert other.take(30, 1.0 + LOOK_SECONDS / 2) is None, "nobody is asked all the time"
    assert other.take(30, 1.0 + LOOK_SECONDS / 2, 1) is not None, "but by each pace"
    assert hoard.asked[1:] == [(1.0 + LOOK_SECONDS / 2, 1)] * 2, "as many as it takes"
    assert len(hoard.out) == 1


def test_who_is_slow_gets_nothing_of_the_second_half():
    buffers = Buffers(100)
    account = buffers.account()
    assert [account.take(30, 0.0, -1) is None for _ in range(2)] == [False, True]
    assert [account.take(30, 0.0) is None for _ in range(3)] == [False, False, True]
    big = Buffers(10)
    assert big.account().take(30, 0.0, -1) is not None, "one piece is always allowed"


def test_who_has_half_of_the_budget_takes_stuck_memory_only_from_itself():
    buffers = Buffers(100)
    rich, hoard = Hoard(buffers, [30, 30]), Hoard(buffers, [30])
    assert rich.account.take(30, 5.0) is not None
    assert hoard.asked == [] and len(rich.out) == 1


@settings(max_examples=50)
@given(st.integers(0, 1 << 32))
def test_whatever_is_asked_the_books_are_right(seed):
    rng = random.Random(seed)
    buffers, now = Buffers(100), 0.0
    hoards = [Hoard(buffers, []) for _ in range(4)]
    for _ in range(120):
        now += rng.choice([0.0, 0.1, 2.0, 10.0])
        one = rng.choice(hoards)
        one.stuck = rng.random() < 0.3
        if one.out and rng.random() < 0.5:
            one.account.give(one.out.pop())
        elif (taken := one.account.take(rng.choice([5, 30, 300]), now, rng.choice([-1, 0, 1]))) is not None:
            one.out.append(taken)
        assert [sum(map(len, each.out)) for each in hoards] == [each.account.out for each in hoards]
        assert buffers.out == sum(each.account.out for each in hoards)
        assert set(buffers.holders) == {each.account for each in hoards if each.out}
        assert buffers.out <= 100 or sum(len(each.out) for each in hoards) == 1
