"""Both ends of a connection compute the same priority, with the numbers of BEP 40."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from torrent.peerbook.priority import crc32c, peer_priority
from torrent.terms import Address


def test_crc32c_is_castagnoli() -> None:
    assert crc32c(b"") == 0
    assert crc32c(b"123456789") == 0xE3069283  # the check value in every table of CRCs
    assert crc32c(bytes(32)) == 0x8A9136AA  # RFC 3720, B.4
    assert crc32c(b"\xff" * 32) == 0x62A8AB43


def test_the_examples_of_the_proposal() -> None:
    ours = Address("123.213.32.10", 6881)
    assert peer_priority(ours, Address("98.76.54.32", 6881)) == 0xEC2D7224
    assert peer_priority(ours, Address("123.213.32.234", 6881)) == 0x99568189


def test_the_masks() -> None:
    ours = Address("123.213.32.10", 1)
    assert peer_priority(ours, Address("123.213.7.9", 1)) == crc32c(bytes.fromhex("7bd507017bd52000"))
    assert peer_priority(ours, ours._replace(port=2)) == crc32c(b"\0\1\0\2")
    six = Address("2001:db8:1:2ff:ffff::1", 1)
    base, same = "20010db800010055", "20010db8000102"
    assert peer_priority(six, Address("2001:db9::", 1)) == crc32c(
        bytes.fromhex(base + "5555000000000001") + bytes.fromhex("20010db900000000") + bytes(8)
    )
    assert peer_priority(six, Address("2001:db8:1:3ff::", 1)) == crc32c(
        bytes.fromhex(same + "55" + "5555000000000001") + bytes.fromhex("20010db800010355") + bytes(8)
    )


@given(st.ip_addresses(v=4), st.ip_addresses(v=4), st.integers(1, 65535), st.integers(1, 65535))
def test_both_ends_agree(a: object, b: object, port_a: int, port_b: int) -> None:
    here, there = Address(str(a), port_a), Address(str(b), port_b)
    assert peer_priority(here, there) == peer_priority(there, here)


@given(st.ip_addresses(v=6), st.ip_addresses(v=6))
def test_both_ends_agree_in_ipv6(a: object, b: object) -> None:
    here, there = Address(str(a), 1), Address(str(b), 2)
    assert peer_priority(here, there) == peer_priority(there, here)
    assert peer_priority(here, Address("1.2.3.4", 5)) is None


def test_only_literal_addresses() -> None:
    with pytest.raises(ValueError):
        peer_priority(Address("1.2.3.4", 5), Address("example.org", 5))
