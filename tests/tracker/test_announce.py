"""Are a tracker's words kept within bounds?"""

from __future__ import annotations

import math

import pytest

from torrent.terms import Address, InfoHash, PeerId
from torrent.tracker.announce import (
    MAX_PEERS,
    Announce,
    bounded_peers,
    clamped_count,
    clamped_interval,
    refusal,
)


@pytest.mark.parametrize(
    ("asked", "kept"),
    [(0, 60), (-5, 60), (1, 60), (60, 60), (1800, 1800), (10**30, 86400), (None, 1800), (b"900", 1800)],
)
def test_intervals_stay_between_a_minute_and_a_day(asked: object, kept: float) -> None:
    assert clamped_interval(asked) == kept


@pytest.mark.parametrize(("sent", "kept"), [(3, 3), (-1, None), (b"3", None), (None, None), (2**80, 2**31 - 1)])
def test_counts_that_cannot_be_are_not_believed(sent: object, kept: int | None) -> None:
    assert clamped_count(sent) == kept


def test_a_flood_of_peers_is_cut_and_duplicates_are_dropped() -> None:
    flood = (Address(f"8.{n >> 8 & 255}.{n & 255}.1", 1 + n % 7) for n in range(100_000))
    assert len(bounded_peers(flood)) == MAX_PEERS
    assert bounded_peers([Address("8.8.8.8", 1)] * 3) == (Address("8.8.8.8", 1),)


def test_addresses_no_peer_can_have_are_dropped() -> None:
    nobody = [("0.0.0.0", 1), ("224.0.0.1", 1), ("255.255.255.255", 1), ("169.254.169.254", 80), ("8.8.8.8", 0)]
    assert bounded_peers(Address(*one) for one in nobody) == ()


@pytest.mark.parametrize(
    ("retry_in", "seconds"),
    [
        (None, 0),
        (b"5", 300),
        (5, 300),
        (b"never", math.inf),
        (b"x", 0),
        (-3, 0),
        (10**20, 86400),
        (b"9" * 9, 86400),
        (b"9" * 500, 0),
        ([], 0),
        ("²".encode(), 0),
    ],
)
def test_retry_in_is_minutes_or_never(retry_in: object, seconds: float) -> None:
    assert refusal(b"busy", retry_in).retry_in == seconds


def test_a_refusal_is_one_safe_line() -> None:
    assert str(refusal(b"no\x1b[31m\nroom\0")) == "no\ufffd[31m\ufffdroom"
    assert len(str(refusal(b"x" * 10_000))) <= 200
    assert str(refusal(17)) == "the tracker gave no reason"


def test_an_announce_checks_what_we_wrote_ourselves() -> None:
    with pytest.raises(ValueError, match="20 bytes"):
        Announce(InfoHash(b"short"), PeerId(bytes(20)), 1)
    with pytest.raises(ValueError, match="event"):
        Announce(InfoHash(bytes(20)), PeerId(bytes(20)), 1, event="paused")
