"""Does the UDP exchange follow BEP 15, and does it survive losses, liars and strangers?"""

from __future__ import annotations

import struct
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from torrent.errors import TrackerError
from torrent.terms import Address, InfoHash, PeerId
from torrent.tracker.announce import Announce, ScrapeReply, TrackerRefused
from torrent.tracker.udp import (
    ANNOUNCE,
    CONNECT,
    ERROR,
    FIRST_RETRY,
    MAX_CONNECTIONS,
    PROTOCOL_ID,
    SCRAPE,
    UdpCore,
    announce_body,
    parse_announce,
    parse_scrape,
    scrape_body,
)

HASH = InfoHash(b"h" * 20)
TRACKER = Address("8.8.8.8", 6969)
OTHER = Address("9.9.9.9", 6969)


def sent(core: UdpCore) -> list[tuple[int, int, int]]:
    """Return first word, action and transaction of what the core sends."""
    return [struct.unpack_from(">QII", data) for data, _ in core.datagrams_to_send()]


def connected(core: UdpCore, transaction: int, connection_id: int = 77) -> bytes:
    return struct.pack(">IIQ", CONNECT, transaction, connection_id)


def test_an_announce_packet_byte_by_byte() -> None:
    announce = Announce(HASH, PeerId(b"p" * 20), 6881, 1, 2, 3, "started", 50, 0xABCD, "1.2.3.4")
    body = announce_body(announce)
    assert len(body) == 98 - 16
    assert body[:40] == b"h" * 20 + b"p" * 20
    assert struct.unpack_from(">QQQIIIiH", body, 40) == (2, 3, 1, 2, 0x01020304, 0xABCD, 50, 6881)


def test_what_does_not_fit_is_bounded() -> None:
    announce = Announce(HASH, PeerId(b"p" * 20), 65535, 2**70, -4, 2**64, "", -1, 2**40 + 1, "2001:db8::1")
    assert struct.unpack_from(">QQQIIIiH", announce_body(announce), 40) == (0, 2**63 - 1, 2**63 - 1, 0, 0, 1, -1, 65535)
    assert announce_body(Announce(HASH, PeerId(b"p" * 20), 1, ip="not.an.ip"))[68:72] == bytes(4)


def test_url_data_travels_in_options() -> None:
    announce = Announce(HASH, PeerId(b"p" * 20), 1)
    assert announce_body(announce, "/dir?a=b&c=d")[82:] == b"\x02\x0c/dir?a=b&c=d"
    long = announce_body(announce, "/" + "x" * 299)[82:]
    assert long == b"\x02\xff/" + b"x" * 254 + b"\x02\x2d" + b"x" * 45


def test_events_have_the_numbers_of_the_bep() -> None:
    numbers = [
        struct.unpack_from(">I", announce_body(Announce(HASH, PeerId(b"p" * 20), 1, event=event)), 64)[0]
        for event in ("", "completed", "started", "stopped")
    ]
    assert numbers == [0, 1, 2, 3]


def test_replies_of_both_families() -> None:
    head = struct.pack(">III", 1800, 3, 7)
    reply = parse_announce(head + bytes((8, 8, 4, 4, 0, 80)) + b"torn", v6=False)
    assert (reply.peers, reply.interval, reply.leechers, reply.seeds) == ((Address("8.8.4.4", 80),), 1800, 3, 7)
    reply = parse_announce(head + bytes.fromhex("20010db8000000000000000000000001") + b"\x00\x50", v6=True)
    assert reply.peers == (Address("2001:db8::1", 80),)


@pytest.mark.parametrize("body", [b"", b"x", bytes(11)])
def test_short_replies_are_errors(body: bytes) -> None:
    with pytest.raises(TrackerError):
        parse_announce(body, v6=False)


@given(st.binary(max_size=300), st.booleans())
def test_garbage_replies(body: bytes, v6: bool) -> None:
    try:
        parse_announce(body, v6=v6)
    except TrackerError:
        pass
    parse_scrape(body, [HASH])


def test_scrape_replies_come_in_the_order_asked() -> None:
    other = InfoHash(b"o" * 20)
    body = struct.pack(">IIIIII", 1, 2, 3, 4, 5, 2**32 - 1)
    assert parse_scrape(body + b"torn", [HASH, other]) == {
        HASH: ScrapeReply(1, 2, 3),
        other: ScrapeReply(4, 5, 2**31 - 1),
    }
    assert parse_scrape(body[:12], [HASH, other]) == {HASH: ScrapeReply(1, 2, 3)}
    assert scrape_body([HASH, other]) == HASH + other


def test_connect_then_ask_then_done() -> None:
    core = UdpCore(Random(1))
    ticket = core.ask(TRACKER, ANNOUNCE, b"body", 0.0, 30.0)
    [(magic, action, transaction)] = sent(core)
    assert (magic, action) == (PROTOCOL_ID, CONNECT)
    core.receive(connected(core, transaction), TRACKER, 1.0)
    [(data, to)] = core.datagrams_to_send()
    connection, action, transaction = struct.unpack_from(">QII", data)
    assert (connection, action, data[16:], to) == (77, ANNOUNCE, b"body", TRACKER)
    core.receive(struct.pack(">II", ANNOUNCE, transaction) + b"reply", TRACKER, 2.0)
    assert core.results() == [(ticket, b"reply")]
    assert core.next_deadline() is None


def test_one_connect_serves_all_who_wait_and_is_good_for_a_minute() -> None:
    core = UdpCore(Random(1))
    for _ in range(5):
        core.ask(TRACKER, ANNOUNCE, b"", 0.0, 500.0)
    [(_, action, transaction)] = sent(core)
    assert action == CONNECT
    core.receive(connected(core, transaction), TRACKER, 1.0)
    assert [action for _, action, _ in sent(core)] == [ANNOUNCE] * 5
    core.ask(TRACKER, SCRAPE, b"", 60.9, 30.0)
    assert [action for _, action, _ in sent(core)] == [SCRAPE]
    core.ask(TRACKER, SCRAPE, b"", 61.0, 30.0)
    assert [action for _, action, _ in sent(core)] == [CONNECT]


def test_lost_packets_are_sent_again_ever_more_slowly() -> None:
    core = UdpCore(Random(1))
    ticket = core.ask(TRACKER, ANNOUNCE, b"", 0.0, 30.0)
    times: list[float] = []
    transactions = set()
    while True:
        now = core.next_deadline()
        for _, _, transaction in sent(core):
            transactions.add(transaction)
        if now is None:
            break
        times.append(now)
        core.tick(now)
    assert times == [3.0, 9.0, 21.0, 30.0]
    assert len(transactions) == 4
    [(done, error)] = core.results()
    assert done == ticket
    assert str(error) == "timed out"


def test_an_announce_under_a_fresh_id_is_repeated_as_it_is() -> None:
    core = UdpCore(Random(1))
    core.ask(TRACKER, ANNOUNCE, b"", 0.0, 30.0)
    [(_, _, transaction)] = sent(core)
    core.receive(connected(core, transaction), TRACKER, 0.5)
    sent(core)
    for wait in (FIRST_RETRY, 3 * FIRST_RETRY, 7 * FIRST_RETRY):
        assert core.next_deadline() == 0.5 + wait
        core.tick(0.5 + wait)
        assert [(first, action) for first, action, _ in sent(core)] == [(77, ANNOUNCE)]


def test_a_remembered_id_that_meets_silence_is_fetched_anew() -> None:
    core = remembering()
    core.ask(TRACKER, ANNOUNCE, b"", 10.0, 30.0)
    assert [action for _, action, _ in sent(core)] == [ANNOUNCE]
    core.tick(10.0 + FIRST_RETRY)
    assert [action for _, action, _ in sent(core)] == [CONNECT]


def test_a_remembered_id_that_is_refused_is_fetched_anew_once() -> None:
    core = remembering()
    core.ask(TRACKER, ANNOUNCE, b"", 10.0, 30.0)
    [(_, _, transaction)] = sent(core)
    core.receive(struct.pack(">II", ERROR, transaction) + b"Connection ID mismatch.\0", TRACKER, 10.1)
    [(_, action, transaction)] = sent(core)
    assert action == CONNECT
    core.receive(connected(core, transaction, 78), TRACKER, 10.2)
    [(connection, _, transaction)] = sent(core)
    assert connection == 78
    core.receive(struct.pack(">II", ERROR, transaction) + b"go away\0", TRACKER, 10.3)
    [(_, error)] = core.results()
    assert isinstance(error, TrackerRefused)
    assert str(error) == "go away"


def remembering() -> UdpCore:
    core = UdpCore(Random(1))
    core.ask(TRACKER, ANNOUNCE, b"", 0.0, 30.0)
    [(_, _, transaction)] = sent(core)
    core.receive(connected(core, transaction), TRACKER, 0.0)
    [(_, _, transaction)] = sent(core)
    core.receive(struct.pack(">II", ANNOUNCE, transaction), TRACKER, 0.0)
    core.results()
    return core


def test_an_error_instead_of_a_connection_ends_all_who_wait() -> None:
    core = UdpCore(Random(1))
    tickets = {core.ask(TRACKER, ANNOUNCE, b"", 0.0, 30.0) for _ in range(3)}
    [(_, _, transaction)] = sent(core)
    core.receive(struct.pack(">II", ERROR, transaction) + b"full", TRACKER, 0.1)
    results = core.results()
    assert {ticket for ticket, _ in results} == tickets
    assert all(str(error) == "full" for _, error in results)
    assert core.next_deadline() is None


def test_only_the_address_that_was_asked_may_answer_with_what_was_asked() -> None:
    core = UdpCore(Random(1))
    core.ask(TRACKER, ANNOUNCE, b"", 0.0, 30.0)
    [(_, _, transaction)] = sent(core)
    core.receive(connected(core, transaction), OTHER, 0.1)
    core.receive(connected(core, transaction), Address(TRACKER.host, 1), 0.1)
    core.receive(connected(core, transaction ^ 1), TRACKER, 0.1)
    core.receive(struct.pack(">IIQ", ANNOUNCE, transaction, 1), TRACKER, 0.1)
    core.receive(connected(core, transaction)[:15], TRACKER, 0.1)
    assert not core.datagrams_to_send()
    core.receive(connected(core, transaction), TRACKER, 0.1)
    [(_, _, asked)] = sent(core)
    core.receive(struct.pack(">II", ANNOUNCE, asked) + b"lie", OTHER, 0.2)
    core.receive(struct.pack(">II", SCRAPE, asked) + b"lie", TRACKER, 0.2)
    core.receive(struct.pack(">II", ANNOUNCE, asked ^ 1) + b"lie", TRACKER, 0.2)
    core.receive(connected(core, transaction, 666), TRACKER, 0.2)
    assert not core.results()
    core.receive(struct.pack(">II", ANNOUNCE, asked) + b"truth", TRACKER, 0.3)
    core.receive(struct.pack(">II", ANNOUNCE, asked) + b"twice", TRACKER, 0.3)
    assert [result for _, result in core.results()] == [b"truth"]


def test_a_cancelled_question_leaves_nothing_behind() -> None:
    core = UdpCore(Random(1))
    first, second = (core.ask(TRACKER, ANNOUNCE, b"", 0.0, 30.0) for _ in range(2))
    [(_, _, transaction)] = sent(core)
    core.cancel(first)
    core.receive(connected(core, transaction), TRACKER, 0.1)
    assert len(core.datagrams_to_send()) == 1
    core.cancel(second)
    core.tick(100.0)
    assert core.next_deadline() is None
    assert not core.results()
    assert not core._transactions


def test_remembered_addresses_are_bounded() -> None:
    core = UdpCore(Random(1))
    for n in range(3 * MAX_CONNECTIONS):
        core.cancel(core.ask(Address(f"8.8.{n >> 8}.{n & 255}", 1), ANNOUNCE, b"", float(n), 5.0))
    assert len(core._connections) <= MAX_CONNECTIONS + 1
    assert len(core._transactions) <= MAX_CONNECTIONS + 1


@given(st.lists(st.tuples(st.sampled_from("atrcx"), st.integers(0, 4), st.binary(max_size=24)), max_size=40))
def test_every_question_ends_exactly_once_whatever_happens(steps: list[tuple[str, int, bytes]]) -> None:
    core, now, open_tickets, wire = UdpCore(Random(1)), 0.0, set[int](), list[tuple[bytes, Address]]()
    for step, number, data in steps:
        now += number * 0.9
        if step == "a":
            open_tickets.add(core.ask((TRACKER, OTHER)[number % 2], (ANNOUNCE, SCRAPE)[number // 2 % 2], b"", now, 9.0))
        elif step == "t":
            core.tick(now)
        elif step == "x":
            core.receive(data, TRACKER, now)
        elif wire:
            out, to = wire.pop(number % len(wire))
            action, transaction = struct.unpack_from(">II", out, 8)
            answer = (action, ERROR, SCRAPE, action, action)[number]
            core.receive(struct.pack(">II", answer, transaction) + data, to, now)
        wire += core.datagrams_to_send()
        for ticket, _ in core.results():
            open_tickets.remove(ticket)
    core.tick(now + 10.0)
    core.tick(now + 20.0)
    for ticket, _ in core.results():
        open_tickets.remove(ticket)
    assert not open_tickets
    assert core.next_deadline() is None
