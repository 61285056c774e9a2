"""Are many messages hashed as hashlib would, with and without the library, and does any doubt end in hashlib?"""

from __future__ import annotations

import hashlib
import random
import threading

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from torrent import ipsec_mb, lanes
from torrent.ipsec_mb import Unusable

ALL = frozenset({"avx2", "avx512f", "avx512dq", "avx512cd", "avx512bw", "avx512vl", "sha_ni"})
USABLE = lanes._usable


@pytest.fixture(autouse=True)
def fresh(monkeypatch):
    monkeypatch.setattr(lanes, "_mode", "auto")
    monkeypatch.setattr(lanes, "_failed", False)
    yield
    USABLE.cache_clear()
    lanes._pool.cache_clear()


@pytest.fixture(params=["as it is", "without the library", "hashlib", "all in lanes"])
def way(request, monkeypatch):
    if request.param == "without the library":
        lanes._usable.cache_clear()
        monkeypatch.setattr(ipsec_mb, "library", lambda: None)
    elif request.param == "hashlib":
        lanes.use("hashlib")
    elif request.param == "all in lanes" and lanes._kinds("sha1"):
        few = {name: tuple(kind._replace(least=1) for kind in lanes._usable(name)) for name in ("sha1", "sha256")}
        monkeypatch.setattr(lanes, "_kinds", few.__getitem__)
    return request.param


def plain(algorithm, data, spans):
    return b"".join(hashlib.new(algorithm, data[start : start + length]).digest() for start, length in spans)


HERE = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@given(st.lists(st.one_of(st.integers(0, 200), st.integers(0, 70_000)), max_size=33), st.integers(0, 1000))
@HERE
def test_spans_of_any_length_and_number(way, lengths, seed):
    rng = random.Random(seed)
    data = bytearray(rng.randbytes(70_050))
    spans = [(rng.randrange(50), length) for length in lengths]
    assert lanes.sha1(data, spans) == plain("sha1", data, spans)
    assert lanes.sha256(memoryview(data), spans) == plain("sha256", data, spans)
    assert lanes.sha256(bytes(data), spans) == plain("sha256", data, spans)


@given(st.integers(0, 40), st.integers(1, 3000), st.integers(0, 2999), st.integers(0, 1000))
@HERE
def test_a_buffer_cut_in_equal_messages(way, count, size, rest, seed):
    rng = random.Random(seed)
    data = bytearray(rng.randbytes(count * size + rest % size))
    spans = [(at, min(size, len(data) - at)) for at in range(0, len(data), size)]
    for buffer in (data, bytes(data), memoryview(data), memoryview(bytes(data)), memoryview(data).toreadonly()):
        assert lanes.sha1_each(buffer, size) == plain("sha1", data, spans)
        assert lanes.sha256_each(buffer, size) == plain("sha256", data, spans)


@pytest.mark.parametrize("count", [1, 2, 5, 6, 7, 16, 17, 22, 127, 128, 129, 300])
def test_numbers_around_the_lanes(way, count):
    data = bytearray(range(256)) * 40
    spans = [(n % 100, 8000 + n) for n in range(count)]
    assert lanes.sha1(data, spans) == plain("sha1", data, spans)
    assert lanes.sha256_each(memoryview(data)[: 30 * count], 30) == plain(
        "sha256", data, [(n * 30, 30) for n in range(count)]
    )


def test_a_message_too_long_for_a_lane(way, monkeypatch):
    monkeypatch.setattr(lanes, "LONGEST", 1000)
    data = bytearray(5000)
    assert lanes.sha1(data, [(0, 1001), (0, 5)]) == plain("sha1", data, [(0, 1001), (0, 5)])
    assert lanes.sha1_each(data, 1001) == plain(
        "sha1", data, [(at, min(1001, 5000 - at)) for at in range(0, 5000, 1001)]
    )


@pytest.mark.parametrize("span", [(-1, 5), (0, -1), (0, 101), (100, 1), (50, 51)])
def test_a_span_outside_of_the_buffer_is_refused(way, span):
    with pytest.raises(ValueError, match="outside"):
        lanes.sha1(bytearray(100), [(0, 1), span])


def test_nothing_to_hash(way):
    assert lanes.sha1(b"", []) == b"" and lanes.sha256_each(bytearray(), 64) == b""
    assert lanes.sha1(bytearray(), [(0, 0), (0, 0)]) == plain("sha1", b"", [(0, 0)] * 2)


def test_a_view_with_gaps_is_no_buffer(way):
    with pytest.raises(BufferError):
        lanes.sha1(memoryview(bytearray(range(200)))[::2], [(0, 40), (10, 40), (0, 100)])


def test_threads_do_not_share_lanes(way):
    data = bytearray(range(256)) * 256
    expected = lanes.sha256_each(data, 1000)
    wrong = []

    def work():
        wrong.extend(found for _ in range(50) if (found := lanes.sha256_each(data, 1000)) != expected)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


@pytest.mark.parametrize("when", [0, 1])
def test_a_library_that_fails_is_not_asked_again(when, monkeypatch, caplog):
    class Failing:
        def __init__(self):
            self.calls = 0

        def digests(self, starts, lengths):
            self.calls += 1
            if self.calls > when:
                raise Unusable("it left a message undone")
            return b"".join(hashlib.sha1(bytes(length)).digest() for length in lengths)

    failing = Failing()
    monkeypatch.setattr(lanes, "_usable", lambda algorithm: (lanes.Kind("avx512", 16, 6),))
    monkeypatch.setattr(lanes, "_take", lambda algorithm, arch: failing)
    data = bytearray(300 * 10)
    assert lanes.sha1_each(data, 10) == hashlib.sha1(bytes(10)).digest() * 300
    assert "not used any more" in caplog.text and lanes.width("sha1") == 1
    lanes.sha1_each(data, 10)
    lanes.use("auto")
    lanes.sha1_each(data, 10)
    assert failing.calls == when + 1


def test_a_library_that_hashes_wrongly_is_never_used(monkeypatch, caplog):
    def wrong(*_, **__):
        raise Unusable("its sha1 is not what hashlib says")

    lanes._usable.cache_clear()
    monkeypatch.setattr(ipsec_mb, "library", lambda: object())
    monkeypatch.setattr(ipsec_mb, "tested", wrong)
    monkeypatch.setattr(lanes, "_processor", lambda: ALL)
    assert lanes.describe() == "hashlib" and lanes.width("sha1") == 1
    assert lanes.sha1(bytearray(5), [(0, 5), (0, 4)]) == plain("sha1", bytes(5), [(0, 5), (0, 4)])
    assert "not what hashlib says" in caplog.text


def test_which_lanes_pay():
    def arches(algorithm, flags):
        return [kind.arch for kind in lanes.paying(algorithm, frozenset(flags))]

    assert arches("sha1", ALL) == ["avx512", "sse"]
    assert arches("sha256", ALL - {"sha_ni"}) == ["avx512"]
    assert arches("sha1", ALL - {"avx512bw"}) == ["sse"]
    assert arches("sha1", {"avx2"}) == ["avx2"]
    assert arches("sha1", {"avx2", "sha_ni"}) == ["sse"]
    assert arches("sha256", set()) == []


def test_it_says_what_it_uses(way):
    said = lanes.describe()
    assert said == "hashlib" or said.startswith("libipsec-mb ")
    assert said == "hashlib" or way not in ("hashlib", "without the library")
    assert way == "all in lanes" or (lanes.width("sha1") > 1) == (said != "hashlib")
