"""Names out of peer ids."""

import pytest

from torrent.peer.clients import client_name, our_peer_id


@pytest.mark.parametrize(
    ("peer_id", "name"),
    [
        (b"-TR3000-abcdefghijkl", "Transmission 3.0"),
        (b"-LT2110-abcdefghijkl", "libtorrent 2.1.1"),
        (b"A2-1-36-0-abcdefghij", "aria2 1.36.0"),
        (b"-ZZ1A00-abcdefghijkl", "ZZ 1.10"),
    ],
)
def test_known_styles(peer_id, name):
    assert client_name(peer_id) == name


def test_ours_is_known_and_random():
    assert client_name(our_peer_id(b"x" * 12)) == "torrent 0.1"
    assert len(our_peer_id(b"x" * 40)) == 20


def test_anything_else_is_shown_safely():
    assert "\x1b" not in client_name(b"\x1b[2J" + b"\0" * 16)
