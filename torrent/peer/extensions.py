"""What does the extension handshake say?

BEP 10: a dictionary in which each side names the extensions it knows (`m`), its client (`v`), how many requests it
queues (`reqq`), its port (`p`), the address it sees us at (`yourip`) and whether it only uploads (BEP 21).

Everything here comes from a stranger: each value is taken only if it has the right type and range, a wrong one counts
as absent, and what is not a dictionary at all closes the connection (PeerError).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from torrent import bencode
from torrent.errors import BencodeError, PeerError
from torrent.text import safe_text

HANDSHAKE = 0
"""The extended message id of the handshake itself."""

_MAX_NAMES = 64


@dataclass(frozen=True, slots=True)
class ExtensionHandshake:
    """The values of an extension handshake; `reqq` is 0 where the peer does not say."""

    ids: Mapping[str, int] = field(default_factory=dict)
    client: str = ""
    reqq: int = 0
    port: int = 0
    upload_only: bool = False
    metadata_size: int = 0
    your_ip: bytes = b""

    def encode(self) -> bytes:
        """Return the bencoded dictionary."""
        message: dict[bytes, bencode.Encodable] = {b"m": {name.encode(): number for name, number in self.ids.items()}}
        if self.client:
            message[b"v"] = self.client.encode()
        for key, value in (
            (b"reqq", self.reqq),
            (b"p", self.port),
            (b"metadata_size", self.metadata_size),
            (b"upload_only", int(self.upload_only)),
            (b"yourip", self.your_ip),
        ):
            if value:
                message[key] = value
        return bencode.encode(message)


def decode(payload: bytes) -> ExtensionHandshake:
    """Read an extension handshake; raises PeerError if it is no dictionary."""
    try:
        message = bencode.decode(payload)
    except BencodeError as error:
        raise PeerError(f"bad extension handshake: {error}") from None
    if not isinstance(message, dict):
        raise PeerError("bad extension handshake: not a dictionary")

    def number(key: bytes, most: int) -> int:
        value = message.get(key)
        return value if isinstance(value, int) and 0 < value <= most else 0

    known = message.get(b"m")
    ids: dict[str, int] = {}
    if isinstance(known, dict):
        for name, value in list(known.items())[:_MAX_NAMES]:
            if isinstance(value, int) and 0 < value < 256:
                ids[safe_text(name, 64)] = value
    client = message.get(b"v")
    address = message.get(b"yourip")
    return ExtensionHandshake(
        ids=ids,
        client=safe_text(client, 64) if isinstance(client, bytes) else "",
        reqq=number(b"reqq", 1_000_000),
        port=number(b"p", 65535),
        upload_only=number(b"upload_only", 1) == 1,
        metadata_size=number(b"metadata_size", 2**31 - 1),
        your_ip=address if isinstance(address, bytes) and len(address) in (4, 16) else b"",
    )
