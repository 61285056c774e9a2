"""The extension handshake: every value from a stranger is checked."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from torrent import bencode
from torrent.errors import PeerError
from torrent.peer.extensions import ExtensionHandshake, decode


def test_it_survives_the_trip():
    ours = ExtensionHandshake(
        ids={"ut_pex": 1}, client="torrent 1", reqq=500, port=6881, upload_only=True, your_ip=b"\x7f\0\0\1"
    )
    assert decode(ours.encode()) == ours


@pytest.mark.parametrize(
    ("key", "value"),
    [
        (b"reqq", -1),
        (b"reqq", b"many"),
        (b"reqq", 10**30),
        (b"p", 0),
        (b"p", 65536),
        (b"v", 7),
        (b"m", [1]),
        (b"m", {b"ut_pex": 256}),
        (b"m", {b"ut_pex": b"1"}),
        (b"yourip", b"12345"),
        (b"metadata_size", -5),
        (b"upload_only", 2),
    ],
)
def test_a_wrong_value_counts_as_absent(key, value):
    assert decode(bencode.encode({key: value})) == ExtensionHandshake()


def test_names_are_safe_to_show():
    theirs = decode(bencode.encode({b"v": b"evil\x1b]0;PWN\x07", b"m": {b"\x1b[2J": 3}}))
    assert "\x1b" not in theirs.client
    assert all("\x1b" not in name for name in theirs.ids)


def test_the_number_of_extensions_is_bounded():
    theirs = decode(bencode.encode({b"m": {b"x%03d" % n: 1 for n in range(500)}}))
    assert len(theirs.ids) == 64


@given(st.binary(max_size=200))
def test_garbage_raises_one_error(data):
    try:
        decode(data)
    except PeerError:
        pass
