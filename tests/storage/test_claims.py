"""Can two torrents get the same file?"""

from __future__ import annotations

import pytest

from torrent.errors import InputError
from torrent.storage.claims import Claims


def test_a_claimed_path_is_refused_to_others_and_nothing_is_claimed_by_halves():
    claims = Claims(ignore_case=False)
    claims.take("a", "/d", [("x", "1"), ("x", "2")])
    with pytest.raises(InputError, match="/d/x/2 is in use"):
        claims.take("b", "/d", [("x", "3"), ("x", "2")])
    claims.take("c", "/d", [("x", "3"), ("X", "1")])
    claims.take("d", "/e", [("x", "1")])
    claims.give("a")
    claims.take("b", "/d", [("x", "2")])


def test_the_same_file_by_another_folder():
    claims = Claims(ignore_case=False)
    claims.take("a", "/d", [("x", "1")])
    with pytest.raises(InputError):
        claims.take("b", "/d/x", [("1",)])


def test_case_does_not_count_where_the_disk_has_none():
    claims = Claims(ignore_case=True)
    claims.take("a", "/d", [("x",)])
    with pytest.raises(InputError):
        claims.take("b", "/D", [("X",)])


def test_a_torrent_may_claim_its_own_again():
    claims = Claims()
    claims.take("a", "/d", [("x",)])
    claims.take("a", "/d", [("x",), ("y",)])


def test_giving_touches_nobody_elses():
    claims = Claims()
    claims.take("a", "/d", [("x",)])
    claims.take("b", "/d", [("y",)])
    claims.give("a")
    claims.give("a")
    with pytest.raises(InputError):
        claims.take("a", "/d", [("y",)])
