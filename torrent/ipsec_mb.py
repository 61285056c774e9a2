"""What is known of libipsec-mb, and is the one found here like that? (shell: it loads a library)

Known are versions 1.3 to 2.x on Linux, x86-64 (Debian: libipsec-mb1). Where the fields of its manager and of a job are
is written down in `Lanes` and is the same in all of them. Nothing is taken for granted:

- what a manager hands out has to lie within the manager, and its calls within the library;
- the library's own tests have to have passed, and before a manager is used its digests of messages of many lengths are
  compared with hashlib's (`tested`);
- after each call every job has to be marked as completed.

The calls used are those named "nocheck": the others refuse messages over 64 KiB. What those would check is checked
here or by the caller, and messages longer than that are part of the comparison. A `Lanes` serves one thread at a time;
ctypes lets go of the GIL while it works.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import random
import sys
from array import array
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from itertools import accumulate
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    Words = array[int]

Algorithm = Literal["sha1", "sha256"]
Buffer = bytes | bytearray | memoryview

BURST = 128
"""Messages the library takes at once."""
DIGEST_SIZES = {"sha1": 20, "sha256": 32}
_NUMBERS = {"sha1": 13, "sha256": 15}
_NAMES = ("libIPSec_MB.so.1", "libIPSec_MB.so.2")
_VERSIONS = range(0x10300, 0x30000)
_SESSIONS_SINCE = 0x10400
_SELF_TESTED = (1 << 20 | 1 << 21, 1 << 19 | 1 << 20)
"""Features: it has tests of itself, and they passed; in versions 1 and 2."""
_TEST = (
    0,
    1,
    3,
    55,
    56,
    63,
    64,
    65,
    119,
    120,
    127,
    128,
    1000,
    16384,
    16384,
    16383,
    16385,
    65535,
    65536,
    65537,
    131_100,
)
_LONG_TEST = 4 * 1024 * 1024 + 65


class Unusable(Exception):
    """The library is not what is known of it."""


class Lanes:
    """One manager of the library, set up for one algorithm: an array of jobs that is filled in and sent off.

    `arch` is the library's name for a kind of registers: avx512, avx2, sse. It is not asked whether the processor has
    them. Raises `Unusable`.
    """

    _FEATURES, _GET, _SUBMIT, _FLUSH = 8, 952, 968, 976
    """Offsets in the manager: its features, and its calls on bursts of jobs."""
    _SOURCE, _SKIP, _LENGTH, _TAG, _TAG_SIZE = 24, 56, 64, 88, 96
    """Offsets in a job of fields of eight bytes: where the message is, how much of it to leave out, its length, where
    the digest goes and how long that is."""
    _STATUS, _CIPHER, _DIRECTION, _HASH, _ORDER = 128, 132, 136, 140, 144
    """Offsets in a job of fields of four bytes."""
    _NO_CIPHER, _ENCRYPT, _HASH_FIRST, _COMPLETED = 3, 1, 2, 3
    _NEAR = 1 << 28

    def __init__(self, library: ctypes.CDLL, arch: str, algorithm: Algorithm) -> None:
        self._number, self._size = _NUMBERS[algorithm], DIGEST_SIZES[algorithm]
        self._library = library
        self._manager: int = library.alloc_mb_mgr(0) or 0
        start: Any = getattr(library, f"init_mb_mgr_{arch}", None)
        if not self._manager or start is None:
            raise Unusable(f"it gives no manager for {arch}")
        start.argtypes, start.restype = [ctypes.c_void_p], None
        start(self._manager)
        features = ctypes.c_uint64.from_address(self._manager + self._FEATURES).value
        good = _SELF_TESTED[library.imb_get_version() >= 0x20000]
        if library.imb_get_errno(self._manager) or features & good != good:
            raise Unusable(f"its own tests of {arch} failed")
        self._get, self._submit, self._flush = map(self._call, (self._GET, self._SUBMIT, self._FLUSH))
        self._jobs = (ctypes.c_uint64 * BURST)()
        self._list = ctypes.addressof(self._jobs)
        self._tags = ctypes.create_string_buffer(BURST * self._size)
        # The library's tests moved its queue on. Once that has run empty it begins with the first job, every time.
        self._set_up(1)
        self._words[self._SOURCE // 8] = ctypes.addressof(self._tags)
        self._send(1)
        self._set_up(BURST)

    def digests(self, starts: Words, lengths: Words) -> bytes:
        """Return the joined digests of up to `BURST` messages, given by their addresses and lengths, which are trusted.

        `Unusable` if the library left one undone.
        """
        end = len(starts) * self._step
        self._words[self._SOURCE // 8 : end : self._step] = starts
        self._words[self._LENGTH // 8 : end : self._step] = lengths
        self._send(len(starts))
        return self._tags.raw[: len(starts) * self._size]

    def _send(self, count: int) -> None:
        status = slice(self._STATUS // 8, count * self._step, self._step)
        self._words[status] = array("Q", [self._NO_CIPHER << 32]) * count
        ctypes.memmove(self._list, self._order, count * 8)
        done = self._submit(self._manager, count, self._list)
        while done < count:
            more = self._flush(self._manager, BURST, self._list)
            if not more:
                break
            done += more
        if self._words[status].tolist() != [self._NO_CIPHER << 32 | self._COMPLETED] * count:
            raise Unusable("it left a message undone")

    def _call(self, offset: int) -> Callable[[int, int, int], int]:
        address = ctypes.c_uint64.from_address(self._manager + offset).value
        home = ctypes.cast(self._library.alloc_mb_mgr, ctypes.c_void_p).value or 0
        if abs(address - home) > self._NEAR:
            raise Unusable("its calls are not where they should be")
        return ctypes.CFUNCTYPE(ctypes.c_uint32, ctypes.c_void_p, ctypes.c_uint32, ctypes.c_void_p)(address)

    def _set_up(self, count: int) -> None:
        """Take `count` jobs and write down in each what stays the same."""
        if self._get(self._manager, count, self._list) != count:
            raise Unusable("it has no room for jobs")
        jobs = list(self._jobs[:count])
        step = jobs[1] - jobs[0] if count > 1 else 256
        end = self._manager + self._library.imb_get_mb_mgr_size()
        if step % 8 or not self._ORDER < step <= 1024 or jobs != list(range(jobs[0], jobs[-1] + 1, step)):
            raise Unusable("its jobs are not where they should be")
        if not self._manager <= jobs[0] <= jobs[-1] + step <= end:
            raise Unusable("its jobs are not its own")
        # Words of eight bytes over all jobs, so that a field of all of them is set in one go.
        self._words = memoryview((ctypes.c_char * (step * count)).from_address(jobs[0])).cast("B").cast("Q")
        self._step = step // 8
        self._order = bytes(self._jobs)
        tags = ctypes.addressof(self._tags)
        for index, job in enumerate(jobs):
            wide = {self._SKIP: 0, self._LENGTH: 0, self._TAG: tags + index * self._size, self._TAG_SIZE: self._size}
            for offset, value in wide.items():
                ctypes.c_uint64.from_address(job + offset).value = value
            short = {self._CIPHER: self._NO_CIPHER, self._DIRECTION: self._ENCRYPT, self._HASH: self._number}
            for offset, value in {**short, self._ORDER: self._HASH_FIRST}.items():
                ctypes.c_uint32.from_address(job + offset).value = value
            if self._library.imb_get_version() >= _SESSIONS_SINCE:
                self._library.imb_set_session.argtypes = [ctypes.c_void_p, ctypes.c_void_p]
                if not self._library.imb_set_session(self._manager, job):
                    raise Unusable("it takes no session")


@cache
def library() -> ctypes.CDLL | None:
    """Return the library if it is there and of a version that is known."""
    if sys.platform != "linux" or os.uname().machine != "x86_64" or sys.maxsize < 1 << 32:
        return None
    for name in _NAMES:
        try:
            found = ctypes.CDLL(name)
            found.imb_get_version.restype = ctypes.c_uint
            if found.imb_get_version() in _VERSIONS:
                found.alloc_mb_mgr.restype, found.alloc_mb_mgr.argtypes = ctypes.c_void_p, [ctypes.c_uint64]
                found.imb_get_mb_mgr_size.restype = ctypes.c_size_t
                found.imb_get_errno.argtypes = [ctypes.c_void_p]
                return found
        except (OSError, AttributeError):
            continue
    return None


def version(found: ctypes.CDLL) -> str:
    """Return the version of the library."""
    number = found.imb_get_version()
    return f"{number >> 16}.{number >> 8 & 255}.{number & 255}"


def tested(found: ctypes.CDLL, arch: str, algorithm: Algorithm, *, long: bool = False) -> Lanes:
    """Return lanes that gave what hashlib gives, for messages of 4 MiB too if `long`; `Unusable`."""
    mine = Lanes(found, arch, algorithm)
    spans = list(zip(accumulate((*_TEST, *_TEST), initial=1), (*_TEST, *_TEST[::-1]), strict=False))
    for count in (1, 2, len(spans)):
        _compare(mine, algorithm, spans[-count:])
    if long:
        _compare(mine, algorithm, [(0, _LONG_TEST), (1, 7)])
    return mine


def _compare(mine: Lanes, algorithm: Algorithm, spans: Sequence[tuple[int, int]]) -> None:
    size = max(start + length for start, length in spans)
    some = random.Random(size).randbytes(65521)
    data = bytearray(some * (size // len(some) + 1))
    new = getattr(hashlib, algorithm)
    expected = b"".join(new(data[start : start + length]).digest() for start, length in spans)
    with held(data) as base:
        starts = array("Q", [base + start for start, _ in spans])
        if mine.digests(starts, array("Q", [length for _, length in spans])) != expected:
            raise Unusable(f"its {algorithm} is not what hashlib says")


@contextmanager
def held(buffer: Buffer) -> Iterator[int]:
    """Give the address of a buffer (bytes, or writable and not empty), which stays where it is meanwhile."""
    if isinstance(buffer, bytes):
        yield ctypes.cast(ctypes.c_char_p(buffer), ctypes.c_void_p).value or 0
    else:
        export = ctypes.c_char.from_buffer(buffer)
        yield ctypes.addressof(export)
        del export
