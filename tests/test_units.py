"""Units: what people write is read as they mean it, and what is shown never lies."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from torrent import units
from torrent.errors import InputError


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0", 0),
        ("none", 0),
        ("512", 512),
        ("5M", 5 << 20),
        ("5MiB", 5 << 20),
        ("5Mi", 5 << 20),
        ("5MB", 5_000_000),
        ("1.5g", 3 << 29),
        (" 64 KiB ", 64 << 10),
        (".5k", 512),
        ("7b", 7),
    ],
)
def test_sizes(text: str, size: int) -> None:
    assert units.parse_size(text) == size


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("5M", 5 << 20),
        ("5MB/s", 5_000_000),
        ("40Mbit", 5_000_000),
        ("800kbps", 100_000),
        ("none", 0),
        ("1MiB/s", 1 << 20),
    ],
)
def test_rates(text: str, rate: int) -> None:
    assert units.parse_rate(text) == rate


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90s", 90),
        ("10m", 600),
        ("1h30m", 5400),
        ("2d", 172800),
        ("45", 45),
        ("0", 0),
        ("1h 5s", 3605),
        ("250ms", 0.25),
    ],
)
def test_times(text: str, seconds: float) -> None:
    assert units.parse_time(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "x", "-5", "5X", "5 M M", "1e9", "5Mbit", "9" * 400, "\x1b[31m", "1/s/s", "99999999E"]
)
def test_bad_sizes(text: str) -> None:
    with pytest.raises(InputError) as caught:
        units.parse_size(text)
    assert "\x1b" not in str(caught.value)


@pytest.mark.parametrize("text", ["", "h", "10 10", "5m5", "-1s", "1w", "1d1d1d1d1d"])
def test_bad_times(text: str) -> None:
    with pytest.raises(InputError):
        units.parse_time(text)


def test_goals() -> None:
    assert units.parse_goal("30m") == (1800.0, 0.0)
    assert units.parse_goal("1.5") == (0.0, 1.5)
    assert units.parse_goal("2") == (0.0, 2.0)
    with pytest.raises(InputError):
        units.parse_goal("soon")


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "0.98 KiB"),
        (1024, "1 KiB"),
        (1536, "1.5 KiB"),
        (320_864_256, "306 MiB"),
        (2_673_868_800, "2.49 GiB"),
        (1024**2 - 1, "1 MiB"),
        (-5, "0 B"),
    ],
)
def test_shown_sizes(size: int, text: str) -> None:
    assert units.format_size(size) == text
    assert units.format_rate(size) == text + "/s"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0s"),
        (59.4, "59s"),
        (59.6, "1m00s"),
        (245, "4m05s"),
        (11520, "3h12m"),
        (187200, "2d04h"),
        (None, "∞"),
        (9e9, "∞"),
    ],
)
def test_shown_times(seconds: float | None, text: str) -> None:
    assert units.format_time(seconds) == text


def test_a_percentage_is_never_rounded_up_to_all() -> None:
    assert units.format_percent(999_999, 1_000_000) == "99.9%"
    assert units.format_percent(5, 5) == "100%"
    assert units.format_percent(0, 0) == "100%"
    assert units.format_percent(0, 7) == "0.0%"


def test_the_rest() -> None:
    assert units.format_compact(12_900_000) == "12.3M"
    assert units.format_ratio(0.054) == "0.05"
    assert units.format_ratio(float("inf")) == "∞"
    assert units.format_elapsed(3.21) == "3.2s"
    assert units.format_elapsed(372.1) == "6m12s"


@given(st.integers(0, 2**62))
def test_shown_sizes_are_close_and_short(size: int) -> None:
    text = units.format_size(size)
    assert len(text) <= 9
    assert abs(units.parse_size(text) - size) <= size * 0.01 + 1


@given(st.text(max_size=20))
def test_nothing_but_input_errors(text: str) -> None:
    for parse in (units.parse_size, units.parse_rate, units.parse_time, units.parse_goal):
        try:
            parse(text)
        except InputError:
            continue
