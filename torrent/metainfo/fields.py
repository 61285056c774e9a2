"""How are typed facts read out of a decoded dictionary? Nothing is trusted to have the type it should have.

The getters either return the type they name or, for what must be right, raise `MetainfoError`; what is only
for show is dropped when it is wrong. Text comes back safe to display.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from torrent.bencode import Value
from torrent.errors import MetainfoError
from torrent.metainfo import limits
from torrent.metainfo.names import decode_text
from torrent.text import safe_text

TRACKER_SCHEMES = frozenset({"http", "https", "udp", "ws", "wss"})
SEED_SCHEMES = frozenset({"http", "https", "ftp"})
UNSERVED_SCHEMES = frozenset({"ws", "wss"})
_MAX_DATE = 2**53


def show(key: bytes) -> str:
    """Return a key for a message."""
    return repr(key.decode("ascii", "replace"))


def need_int(keys: dict[bytes, Value], key: bytes, low: int, high: int) -> int:
    """Return the integer under `key`; MetainfoError when it is missing, no integer, or outside low..high."""
    value = keys.get(key)
    if not isinstance(value, int):
        raise MetainfoError(f"{show(key)} is not a number" if key in keys else f"{show(key)} is missing")
    if not low <= value <= high:
        raise MetainfoError(f"{show(key)} is out of range")
    return value


def need_bytes(keys: dict[bytes, Value], key: bytes) -> bytes:
    """Return the string under `key`; MetainfoError when it is missing or no string."""
    value = keys.get(key)
    if not isinstance(value, bytes):
        raise MetainfoError(f"{show(key)} is not a string" if key in keys else f"{show(key)} is missing")
    return value


def text(keys: dict[bytes, Value], key: bytes, encoding: str = "", limit: int = 4096) -> str:
    """Return the text under `key.utf-8` or `key`, safe to show and on one line; empty when there is none."""
    for name in (key + b".utf-8", key):
        value = keys.get(name)
        if isinstance(value, bytes) and value:
            decoded = decode_text(value[: 4 * limit], encoding)
            return safe_text(decoded.replace("\r\n", " ").replace("\n", " ").replace("\t", " "), limit)
    return ""


def encoding(document: dict[bytes, Value]) -> str:
    """Return the name of the encoding the creator claims (a hint), or nothing."""
    value = document.get(b"encoding")
    return value[:32].decode("ascii", "replace") if isinstance(value, bytes) else ""


def raw_path(value: Value | None) -> tuple[bytes, ...] | None:
    """Return a list of strings as a tuple; None when it is anything else."""
    if not isinstance(value, list):
        return None
    try:
        b"".join(value)  # type: ignore[arg-type]  # refuses whatever is no string, and is quick
    except TypeError:
        return None
    return tuple(value)  # type: ignore[arg-type]


def attributes(keys: dict[bytes, Value]) -> str:
    """Return the letters of `attr` that BEP 47 knows, each once, in a fixed order."""
    value = keys.get(b"attr")
    if not value or not isinstance(value, bytes):
        return ""
    return "".join(letter for letter in "phxl" if letter.encode() in value)


def url(value: Value | None, schemes: frozenset[str]) -> str | None:
    """Return `value` if it is an address with a host and one of `schemes`, without anything a terminal would obey."""
    if not isinstance(value, bytes) or len(value) > limits.MAX_URL_LENGTH:
        return None
    try:
        address = value.decode("utf-8").strip()
        parts = urlsplit(address)
        if parts.scheme.lower() not in schemes or not parts.hostname or parts.port == 0:
            return None
    except ValueError:
        return None
    if safe_text(address, len(address) + 1) != address or any(char.isspace() for char in address):
        return None
    return address


def urls(value: Value | None, schemes: frozenset[str], limit: int) -> tuple[str, ...]:
    """Return the usable addresses in a list (or a single string), each once, at most `limit`."""
    found: dict[str, None] = {}
    for item in value if isinstance(value, list) else [value]:
        address = url(item, schemes)
        if address is not None:
            found[address] = None
            if len(found) >= limit:
                break
    return tuple(found)


def tiers(document: dict[bytes, Value], notes: list[str]) -> tuple[tuple[str, ...], ...]:
    """Return the tiers of trackers (BEP 12): `announce-list` where it holds any, else `announce`."""
    value = document.get(b"announce-list")
    found: list[tuple[str, ...]] = []
    seen: set[str] = set()
    refused = 0
    for tier in value if isinstance(value, list) else []:
        addresses = []
        for item in tier if isinstance(tier, list) else [tier]:
            address = url(item, TRACKER_SCHEMES)
            if address is None:
                refused += 1
            elif address not in seen and len(seen) < limits.MAX_TRACKERS:
                seen.add(address)
                addresses.append(address)
        if addresses:
            found.append(tuple(addresses))
    if not found:
        address = url(document.get(b"announce"), TRACKER_SCHEMES)
        if address is not None:
            seen.add(address)
            found.append((address,))
        elif document.get(b"announce"):
            refused += 1
    if refused:
        notes.append(f"{refused} tracker addresses cannot be used")
    if any(urlsplit(address).scheme.lower() in UNSERVED_SCHEMES for address in seen):
        notes.append("WebSocket trackers are for browsers; they are not asked")
    return tuple(found)


def nodes(value: Value | None) -> tuple[tuple[str, int], ...]:
    """Return the DHT nodes of BEP 5: host (name or address) and port; wrong ones are dropped."""
    found: dict[tuple[str, int], None] = {}
    for item in value if isinstance(value, list) else []:
        if not isinstance(item, list) or len(item) != 2 or len(found) >= limits.MAX_NODES:
            continue
        host, port = item
        if isinstance(host, bytes) and isinstance(port, int) and 0 < port < 65536 and 0 < len(host) < 256:
            name = host.decode("ascii", "replace")
            if all(char.isalnum() or char in ".:-_" for char in name) and name.isascii():
                found[name, port] = None
    return tuple(found)


def date(value: Value | None) -> int | None:
    """Return a date in seconds since 1970, if it is one that can be shown."""
    return value if isinstance(value, int) and 0 <= value < _MAX_DATE else None


def hashes(value: Value | None) -> tuple[bytes, ...]:
    """Return the info-hashes in a list (BEP 38)."""
    items = value if isinstance(value, list) else []
    return tuple(item for item in items[:500] if isinstance(item, bytes) and len(item) in (20, 32))


def words(value: Value | None) -> tuple[str, ...]:
    """Return the names in a list (BEP 38), safe to show."""
    items = value if isinstance(value, list) else []
    return tuple(safe_text(item, 256) for item in items[:500] if isinstance(item, bytes))
