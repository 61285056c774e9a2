"""What did we know of a download when we last looked, and how much of it may be believed now?

A resume record is a claim (`have`: pieces verified and written; `synced`: those that were also flushed to the disk
itself) and its proof (size and mtime of every place). `judge` weighs the claim against what is on disk now:

- the same boot: the page cache outlived us, `have` stands. Another boot: only `synced` stands; what else was claimed is
  *doubtful* and must be hashed.
- a place whose proof does not fit any more makes every piece that touches it doubtful; a place that is gone takes its
  pieces along.
- no clean end: pieces written after the record was saved are on disk but not claimed: worth a *search*.

On disk: a magic line, the SHA-256 of the rest, then one bencoded dictionary. Whoever can write there can make us
believe things of our own disk, nothing more; but no content may make `decode` raise anything but `ResumeError`.
"""

from __future__ import annotations

from array import array
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import NamedTuple

from torrent.bencode import decode as bdecode
from torrent.bencode import encode as bencode
from torrent.errors import BencodeError, InputError
from torrent.storage.layout import Layout, to_bits

MAGIC = b"torrent resume record 1\n"
WINDOW_NS = 30_000_000_000
"""How much later than an unclean record we may have changed a file ourselves: the batch of 2 s, and a slow disk."""


class ResumeError(InputError):
    """A resume record cannot be used."""


class Proof(NamedTuple):
    """What a place looked like; size -1 means that it was not there."""

    size: int
    mtime_ns: int


ABSENT = Proof(-1, 0)


@dataclass(frozen=True, slots=True)
class Resume:
    """One record. `proofs` holds one entry for each file and a last one for the part file."""

    info_hash: str
    pieces: int
    have: int
    synced: int
    boot_id: str
    written_ns: int
    clean: bool
    proofs: tuple[Proof, ...]
    placed: frozenset[int]
    uploaded: int = 0
    downloaded: int = 0


class Verdict(NamedTuple):
    """Bits to believe, bits to hash first, and whether pieces outside of both may be on disk nevertheless."""

    trusted: int
    doubtful: int
    search: bool
    notes: tuple[str, ...]


def encode(record: Resume) -> bytes:
    """Return the bytes of a record."""
    width = record.pieces // 8 + 1
    numbers = array("q")
    for proof in record.proofs:
        numbers.extend(proof)
    body = bencode(
        {
            b"boot": record.boot_id.encode(),
            b"clean": int(record.clean),
            b"down": record.downloaded,
            b"have": record.have.to_bytes(width, "little"),
            b"info-hash": record.info_hash.encode(),
            b"pieces": record.pieces,
            b"placed": array("q", sorted(record.placed)).tobytes(),
            b"proofs": numbers.tobytes(),
            b"synced": record.synced.to_bytes(width, "little"),
            b"up": record.uploaded,
            b"written": record.written_ns,
        }
    )
    return MAGIC + sha256(body).digest() + body


def decode(data: bytes) -> Resume:
    """Return the record in `data`; `ResumeError` for anything that `encode` did not write."""
    if not data.startswith(MAGIC):
        raise ResumeError("not a resume record of this version")
    body = data[len(MAGIC) + 32 :]
    if sha256(body).digest() != data[len(MAGIC) : len(MAGIC) + 32]:
        raise ResumeError("the resume record is damaged")
    try:
        values = bdecode(body)
    except BencodeError as error:
        raise ResumeError(f"the resume record is damaged: {error}") from error
    if not isinstance(values, dict):
        raise ResumeError("the resume record is not a dictionary")

    def number(key: bytes) -> int:
        value = values.get(key)
        if not isinstance(value, int) or not 0 <= value < 1 << 63:
            raise ResumeError(f"the resume record has no valid {key.decode()}")
        return value

    def raw(key: bytes, multiple: int = 1) -> bytes:
        value = values.get(key)
        if not isinstance(value, bytes) or len(value) % multiple:
            raise ResumeError(f"the resume record has no valid {key.decode()}")
        return value

    pieces = number(b"pieces")
    have, synced = int.from_bytes(raw(b"have"), "little"), int.from_bytes(raw(b"synced"), "little")
    if have >> pieces or synced & ~have:
        raise ResumeError("the resume record claims pieces that the torrent does not have")
    numbers = array("q", raw(b"proofs", 16))
    return Resume(
        info_hash=raw(b"info-hash").decode("ascii", "replace"),
        pieces=pieces,
        have=have,
        synced=synced,
        boot_id=raw(b"boot").decode("ascii", "replace"),
        written_ns=number(b"written"),
        clean=number(b"clean") == 1,
        proofs=tuple(Proof(*pair) for pair in zip(numbers[::2], numbers[1::2], strict=True)),
        placed=frozenset(array("q", raw(b"placed", 8))),
        uploaded=number(b"up"),
        downloaded=number(b"down"),
    )


def fits(record: Resume, info_hash: str, layout: Layout) -> None:
    """Raise `ResumeError` if the record is not about this torrent."""
    if record.info_hash != info_hash or record.pieces != layout.pieces or len(record.proofs) != layout.part + 1:
        raise ResumeError("the resume record is about another torrent")


def judge(record: Resume, layout: Layout, found: Mapping[int, Proof], *, boot_id: str) -> Verdict:
    """Weigh a record that `fits` against what is at each place now (`found` has only what is there)."""
    same_boot = bool(boot_id) and record.boot_id == boot_id
    gone = bytearray(b"0") * layout.pieces
    suspect = bytearray(b"0") * layout.pieces
    notes: list[str] = []
    changed = 0
    verdicts: dict[int, bytearray | None] = {}
    for index in layout.real:
        touched = layout.pieces_of(index)
        if not touched:
            continue
        place = layout.place_of(index)
        moved = place not in verdicts and place != layout.part and index not in record.placed
        if place not in verdicts:
            verdicts[place] = _blame(record, place, found.get(place), moved, same_boot, gone, suspect)
            changed += verdicts[place] is suspect and not moved
        if place == layout.part and index in record.placed:
            gone[touched.start : touched.stop] = b"1" * len(touched)
            continue
        target = verdicts[place]
        if target is not None:
            target[touched.start : touched.stop] = b"1" * len(touched)
    if changed:
        notes.append(f"{changed} file{'s were' if changed > 1 else ' was'} changed since the last run")
    lost, doubt = to_bits(gone), to_bits(suspect)
    believed = (record.have if same_boot else record.synced) & ~lost
    doubtful = (doubt | (record.have & ~believed)) & ~lost
    return Verdict(believed & ~doubt, doubtful, not record.clean, tuple(notes))


def _blame(
    record: Resume,
    place: int,
    now: Proof | None,
    moved: bool,
    same_boot: bool,
    gone: bytearray,
    suspect: bytearray,
) -> bytearray | None:
    then = record.proofs[place]
    if now is None:
        return gone
    if moved:
        return suspect
    late = now.mtime_ns > record.written_ns + WINDOW_NS
    if record.clean:
        return suspect if now != then else None
    if then == ABSENT:
        return suspect if late else None
    early = same_boot and now.mtime_ns < then.mtime_ns
    return suspect if late or early or now.size != then.size else None
