"""The arithmetic of the emulated link: delay, rate, queue, loss, and packets that stand for many segments."""

from __future__ import annotations

import math
import random
import struct

import pytest

from bench.link_lane import HEADER, Lane, cut, ones_sum, shape

MSS = 1000
HEADERS = 20 + 32
TCP_SEGMENTS = 1


def packet(payload: bytes, *, size: int = MSS, flags: int = 0x18, sequence: int = 7000) -> bytes:
    """A packet as a TUN device hands it over: checksum of the pseudo header only, to be completed by the device."""
    tcp = bytearray(struct.pack(">HHIIBBHHH", 1, 2, sequence, 9, 8 << 4, flags, 500, 0, 0) + bytes(12))
    ends = bytes((10, 0, 0, 1, 10, 0, 0, 2))
    struct.pack_into(">H", tcp, 16, ones_sum(ends + struct.pack(">HH", 6, len(tcp) + len(payload))))
    ip = bytearray(struct.pack(">BBHHHBBH", 0x45, 0, HEADERS + len(payload), 0xFFFE, 0, 64, 6, 0) + ends)
    struct.pack_into(">H", ip, 10, ~ones_sum(ip) & 0xFFFF)
    many = len(payload) > size
    return HEADER.pack(1, TCP_SEGMENTS if many else 0, HEADERS, size if many else 0, 20, 16) + ip + tcp + payload


def lane(*, rate: float = 1e6, delay: float = 0.025, loss: float = 0.0, room: int = 10**9, seed: int = 1) -> Lane:
    return Lane(rate, delay, loss, room, random.Random(seed))


def everything(one: Lane) -> list[bytes]:
    return one.due(math.inf)


def payload_of(data: bytes) -> bytes:
    return data[HEADER.size + HEADERS :]


def sequence_of(data: bytes) -> int:
    (found,) = struct.unpack_from(">I", data, HEADER.size + 24)
    return int(found)


def test_a_packet_comes_out_after_its_time_on_the_wire_and_the_delay() -> None:
    one = lane(rate=1e6, delay=0.025)
    one.offer(packet(bytes(948)), now=100.0)
    assert one.next_due() == pytest.approx(100.0 + 0.001 + 0.025)
    assert one.due(100.0259) == []
    assert len(one.due(100.0261)) == 1
    assert one.next_due() == math.inf


def test_packets_wait_for_each_other_and_for_nobody_after_a_pause() -> None:
    one = lane(rate=1e6, delay=0.0)
    for _ in range(3):
        one.offer(packet(bytes(948)), now=0.0)
    assert [when for when, _ in one.waiting] == pytest.approx([0.001, 0.002, 0.003])
    one.offer(packet(bytes(948)), now=5.0)
    assert one.waiting[-1][0] == pytest.approx(5.001)


def test_headers_of_every_segment_take_their_time() -> None:
    one = lane(rate=1e6, delay=0.0)
    one.offer(packet(bytes(10 * MSS)), now=0.0)
    assert one.next_due() == pytest.approx(10 * (MSS + HEADERS) / 1e6)
    assert one.passed == 10


def test_a_full_queue_takes_what_fits() -> None:
    one = lane(room=4 * (MSS + HEADERS) + 10)
    whole = bytes(range(256)) * 40
    one.offer(packet(whole), now=0.0)
    (only,) = everything(one)
    assert payload_of(only) == whole[: 4 * MSS]
    assert (one.passed, one.overflowed) == (4, 7)
    one.offer(packet(b"x"), now=0.0)
    assert everything(one) == []
    assert one.overflowed == 8
    one.offer(packet(b"x"), now=1.0)
    assert len(everything(one)) == 1


@pytest.mark.parametrize("segments", [1, 2, 7, 45])
def test_the_share_of_segments_lost_does_not_depend_on_how_they_come(segments: int) -> None:
    one = lane(loss=0.01)
    for _ in range(100_000 // segments):
        one.offer(packet(bytes(segments * MSS)), now=0.0)
    assert one.passed + one.lost == 100_000 // segments * segments
    assert one.lost / (one.passed + one.lost) == pytest.approx(0.01, rel=0.15)


def test_what_is_lost_depends_on_the_seed_alone() -> None:
    def lost(seed: int) -> list[int]:
        one = lane(loss=0.05, seed=seed)
        for number in range(200):
            one.offer(packet(bytes(number % 30 * MSS + 1), sequence=number), now=0.0)
        return [sequence_of(found) for found in everything(one)]

    assert lost(1) == lost(1) != lost(2)


def test_without_loss_everything_passes_as_it_came() -> None:
    one = lane(loss=0.0)
    sent = [packet(bytes(number * 700)) for number in range(60)]
    for data in sent:
        one.offer(data, now=0.0)
    assert everything(one) == sent


def test_nothing_passes_a_link_that_loses_nearly_all() -> None:
    one = lane(loss=1 - 1e-12)
    one.offer(packet(bytes(20 * MSS)), now=0.0)
    assert everything(one) == []
    assert one.lost == 20


def test_what_is_left_of_a_packet_is_what_its_segments_would_have_been() -> None:
    whole = random.Random(3).randbytes(30 * MSS + 123)
    one = lane(loss=0.2)
    one.offer(packet(whole), now=0.0)
    found = everything(one)
    assert len(found) > 1
    assert 0 < one.lost < 31
    got = {}
    for data in found:
        at = sequence_of(data) - 7000
        payload = payload_of(data)
        assert at % MSS == 0
        assert whole[at : at + len(payload)] == payload
        got[at] = payload
    assert sum(-(-len(payload) // MSS) for payload in got.values()) == 31 - one.lost == one.passed


@pytest.mark.parametrize(("first", "end"), [(0, 1), (0, 4), (3, 4), (2, 5), (4, 6), (5, 6)])
def test_a_cut_packet_is_well_formed(first: int, end: int) -> None:
    whole = random.Random(4).randbytes(5 * MSS + 77)
    data = cut(packet(whole, flags=0x99), first, end)
    payload = whole[first * MSS : end * MSS]
    flags, kind, header_length, size, start, offset = HEADER.unpack_from(data)
    assert (flags, header_length, start, offset) == (1, HEADERS, 20, 16)
    assert (kind, size) == ((TCP_SEGMENTS, MSS) if end - first > 1 else (0, 0))
    ip, tcp = data[HEADER.size : HEADER.size + 20], data[HEADER.size + 20 : HEADER.size + HEADERS]
    assert ones_sum(ip) == 0xFFFF
    assert struct.unpack_from(">HH", ip, 2) == (HEADERS + len(payload), (0xFFFE + first) & 0xFFFF)
    assert struct.unpack_from(">I", tcp, 4) == (7000 + first * MSS,)
    assert tcp[13] == (0x90 if end < 6 else 0x99) & (0xFF if first == 0 else ~0x80)
    assert tcp[16:18] == packet(payload)[HEADER.size + 36 : HEADER.size + 38]
    assert payload_of(data) == payload
    assert shape(data)[0] == end - first


def test_the_shape_of_a_packet_that_is_not_cut_up() -> None:
    assert shape(packet(b"abc")) == (1, 0, HEADERS + 3)
