"""Which pieces the chosen files need."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from torrent import bencode
from torrent.errors import InputError
from torrent.metainfo import Metainfo
from torrent.selection import ends_of_files, pad_bytes, piece_priorities, wanted_files

PIECE = 16384


def torrent(*lengths, pads=()):
    files = [
        {
            **({b"attr": b"p"} if number in pads else {}),
            b"length": length,
            b"path": [b"f%d" % number],
        }
        for number, length in enumerate(lengths)
    ]
    pieces = -(-sum(lengths) // PIECE)
    info = {b"files": files, b"name": b"t", b"piece length": PIECE, b"pieces": bytes(20 * pieces)}
    return Metainfo.from_bytes(bencode.encode({b"info": info}))


def test_no_choice_and_the_choice_of_everything_are_the_same():
    metainfo = torrent(10, 20, 30)
    assert wanted_files(metainfo, None) is None
    assert wanted_files(metainfo, [2, 1, 0]) is None
    assert wanted_files(metainfo, [1]) == frozenset({1})
    assert wanted_files(metainfo, []) == frozenset()


def test_padding_is_nothing_to_choose():
    metainfo = torrent(PIECE - 5, 5, PIECE, pads=(1,))
    assert wanted_files(metainfo, [0, 2]) is None
    with pytest.raises(InputError, match="no file number 1"):
        wanted_files(metainfo, [0, 1])


@pytest.mark.parametrize("bad", [[3], [-1], [0, 99]])
def test_a_file_that_is_not_there_is_an_input_error(bad):
    with pytest.raises(InputError, match="no file number"):
        wanted_files(torrent(10, 20, 30), bad)


def test_pieces_at_the_border_of_a_wanted_file_are_wanted():
    metainfo = torrent(PIECE + 1, PIECE, PIECE * 2)
    assert piece_priorities(metainfo, None) is None
    assert piece_priorities(metainfo, frozenset({0})) == [1, 1, 0, 0, 0]
    assert piece_priorities(metainfo, frozenset({1})) == [0, 1, 1, 0, 0]
    assert piece_priorities(metainfo, frozenset({2})) == [0, 0, 1, 1, 1]
    assert piece_priorities(metainfo, frozenset()) == [0] * 5


def test_an_empty_file_needs_no_piece():
    metainfo = torrent(PIECE, 0, PIECE)
    assert piece_priorities(metainfo, frozenset({1})) == [0, 0]
    assert ends_of_files(metainfo, frozenset({1})) == 0


def test_first_and_last_pieces():
    metainfo = torrent(PIECE * 3, 5, PIECE * 2)
    assert ends_of_files(metainfo, None) == 0b101101 | 0b001000
    assert ends_of_files(metainfo, frozenset({0})) == 0b000101


def test_padding_by_piece():
    metainfo = torrent(PIECE - 5, 5, 100, 2 * PIECE, pads=(1, 3))
    assert pad_bytes(metainfo) == {0: 5, 1: PIECE - 100, 2: PIECE, 3: 100}
    assert pad_bytes(torrent(100, 200)) == {}


@given(st.lists(st.integers(0, 3 * PIECE), min_size=1, max_size=8).filter(sum), st.data())
def test_every_wanted_byte_lies_in_a_wanted_piece_and_no_piece_is_wanted_for_nothing(lengths, data):
    metainfo = torrent(*lengths)
    wanted = data.draw(st.frozensets(st.sampled_from(range(len(lengths)))))
    priorities = piece_priorities(metainfo, wanted)
    touched = {
        at // PIECE
        for file in metainfo.files
        if file.index in wanted and file.length
        for at in (*range(file.offset, file.end, 1000), file.end - 1)
    }
    assert {piece for piece, priority in enumerate(priorities) if priority} == touched
