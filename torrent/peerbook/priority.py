"""Which of two peers should be kept, in the opinion of both ends of the connection? (BEP 40)

Both ends compute the same number from their two addresses, so they agree without talking, and nobody can choose his
own number for more than one other peer. Addresses are masked, so that moving within a network gains nothing.
"""

from __future__ import annotations

from typing import Final

from torrent.net import pack
from torrent.terms import Address


def _table() -> list[int]:
    table = []
    for value in range(256):
        for _ in range(8):
            value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)  # the Castagnoli polynomial, bits reversed
        table.append(value)
    return table


_TABLE: Final = _table()


def crc32c(data: bytes) -> int:
    """Return the CRC-32C (Castagnoli) of `data`."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ _TABLE[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFFFFFF


def peer_priority(ours: Address, theirs: Address) -> int | None:
    """Return the priority of the connection between two addresses, the higher the better; None across IP families.

    `ours` is our address as others see it. ValueError if a host is not a literal IP.
    """
    a, b = pack(ours), pack(theirs)
    if len(a) != len(b):
        return None
    (ip_a, port_a), (ip_b, port_b) = (a[:-2], a[-2:]), (b[:-2], b[-2:])
    if ip_a == ip_b:
        return crc32c(min(port_a, port_b) + max(port_a, port_b))
    whole = 2 if len(ip_a) == 4 else 6  # bytes that count in full, one more for each that the two share
    while whole < len(ip_a) and ip_a[:whole] == ip_b[:whole]:
        whole += 1
    masked = [ip[:whole] + bytes(byte & 0x55 for byte in ip[whole:]) for ip in (ip_a, ip_b)]
    return crc32c(min(masked) + max(masked))
