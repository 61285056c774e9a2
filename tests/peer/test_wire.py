"""The bytes of messages, against the examples of the BEPs."""

from torrent.peer import wire


def test_messages_have_the_bytes_of_bep_3():
    assert wire.bare(wire.UNCHOKE) == b"\0\0\0\x01\x01"
    assert wire.numbered(wire.HAVE, 258) == b"\0\0\0\x05\x04\0\0\x01\x02"
    assert wire.bitfield(b"\xf0") == b"\0\0\0\x02\x05\xf0"
    assert wire.port(6881) == b"\0\0\0\x03\x09\x1a\xe1"
    assert wire.extended(3, b"d") == b"\0\0\0\x03\x14\x03d"


def test_many_requests_are_one_write():
    joined = wire.spans(wire.REQUEST, [(1, 0, 16384), (1, 16384, 10)])
    one = b"\0\0\0\x0d\x06" + (1).to_bytes(4, "big") + (0).to_bytes(4, "big") + (16384).to_bytes(4, "big")
    two = b"\0\0\0\x0d\x06" + (1).to_bytes(4, "big") + (16384).to_bytes(4, "big") + (10).to_bytes(4, "big")
    assert joined == one + two


def test_haves_are_joined():
    assert wire.haves([1, 2]) == wire.numbered(wire.HAVE, 1) + wire.numbered(wire.HAVE, 2)


def test_a_piece_header_counts_the_data():
    header = wire.piece_header(7, 32768, 5)
    assert len(header) == wire.PIECE_HEADER
    assert header == b"\0\0\0\x0e\x07" + (7).to_bytes(4, "big") + (32768).to_bytes(4, "big")


def test_a_hash_reject_repeats_the_request():
    request = bytes(range(48))
    assert wire.hash_reject(request) == b"\0\0\0\x31\x17" + request
