"""Options: what is accepted, and that what is refused says what would have been accepted."""

from __future__ import annotations

from typing import Any

import click
import pytest

from torrent.cli import options
from torrent.terms import Address


def test_units() -> None:
    assert options.SIZE.convert("5M", None, None) == 5 << 20
    assert options.RATE.convert("40Mbit", None, None) == 5_000_000
    assert options.TIME.convert("1h30m", None, None) == 5400.0
    assert options.TIME.convert(3.0, None, None) == 3.0
    with pytest.raises(click.BadParameter, match="5M, 5MiB"):
        options.SIZE.convert("many", None, None)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("192.0.2.1:6881", Address("192.0.2.1", 6881)),
        ("[2001:db8::1]:1", Address("2001:db8::1", 1)),
        ("seed.example:80", Address("seed.example", 80)),
    ],
)
def test_addresses(text: str, address: Address) -> None:
    assert options.HOST_PORT.convert(text, None, None) == address


@pytest.mark.parametrize("text", ["", "1.2.3.4", "1.2.3.4:0", "1.2.3.4:99999", "::1:80", "a b:80", "x\x1b:1", ":80"])
def test_no_addresses(text: str) -> None:
    with pytest.raises(click.BadParameter) as caught:
        options.HOST_PORT.convert(text, None, None)
    assert "\x1b" not in caught.value.format_message()


def test_tiers() -> None:
    assert options.tiers(["a,b", "c", " , "]) == (("a", "b"), ("c",))
    assert options.tiers([]) == ()


def test_common_options_work_on_both_sides_of_the_command(cli: Any) -> None:
    assert cli("-v", "version").out == cli("version", "-v").out
    assert cli("version", "--color", "sometimes").code == 2
