"""Does the budget hold, and does asking stop when it is spent?"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from torrent.storage import Buffers


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
        assert buffers.out == sum(map(len, out))
        assert buffers.out + kept <= 100
