"""What is this address worth: whose network is it on, may we dial it, may we fetch from it?

Every address that a tracker, a peer or a node tells us passes through here before anything uses it (BEP 7, 23).

Invariants
- An address has one text: dotted IPv4 without leading zeros, IPv6 as RFC 5952 writes it, no zone, no brackets; an IPv4
  address mapped into IPv6 is that IPv4 address. So equal peers are equal tuples.
- `scope_of` answers for every string, and says UNUSABLE for everything that is not a literal IP.
- An IPv6 address that carries an IPv4 address (6to4, NAT64, Teredo) is as global or local as the one it carries.

What a hostile remote may try
- Port 0, broadcast, multicast, 0.0.0.0, "010.0.0.1" (octal to some): never come out of `unpack*` or `parse_address`.
- Lists that are not a multiple of 6 or 18 bytes: `RemoteError`, nothing is read.
- 169.254.169.254 (the metadata service of a cloud machine) and all link-local addresses: unusable, whoever names them.
- A tracker URL or a redirect that points into this machine or its network: `may_fetch`.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Collection, Iterable
from enum import Enum
from ipaddress import AddressValueError, IPv6Address
from typing import Final
from urllib.parse import unquote

from torrent.errors import InputError, RemoteError
from torrent.terms import Address


class Scope(Enum):
    """How far an address reaches. `UNUSABLE` reaches nobody we may talk to."""

    GLOBAL = 3
    PRIVATE = 2
    LOOPBACK = 1
    UNUSABLE = 0


# The value of the first byte decides for most IPv4 addresses; None asks the next bytes.
_FIRST_BYTE: Final[list[Scope | None]] = [Scope.GLOBAL] * 256
for _first in (100, 169, 172, 192, 198):
    _FIRST_BYTE[_first] = None
for _first in (0, *range(224, 256)):
    _FIRST_BYTE[_first] = Scope.UNUSABLE
_FIRST_BYTE[10], _FIRST_BYTE[127] = Scope.PRIVATE, Scope.LOOPBACK

_V4_TEXT: Final = re.compile(
    r"(0|[1-9][0-9]{0,2})\.(0|[1-9][0-9]{0,2})\.(0|[1-9][0-9]{0,2})\.(0|[1-9][0-9]{0,2})", re.A
)
_PEER4: Final = struct.Struct(">BBBBH")
_PEER6: Final = struct.Struct(">8HH")
_V6_ZEROS: Final = re.compile(r"(?:(?<![0-9a-f])0(?::0)+(?![0-9a-f]))")
_ANNOUNCE_PATHS: Final = ("/announce", "/scrape")


def _scope4(a: int, b: int, c: int) -> Scope:
    known = _FIRST_BYTE[a]
    if known is not None:
        return known
    if a == 192 and b == 168:
        return Scope.PRIVATE
    if a == 192 and b == c == 0:
        return Scope.UNUSABLE  # protocol assignments, RFC 6890
    if a == 169 and b == 254:
        return Scope.UNUSABLE  # link-local, RFC 3927
    if (a == 172 and b >> 4 == 1) or (a == 100 and b >> 6 == 1) or (a == 198 and b >> 1 == 9):
        return Scope.PRIVATE  # RFC 1918; shared by a carrier's customers, RFC 6598; benchmarks and proxies, RFC 2544
    return Scope.GLOBAL


def _scope_of_carried(value: int) -> Scope:
    return _scope4(value >> 24 & 255, value >> 16 & 255, value >> 8 & 255)


def _scope6(high: int, low: int) -> Scope:
    """Say the scope of an IPv6 address given as two halves of 64 bits; mapped IPv4 is folded before this."""
    first = high >> 48
    if first >> 13 == 1:  # 2000::/3, all that is handed out
        if first == 0x2002:
            return _scope_of_carried(high >> 16 & 0xFFFFFFFF)
        if high >> 32 == 0x20010000:
            return _scope_of_carried(~low & 0xFFFFFFFF)
        return Scope.GLOBAL
    if first >> 9 == 0x7E or first >> 6 == 0x3FB:  # fc00::/7 unique local, fec0::/10 site local
        return Scope.PRIVATE
    if high >> 16 == 0x64FF9B0001:  # NAT64 of one's own network, RFC 8215
        return Scope.PRIVATE
    if high == 0x64FF9B << 32 and low >> 32 == 0:
        return _scope_of_carried(low)
    return Scope.LOOPBACK if high == 0 and low == 1 else Scope.UNUSABLE


def _bytes_of_v4(host: str) -> tuple[int, int, int, int] | None:
    match = _V4_TEXT.fullmatch(host)
    if match is None:
        return None
    a, b, c, d = map(int, match.groups())
    return (a, b, c, d) if a < 256 and b < 256 and c < 256 and d < 256 else None


def _int_of_v6(host: str) -> int | None:
    if len(host) > 45 or ":" not in host or "%" in host:
        return None
    try:
        return int(IPv6Address(host))
    except AddressValueError:
        return None


def _text_of_v4(value: int) -> str:
    return f"{value >> 24 & 255}.{value >> 16 & 255}.{value >> 8 & 255}.{value & 255}"


def _text_of_v6(groups: tuple[int, ...]) -> str:
    """Write eight groups of 16 bits as RFC 5952 does: the longest run of zero groups, the first of equals, is '::'."""
    text = "{:x}:{:x}:{:x}:{:x}:{:x}:{:x}:{:x}:{:x}".format(*groups)
    if ":0:0" not in text and not text.startswith("0:0"):
        return text
    longest = max(_V6_ZEROS.finditer(text), key=lambda run: run.end() - run.start(), default=None)
    if longest is None:
        return text
    return f"{text[: longest.start()].removesuffix(':')}::{text[longest.end() :].removeprefix(':')}"


def canonical_ip(host: str) -> str | None:
    """Return the one text of a literal IP (mapped IPv4 folded, no zone), or None if `host` is not a literal IP."""
    if _bytes_of_v4(host) is not None:
        return host
    value = _int_of_v6(host)
    if value is None:
        return None
    if value >> 32 == 0xFFFF:
        return _text_of_v4(value & 0xFFFFFFFF)
    return _text_of_v6(tuple(value >> shift & 0xFFFF for shift in range(112, -1, -16)))


def scope_of(host: str) -> Scope:
    """Say how far a literal IP reaches; anything that is not a literal IP is UNUSABLE.

    Documentation networks count as global: nobody answers there, and nobody near us does.
    """
    v4 = _bytes_of_v4(host)
    if v4 is not None:
        return _scope4(v4[0], v4[1], v4[2])
    value = _int_of_v6(host)
    if value is None:
        return Scope.UNUSABLE
    if value >> 32 == 0xFFFF:
        return _scope_of_carried(value & 0xFFFFFFFF)
    return _scope6(value >> 64, value & 0xFFFFFFFFFFFFFFFF)


def is_global(host: str) -> bool:
    """Say whether `host` is a literal IP that the whole Internet can reach."""
    return scope_of(host) is Scope.GLOBAL


def is_private(host: str) -> bool:
    """Say whether `host` is a literal IP of a local network (RFC 1918, 6598, unique local IPv6); loopback is not."""
    return scope_of(host) is Scope.PRIVATE


def is_loopback(host: str) -> bool:
    """Say whether `host` is a literal IP of this machine alone."""
    return scope_of(host) is Scope.LOOPBACK


def is_local(host: str) -> bool:
    """Say whether `host` is a literal IP of this machine or of its own network."""
    return scope_of(host) in (Scope.LOOPBACK, Scope.PRIVATE)


def is_usable_peer(host: str) -> bool:
    """Say whether a peer could be at `host`. Local ones pass: who may name them is the rule of `torrent.peerbook`."""
    return scope_of(host) is not Scope.UNUSABLE


def parse_address(text: str, *, names: bool = False) -> Address:
    """Read "host:port" or "[v6]:port"; InputError says what is wrong with it.

    The host must be a literal IP that a peer can have, or `localhost`. With `names` a DNS name passes too, in lower
    case; the caller must look it up before the address goes anywhere.
    """
    host, colon, port_text = text.strip().rpartition(":")
    shown = text[:80] if text.isprintable() else ascii(text[:80])
    if not colon or not host:
        raise InputError(f"{shown!r} is not an address", hint="write HOST:PORT, or [HOST]:PORT for IPv6")
    if not (port_text.isascii() and port_text.isdigit() and len(port_text) <= 5 and 0 < int(port_text) < 65536):
        raise InputError(f"the port in {shown!r} is not a number from 1 to 65535")
    bracketed = host.startswith("[") and host.endswith("]")
    if bracketed:
        host = host[1:-1]
    if (":" in host) != bracketed:
        raise InputError(f"{shown!r} is not an address", hint="write [HOST]:PORT for IPv6")
    if host.lower() == "localhost":
        host = "127.0.0.1"
    ip = canonical_ip(host)
    if ip is None:
        if names and not bracketed and _is_name(host):
            return Address(host.lower(), int(port_text))
        raise InputError(f"{shown!r} does not hold an IP address")
    if not is_usable_peer(ip):
        raise InputError(f"no peer can be at {ip}")
    return Address(ip, int(port_text))


def _is_name(host: str) -> bool:
    """Say whether `host` has the shape of a DNS name whose last label cannot be taken for a part of an IP."""
    labels = host.removesuffix(".").split(".")
    shaped = all(re.fullmatch(r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?", label, re.A) for label in labels)
    return shaped and len(host) <= 253 and not labels[-1][0].isdigit()


def unpack_compact4(data: bytes | memoryview) -> list[Address]:
    """Read IPv4 peers, 6 bytes each (BEP 23); unusable ones are left out, a torn list is a RemoteError."""
    if len(data) % 6:
        raise RemoteError(f"a list of peers has {len(data)} bytes, not a multiple of 6")
    unusable, new = Scope.UNUSABLE, tuple.__new__  # half the time of calling Address, for lists of hundreds
    return [
        new(Address, (f"{a}.{b}.{c}.{d}", port))
        for a, b, c, d, port in _PEER4.iter_unpack(data)
        if port and (_FIRST_BYTE[a] or _scope4(a, b, c)) is not unusable
    ]


def unpack_compact6(data: bytes | memoryview) -> list[Address]:
    """Read IPv6 peers, 18 bytes each (BEP 7); mapped IPv4 is folded, unusable ones left out, torn is a RemoteError."""
    if len(data) % 18:
        raise RemoteError(f"a list of IPv6 peers has {len(data)} bytes, not a multiple of 18")
    peers: list[Address] = []
    for *groups, port in _PEER6.iter_unpack(data):
        a, b, c, d, e, f, g, h = groups
        low = e << 48 | f << 32 | g << 16 | h
        if a | b | c | d == 0 and low >> 32 == 0xFFFF:
            scope, host = _scope_of_carried(low & 0xFFFFFFFF), _text_of_v4(low)
        else:
            scope, host = _scope6(a << 48 | b << 32 | c << 16 | d, low), ""
        if port and scope is not Scope.UNUSABLE:
            peers.append(Address(host or _text_of_v6(tuple(groups)), port))
    return peers


def unpack(data: bytes | memoryview) -> Address | None:
    """Read one peer of 6 or 18 bytes; None if nobody can be there, RemoteError at any other length."""
    if len(data) not in (6, 18):
        raise RemoteError(f"an address has {len(data)} bytes, not 6 or 18")
    peers = unpack_compact4(data) if len(data) == 6 else unpack_compact6(data)
    return peers[0] if peers else None


def pack(address: Address) -> bytes:
    """Write one peer as 6 bytes (IPv4) or 18 (IPv6); ValueError if the host is not a literal IP or the port is off."""
    v4 = _bytes_of_v4(address.host)
    if not 0 < address.port < 65536:
        raise ValueError(f"no such port: {address.port}")
    if v4 is not None:
        return _PEER4.pack(*v4, address.port)
    value = _int_of_v6(address.host)
    if value is None:
        raise ValueError(f"not a literal IP: {address.host!r}")
    return value.to_bytes(16, "big") + address.port.to_bytes(2, "big")


def pack_compact4(addresses: Iterable[Address]) -> bytes:
    """Write the IPv4 peers among `addresses`, 6 bytes each, in order."""
    return b"".join(pack(address) for address in addresses if ":" not in address.host)


def pack_compact6(addresses: Iterable[Address]) -> bytes:
    """Write the IPv6 peers among `addresses`, 18 bytes each, in order."""
    return b"".join(pack(address) for address in addresses if ":" in address.host)


def why_not_fetch(ips: Collection[str], *, path: str, origin_ips: Collection[str] | None = None) -> str:
    """Say why nothing may be fetched from a URL whose host has these literal `ips`; "" if it may be.

    The rule, which keeps a torrent from making us knock on doors inside (server-side request forgery):

    1. Every address the host has must pass, and the caller must connect to one of exactly these.
    2. Unspecified, multicast, broadcast, reserved and link-local addresses are refused, always.
    3. A loopback or private address is fetched from only where a tracker would be: the path starts with
       /announce or /scrape and holds no way out of it ("..", a backslash, or either of them percent-encoded).
    4. A redirect (`origin_ips`: the addresses of the host that sent us here) never leads inwards: from global to
       private or loopback, or from private to loopback. Sideways and outwards it may.

    `path` is the path of the URL without the query; for a UDP tracker, which has none, pass "/announce".
    """
    if not ips:
        return "the host has no address"
    innermost = min((scope_of(ip) for ip in ips), key=lambda scope: scope.value)
    if innermost is Scope.UNUSABLE:
        return "the host has an address nobody can serve from"
    if innermost is Scope.GLOBAL:
        return ""
    plain = unquote(path)
    if not plain.startswith(_ANNOUNCE_PATHS) or ".." in plain.split("/") or "\\" in plain:
        return "the host is in the local network and the path is not a tracker's"
    if origin_ips is not None and max((scope_of(ip).value for ip in origin_ips), default=3) > innermost.value:
        return "a redirect may not lead into the local network"
    return ""


def may_fetch(ips: Collection[str], *, path: str, origin_ips: Collection[str] | None = None) -> bool:
    """Say whether `why_not_fetch` has nothing against it."""
    return not why_not_fetch(ips, path=path, origin_ips=origin_ips)
