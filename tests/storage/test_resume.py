"""Is exactly that believed which the record and the files together prove?"""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from torrent.storage import Layout, Resume
from torrent.storage.resume import ABSENT, MAGIC, WINDOW_NS, Proof, ResumeError, decode, encode, fits, judge


@dataclass(frozen=True)
class F:
    path: tuple[str, ...]
    length: int
    offset: int
    is_pad: bool = False
    is_symlink: bool = False


# Pieces of 10 bytes: 0-2 are file 0, 3 is files 0 and 1, 4 is file 1, 5 is files 1 and 2.
FILES = [F(("t", "0"), 35, 0), F(("t", "1"), 20, 35), F(("t", "2"), 5, 55)]
LAYOUT = Layout(FILES, piece_length=10, length=60)
ALL = 0b111111
NOW = 1_000_000_000_000
PROOFS = (Proof(35, NOW - 5), Proof(20, NOW - 4), Proof(5, NOW - 3), ABSENT)
RECORD = Resume("ab" * 20, 6, ALL, ALL, "boot-1", NOW, True, PROOFS, frozenset({0, 1, 2}), 11, 22)
FOUND = {0: PROOFS[0], 1: PROOFS[1], 2: PROOFS[2]}


def weigh(record=RECORD, found=FOUND, boot="boot-1", layout=LAYOUT):
    return judge(record, layout, found, boot_id=boot)


def test_a_record_round_trips():
    assert decode(encode(RECORD)) == RECORD


@given(
    st.integers(0, 3000).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, (1 << n) - 1))),
    st.lists(st.tuples(st.integers(-1, 1 << 62), st.integers(-(1 << 62), 1 << 62)), max_size=5),
)
def test_any_record_round_trips(claim, proofs):
    pieces, have = claim
    proofs = tuple(Proof(*p) for p in proofs)
    record = replace(RECORD, pieces=pieces, have=have, synced=have & 0x5555, proofs=proofs, placed=frozenset({0, 7}))
    assert decode(encode(record)) == record


@given(st.binary(max_size=300))
def test_garbage_is_one_kind_of_error(data):
    for each in (data, MAGIC + data):
        with pytest.raises(ResumeError):
            decode(each)


def sealed(body):
    from hashlib import sha256

    return MAGIC + sha256(body).digest() + body


@given(st.data())
def test_a_sealed_forgery_is_one_kind_of_error_or_a_record(data):
    body = bytearray(encode(RECORD)[len(MAGIC) + 32 :])
    for _ in range(data.draw(st.integers(1, 4))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    try:
        record = decode(sealed(bytes(body)))
    except ResumeError:
        return
    assert record.have >> record.pieces == 0


def test_every_truncation_and_flipped_byte_is_noticed():
    data = encode(RECORD)
    for at in range(len(data)):
        with pytest.raises(ResumeError):
            decode(data[:at])
        broken = bytearray(data)
        broken[at] ^= 1
        with pytest.raises(ResumeError):
            decode(bytes(broken))


def test_a_record_of_another_torrent_does_not_fit():
    fits(RECORD, "ab" * 20, LAYOUT)
    for other in (replace(RECORD, pieces=7), replace(RECORD, proofs=PROOFS[:3]), replace(RECORD, info_hash="cd" * 20)):
        with pytest.raises(ResumeError):
            fits(other, "ab" * 20, LAYOUT)


def test_a_clean_record_with_its_files_is_believed():
    assert weigh() == (ALL, 0, False, ())


def test_after_a_kill_in_the_same_boot_have_is_believed_and_more_is_searched():
    record = replace(RECORD, clean=False, have=0b000111, synced=0b000001)
    assert weigh(record)[:3] == (0b000111, 0, True)


def test_after_a_power_cut_only_what_was_synced_is_believed():
    record = replace(RECORD, clean=False, have=0b000111, synced=0b000001)
    assert weigh(record, boot="boot-2")[:3] == (0b000001, 0b000110, True)


def test_without_a_boot_id_only_what_was_synced_is_believed():
    record = replace(RECORD, have=0b000111, synced=0b000001, boot_id="")
    assert weigh(record, boot="")[:2] == (0b000001, 0b000110)


def test_a_missing_file_takes_its_pieces_along():
    assert weigh(found={0: PROOFS[0], 2: PROOFS[2]})[:2] == (0b000111, 0)


@pytest.mark.parametrize("now", [Proof(19, NOW - 4), Proof(20, NOW - 5), Proof(20, NOW + 1), Proof(21, NOW - 4)])
def test_a_file_that_changed_after_a_clean_end_is_doubtful_where_it_reaches(now):
    verdict = weigh(found={**FOUND, 1: now})
    assert verdict[:2] == (0b000111, 0b111000)
    assert verdict.notes == ("1 file was changed since the last run",)


def test_our_own_late_writes_are_no_reason_to_doubt():
    record = replace(RECORD, clean=False)
    assert weigh(record, {**FOUND, 1: Proof(20, NOW + WINDOW_NS)})[:2] == (ALL, 0)
    assert weigh(record, {**FOUND, 1: Proof(20, NOW + WINDOW_NS + 1)})[:2] == (0b000111, 0b111000)


def test_a_file_older_than_its_proof_is_doubtful_in_the_same_boot():
    record = replace(RECORD, clean=False)
    assert weigh(record, {**FOUND, 1: Proof(20, 5)})[:2] == (0b000111, 0b111000)
    assert weigh(record, {**FOUND, 1: Proof(20, 5)}, boot="boot-2")[:2] == (ALL, 0)


def test_a_file_created_after_the_record_is_searched_not_doubted():
    record = replace(RECORD, clean=False, have=1, synced=0, proofs=(*PROOFS[:2], ABSENT, ABSENT))
    assert weigh(record)[:3] == (1, 0, True)


def test_a_file_that_left_the_part_file_is_hashed():
    record = replace(RECORD, placed=frozenset({0, 1}))
    assert weigh(record)[:2] == (0b011111, 0b100000)


def test_a_lost_part_file_takes_its_pieces_along():
    layout = Layout(FILES, piece_length=10, length=60, placed={0})
    part = Proof(60, NOW - 2)
    record = replace(RECORD, placed=frozenset({0}), proofs=(PROOFS[0], ABSENT, ABSENT, part))
    assert judge(record, layout, {0: PROOFS[0], 3: part}, boot_id="boot-1")[:2] == (ALL, 0)
    assert judge(record, layout, {0: PROOFS[0]}, boot_id="boot-1")[:2] == (0b000111, 0)
    changed = judge(record, layout, {0: PROOFS[0], 3: Proof(60, NOW)}, boot_id="boot-1")
    assert changed[:2] == (0b000111, 0b111000)


@given(st.integers(0, ALL), st.integers(0, ALL), st.booleans(), st.booleans(), st.data())
def test_nothing_is_trusted_that_was_not_claimed(have, synced, clean, same, data):
    found = {n: data.draw(st.sampled_from([p, Proof(1, 1), Proof(p.size, NOW * 2)])) for n, p in FOUND.items()}
    for n in data.draw(st.sets(st.integers(0, 2))):
        del found[n]
    record = replace(RECORD, have=have, synced=have & synced, clean=clean)
    trusted, doubtful, search, _ = judge(record, LAYOUT, found, boot_id="boot-1" if same else "boot-2")
    assert not trusted & ~have and not trusted & doubtful
    assert same or not trusted & ~synced
    assert search is not clean
    for n in FOUND:
        if n not in found:
            assert not any((trusted | doubtful) >> p & 1 for p in LAYOUT.pieces_of(n))
