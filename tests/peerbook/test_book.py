"""Stories of addresses: who is believed, who is dialled when, and what a flood does not wash away."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from torrent.peerbook import SOURCES, PeerBook, peer_priority
from torrent.peerbook.book import LEASE, PORTS_PER_HOST
from torrent.terms import Address

A, B, C = Address("5.6.7.8", 6881), Address("9.10.11.12", 51413), Address("2001:db8::7", 6881)


def make(cap: int = 3000, seed: int = 1) -> PeerBook:
    return PeerBook(random.Random(seed), cap=cap)


def dial(book: PeerBook, now: float, n: int = 100, seeding: bool = False) -> list[Address]:
    return [address for address, _ in book.next_to_dial(now, n, seeding=seeding)]


def strangers(count: int, start: int = 0) -> list[Address]:
    return [Address(f"20.{i >> 16}.{i >> 8 & 255}.{i & 255}", 6881) for i in range(start, start + count)]


def test_an_address_is_noted_once_and_given_out_once() -> None:
    book = make()
    assert book.add([A, B, A], "tracker", 0.0) == 2
    assert book.add([A], "pex", 0.0) == 0
    assert len(book) == 2
    assert A in book
    assert set(book.next_to_dial(0.0, 10)) == {(A, "tracker"), (B, "tracker")}
    assert book.next_to_dial(1.0, 10) == []
    assert set(dial(book, LEASE)) == {A, B}, "whoever took them is not heard of: they are free again"


def test_only_as_many_as_asked_for() -> None:
    book = make()
    book.add(strangers(50), "tracker", 0.0)
    first = dial(book, 0.0, 20)
    assert len(first) == 20
    assert dial(book, 0.0, 0) == []
    assert len(set(first + dial(book, 0.0, 100))) == 50


@pytest.mark.parametrize(
    "address",
    [
        Address("5.6.7.8", 0),
        Address("5.6.7.8", 65536),
        Address("5.6.7.8", -1),
        Address("0.0.0.0", 1),
        Address("255.255.255.255", 1),
        Address("224.0.0.1", 1),
        Address("169.254.169.254", 80),
        Address("fe80::1", 1),
        Address("example.org", 1),
        Address("", 1),
        Address("::ffff:5.6.7.8", 1),
        Address("2001:DB8::7", 1),
    ],
)
def test_impossible_addresses_are_refused_from_everybody(address: Address) -> None:
    book = make()
    for source in SOURCES:
        assert book.add([address], source, 0.0, origin="127.0.0.1") == 0


def test_nobody_outside_names_addresses_inside() -> None:
    home, loop = Address("192.168.1.5", 6881), Address("127.0.0.1", 6881)
    for source in ("pex", "dht"):
        for origin, believed in (
            ("8.8.8.8", 0),
            ("", 0),
            ("2001:db8::1", 0),
            ("192.168.1.9", 1),
            ("127.0.0.3", 2),
            ("::1", 2),
        ):
            assert make().add([home, loop], source, 0.0, origin=origin) == believed, (source, origin)
    for source in ("user", "tracker", "lsd", "incoming", "resume"):
        assert make().add([home, loop], source, 0.0) == 2


def test_the_users_addresses_come_first_and_at_once() -> None:
    book = make()
    book.add(strangers(500), "tracker", 0.0)
    book.add([A], "pex", 0.0)
    book.add([A, B], "user", 0.0)
    assert set(book.next_to_dial(0.0, 2)) == {(A, "user"), (B, "user")}
    book.failed(A, 1.0, "refused")
    assert book.trouble(A) == "refused"
    assert A not in dial(book, 1.0, 1)
    book.add([A], "user", 1.0)
    assert dial(book, 1.0, 1) == [A]
    book.add([A, B], "user", 2.0)
    assert not {A, B} & set(dial(book, 2.0)), "they are being dialled"


def test_a_useful_connection_wipes_failures_out() -> None:
    book = make()
    book.add([A], "tracker", 0.0)
    for _ in range(6):
        book.failed(A, 0.0)
    book.connected(A, 1000.0)
    assert dial(book, 5000.0) == []
    book.left(A, 5001.0, useful=True)
    assert dial(book, 5002.0) == []
    assert dial(book, 5015.0) == [A]
    book.failed(A, 5016.0)
    assert dial(book, 5016.0 + 19) == [A]


def test_one_that_hangs_up_at_once_is_dialled_ever_less() -> None:
    book, now, dials = make(), 0.0, 0
    book.add([A], "tracker", now)
    while now < 3600:
        for address in dial(book, now):
            dials += 1
            book.connected(address, now)
            book.left(address, now + 1)
        now += 1
    assert 6 <= dials <= 10


def test_one_that_stayed_a_minute_was_of_use() -> None:
    book = make()
    book.add([A, B], "tracker", 0.0)
    for address in (A, B):
        book.connected(address, 0.0)
    book.left(A, 61.0)
    book.left(B, 1.0)
    assert book.worth_keeping(10) == [A]


def test_connected_peers_are_not_dialled_and_leaving_twice_is_harmless() -> None:
    book = make()
    book.add([A], "incoming", 0.0)
    book.connected(A, 0.0)
    book.connected(A, 500.0)
    book.failed(A, 600.0)
    assert dial(book, 1000.0) == []
    book.left(A, 1000.0)
    book.left(A, 1000.0)
    assert dial(book, 1014.0) == [A]
    book.connected(B, 0.0)
    book.left(B, 0.0)
    book.failed(B, 0.0)
    book.mark_seed(B)
    assert B not in book


def test_seeds_are_sought_while_leeching_and_left_alone_while_seeding() -> None:
    book = make()
    book.add(strangers(30), "tracker", 0.0)
    book.add([A], "tracker", 0.0)
    book.mark_seed(A)
    assert dial(book, 0.0, 1) == [A]
    book.failed(A, 0.0)
    assert A not in dial(book, 500.0, seeding=True)
    assert dial(book, 501.0) == [A]
    book.failed(A, 501.0)
    book.add([A], "user", 501.0)
    assert dial(book, 501.0, seeding=True) == [A]
    book.mark_seed(A, False)


def test_banned_hosts_are_forgotten_and_refused() -> None:
    book = make()
    book.add([A, A._replace(port=1), B, C], "tracker", 0.0)
    book.ban(A.host)
    book.ban(C.host)
    assert len(book) == 1
    assert book.add([A, C, Address("2001:db8::9", 5)], "user", 0.0) == 0
    assert book.is_banned(A._replace(port=77))
    assert not book.is_banned(B)


def test_on_loopback_one_address_is_banned_alone() -> None:
    liar, honest = Address("127.0.0.1", 1), Address("127.0.0.1", 2)
    book = make()
    book.add([liar, honest], "user", 0.0)
    book.ban_address(liar)
    assert dial(book, 0.0) == [honest]
    assert book.is_banned(liar)


def test_we_never_dial_ourselves() -> None:
    book = make()
    book.add([A, B], "tracker", 0.0)
    book.mark_self(A)
    assert book.add([A], "user", 0.0) == 0
    assert dial(book, 0.0) == [B]
    for i in range(1000):
        book.mark_self(Address("7.7.7.7", i + 1))
    assert dial(book, 500.0) == [B]


def test_a_host_has_a_few_ports_only_unless_it_is_near() -> None:
    book = make()
    assert book.add([Address("5.6.7.8", port) for port in range(1, 1000)], "pex", 0.0) == PORTS_PER_HOST
    assert book.add([Address(f"2001:db8::{i:x}", 5) for i in range(1, 1000)], "pex", 0.0) == PORTS_PER_HOST
    assert book.add([Address("5.6.7.8", 5000)], "user", 0.0) == 1
    assert book.add([Address("127.0.0.1", port) for port in range(1, 101)], "tracker", 0.0) == 100
    book.ban("5.6.7.8")
    assert len(book) == PORTS_PER_HOST + 100


def test_a_flood_washes_away_neither_the_good_nor_the_trusted() -> None:
    book = make(cap=1000)
    mine, useful, trusted = strangers(5), strangers(50, 100), strangers(300, 1000)
    book.add(mine, "user", 0.0)
    book.add(useful, "pex", 0.0)
    for address in useful[:25]:
        book.connected(address, 0.0)
    for address in useful[25:]:
        book.connected(address, 0.0)
        book.left(address, 1.0, useful=True)
    book.add(trusted, "tracker", 0.0)
    hopeless = strangers(200, 5000)
    book.add(hopeless, "tracker", 0.0)
    for address in hopeless:
        book.failed(address, 0.0)
    for i in range(400):
        book.add(strangers(50, 100_000 + 50 * i), "pex", 0.0)
        assert len(book) <= 1000
    for address in [*mine, *useful, *trusted]:
        assert address in book
    assert not any(address in book for address in hopeless)


def test_even_useful_ones_are_bounded() -> None:
    book = make(cap=100)
    for address in strangers(1000):
        book.add([address], "tracker", 0.0)
        book.connected(address, 0.0)
        book.left(address, 0.5, useful=True)
    assert len(book) <= 100


def test_canonical_priority_orders_the_dials_and_chooses_who_gives_way() -> None:
    ours = Address("123.213.32.10", 6881)
    spread = [Address(f"{i + 20}.{i * 5}.1.1", 6881) for i in range(40)]
    book = make()
    book.add(spread, "tracker", 0.0)
    assert book.to_drop_for(A, spread) is None, "our own address is unknown"
    book.set_external(Address("0.0.0.0", 1))
    book.set_external(ours)
    ranked = sorted(spread, key=lambda address: peer_priority(ours, address) or 0, reverse=True)
    assert dial(book, 0.0) == ranked
    assert book.to_drop_for(ranked[10], ranked[11:30]) == ranked[29]
    assert book.to_drop_for(ranked[10], ranked[:10]) is None
    book.add([ranked[29]], "user", 0.0)
    assert book.to_drop_for(ranked[10], ranked[11:30]) == ranked[28]
    assert book.to_drop_for(C, ranked) is None
    book.add(strangers(5, 1000), "tracker", 0.0)
    later = dial(book, 1.0)
    assert later == sorted(later, key=lambda address: peer_priority(ours, address) or 0, reverse=True)


def test_a_search_in_vain_is_not_repeated_before_something_can_be_found() -> None:
    book = make()
    assert book.next_deadline() == 0
    book.add([A, B], "tracker", 0.0)
    dial(book, 0.0)
    book.failed(A, 1.0)
    deadline = book.next_deadline()
    assert 1.0 < deadline < 20.0
    assert dial(book, deadline - 0.01) == []
    assert dial(book, deadline) == [A]
    book.add([C], "tracker", deadline)
    assert book.next_deadline() <= deadline
    assert dial(book, deadline) == [C]


@given(st.integers(0, 1 << 30))
def test_any_story_keeps_the_book_in_order(seed: int) -> None:
    rng = random.Random(seed)
    book = PeerBook(rng, cap=40)
    connected: set[Address] = set()
    banned: set[Address] = set()
    now = 0.0
    pool = strangers(80) + [Address("127.0.0.1", port) for port in range(1, 20)] + [Address("fe80::1", 1)]
    for _ in range(120):
        now += rng.random() * 60
        address = rng.choice(pool)
        step = rng.randrange(8)
        if step < 3:
            book.add(rng.sample(pool, 8), rng.choice(SOURCES[1:]), now, origin=rng.choice(["", "127.0.0.1"]))
        elif step == 3 and address in book:
            book.connected(address, now)
            connected.add(address)
        elif step == 4:
            book.left(address, now, useful=rng.random() < 0.5)
            connected.discard(address)
        elif step == 5:
            book.failed(address, now, "no")
        elif step == 6 and rng.random() < 0.2:
            book.ban_address(address)
            banned.add(address)
            connected.discard(address)
        else:
            n = rng.randrange(5)
            out = dial(book, now, n, seeding=rng.random() < 0.3)
            assert len(out) == len(set(out)) <= n
            assert not set(out) & (connected | banned)
        assert len(book) <= 40 + len(connected)
        assert not any(address in book for address in banned)
