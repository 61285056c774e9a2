"""Speeds settle fast, never lie about totals and fall to nothing; the time left does not jump about."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest

from torrent.rates import Eta, Speed


def feed(speed: Speed, start: float, seconds: float, rate: float, step: float = 0.01) -> float:
    """Add `rate` bytes per second in steps; return the time after the last."""
    for i in range(1, round(seconds / step) + 1):
        speed.add(round(rate * step), start + i * step)
    return start + seconds


@pytest.mark.parametrize("rate", [1_000, 1_000_000, 900_000_000])
def test_a_steady_rate_is_right_from_the_first_second(rate: int) -> None:
    speed = Speed(100.0)
    now = 100.0
    for _ in range(20):
        now = feed(speed, now, 1.0, rate)
        assert speed.rate(now) == pytest.approx(rate, rel=0.03)
        assert speed.slow_rate(now) == pytest.approx(rate, rel=0.03)
    assert speed.total == rate * 20


def test_a_change_shows_quickly_to_people_and_slowly_to_the_choker() -> None:
    speed = Speed(0.0)
    now = feed(speed, 0.0, 100.0, 1000)
    now = feed(speed, now, 5.0, 100_000)
    assert speed.rate(now) == pytest.approx(100_000 * 0.632, rel=0.05)
    assert speed.slow_rate(now) == pytest.approx(100_000 * 0.221, rel=0.08)


def test_silence_fades_to_exactly_nothing() -> None:
    speed = Speed(0.0)
    now = feed(speed, 0.0, 30.0, 1_000_000)
    assert speed.rate(now + 5) == pytest.approx(368_000, rel=0.1)
    assert 0 < speed.rate(now + 30) < 10_000
    assert speed.rate(now + 60) == 0
    assert speed.slow_rate(now + 60) > 0
    assert speed.slow_rate(now + 200) == 0
    assert speed.total == 30_000_000


def test_it_does_not_matter_how_often_one_looks() -> None:
    often, seldom = Speed(0.0), Speed(0.0)
    rng = random.Random(9)
    now = 0.0
    for _ in range(4000):
        now += rng.random() * 0.01
        for speed in (often, seldom):
            speed.add(10_000, now)
        often.rate(now)
    often.rate(now + 4)
    assert seldom.rate(now + 8) == pytest.approx(often.rate(now + 8), rel=0.05)
    assert seldom.slow_rate(now + 8) == pytest.approx(often.slow_rate(now + 8), rel=0.05)


def test_a_burst_long_ago_is_not_spread_over_the_silence() -> None:
    speed = Speed(0.0)
    speed.add(1_000_000, 0.1)
    speed.add(1, 20.0)
    assert speed.rate(20.0) < 1_000_000 / 20


def test_the_first_bytes_show_before_the_first_folding() -> None:
    speed = Speed(0.0)
    assert speed.rate(0.1) == 0
    speed.add(1000, 0.1)
    assert speed.rate(0.2) == speed.slow_rate(0.2) == 2000


def test_idle_says_how_long_nothing_moved() -> None:
    speed = Speed(10.0)
    assert speed.idle(15.0) == pytest.approx(5.0, abs=0.5)
    speed.add(5, 16.0)
    assert speed.idle(16.0) == 0
    assert speed.idle(80.0) == pytest.approx(64.0, abs=0.5)


def test_eta_counts_down_second_by_second() -> None:
    eta, left, total, now = Eta(), 100_000_000, 0, 50.0
    shown: list[float] = []
    while left > 0:
        value = eta.update(total, left, now)
        if value is not None:
            shown.append(value)
        now += 0.5
        total += 500_000
        left -= 500_000
    assert shown[0] == pytest.approx(98, abs=1)
    steps = [before - after for before, after in pairwise(shown)]
    assert steps == pytest.approx([0.5] * len(steps))
    assert eta.update(total, 0, now) == 0


def test_eta_stays_calm_over_a_jumpy_rate() -> None:
    rng = random.Random(3)
    eta, total, left, now = Eta(), 0, 3_000_000_000, 0.0
    jumps, before = 0, None
    for i in range(1200):
        moved = rng.choice([0, 100_000, 500_000, 1_500_000])
        total += moved
        left -= moved
        now += 0.5
        value = eta.update(total, left, now)
        assert (value is None) == (i < 4)
        if value is not None and before is not None and abs(before - value - 0.5) > 1:
            jumps += 1
        before = value
    assert jumps < 60


def test_eta_gives_up_and_comes_back() -> None:
    eta = Eta()
    for second in range(60):
        eta.update(second * 1000, 1_000_000, second)
    assert eta.update(59_000, 1_000_000, 60.0) is not None
    for second in range(60, 1500):
        value = eta.update(59_000, 1_000_000, second)
    assert value is None
    for second in range(1500, 1600):
        value = eta.update(59_000 + (second - 1500) * 1000, 1_000_000, second)
    assert value == pytest.approx(1000, rel=0.3)


def test_eta_says_nothing_before_it_has_measured() -> None:
    eta = Eta()
    assert eta.update(0, 1000, 5.0) is None
    assert eta.update(0, 0, 5.0) == 0
    assert eta.update(100, 1000, 5.6) is None
