"""Is the right tracker told the right thing at the right time?"""

from __future__ import annotations

import math
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from torrent.errors import TrackerError
from torrent.tracker.announce import AnnounceReply, TrackerRefused
from torrent.tracker.tiers import MAX_IN_FLIGHT, MAX_RETRY, USER_RETRY, Due, Tiers, _span

A, B, C, D = (f"http://{name}.example/announce" for name in "abcd")
OK = AnnounceReply(interval=1800, min_interval=900, seeds=5, leechers=2)
DOWN = TrackerError("timed out")


def asked(tiers: Tiers, now: float) -> list[tuple[str, str]]:
    return [(due.url, due.event) for due in tiers.due(now)]


def one(*urls: str, **more: bool) -> Tiers:
    """Make a tier whose order is the one given."""
    seed = next(n for n in range(1000) if shuffled(list(urls), n) == list(urls))
    return Tiers([urls], Random(seed), **more)


def shuffled(urls: list[str], seed: int) -> list[str]:
    Random(seed).shuffle(urls)
    return urls


def test_a_life_with_one_tracker() -> None:
    tiers = one(A)
    assert asked(tiers, 0) == [(A, "started")]
    assert asked(tiers, 1) == []
    tiers.answered(A, OK, 2)
    assert tiers.next_deadline() == 1802
    assert asked(tiers, 1801) == []
    assert asked(tiers, 1802) == [(A, "")]
    tiers.answered(A, OK, 1803)
    tiers.complete()
    assert asked(tiers, 1804) == [(A, "completed")]
    tiers.answered(A, OK, 1805)
    assert asked(tiers, 1806) == []
    assert asked(tiers, 4000) == [(A, "")]
    tiers.answered(A, OK, 4000)
    assert tiers.stop() == [Due(A, "stopped")]
    tiers.answered(A, OK, 4001)
    assert tiers.stop() == []
    assert asked(tiers, 99999) == []
    assert tiers.next_deadline() is None


def test_completed_is_never_said_of_a_torrent_that_was_complete() -> None:
    tiers = one(A, complete=True)
    tiers.due(0)
    tiers.answered(A, OK, 0)
    tiers.complete()
    assert asked(tiers, 1) == []


def test_started_comes_before_completed() -> None:
    tiers = one(A)
    tiers.due(0)
    tiers.complete()
    tiers.failed(A, DOWN, 1)
    assert asked(tiers, 100) == [(A, "started")]
    tiers.answered(A, OK, 101)
    assert asked(tiers, 101) == [(A, "completed")]
    tiers.failed(A, DOWN, 102)
    assert asked(tiers, 103) == []
    assert asked(tiers, 200) == [(A, "completed")]
    tiers.answered(A, OK, 200)
    assert asked(tiers, 201) == []


def test_the_next_of_a_tier_is_tried_at_once_and_who_answers_is_promoted() -> None:
    tiers = one(A, B, C)
    assert asked(tiers, 0) == [(A, "started")]
    tiers.failed(A, DOWN, 1)
    assert asked(tiers, 1) == [(B, "started")]
    tiers.failed(B, DOWN, 2)
    assert asked(tiers, 2) == [(C, "started")]
    tiers.answered(C, OK, 3)
    assert [view.url for view in tiers.views(3)] == [C, A, B]
    assert tiers.working == (C,)
    assert asked(tiers, 1800) == []
    assert asked(tiers, 1803) == [(C, "")]
    tiers.failed(C, DOWN, 1804)
    assert asked(tiers, 1804) == [(A, "started")]


def test_every_tier_is_announced_to_at_the_same_time() -> None:
    tiers = Tiers([[A], [B], [C]], Random(1))
    assert asked(tiers, 0) == [(A, "started"), (B, "started"), (C, "started")]
    tiers.answered(A, OK, 0)
    tiers.failed(B, DOWN, 0)
    tiers.answered(C, OK, 0)
    assert tiers.working == (A, C)


def test_a_private_torrent_keeps_to_one_tracker() -> None:
    tiers = Tiers([[A], [B]], Random(1), private=True)
    assert asked(tiers, 0) == [(A, "started")]
    tiers.failed(A, DOWN, 1)
    assert asked(tiers, 1) == [(B, "started")]
    tiers.answered(B, OK, 2)
    assert asked(tiers, 1000) == []
    assert asked(tiers, 1802) == [(A, "started")]
    tiers.answered(A, OK, 1803)
    assert tiers.working == (A,)
    assert [due.url for due in tiers.stop()] == [A, B]


def test_failures_back_off_to_an_hour() -> None:
    tiers = one(A)
    now, waits = 0.0, []
    for _ in range(12):
        assert asked(tiers, now) == [(A, "started")]
        wait = tiers.failed(A, DOWN, now)
        assert asked(tiers, now + wait * 0.99) == []
        assert tiers.next_deadline() == pytest.approx(now + wait)
        waits.append(wait)
        now += wait
    assert 30 <= waits[0] <= 37.5
    assert all(later >= earlier for earlier, later in pairwise(waits[:7]))
    assert MAX_RETRY / 1.25 <= waits[-1] <= MAX_RETRY


def test_one_success_forgets_all_failures() -> None:
    tiers = one(A)
    for now in (0, 1000, 3000):
        tiers.due(now)
        tiers.failed(A, DOWN, now)
    tiers.due(9000)
    tiers.answered(A, OK, 9000)
    tiers.due(12000)
    assert tiers.failed(A, DOWN, 12000) <= 37.5


def test_a_tracker_that_says_when_is_obeyed() -> None:
    tiers = one(A)
    tiers.due(0)
    assert tiers.failed(A, TrackerRefused("busy", retry_in=600), 0) == 600
    tiers.announce_now(100)
    assert asked(tiers, 599) == []
    assert asked(tiers, 600) == [(A, "started")]
    tiers.failed(A, TrackerRefused("not a tracker", retry_in=math.inf), 600)
    assert tiers.announce_now(700) is None
    assert asked(tiers, 10**9) == []
    assert tiers.views(700)[0].status == "not a tracker, never asked again"


def test_the_user_may_hurry_within_the_minimum() -> None:
    tiers = one(A)
    tiers.due(0)
    tiers.answered(A, OK, 0)
    assert tiers.announce_now(100) == 900
    assert asked(tiers, 899) == []
    assert asked(tiers, 900) == [(A, "")]
    tiers.failed(A, DOWN, 901)
    tiers.announce_now(902)
    assert asked(tiers, 901 + USER_RETRY - 1) == []
    assert asked(tiers, 901 + USER_RETRY) == [(A, "")]


def test_a_tracker_that_was_left_and_comes_back_is_within_its_minimum_too() -> None:
    tiers = one(A, B)
    tiers.due(0)
    tiers.answered(A, OK, 0)
    tiers.due(1800)
    tiers.failed(A, DOWN, 1800)
    tiers.due(1800)
    tiers.answered(B, OK, 1801)
    tiers.announce_now(1900)
    assert asked(tiers, 1900) == [(A, "")]
    tiers.failed(A, DOWN, 1901)
    assert asked(tiers, 1902) == []
    assert tiers.next_deadline() is not None


def test_the_last_words_reach_whoever_may_know_us() -> None:
    tiers = Tiers([[A], [B], [C], [D]], Random(1))
    tiers.due(0)
    tiers.answered(A, AnnounceReply(tracker_id=b"id"), 1)
    tiers.failed(B, DOWN, 1)
    tiers.answered(D, OK, 1)
    tiers.due(1900)
    tiers.failed(D, DOWN, 1901)
    tiers.failed(B, DOWN, 1901)
    assert {(due.url, due.tracker_id) for due in tiers.stop()} == {(A, b"id"), (C, b""), (D, b"")}


def test_after_a_pause_it_starts_anew() -> None:
    tiers = one(A)
    tiers.due(0)
    tiers.answered(A, OK, 0)
    tiers.stop()
    tiers.answered(A, OK, 1)
    tiers.start(complete=True)
    assert asked(tiers, 2) == [(A, "started")]
    tiers.answered(A, OK, 2)
    tiers.complete()
    assert asked(tiers, 3) == []


def test_news_about_strangers_and_the_past_is_ignored() -> None:
    tiers = one(A)
    tiers.answered(A, OK, 0)
    tiers.answered(B, OK, 0)
    assert tiers.failed(B, DOWN, 0) == math.inf
    assert asked(tiers, 0) == [(A, "started")]


def test_the_tracker_id_is_given_back() -> None:
    tiers = one(A)
    tiers.due(0)
    tiers.answered(A, AnnounceReply(tracker_id=b"id"), 0)
    [due] = tiers.due(1800)
    assert due.tracker_id == b"id"
    tiers.answered(A, AnnounceReply(), 1800)
    assert tiers.due(3600)[0].tracker_id == b"id"


def test_hundreds_of_tiers_do_not_all_speak_at_once() -> None:
    tiers = Tiers([[f"http://t{n}.example/announce"] for n in range(300)], Random(1))
    first = tiers.due(0)
    assert len(first) == MAX_IN_FLIGHT
    assert tiers.due(0) == []
    assert tiers.next_deadline() is None
    tiers.failed(first[0].url, DOWN, 1)
    assert len(tiers.due(1)) == 1


def test_what_cannot_be_asked_is_shown_and_left_alone() -> None:
    tiers = Tiers([["wss://x.example/announce", A], [A, "wss://x.example/announce"]], Random(1))
    assert asked(tiers, 0) == [(A, "started")]
    assert tiers.urls == ("wss://x.example/announce", A)
    [view] = [view for view in tiers.views(0) if view.url.startswith("wss")]
    assert view.status == "wss is not a kind of tracker this program can ask"
    assert view.next_announce is None


def test_views_speak_plainly() -> None:
    tiers = one(A, B)
    assert [view.status for view in tiers.views(0)] == ["not asked yet"] * 2
    tiers.due(0)
    assert tiers.views(0)[0].status == "asking"
    tiers.answered(A, AnnounceReply(interval=1800, seeds=5, leechers=2, warning="moving soon"), 0)
    view = tiers.views(100)[0]
    assert (view.tier, view.status, view.seeds, view.leechers) == (0, "working", 5, 2)
    assert (view.next_announce, view.message) == (1700, "moving soon")
    tiers.due(1800)
    wait = tiers.failed(A, TrackerError("timed \x1bout"), 1800)
    view = tiers.views(1800)[0]
    assert view.status == f"timed \ufffdout, retry in {_span(wait)} (fail x1)"
    assert view.message == "timed \ufffdout"


def test_spans() -> None:
    assert [_span(s) for s in (0, 8.2, 60, 314, 3720)] == ["0s", "9s", "1m00s", "5m14s", "1h02m"]


def test_trackers_come_and_go() -> None:
    tiers = one(A, B)
    tiers.due(0)
    tiers.remove(A)
    assert asked(tiers, 0) == [(B, "started")]
    tiers.answered(A, OK, 0)
    tiers.add_tier([B, C])
    assert asked(tiers, 0) == [(C, "started")]
    tiers.remove("http://unknown.example/")
    assert tiers.urls == (B, C)


@given(
    st.lists(st.tuples(st.sampled_from("wgfcnsS"), st.integers(0, 3), st.floats(0, 2000)), max_size=60),
    st.booleans(),
)
def test_promises_hold_whatever_happens(steps: list[tuple[str, int, float]], private: bool) -> None:
    """At most one announce per tier, `started` first, `completed` once, the minimum interval kept."""
    tiers = Tiers([[A, B], [C, D]], Random(2), private=private)
    now = 0.0
    flying: dict[str, str] = {}
    started: set[str] = set()
    told: set[str] = set()
    last: dict[str, float] = {}
    for step, number, wait in steps:
        url = (A, B, C, D)[number]
        if step == "w":
            now += wait
        elif step == "g" and url in flying:
            tiers.answered(url, OK, now)
            event, last[url] = flying.pop(url), now
            started.add(url)
            if event == "completed":
                assert url not in told
                told.add(url)
        elif step == "f" and url in flying:
            assert tiers.failed(url, DOWN, now) > 0
            flying.pop(url)
        elif step == "c":
            tiers.complete()
        elif step == "n":
            tiers.announce_now(now)
        elif step == "s":
            assert {due.url for due in tiers.stop()} >= set(flying) | started
            flying.clear()
        elif step == "S":
            tiers.stop()
            tiers.start(complete=False)
            flying.clear()
            started.clear()
            told.clear()
        for due in tiers.due(now):
            assert due.url not in flying
            assert (due.event == "started") == (due.url not in started)
            if due.event == "":
                assert now >= last[due.url] + OK.min_interval
            flying[due.url] = due.event
        assert len(flying) <= (1 if private else 2)
        deadline = tiers.next_deadline()
        assert deadline is None or deadline > now
