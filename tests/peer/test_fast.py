"""The allowed-fast set, against the example in BEP 6."""

from torrent.peer.fast import allowed_fast


def test_the_example_of_bep_6():
    info_hash = b"\xaa" * 20
    assert allowed_fast("80.4.4.200", info_hash, 1313, 7) == (1059, 431, 808, 1217, 287, 376, 1188)
    assert allowed_fast("80.4.4.200", info_hash, 1313, 9) == (1059, 431, 808, 1217, 287, 376, 1188, 353, 508)


def test_the_whole_network_gets_the_same_set():
    assert allowed_fast("80.4.4.1", b"h" * 20, 100) == allowed_fast("80.4.4.254", b"h" * 20, 100)


def test_a_small_torrent_gives_all_its_pieces():
    assert sorted(allowed_fast("80.4.4.1", b"h" * 20, 3)) == [0, 1, 2]


def test_ipv6_and_empty_torrents_get_nothing():
    assert allowed_fast("2001:db8::1", b"h" * 20, 100) == ()
    assert allowed_fast("80.4.4.1", b"h" * 20, 0) == ()
