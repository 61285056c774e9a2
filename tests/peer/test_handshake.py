"""The first 68 bytes, good and bad."""

import pytest

from torrent.errors import PeerError
from torrent.peer.handshake import LENGTH, Handshake, check_prefix, decode
from torrent.terms import InfoHash, PeerId

OURS = Handshake(InfoHash(b"h" * 20), PeerId(b"p" * 20), fast=True, extended=True, dht=False, v2=True)


def test_it_survives_the_trip():
    data = OURS.encode()
    assert len(data) == LENGTH
    assert decode(data) == OURS


def test_reserved_bits_are_where_the_beps_put_them():
    data = OURS.encode()
    assert data[25] == 0x10  # BEP 10
    assert data[27] == 0x04 | 0x10  # BEP 6, BEP 52


def test_unknown_bits_are_ignored():
    data = bytearray(OURS.encode())
    data[20] |= 0x80
    assert decode(data) == OURS


@pytest.mark.parametrize("cut", range(LENGTH))
def test_too_short(cut):
    with pytest.raises(PeerError):
        decode(OURS.encode()[:cut])


@pytest.mark.parametrize("head", [b"GET / HTTP/1.1\r\n", b"\x13BitTorrent protocoL", b"\x12", b"\0"])
def test_a_stranger_is_refused_at_the_first_wrong_byte(head):
    with pytest.raises(PeerError):
        check_prefix(head)


def test_a_good_beginning_is_not_refused():
    data = OURS.encode()
    for cut in range(len(data)):
        check_prefix(data[:cut])
