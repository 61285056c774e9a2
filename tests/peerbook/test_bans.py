"""Who is banned stays out, and takes nobody along who did nothing."""

from __future__ import annotations

from torrent.peerbook import Bans, subscriber
from torrent.peerbook.bans import MOST
from torrent.terms import Address


def test_a_host_is_banned_with_all_its_ports() -> None:
    bans = Bans()
    assert Address("1.2.3.4", 5) not in bans
    bans.add_host("1.2.3.4")
    assert Address("1.2.3.4", 5) in bans
    assert Address("1.2.3.4", 6) in bans
    assert Address("1.2.3.5", 5) not in bans


def test_one_address_can_be_banned_alone() -> None:
    bans = Bans()
    bans.add_address(Address("127.0.0.1", 5))
    assert Address("127.0.0.1", 5) in bans
    assert Address("127.0.0.1", 6) not in bans


def test_an_ipv6_host_is_banned_with_its_network() -> None:
    bans = Bans()
    bans.add_host("2001:db8:1:2::1")
    assert Address("2001:db8:1:2:aaaa::9", 77) in bans
    assert Address("2001:db8:1:3::1", 77) not in bans


def test_what_is_no_address_is_not_banned_and_breaks_nothing() -> None:
    bans = Bans()
    bans.add_host("1.2.3.4")
    for host in ("", "example.org", "fe80::1%eth0", ":::", "a:b"):
        assert Address(host, 1) not in bans
        assert subscriber(host) == host


def test_bans_are_bounded_and_the_oldest_goes() -> None:
    bans = Bans()
    for i in range(MOST + 5):
        bans.add_host(f"1.{i >> 16}.{i >> 8 & 255}.{i & 255}")
    assert len(bans) == MOST
    assert Address("1.0.0.4", 1) not in bans
    assert Address("1.0.0.5", 1) in bans
