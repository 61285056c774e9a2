"""How are many messages hashed at once? (shell)

A core hashes several messages in the lanes of its vector registers in about the time of one. Where libipsec-mb is
installed (`torrent.ipsec_mb`) and the processor has what it takes, it does the work; otherwise, and for one message
alone, hashlib does. Either way the results are the same: on any doubt about the library it is hashlib, for the rest
of the process.

Which lanes: 16 of AVX-512; 8 of AVX2 where there are no SHA instructions; else two messages interleaved on those
instructions, which is also what a few messages get. `docs/performance.md` has the figures.
"""

from __future__ import annotations

import hashlib
import logging
from array import array
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from torrent import ipsec_mb
from torrent.ipsec_mb import Algorithm, Buffer

if TYPE_CHECKING:
    Words = array[int]

Span = tuple[int, int]
"""Where a message begins in its buffer, and how many bytes it has."""

LONGEST = 64 * 1024 * 1024
"""Bytes of the longest message that goes into a lane."""

_SHOWN = {"avx512": "AVX-512", "avx2": "AVX2", "sse": "SHA extensions"}
_WIDE = frozenset({"avx512f", "avx512dq", "avx512cd", "avx512bw", "avx512vl"})

_log = logging.getLogger(__name__)
_mode = "auto"
_failed = False


class Kind(NamedTuple):
    """A kind of lanes: the library's name for it, how many, and from how many messages on they pay."""

    arch: str
    lanes: int
    least: int


def use(hashing: str) -> None:
    """Choose for the whole process: "auto" takes lanes where they are and pay, "hashlib" never does."""
    global _mode
    _mode = hashing


def sha1(buffer: Buffer, spans: Sequence[Span]) -> bytes:
    """Return the SHA-1 of each span of `buffer`, joined; ValueError if one lies outside of it."""
    return _of_spans("sha1", buffer, spans)


def sha256(buffer: Buffer, spans: Sequence[Span]) -> bytes:
    """Return the SHA-256 of each span of `buffer`, joined; ValueError if one lies outside of it."""
    return _of_spans("sha256", buffer, spans)


def sha1_each(buffer: Buffer, size: int) -> bytes:
    """Return the SHA-1 of every `size` bytes of `buffer`, joined; the last message may be shorter."""
    return _of_each("sha1", buffer, size)


def sha256_each(buffer: Buffer, size: int) -> bytes:
    """Return the SHA-256 of every `size` bytes of `buffer`, joined; the last message may be shorter."""
    return _of_each("sha256", buffer, size)


def width(algorithm: Algorithm) -> int:
    """Return how many messages at once are hashed best; 1 where there is only hashlib."""
    return max((kind.lanes for kind in _kinds(algorithm)), default=1)


def describe() -> str:
    """Say what hashes many messages here, for people."""
    kinds, found = _kinds("sha1"), ipsec_mb.library()
    if not kinds or found is None:
        return "hashlib"
    return f"libipsec-mb {ipsec_mb.version(found)} ({', '.join(_SHOWN[kind.arch] for kind in kinds)})"


def _of_spans(algorithm: Algorithm, buffer: Buffer, spans: Sequence[Span]) -> bytes:
    view = memoryview(buffer)
    size = view.nbytes
    if any(start < 0 or length < 0 or start + length > size for start, length in spans):
        raise ValueError("a span lies outside of the buffer")
    joined = b""
    if len(spans) > 1 and (kinds := _kinds_for(algorithm, buffer, max(length for _, length in spans))):
        with ipsec_mb.held(buffer) as base:
            starts = array("Q", [base + start for start, _ in spans])
            joined = _in_lanes(algorithm, kinds, starts, array("Q", [length for _, length in spans]))
    done = len(joined) // ipsec_mb.DIGEST_SIZES[algorithm]
    if done == len(spans):
        return joined
    new = getattr(hashlib, algorithm)
    return joined + b"".join([new(view[start : start + length]).digest() for start, length in spans[done:]])


def _of_each(algorithm: Algorithm, buffer: Buffer, size: int) -> bytes:
    view = memoryview(buffer)
    whole = view.nbytes // size
    joined = b""
    if whole > 1 and (kinds := _kinds_for(algorithm, buffer, size)):
        with ipsec_mb.held(buffer) as base:
            starts = array("Q", range(base, base + whole * size, size))
            joined = _in_lanes(algorithm, kinds, starts, array("Q", [size]) * whole)
    done = len(joined) // ipsec_mb.DIGEST_SIZES[algorithm] * size
    if done == view.nbytes:
        return joined
    new = getattr(hashlib, algorithm)
    return joined + b"".join([new(view[at : at + size]).digest() for at in range(done, view.nbytes, size)])


def _kinds_for(algorithm: Algorithm, buffer: Buffer, longest: int) -> Sequence[Kind]:
    """Return the kinds that may read a buffer: its address has to be known."""
    if longest > LONGEST or (isinstance(buffer, memoryview) and (buffer.readonly or not buffer.c_contiguous)):
        return ()
    return _kinds(algorithm) if len(buffer) else ()


def _in_lanes(algorithm: Algorithm, kinds: Sequence[Kind], starts: Words, lengths: Words) -> bytes:
    """Return the joined digests of as many messages, from the first on, as are worth it; addresses are trusted."""
    found = []
    at = 0
    try:
        while at < len(starts):
            left = len(starts) - at
            kind = next((kind for kind in kinds if left >= kind.least), None)
            if kind is None:
                break
            count = min(left, ipsec_mb.BURST)
            if count > kind.lanes and count % kind.lanes < kind.least:
                count -= count % kind.lanes
            pool = _pool(algorithm, kind.arch)
            mine = _take(algorithm, kind.arch)
            found.append(mine.digests(starts[at : at + count], lengths[at : at + count]))
            pool.append(mine)
            at += count
    except ipsec_mb.Unusable as error:
        _log.warning("libipsec-mb is not used any more: %s", error)
        global _failed
        _failed = True
    return b"".join(found)


@cache
def _pool(algorithm: Algorithm, arch: str) -> list[ipsec_mb.Lanes]:
    """Return the lanes that no thread uses now."""
    return []


def _take(algorithm: Algorithm, arch: str) -> ipsec_mb.Lanes:
    try:
        return _pool(algorithm, arch).pop()
    except IndexError:
        found = ipsec_mb.library()
        if found is None:
            raise ipsec_mb.Unusable("it is gone") from None
        return ipsec_mb.tested(found, arch, algorithm)


def _kinds(algorithm: Algorithm) -> tuple[Kind, ...]:
    """Return the kinds of lanes to use, the widest first; none if hashlib is to do the work."""
    return _usable(algorithm) if _mode == "auto" and not _failed else ()


@cache
def _usable(algorithm: Algorithm) -> tuple[Kind, ...]:
    found = ipsec_mb.library()
    if found is None:
        return ()
    kinds = paying(algorithm, _processor())
    try:
        for kind in kinds:
            # Only whole pieces are longer than 64 KiB, and only SHA-1 takes those.
            mine = ipsec_mb.tested(found, kind.arch, algorithm, long=algorithm == "sha1")
            _pool(algorithm, kind.arch).append(mine)
    except ipsec_mb.Unusable as error:
        _log.warning("libipsec-mb is not used: %s", error)
        return ()
    return kinds


def paying(algorithm: Algorithm, flags: frozenset[str]) -> tuple[Kind, ...]:
    """Return the kinds of lanes that beat hashlib on a processor with these features, the widest first."""
    fast = "sha_ni" in flags
    kinds = []
    if flags >= _WIDE:
        kinds.append(Kind("avx512", 16, 2 if not fast else 6 if algorithm == "sha1" else 8))
    elif "avx2" in flags and not fast:
        kinds.append(Kind("avx2", 8, 3))
    if fast:
        kinds.append(Kind("sse", 2, 2))
    return tuple(kinds)


def _processor() -> frozenset[str]:
    """Return the features of the processor that the system lets programs use."""
    try:
        with Path("/proc/cpuinfo").open(encoding="ascii", errors="replace") as file:
            for line in file:
                if line.startswith("flags"):
                    return frozenset(line.partition(":")[2].split())
    except OSError:
        pass
    return frozenset()
