"""The limits hold together."""

from __future__ import annotations

from torrent import bencode
from torrent.metainfo import limits


def test_the_figures_we_state() -> None:
    assert limits.MAX_TORRENT_SIZE == 10_000_000
    assert limits.MAX_INFO_SIZE == 30 * 1024 * 1024
    assert limits.MAX_PIECES == 2_097_152
    assert limits.MAX_PATH_DEPTH == 100
    assert limits.MAX_DUPLICATES == 500
    assert (bencode.MAX_TOKENS, bencode.MAX_DEPTH) == (3_000_000, 100)


def test_they_do_not_contradict_each_other() -> None:
    assert limits.MIN_V2_PIECE_LENGTH <= limits.MAX_PIECE_LENGTH
    assert limits.MAX_PIECES * limits.MAX_PIECE_LENGTH <= limits.MAX_LENGTH
    assert limits.MAX_LENGTH < 2**63
