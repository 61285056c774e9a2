"""A limit is kept within 5 % whatever the rate, the gulps and the timer, and nobody spins while waiting."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from torrent.ratelimit import UNLIMITED, WAKE, Chain, TokenBucket

KIB = 1024


def pump(limit: TokenBucket | Chain, start: float, seconds: float, gulp: int, lag: float = 0.0) -> tuple[int, int]:
    """Move gulps as fast as `limit` lets us; return the bytes moved and how often we slept. `lag` is a late timer."""
    now, moved, sleeps = start, 0, 0
    while now < start + seconds:
        if limit.available(now) > 0:
            limit.take(gulp, now)
            moved += gulp
            now += gulp / 4e9
        else:
            now += limit.delay(now) + lag
            sleeps += 1
    return moved, sleeps


@pytest.mark.parametrize("rate", [10_000, 100_000, 1_000_000, 30_000_000, 1_000_000_000])
@pytest.mark.parametrize("gulp", [1460, 16 * KIB, 256 * KIB])
@pytest.mark.parametrize("lag", [0.0, 0.004])
def test_the_rate_is_kept_within_five_percent(rate: int, gulp: int, lag: float) -> None:
    seconds = max(8.0, 40 * gulp / rate) if rate < 1e8 else 8.0
    if rate / gulp * seconds > 200_000:
        seconds = 200_000 * gulp / rate
    bucket = TokenBucket(rate)
    bucket.take(bucket.available(100.0), 100.0)
    moved, sleeps = pump(bucket, 100.0, seconds, gulp, lag)
    assert moved == pytest.approx(rate * seconds, rel=0.05)
    assert sleeps <= seconds / WAKE + 1


def test_a_rested_bucket_gives_a_quarter_of_a_second_at_once() -> None:
    bucket = TokenBucket(1_000_000)
    assert bucket.available(1000.0) == 250_000
    bucket.take(250_000, 1000.0)
    assert bucket.available(1000.0) == 0
    assert bucket.available(5000.0) == 250_000


def test_a_debt_is_paid_before_anybody_moves_again() -> None:
    bucket = TokenBucket(10_000)
    bucket.take(bucket.available(1.0), 1.0)
    bucket.take(256 * KIB, 1.0)
    assert bucket.available(20.0) == 0
    wait = bucket.delay(20.0)
    assert wait == pytest.approx(26.2144 - 19, abs=0.1)
    assert bucket.available(20.0 + wait) > 0


@given(
    st.floats(1, 2e9), st.lists(st.tuples(st.integers(1, 1 << 18), st.floats(0, 5)), max_size=30), st.floats(1e3, 1e6)
)
def test_after_the_delay_bytes_may_move(rate: float, steps: list[tuple[int, float]], now: float) -> None:
    bucket = TokenBucket(rate)
    for n, pause in steps:
        now += pause
        bucket.take(n, now)
        wait = bucket.delay(now)
        assert (wait == 0) == (bucket.available(now) > 0)
        now += wait
        assert bucket.available(now) > 0


def test_no_limit_is_no_limit() -> None:
    bucket = TokenBucket()
    bucket.take(1 << 50, 1.0)
    assert bucket.available(1.0) == UNLIMITED
    assert bucket.delay(1.0) == 0
    assert not bucket.is_limited
    assert not Chain(bucket, TokenBucket(0)).is_limited


@pytest.mark.parametrize(("before", "after"), [(1e9, 1e4), (1e4, 1e9), (5e4, 5e6), (0, 1e5), (1e6, 2e6)])
def test_a_new_rate_holds_at_once(before: float, after: float) -> None:
    bucket = TokenBucket(before)
    if before:
        pump(bucket, 50.0, 2.0, 16 * KIB)
    else:
        bucket.take(1 << 40, 52.0)
    bucket.set_rate(after, 52.0)
    assert bucket.rate == after
    seconds = max(2.0, 40 * 16 * KIB / after)
    moved, _ = pump(bucket, 52.0, seconds, 16 * KIB)
    assert moved == pytest.approx(after * seconds, rel=0.05)


def test_raising_a_low_limit_does_not_leave_its_debt_in_seconds() -> None:
    bucket = TokenBucket(10_000)
    bucket.take(256 * KIB, 1.0)
    bucket.set_rate(100e6, 1.0)
    assert bucket.delay(1.0) < 0.1


def test_lifting_a_limit_lifts_the_debt() -> None:
    bucket = TokenBucket(10)
    bucket.take(1 << 20, 1.0)
    bucket.set_rate(0, 1.0)
    assert bucket.available(1.0) == UNLIMITED
    bucket.set_rate(1000, 1.0)
    assert bucket.delay(1.0) < 0.1


def test_a_clock_that_goes_back_changes_nothing() -> None:
    bucket = TokenBucket(1000)
    bucket.take(bucket.available(100.0), 100.0)
    assert bucket.available(50.0) == 0
    assert bucket.available(100.1) in (99, 100)


def test_a_chain_is_as_tight_as_its_tightest() -> None:
    whole, one = TokenBucket(100_000), TokenBucket(20_000)
    chain = Chain(whole, one, TokenBucket(0))
    assert chain.is_limited
    moved, _ = pump(chain, 10.0, 40.0, 4 * KIB)
    assert moved == pytest.approx(20_000 * 40, rel=0.05)
    assert whole.available(50.0) > 0
    assert chain.available(50.0) == one.available(50.0)
    one.take(100_000, 50.0)
    assert chain.delay(50.0) == one.delay(50.0) > 0


def test_two_torrents_share_the_limit_of_the_program() -> None:
    rng = random.Random(5)
    whole = TokenBucket(1_000_000)
    chains = [Chain(whole, TokenBucket(0)), Chain(whole, TokenBucket(300_000))]
    moved = [0, 0]
    now = 10.0
    while now < 30.0:
        order = rng.sample((0, 1), 2)
        for which in order:
            if chains[which].available(now) > 0:
                chains[which].take(16 * KIB, now)
                moved[which] += 16 * KIB
        now += 0.001
    assert sum(moved) == pytest.approx(20e6, rel=0.05)
    assert moved[1] <= 300_000 * 20 * 1.05


def test_an_empty_chain_lets_everything_pass() -> None:
    assert Chain().available(1.0) == UNLIMITED
    assert Chain().delay(1.0) == 0
