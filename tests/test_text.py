"""Text from the network cannot command a terminal."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from torrent.text import safe_text


@given(st.binary(max_size=200) | st.text(max_size=200))
def test_no_control_bidi_or_surrogate_character_survives(value: bytes | str) -> None:
    shown = safe_text(value)
    assert not any(unicodedata.category(char) in ("Cc", "Cs") for char in shown)
    assert not set(shown) & set(
        "\u200b\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff\u2028\u2029"
    )
    assert safe_text(shown) == shown
    shown.encode()


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("plain", "plain"),
        (b"\x1b[2Jx", "\ufffd[2Jx"),
        ("a\nb\r", "a\ufffdb\ufffd"),
        (b"\xff", "\ufffd"),
        ("naïve 日本 🎉", "naïve 日本 🎉"),
        ("\ud800", "\ufffd"),
        ("\x9b31m", "\ufffd31m"),
    ],
)
def test_examples(value: bytes | str, shown: str) -> None:
    assert safe_text(value) == shown


@given(st.text(max_size=60) | st.binary(max_size=60), st.integers(1, 20))
def test_the_limit_holds(value: str | bytes, limit: int) -> None:
    assert len(safe_text(value, limit)) <= limit


def test_what_was_cut_says_so() -> None:
    assert safe_text("abcdef", 4) == "abc…"
    assert safe_text(b"abcdef", 4) == "abc…"
    assert safe_text("abcd", 4) == "abcd"
