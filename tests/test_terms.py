"""The shared words."""

from __future__ import annotations

import pytest

from torrent.terms import BLOCK_SIZE, Address, Block


@pytest.mark.parametrize(
    ("address", "text"),
    [(Address("127.0.0.1", 6881), "127.0.0.1:6881"), (Address("::1", 80), "[::1]:80"), (Address("h", 1), "h:1")],
)
def test_an_address_prints_so_that_it_can_be_read_back(address: Address, text: str) -> None:
    assert str(address) == text


def test_addresses_and_blocks_are_values() -> None:
    assert {Address("a", 1): 1}[Address("a", 1)] == 1
    assert Block(1, 0, BLOCK_SIZE) == (1, 0, 16384)
