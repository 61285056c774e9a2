"""What does one direction of an emulated link do to a packet? It waits, is delayed, or is lost.

A packet is what a TUN device with `IFF_VNET_HDR` hands over: ten bytes of virtio header, then IPv4. With TCP
segmentation offload one such packet stands for up to 45 segments of the wire; that is what lets a Python process carry
1 Gbit/s. Rate, queue and loss still count segments: a packet of which some segments are lost is cut into what is left,
so the receiver sees the same gaps as if each segment had come alone.

Nothing here reads a clock or a file: `now` is monotonic seconds, the random source is passed in.
"""

from __future__ import annotations

import math
import random
import struct
from collections import deque

HEADER = struct.Struct("=BBHHHH")
"""virtio_net_hdr: flags, type of segmentation, length of headers, segment size, checksum start and offset."""

_TYPE_MASK = 0x7F
_FIN_PSH = 0x09
_CWR = 0x80


class Lane:
    """One direction: `rate` bytes of IP a second, `delay` seconds, `loss` from 0 to 1, a queue of `room` bytes."""

    def __init__(self, rate: float, delay: float, loss: float, room: int, rng: random.Random) -> None:
        self.rate = rate
        self.delay = delay
        self.loss = loss
        self.room = room
        self.waiting: deque[tuple[float, bytes]] = deque()
        self.passed = 0
        self.lost = 0
        self.overflowed = 0
        self._rng = rng
        self._free_at = 0.0
        self._until_loss = self._draw()

    def offer(self, packet: bytes, now: float) -> None:
        """Take a packet at its entry: what is neither lost nor too much for the queue waits to come out."""
        segments, headers, payload = shape(packet)
        lost = self._lost_among(segments)
        if segments == 1:
            if not lost and self._enter(len(packet) - HEADER.size, now):
                self.passed += 1
                self.waiting.append((self._free_at + self.delay, packet))
            return
        size = HEADER.unpack_from(packet)[3]
        start = 0
        for end in (*lost, segments):
            count = self._fitting(headers + size, end - start, now)
            if count:
                last = start + count == segments
                length = (payload - start * size) if last else count * size
                self._enter(count * headers + length, now)
                self.passed += count
                whole = start == 0 and last
                self.waiting.append(
                    (self._free_at + self.delay, packet if whole else cut(packet, start, start + count))
                )
            self.overflowed += end - start - count
            start = end + 1

    def due(self, now: float) -> list[bytes]:
        """Take out what has arrived at the other end by `now`."""
        found = []
        waiting = self.waiting
        while waiting and waiting[0][0] <= now:
            found.append(waiting.popleft()[1])
        return found

    def next_due(self) -> float:
        """When the next packet comes out, or infinity."""
        return self.waiting[0][0] if self.waiting else math.inf

    def _enter(self, size: int, now: float) -> bool:
        free_at = max(self._free_at, now)
        if (free_at - now) * self.rate + size > self.room:
            self.overflowed += 1
            return False
        self._free_at = free_at + size / self.rate
        return True

    def _fitting(self, each: int, count: int, now: float) -> int:
        backlog = max(0.0, self._free_at - now) * self.rate
        return max(0, min(count, int((self.room - backlog) / each)))

    def _lost_among(self, count: int) -> list[int]:
        """Return which of the next `count` segments are lost; draws one number per loss, not per segment."""
        found = []
        at = self._until_loss
        while at < count:
            found.append(int(at))
            at += 1 + self._draw()
        self._until_loss = at - count
        self.lost += len(found)
        return found

    def _draw(self) -> float:
        """Return how many segments pass before the next loss (geometric)."""
        if self.loss <= 0:
            return math.inf
        return math.floor(math.log(1.0 - self._rng.random()) / math.log(1.0 - self.loss))


def shape(packet: bytes) -> tuple[int, int, int]:
    """Return how many segments a packet stands for, and the bytes of its IP and TCP headers and of its payload."""
    _, kind, _, size, _, _ = HEADER.unpack_from(packet)
    if not kind & _TYPE_MASK or not size:
        return 1, 0, len(packet) - HEADER.size
    ip = (packet[HEADER.size] & 15) * 4
    headers = ip + (packet[HEADER.size + ip + 12] >> 4) * 4
    payload = len(packet) - HEADER.size - headers
    return max(1, -(-payload // size)), headers, payload


def cut(packet: bytes, first: int, end: int) -> bytes:
    """Return the segments from `first` up to `end` of a TCP packet over IPv4 as a packet of their own."""
    segments, headers, payload = shape(packet)
    flags, kind, header_length, size, checksum_start, checksum_offset = HEADER.unpack_from(packet)
    head = bytearray(packet[HEADER.size : HEADER.size + headers])
    begin = HEADER.size + headers
    data = packet[begin + first * size : begin + min(end * size, payload)]
    tcp = (head[0] & 15) * 4
    (ident,) = struct.unpack_from(">H", head, 4)
    struct.pack_into(">HH", head, 2, headers + len(data), (ident + first) & 0xFFFF)
    struct.pack_into(">H", head, 10, 0)
    struct.pack_into(">H", head, 10, ~ones_sum(head[:tcp]) & 0xFFFF)
    (sequence,) = struct.unpack_from(">I", head, tcp + 4)
    struct.pack_into(">I", head, tcp + 4, (sequence + first * size) & 0xFFFFFFFF)
    if end < segments:
        head[tcp + 13] &= ~_FIN_PSH
    if first:
        head[tcp + 13] &= ~_CWR
    if end - first == 1:
        kind = size = 0
    pseudo = head[12:20] + struct.pack(">HH", 6, headers - tcp + len(data))
    struct.pack_into(">H", head, tcp + 16, ones_sum(pseudo))
    return HEADER.pack(flags, kind, header_length, size, checksum_start, checksum_offset) + head + data


def ones_sum(data: bytes | bytearray) -> int:
    """Return the ones' complement sum of 16-bit words, as in the checksums of IP; `data` has an even length."""
    total: int = sum(struct.unpack(f">{len(data) // 2}H", data))
    total = (total & 0xFFFF) + (total >> 16)
    return (total & 0xFFFF) + (total >> 16)
