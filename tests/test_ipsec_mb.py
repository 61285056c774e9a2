"""Does libipsec-mb say what hashlib says, and is one that differs from what is known never used?"""

from __future__ import annotations

import ctypes
import hashlib
import os
import random
from array import array

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from torrent import ipsec_mb, lanes
from torrent.ipsec_mb import Lanes, Unusable

ARCHES = {"sse": {"sse4_2"}, "avx2": {"avx2"}, "avx512": {"avx512f", "avx512bw", "avx512vl", "avx512dq"}}


def installed() -> ctypes.CDLL:
    found = ipsec_mb.library()
    if found is None:
        if os.environ.get("TORRENT_TEST_FOREIGN") == "require" and os.uname().machine == "x86_64":
            pytest.fail("libipsec-mb1 is not installed")
        pytest.skip("libipsec-mb1 is not installed")
    return found


@pytest.fixture(scope="module", params=[(arch, name) for arch in ARCHES for name in ("sha1", "sha256")], ids="-".join)
def mine(request):
    arch, algorithm = request.param
    found = installed()
    if not lanes._processor() >= ARCHES[arch]:
        pytest.skip(f"no {arch} here")
    return Lanes(found, arch, algorithm), getattr(hashlib, algorithm)


def digests(mine, data, spans):
    with ipsec_mb.held(data) as base:
        starts = array("Q", [base + start for start, _ in spans])
        return mine.digests(starts, array("Q", [length for _, length in spans]))


@given(st.lists(st.one_of(st.integers(0, 300), st.integers(0, 70_000)), min_size=1, max_size=33), st.integers(0, 1000))
@settings(max_examples=60, deadline=None)
def test_the_same_digests_as_hashlib(mine, lengths, seed):
    rng = random.Random(seed)
    lane, new = mine
    data = bytearray(rng.randbytes(70_100))
    spans = [(rng.randrange(100), length) for length in lengths]
    expected = b"".join(new(data[start : start + length]).digest() for start, length in spans)
    assert digests(lane, data, spans) == expected


@pytest.mark.parametrize("count", [1, 2, 15, 16, 17, 33, 127, 128])
def test_every_length_around_the_padding(mine, count):
    lane, new = mine
    data = bytearray(os.urandom(512))
    for first in range(0, 260, count):
        spans = [(1, first + more) for more in range(count)]
        assert digests(lane, data, spans) == b"".join(new(data[1 : 1 + length]).digest() for _, length in spans)


def test_whole_pieces(mine):
    lane, new = mine
    data = bytearray(os.urandom(1 << 20) * 5)
    spans = [(0, 1 << 20), (7, 4 << 20), (0, (4 << 20) + 100), (3, 65_536), (1 << 20, 4 << 20)] * 4
    known = {span: new(data[span[0] : sum(span)]).digest() for span in set(spans)}
    assert digests(lane, data, spans) == b"".join(known[span] for span in spans)


def test_the_fixed_comparison_passes(mine):
    lane, _ = mine
    algorithm = "sha1" if lane._size == 20 else "sha256"
    spans = [(1, 100), (5, 70_000), (3, 0)]
    ipsec_mb._compare(lane, algorithm, spans)


def test_what_the_library_leaves_undone_is_noticed(mine, monkeypatch):
    lane, _ = mine
    monkeypatch.setattr(lane, "_submit", lambda *_: 0)
    monkeypatch.setattr(lane, "_flush", lambda *_: 0)
    with pytest.raises(Unusable, match="undone"):
        digests(lane, bytearray(10), [(0, 5), (1, 5)])


def test_wrong_digests_are_noticed(mine, monkeypatch):
    lane, _ = mine
    real = Lanes.digests
    algorithm = "sha1" if lane._size == 20 else "sha256"
    monkeypatch.setattr(Lanes, "digests", lambda *given: real(*given)[:-1] + b"\0")
    with pytest.raises(Unusable, match="hashlib"):
        ipsec_mb._compare(lane, algorithm, [(0, 100), (1, 100)])


@pytest.mark.parametrize(
    ("name", "value"), [("_FEATURES", 16), ("_GET", 0), ("_SUBMIT", 8), ("_FLUSH", 16), ("_NEAR", -1)]
)
def test_another_layout_is_refused_before_anything_is_called(name, value, monkeypatch):
    found = installed()
    monkeypatch.setattr(Lanes, name, value)
    with pytest.raises(Unusable):
        Lanes(found, "sse", "sha1")


def test_an_arch_the_library_does_not_have():
    with pytest.raises(Unusable, match="avx1024"):
        Lanes(installed(), "avx1024", "sha1")


def test_tested_lanes_took_long_messages_too(monkeypatch):
    seen = []
    real = ipsec_mb._compare
    monkeypatch.setattr(ipsec_mb, "_compare", lambda *given: seen.append(given[2]) or real(*given))
    ipsec_mb.tested(installed(), "sse", "sha1", long=True)
    lengths = {length for spans in seen for _, length in spans}
    assert {0, 1, 55, 56, 63, 64, 65, 16384, 65535, 65536} <= lengths and max(lengths) > 1 << 22


def test_the_version_in_words():
    assert ipsec_mb.version(installed()).count(".") == 2


@pytest.mark.parametrize("number", [0x10200, 0x30000, 0])
def test_other_versions_are_not_taken(number, monkeypatch):
    class Other:
        def imb_get_version(self):
            return number

        imb_get_version.restype = None  # type: ignore[attr-defined]

    other = Other()
    other.__class__.imb_get_version = type("Call", (), {"restype": None, "__call__": lambda self: number})()
    monkeypatch.setattr(ctypes, "CDLL", lambda name: other)
    assert ipsec_mb.library.__wrapped__() is None


def test_no_library_no_lanes(monkeypatch):
    def missing(name):
        raise OSError(name)

    monkeypatch.setattr(ctypes, "CDLL", missing)
    assert ipsec_mb.library.__wrapped__() is None


def test_something_else_of_that_name(monkeypatch):
    monkeypatch.setattr(ctypes, "CDLL", lambda name: object())
    assert ipsec_mb.library.__wrapped__() is None


def test_other_systems_are_not_asked(monkeypatch):
    monkeypatch.setattr(ctypes, "CDLL", lambda name: pytest.fail("asked"))
    monkeypatch.setattr(ipsec_mb.sys, "platform", "darwin")
    assert ipsec_mb.library.__wrapped__() is None


def test_held_memory_stays_where_it_is():
    data = bytearray(100)
    with ipsec_mb.held(data) as base:
        assert ctypes.string_at(base, 100) == bytes(100)
        with pytest.raises(BufferError):
            data.extend(b"more")
    data.extend(b"more")
    with ipsec_mb.held(b"abc") as base:
        assert ctypes.string_at(base, 3) == b"abc"
    with ipsec_mb.held(memoryview(data)[100:]) as base:
        assert ctypes.string_at(base, 4) == b"more"
