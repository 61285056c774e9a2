"""Which addresses we believe, how they are read and written, and where we never fetch from."""

from __future__ import annotations

import ipaddress
import random

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from torrent import net
from torrent.errors import InputError, RemoteError
from torrent.net import Scope
from torrent.terms import Address

SCOPES = {
    Scope.GLOBAL: """1.1.1.1 8.8.8.8 100.63.255.255 100.128.0.1 169.253.0.1 172.15.0.1 172.32.0.1 192.0.1.1 192.167.0.1
        198.17.0.1 198.20.0.1 203.0.113.7 223.255.255.255 2001:4860:4860::8888 2a00::1 ::ffff:8.8.8.8
        2002:808:808::1 64:ff9b::808:808 2001:0:4136:e378:8000:63bf:f7f7:f7f7""",
    Scope.PRIVATE: """10.0.0.1 10.255.255.255 172.16.0.1 172.31.255.255 192.168.0.1 100.64.0.1 100.127.1.1 198.18.0.1
        fc00::1 fdff::1 fec0::1 ::ffff:10.0.0.1 2002:a00:1::1 64:ff9b::c0a8:1 64:ff9b:1::5""",
    Scope.LOOPBACK: "127.0.0.1 127.9.8.7 ::1 ::ffff:127.0.0.1 64:ff9b::7f00:1 2002:7f00:1::",
    Scope.UNUSABLE: """0.0.0.0 0.1.2.3 169.254.169.254 192.0.0.1 224.0.0.1 239.1.1.1 240.0.0.1 255.255.255.255
        :: fe80::1 ff02::1 ::5 ::8.8.8.8 ::ffff:0.0.0.0 ::ffff:169.254.169.254 64:ff9b::a9fe:a9fe 64:ff9b:0:1::808:808
        100::1 4000::1 2002:e000:1:: localhost example.org 1.2.3 1.2.3.4.5 1.2.3.256 01.2.3.4 1.2.3.4%eth0
        fe80::1%eth0 ::1%lo 0x7f.0.0.1 2130706433 [::1] 1.2.3.4: ٣.1.1.1 1.2.3.-4 :""",
}


@pytest.mark.parametrize(
    ("scope", "host"), [(scope, host) for scope, hosts in SCOPES.items() for host in hosts.split()]
)
def test_scopes(scope: Scope, host: str) -> None:
    assert net.scope_of(host) is scope
    assert net.is_global(host) is (scope is Scope.GLOBAL)
    assert net.is_private(host) is (scope is Scope.PRIVATE)
    assert net.is_loopback(host) is (scope is Scope.LOOPBACK)
    assert net.is_local(host) is (scope in (Scope.PRIVATE, Scope.LOOPBACK))
    assert net.is_usable_peer(host) is (scope is not Scope.UNUSABLE)


@given(st.ip_addresses(v=4))
def test_ipv4_scopes_are_never_laxer_than_the_standard_library(ip: ipaddress.IPv4Address) -> None:
    if net.is_global(str(ip)):
        documentation = any(
            ip in ipaddress.ip_network(n) for n in ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24")
        )
        assert ip.is_global or documentation
    if net.is_loopback(str(ip)):
        assert ip.is_loopback


@given(st.ip_addresses(v=6))
@example(ipaddress.IPv6Address("::1"))
def test_ipv6_scopes_are_never_laxer_than_the_standard_library(ip: ipaddress.IPv6Address) -> None:
    if net.is_global(str(ip)):
        assert not (ip.is_private and ip not in ipaddress.ip_network("2001::/16")) or ip.teredo or ip.sixtofour
        assert not ip.is_multicast and not ip.is_link_local and not ip.is_loopback and not ip.is_unspecified


@given(st.ip_addresses(v=6))
@example(ipaddress.IPv6Address("::"))
@example(ipaddress.IPv6Address("1:0:0:2:0:0:0:3"))
@example(ipaddress.IPv6Address("1:0:0:2:3:0:0:4"))
@example(ipaddress.IPv6Address("10:0:100:0:0:1000:0:0"))
@example(ipaddress.IPv6Address("0:0:1::"))
@example(ipaddress.IPv6Address("0:1:0:1:0:1:0:1"))
def test_ipv6_has_one_text(ip: ipaddress.IPv6Address) -> None:
    if ip.ipv4_mapped is None:
        assert net.canonical_ip(ip.exploded) == str(ip)
        assert net.canonical_ip(str(ip).upper()) == str(ip)


@given(st.lists(st.sampled_from([0, 0, 0, 1, 0x10, 0xFFFF]), min_size=8, max_size=8))
def test_ipv6_text_with_many_zeros(groups: list[int]) -> None:
    ip = ipaddress.IPv6Address(b"".join(group.to_bytes(2, "big") for group in groups))
    if ip.ipv4_mapped is None:
        assert net.canonical_ip(ip.exploded) == str(ip)


def test_mapped_ipv4_is_ipv4() -> None:
    assert net.canonical_ip("::ffff:1.2.3.4") == "1.2.3.4"
    assert net.canonical_ip("::FFFF:102:304") == "1.2.3.4"
    assert net.unpack_compact6(bytes(10) + b"\xff\xff\x01\x02\x03\x04\x1a\xe1") == [Address("1.2.3.4", 6881)]


@given(st.text(max_size=60))
def test_any_text_has_a_scope(text: str) -> None:
    assert (net.canonical_ip(text) is None) <= (net.scope_of(text) is Scope.UNUSABLE)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("1.2.3.4:6881", Address("1.2.3.4", 6881)),
        (" 1.2.3.4:1 ", Address("1.2.3.4", 1)),
        ("[2001:DB8:0::1]:65535", Address("2001:db8::1", 65535)),
        ("[::1]:6881", Address("::1", 6881)),
        ("[::ffff:9.8.7.6]:5", Address("9.8.7.6", 5)),
        ("localhost:80", Address("127.0.0.1", 80)),
        ("127.0.0.1:51413", Address("127.0.0.1", 51413)),
    ],
)
def test_addresses_are_read(text: str, address: Address) -> None:
    assert net.parse_address(text) == address
    assert net.parse_address(str(address)) == address


@pytest.mark.parametrize(
    "text",
    [
        "1.2.3.4",
        ":6881",
        "1.2.3.4:",
        "1.2.3.4:0",
        "1.2.3.4:65536",
        "1.2.3.4:+5",
        "1.2.3.4:٣",
        "1.2.3.4:1_0",
        "1.2.3.4:000080",
        "::1:6881",
        "2001:db8::1",
        "[::1]",
        "[::1]6881",
        "[1.2.3.4]:x",
        "[fe80::1%eth0]:5",
        "[fe80::1]:5",
        "224.0.0.1:5",
        "255.255.255.255:5",
        "0.0.0.0:5",
        "example.org:6881",
        "1.2.3:5",
        "a:b:c",
        "[example.org]:5",
        "\x1b[2J:5",
        "1.2.3.999:5",
    ],
)
def test_what_is_no_address_is_said_plainly(text: str) -> None:
    with pytest.raises(InputError) as caught:
        net.parse_address(text)
    assert str(caught.value).isprintable()


@given(st.text(max_size=40), st.booleans())
def test_parsing_raises_input_errors_only(text: str, names: bool) -> None:
    try:
        address = net.parse_address(text, names=names)
    except InputError as error:
        assert str(error).isprintable()
    else:
        assert 0 < address.port < 65536


def test_names_pass_only_when_asked_for() -> None:
    assert net.parse_address("Tracker.Example.org:80", names=True) == Address("tracker.example.org", 80)
    for text in (
        "1.2.3.4.5:80",
        "1.2.3:80",
        "0x7f.1:80",
        "-a.org:80",
        "a..b:80",
        "a b:80",
        "999.1.1.1:80",
        "2130706433:80",
    ):
        with pytest.raises(InputError):
            net.parse_address(text, names=True)


def test_compact_peers_are_read_and_the_hopeless_left_out() -> None:
    good = [Address("1.2.3.4", 6881), Address("10.0.0.7", 1), Address("127.0.0.1", 65535), Address("169.1.0.1", 5)]
    bad = b"".join(
        bytes(map(int, host.split("."))) + port.to_bytes(2, "big")
        for host, port in [
            ("1.2.3.4", 0),
            ("0.0.0.0", 5),
            ("224.0.0.1", 5),
            ("255.255.255.255", 5),
            ("169.254.169.254", 80),
        ]
    )
    assert net.unpack_compact4(bad + net.pack_compact4(good) + bad) == good
    assert net.unpack_compact4(b"") == []


def test_compact_ipv6_peers_are_read_and_the_hopeless_left_out() -> None:
    good = [Address("2001:db8::1", 6881), Address("::1", 1), Address("fd00::5", 65535)]
    bad = net.pack_compact6([Address("fe80::1", 5), Address("ff02::1", 5), Address("::", 5)]) + bytes(18)
    assert net.unpack_compact6(bad + net.pack_compact6(good) + bad) == good


@given(st.binary(max_size=200))
def test_any_bytes_are_peers_or_a_remote_error(data: bytes) -> None:
    for read in (net.unpack_compact4, net.unpack_compact6):
        size = 6 if read is net.unpack_compact4 else 18
        if len(data) % size:
            with pytest.raises(RemoteError):
                read(data)
            continue
        for address in read(memoryview(data)):
            assert net.unpack(net.pack(address)) == address
            assert address.port
            assert net.is_usable_peer(address.host)
            assert net.canonical_ip(address.host) == address.host


@given(st.binary(max_size=24))
def test_one_peer(data: bytes) -> None:
    if len(data) in (6, 18):
        address = net.unpack(data)
        assert address is None or 0 < address.port < 65536
    else:
        with pytest.raises(RemoteError):
            net.unpack(data)


def test_packing_sorts_the_families_apart() -> None:
    four, six = Address("1.2.3.4", 5), Address("2001:db8::1", 6)
    assert net.pack_compact4([six, four]) == b"\x01\x02\x03\x04\x00\x05" == net.pack(four)
    assert net.pack_compact6([six, four]) == net.pack(six)
    for address in (Address("example.org", 5), Address("1.2.3.4", 0), Address("1.2.3.4", 70000), Address("x::", 1)):
        with pytest.raises(ValueError):
            net.pack(address)


def test_a_tracker_on_the_internet_may_be_fetched() -> None:
    assert net.may_fetch(["1.1.1.1", "2606:4700::1111"], path="/anything")
    assert net.may_fetch(["1.1.1.1"], path="", origin_ips=["127.0.0.1"])


@pytest.mark.parametrize("ip", ["127.0.0.1", "::1", "192.168.1.1", "10.1.1.1", "fd00::1"])
def test_the_local_network_serves_announces_only(ip: str) -> None:
    assert net.may_fetch([ip], path="/announce")
    assert net.may_fetch([ip], path="/announce.php")
    assert net.may_fetch([ip], path="/scrape/abc")
    for path in (
        "",
        "/",
        "/admin",
        "/x/announce",
        "/announce/../admin",
        "/announce/%2e%2E/admin",
        "/announce%2f..%2fadmin",
        "/announce\\..\\admin",
        "/announce%5c..%5cadmin",
        "//announce",
    ):
        assert not net.may_fetch([ip], path=path), path


@pytest.mark.parametrize(
    "ip",
    [
        "169.254.169.254",
        "fe80::1",
        "0.0.0.0",
        "::",
        "224.0.0.1",
        "ff02::1",
        "255.255.255.255",
        "::ffff:169.254.169.254",
        "64:ff9b::a9fe:a9fe",
        "",
        "localhost",
        "0177.0.0.1",
    ],
)
def test_some_addresses_are_refused_always(ip: str) -> None:
    assert not net.may_fetch([ip], path="/announce")
    assert not net.may_fetch(["1.1.1.1", ip], path="/announce")


def test_a_host_with_an_inner_and_an_outer_address_counts_as_inner() -> None:
    assert not net.may_fetch(["1.1.1.1", "127.0.0.1"], path="/admin")
    assert net.why_not_fetch([], path="/announce") == "the host has no address"


@pytest.mark.parametrize(
    ("origin", "target", "allowed"),
    [
        ("1.1.1.1", "8.8.8.8", True),
        ("1.1.1.1", "192.168.0.1", False),
        ("1.1.1.1", "127.0.0.1", False),
        ("2606:4700::1111", "::1", False),
        ("192.168.0.1", "127.0.0.1", False),
        ("192.168.0.1", "10.0.0.1", True),
        ("127.0.0.1", "::1", True),
        ("127.0.0.1", "192.168.0.1", True),
        ("192.168.0.1", "1.1.1.1", True),
    ],
)
def test_redirects_never_lead_inwards(origin: str, target: str, allowed: bool) -> None:
    assert net.may_fetch([target], path="/announce", origin_ips=[origin]) is allowed


def test_a_redirect_from_a_host_we_know_nothing_of_counts_as_from_outside() -> None:
    assert not net.may_fetch(["127.0.0.1"], path="/announce", origin_ips=[])
    assert not net.may_fetch(["127.0.0.1"], path="/announce", origin_ips=["127.0.0.1", "1.1.1.1"])


def test_two_hundred_random_peers_survive_the_round_trip() -> None:
    rng = random.Random(23)
    peers = [
        Address(f"{rng.randrange(1, 100)}.{rng.randrange(256)}.0.{rng.randrange(256)}", rng.randrange(1, 65536))
        for _ in range(200)
    ]
    assert net.unpack_compact4(net.pack_compact4(peers)) == peers
