"""Who is on the other end, and what does it speak?

The first 68 bytes of a connection (BEP 3): the protocol's name, eight reserved bytes whose bits say which extensions
a client knows, the info-hash and the peer id. `check_prefix` refuses a stranger at its first wrong byte, so a port
scanner or an HTTP client costs nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

from torrent.errors import PeerError
from torrent.terms import InfoHash, PeerId

PREFIX = b"\x13BitTorrent protocol"
LENGTH = 68

_EXTENDED = (5, 0x10)  # BEP 10
_DHT = (7, 0x01)  # BEP 5
_FAST = (7, 0x04)  # BEP 6
_V2 = (7, 0x10)  # BEP 52


@dataclass(frozen=True, slots=True)
class Handshake:
    """What one side says first."""

    info_hash: InfoHash
    peer_id: PeerId
    fast: bool = True
    extended: bool = True
    dht: bool = False
    v2: bool = False

    def encode(self) -> bytes:
        """Return the 68 bytes to send."""
        reserved = bytearray(8)
        for known, (byte, bit) in (
            (self.extended, _EXTENDED),
            (self.dht, _DHT),
            (self.fast, _FAST),
            (self.v2, _V2),
        ):
            if known:
                reserved[byte] |= bit
        return PREFIX + reserved + self.info_hash + self.peer_id


def check_prefix(data: bytes | bytearray) -> None:
    """Raise PeerError as soon as `data`, the first bytes of a connection, cannot become a handshake."""
    head = bytes(data[: len(PREFIX)])
    if not PREFIX.startswith(head):
        raise PeerError("does not speak the BitTorrent protocol")


def decode(data: bytes | bytearray) -> Handshake:
    """Read a whole handshake.

    Raises PeerError for fewer than 68 bytes or another protocol. Unknown reserved bits are ignored.
    """
    if len(data) < LENGTH:
        raise PeerError("handshake is too short")
    check_prefix(data)
    reserved = data[20:28]

    def knows(where: tuple[int, int]) -> bool:
        return bool(reserved[where[0]] & where[1])

    return Handshake(
        info_hash=InfoHash(bytes(data[28:48])),
        peer_id=PeerId(bytes(data[48:68])),
        fast=knows(_FAST),
        extended=knows(_EXTENDED),
        dht=knows(_DHT),
        v2=knows(_V2),
    )
