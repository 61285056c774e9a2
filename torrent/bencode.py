"""How do values become bencoded bytes, and bytes values (BEP 3)?

Two codecs do the work: `bencode2`, compiled and strict, and `bencode.py` for dictionaries whose keys are out of order.
This module is the one face in front of them, and the guard: whatever comes in, `BencodeError` is all that comes out.

Invariants: a value that was decoded nests at most `MAX_DEPTH` deep, has at most `MAX_TOKENS` tokens, no duplicate
keys, only minimal integers, and nothing behind it. Only the order of keys is forgiven.

A hostile input may try nesting bombs (the compiled codec gives up early; `_is_shallow`), millions of empty lists and
million-digit integers (`_is_plain`, then `_scan`), lengths past the end (`_scan`, `at > size`), duplicate keys that a
lenient reader would merge (`_nodes` against the scan's count). `_scan` visits each token once and jumps over strings,
so it is linear; an input that a count of bytes proves harmless goes without it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TypeAlias, cast

import bencode2
import bencodepy

from torrent.errors import BencodeError

Value: TypeAlias = "int | bytes | list[Value] | dict[bytes, Value]"
Encodable: TypeAlias = (
    "int | bytes | bytearray | memoryview | Sequence[Encodable] | Mapping[bytes, Encodable] | Mapping[bytes, Value]"
)

MAX_DEPTH = 100
MAX_TOKENS = 3_000_000
MAX_DIGITS = 4096
"""Digits of one integer: below CPython's own limit of 4300, so no conversion can fail or be quadratic."""

_MANY_DIGITS = re.compile(rb"[0-9]{%d}" % (MAX_DIGITS + 1))
_TOKEN = re.compile(rb"(0|[1-9][0-9]{0,11}):|([lde])|i(?:0|-?[1-9][0-9]{0,%d})e" % (MAX_DIGITS - 1))
_IN_LIST, _AT_KEY, _AT_VALUE = 0, 1, 2


def decode(data: bytes) -> Value:
    """Return the one value that `data` holds, whole; keys in any order, everything else strict."""
    if type(data) is not bytes:
        data = bytes(data)
    if not _is_plain(data):
        _scan_whole(data)
    try:
        value = cast("Value", bencode2.bdecode(data))
    except Exception:
        return _decode_unsorted(data)
    # Every nesting needs an opening byte: few of them prove a shallow value without a look at it.
    if data.count(b"l") + data.count(b"d") > MAX_DEPTH and not _is_shallow(value):
        raise BencodeError(f"nested deeper than {MAX_DEPTH}")
    return value


def decode_document(data: bytes) -> tuple[dict[bytes, Value], dict[bytes, tuple[int, int]], bool]:
    """Return a dictionary, where the raw text of each of its values starts and ends, and whether all is canonical."""
    value = decode(data)
    if not isinstance(value, dict):
        raise BencodeError("not a dictionary")
    found: dict[bytes, tuple[int, int]] = {}
    at = 1
    for key, item in value.items():
        head, raw = encode(key), encode(item)
        start = at + len(head)
        if data[at:start] != head or data[start : start + len(raw)] != raw:
            return value, spans(data), False
        at = start + len(raw)
        found[key] = (start, at)
    return value, found, list(value) == sorted(value)


def decode_prefix(data: bytes) -> tuple[Value, int]:
    """Return the first value in `data` and how many bytes it took; a payload may follow (BEP 9)."""
    end, _ = _scan(data, 0)
    return decode(data[:end]), end


def encode(value: Encodable) -> bytes:
    """Return the canonical encoding of `value`: keys sorted as raw bytes, integers minimal.

    Only for values of our own making or decoded here: the codec recurses on what it is given.
    """
    try:
        return bencode2.bencode(value)
    except Exception as error:
        raise BencodeError(f"cannot encode this: {error}") from None


def spans(data: bytes) -> dict[bytes, tuple[int, int]]:
    """Return the raw span of every top-level value of the dictionary `data`, in the order of the file."""
    if data[:1] != b"d":
        raise BencodeError("not a dictionary")
    found: dict[bytes, tuple[int, int]] = {}
    at = 1
    while data[at : at + 1] != b"e":
        match = _TOKEN.match(data, at)
        if match is None or match.lastindex != 1:
            raise BencodeError(f"a key was expected at byte {at}")
        start = match.end() + int(match[1])
        key = data[match.end() : start]
        if key in found:
            raise BencodeError("a key is there twice")
        at, _ = _scan(data, start)
        found[key] = (start, at)
    if at + 1 != len(data):
        raise BencodeError("there is something behind the value")
    return found


def is_canonical(data: bytes) -> bool:
    """Say whether `data` is the one canonical encoding of its value: keys sorted, integers minimal."""
    try:
        decode(data)
        bencode2.bdecode(data)
    except Exception:
        return False
    return True


def _is_plain(data: bytes) -> bool:
    """Say whether counts prove that no limit on tokens or digits is passed: a string has a colon, all else an end."""
    return data.count(b":") + data.count(b"e") <= MAX_TOKENS and _MANY_DIGITS.search(data) is None


def _is_shallow(value: Value) -> bool:
    level: list[Value] = [value]
    for _ in range(MAX_DEPTH):
        below: list[Value] = []
        for item in level:
            if isinstance(item, list):
                below += item
            elif isinstance(item, dict):
                below += item.values()
        level = [item for item in below if type(item) is list or type(item) is dict]
        if not level:
            return True
    return False


def _scan(data: bytes, at: int) -> tuple[int, int]:
    """Check the shape of the value at `at`; return its end and how many values and keys it has."""
    size = len(data)
    match_token = _TOKEN.match
    open_: list[int] = []  # what each enclosing container gets next
    tokens = 0
    state = _IN_LIST
    while True:
        match = match_token(data, at)
        if match is None:
            raise BencodeError(f"not bencoded at byte {at}" if at < size else "the data ends too early")
        at = match.end()
        kind = match.lastindex
        if kind == 1:
            at += int(match[1])
            if at > size:
                raise BencodeError("a string is longer than the data")
        elif state == _AT_KEY and (kind is None or data[at - 1] != 0x65):
            raise BencodeError(f"a key that is not a string before byte {at}")
        elif kind == 2:
            letter = data[at - 1]
            if letter == 0x65:
                if not open_ or state == _AT_VALUE:
                    raise BencodeError(f"an end without a beginning before byte {at}")
                state = open_.pop()
                if not open_:
                    return at, tokens
                continue
            tokens += 1
            if tokens > MAX_TOKENS:
                raise BencodeError(f"more than {MAX_TOKENS} values")
            if len(open_) >= MAX_DEPTH:
                raise BencodeError(f"nested deeper than {MAX_DEPTH}")
            open_.append(_AT_KEY if state == _AT_VALUE else _IN_LIST)
            state = _AT_KEY if letter == 0x64 else _IN_LIST
            continue
        tokens += 1
        if tokens > MAX_TOKENS:
            raise BencodeError(f"more than {MAX_TOKENS} values")
        if not open_:
            return at, tokens
        if state:
            state = _AT_VALUE if state == _AT_KEY else _AT_KEY


def _scan_whole(data: bytes) -> int:
    end, tokens = _scan(data, 0)
    if end != len(data):
        raise BencodeError("there is something behind the value")
    return tokens


def _decode_unsorted(data: bytes) -> Value:
    """Read what the strict codec refused: fine if only the order of keys was wrong."""
    tokens = _scan_whole(data)
    try:
        value = cast("Value", bencodepy.decode(data))
    except Exception:
        raise BencodeError("not bencoded") from None
    if _nodes(value) != tokens:  # the lenient reader keeps the last of two equal keys and drops the other
        raise BencodeError("a key is there twice")
    return value


def _nodes(value: Value) -> int:
    """Count values and keys the way `_scan` does."""
    count = 1
    todo = [value]
    while todo:
        item = todo.pop()
        if isinstance(item, dict):
            count += 2 * len(item)
            todo.extend(item.values())
        elif isinstance(item, list):
            count += len(item)
            todo.extend(item)
    return count
