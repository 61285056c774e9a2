"""Votes on our own address, honest and not."""

import pytest

from torrent.external import MOST_VOTERS, QUORUM, ExternalAddress

US = "93.184.216.34"


def test_three_networks_that_agree_are_believed_once():
    votes = ExternalAddress()
    answers = [votes.vote(US, f"8.8.{n}.1") for n in range(QUORUM + 1)]
    assert answers == [None] * (QUORUM - 1) + [US, None]
    assert votes.known() == US
    assert votes.known(six=True) == ""


def test_many_voters_of_one_network_count_once():
    votes = ExternalAddress()
    assert not any(votes.vote(US, f"8.8.8.{n}") for n in range(1, 200))


def test_a_tie_decides_nothing():
    votes = ExternalAddress()
    for n in range(QUORUM - 1):
        votes.vote(US, f"8.8.{n}.1")
        votes.vote("1.2.3.4", f"9.9.{n}.1")
    votes.vote(US, "8.8.100.1")
    assert votes.known() == US
    votes.vote("1.2.3.4", "9.9.100.1")
    assert votes.known() == US


def test_a_move_is_noticed_when_the_majority_moves():
    votes = ExternalAddress()
    for n in range(QUORUM):
        votes.vote(US, f"8.8.{n}.1")
    answers = [votes.vote("1.2.3.4", f"8.8.{n}.1") for n in range(QUORUM)]
    assert answers[-1] == "1.2.3.4"


@pytest.mark.parametrize("host", ["127.0.0.1", "10.0.0.1", "0.0.0.0", "not an address", "fe80::1", ""])
def test_an_address_the_world_cannot_see_is_no_vote(host):
    votes = ExternalAddress()
    assert not any(votes.vote(host, f"8.8.{n}.1") for n in range(10))


def test_the_families_are_apart():
    votes = ExternalAddress()
    for n in range(QUORUM):
        votes.vote("2606:2800:220:1::1", f"2001:{n + 100}:1::1")
    assert votes.known(six=True) == "2606:2800:220:1::1"
    assert votes.known() == ""


def test_votes_are_bounded():
    votes = ExternalAddress()
    for n in range(MOST_VOTERS * 3):
        votes.vote(f"1.2.{n % 200}.4", f"8.{n}.1.1")
    assert len(votes._votes) <= MOST_VOTERS
