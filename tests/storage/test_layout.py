"""Do the spans of any range tile it exactly, and does every byte have one place?"""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from torrent.storage import Layout
from torrent.storage.layout import GAP, indices, part_name, to_bits, to_flags


@dataclass(frozen=True)
class F:
    path: tuple[str, ...]
    length: int
    offset: int
    is_pad: bool = False
    is_symlink: bool = False


@st.composite
def layouts(draw):
    piece_length = draw(st.sampled_from([1, 7, 16, 64]))
    aligned = draw(st.booleans())
    files, offset = [], 0
    for number in range(draw(st.integers(1, 12))):
        length = draw(st.sampled_from([0, 0, 1, 5, 16, 40, 100]))
        if aligned and length:
            offset += -offset % piece_length
        pad = draw(st.integers(0, 5)) == 0
        files.append(F(("t", str(number)), length, offset, pad))
        offset += length
    placed = draw(st.none() | st.sets(st.integers(0, len(files) - 1)))
    return Layout(files, piece_length=piece_length, length=offset, placed=placed)


def places(layout: Layout) -> list[tuple[int, int]]:
    """The place and offset of every byte, the slow and obvious way."""
    found = [(GAP, -1)] * layout.length
    for index, file in enumerate(layout.files):
        for at in range(file.length):
            where = file.offset + at
            if not file.is_pad:
                found[where] = (index, at) if index in layout.placed else (layout.part, where)
    return found


@given(layouts(), st.data())
def test_spans_tile_any_range(layout, data):
    truth = places(layout)
    start = data.draw(st.integers(0, layout.length))
    length = data.draw(st.integers(0, layout.length - start))
    told = []
    for place, offset, size in layout.spans(start, length):
        assert size > 0
        told += [(place, -1 if place == GAP else offset + n) for n in range(size)]
    assert told == truth[start : start + length]


@given(layouts(), st.data())
def test_file_progress_counts_bytes_in_pieces(layout, data):
    have = data.draw(st.integers(0, (1 << layout.pieces) - 1))
    slow = [0] * len(layout.files)
    for index in layout.real:
        file = layout.files[index]
        slow[index] = sum(
            have >> (at // layout.piece_length) & 1 for at in range(file.offset, file.offset + file.length)
        )
    assert layout.file_progress(have) == slow


@given(layouts())
def test_pieces_and_files_agree(layout):
    for piece in range(layout.pieces):
        assert layout.files_of(piece) == [i for i in layout.real if piece in layout.pieces_of(i)]
    everything = layout.needed()
    assert indices(everything, layout.pieces) == sorted({p for i in layout.real for p in layout.pieces_of(i)})
    assert layout.needed(set()) == 0


@given(st.integers(0, 300), st.data())
def test_flags_round_trip(count, data):
    bits = data.draw(st.integers(0, (1 << count) - 1))
    flags = to_flags(bits, count)
    assert len(flags) == count and to_bits(flags) == bits
    assert indices(bits, count) == [n for n in range(count) if bits >> n & 1]


def test_unplaced_files_are_in_the_part_file_at_their_own_offset():
    files = [F(("t", "a"), 10, 0), F(("t", "b"), 10, 10)]
    layout = Layout(files, piece_length=16, length=20, placed={0})
    assert layout.spans(0, 20) == [(0, 0, 10), (layout.part, 10, 10)]
    assert layout.has_part and layout.path(layout.part) == (".t.parts",)
    assert not Layout(files, piece_length=16, length=20).has_part


def test_the_name_of_a_part_file_fits_on_a_disk():
    assert len(part_name("ü" * 200).encode()) <= 255
