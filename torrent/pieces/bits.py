"""How is a set of pieces written down, in memory and on the wire?

In memory a set is a Python int: bit i (`1 << i`) stands for piece i, so union, difference and "is there anything" are
single big-int operations, and no loop over pieces is ever needed. On the wire (BEP 3, `bitfield`) piece 0 is the high
bit of the first byte.

A hostile peer may send a bitfield of the wrong length or with bits beyond the last piece: `from_wire` refuses both.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator

from torrent.errors import PeerError

_MIRRORED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))
_FEW = 24
"""Up to so many pieces are taken from a set one by one; a digit string is cheaper for more."""


def full(n: int) -> int:
    """Return the set of the pieces 0 to n - 1."""
    return (1 << n) - 1


def from_wire(data: bytes | bytearray | memoryview, n: int) -> int:
    """Read the payload of a bitfield message for a torrent of `n` pieces; PeerError if it cannot be one."""
    if len(data) != (n + 7) // 8:
        raise PeerError(f"bitfield of {len(data)} bytes for {n} pieces")
    value = int.from_bytes(bytes(data).translate(_MIRRORED), "little")
    if value >> n:
        raise PeerError("bitfield has bits beyond the last piece")
    return value


def to_wire(value: int, n: int) -> bytes:
    """Write a set as the payload of a bitfield message: (n + 7) // 8 bytes."""
    return value.to_bytes((n + 7) // 8, "little").translate(_MIRRORED)


def of(pieces: Iterable[int]) -> int:
    """Return the set of these pieces, in time linear in the highest of them and their number."""
    numbers = list(pieces)
    if not numbers:
        return 0
    raw = bytearray(max(numbers) // 8 + 1)
    for piece in numbers:
        raw[piece >> 3] |= 1 << (piece & 7)
    return int.from_bytes(raw, "little")


def marked(values: bytes, wanted: int) -> int:
    """Return the set of the positions at which `values` holds the byte `wanted`."""
    table = bytearray(b"0" * 256)
    table[wanted] = ord("1")
    return int(values[::-1].translate(bytes(table)), 2) if values else 0


def count(value: int) -> int:
    """Return how many pieces are in the set."""
    return value.bit_count()


def lowest(value: int) -> int:
    """Return the lowest piece of the set, -1 for the empty set."""
    return (value & -value).bit_length() - 1


def iterate(value: int) -> Iterator[int]:
    """Yield the pieces of the set in rising order."""
    if value.bit_count() <= _FEW:
        while value:
            low = value & -value
            yield low.bit_length() - 1
            value ^= low
        return
    digits = bin(value)[:1:-1]
    at = digits.find("1")
    while at >= 0:
        yield at
        at = digits.find("1", at + 1)


def random_set_bit(value: int, rng: random.Random) -> int:
    """Return a random piece of the set, -1 for the empty set.

    A random distance below the highest piece is skipped, then the lowest piece left is taken: pieces behind gaps
    are more likely, which does no harm where any tie-break will do.
    """
    if not value:
        return -1
    skip = int(rng.random() * value.bit_length())
    rest = value >> skip
    return skip + (rest & -rest).bit_length() - 1
