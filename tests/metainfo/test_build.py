"""Planning and assembling: order, pads, limits, and the same bytes for the same input."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from torrent.errors import MetainfoError
from torrent.metainfo import FileEntry, Metainfo, build, limits

KIB16 = 16 * 1024
VERSIONS: tuple[build.Version, ...] = ("v1", "v2", "hybrid")


def entry(path: str, length: int) -> FileEntry:
    return FileEntry(tuple(path.split("/")), length)


@given(st.integers(0, 2**50))
def test_the_piece_length_follows_its_rule(total: int) -> None:
    length = build.auto_piece_length(total)
    assert length & (length - 1) == 0
    pieces = -(-total // length)
    assert pieces <= limits.MAX_PIECES
    if 16 * 1024**2 < total <= 31 * 1024**3:
        assert KIB16 <= length <= 16 * 1024**2
        assert 1000 <= pieces <= 2000


def test_the_order_is_that_of_raw_components() -> None:
    names = ["b", "a/z", "a.b", "a/b/c", "B", "é"]
    for version in VERSIONS:
        plan = build.plan([entry(name, 1) for name in names], KIB16, version)
        found = ["/".join(file.path) for file in plan.files if not file.is_pad]
        assert found == ["B", "a/b/c", "a/z", "a.b", "b", "é"]
        assert [names[file.source] for file in plan.files if file.source is not None] == found


lengths = st.lists(st.integers(0, 3 * KIB16), min_size=1, max_size=8)


@given(lengths, st.sampled_from(VERSIONS), st.booleans())
def test_files_fill_the_piece_space_in_order(sizes: list[int], version: build.Version, pad: bool) -> None:
    plan = build.plan([entry(f"{n:03}", size) for n, size in enumerate(sizes)], KIB16, version, pad=pad)
    at = 0
    for file in plan.files:
        if version == "v2" and file.length:
            at = -(-at // KIB16) * KIB16
        assert file.offset == at
        at += file.length
        if file.length and not file.is_pad and len(sizes) > 1 and (pad or version != "v1"):
            assert file.offset % KIB16 == 0
    assert plan.length == at
    assert plan.pieces == -(-at // KIB16)
    if version == "v2" or (version == "v1" and not pad):
        assert not any(file.is_pad for file in plan.files)
    if version == "v1" and pad:
        assert not plan.files[-1].is_pad
    if version == "hybrid" and len(sizes) > 1:
        assert plan.length % KIB16 == 0


@given(lengths, st.sampled_from(VERSIONS), st.booleans())
def test_what_is_assembled_can_be_read(sizes: list[int], version: build.Version, pad: bool) -> None:
    plan = build.plan([entry(f"{n:03}", size) for n, size in enumerate(sizes)], KIB16, version, pad=pad)
    roots = [bytes([n]) * 32 if f.source is not None and f.length else None for n, f in enumerate(plan.files)]
    layers = [bytes(32 * -(-f.length // KIB16)) for f in plan.files]
    data = build.assemble(plan, name="t", v1_hashes=bytes(20 * plan.pieces), v2_roots=roots, v2_layers=layers)
    start = data.index(b"4:info") + 6
    end = data.index(b"12:piece layers") if b"12:piece layers" in data else len(data) - 1
    metainfo = Metainfo.from_info(data[start:end])
    assert (metainfo.version, metainfo.pieces, metainfo.length) == (version, plan.pieces, plan.length)
    assert [(f.offset, f.length, f.is_pad) for f in metainfo.files] == [
        (f.offset, f.length, f.is_pad) for f in plan.files
    ]


@pytest.mark.parametrize("version", VERSIONS)
def test_the_same_files_in_any_order_give_the_same_torrent(
    make: Callable[..., bytes], payload: dict[str, bytes], version: build.Version
) -> None:
    items = list(payload.items())
    first = make(dict(items), version)
    random.Random(5).shuffle(items)
    assert make(dict(items), version) == first


def test_attributes_links_and_odd_names_survive() -> None:
    entries = [
        FileEntry(("bin",), 5, "x"),
        FileEntry(("link",), 0, "", ("bin",)),
        FileEntry(("\udcff",), 3, "h"),  # what os.fsdecode makes of the byte 0xff
    ]
    for version in VERSIONS:
        plan = build.plan(entries, KIB16, version)
        roots = [bytes(32) if f.length and not f.is_pad else None for f in plan.files]
        data = build.assemble(
            plan, name="t", v1_hashes=bytes(20 * plan.pieces), v2_roots=roots, v2_layers=[None] * len(plan.files)
        )
        assert b"\xff" in data
        real = [f for f in Metainfo.from_bytes(data).files if not f.is_pad]
        assert [(f.path, f.attr, f.symlink) for f in real] == [
            (("t", "bin"), "x", None),
            (("t", "link"), "l", ("t", "bin")),
            (("t", "_"), "h", None),
        ]


@pytest.mark.parametrize(
    "entries",
    [
        [],
        [entry("a", 1), entry("a", 2)],
        [entry("a", 1), entry("a/b", 2)],
        [FileEntry((), 1), entry("a", 1)],
        [entry("..", 1)],
        [entry("a//b", 1)],
        [FileEntry(("a/b",), 1)],
        [FileEntry(("a\0",), 1)],
        [entry("a", -1)],
        [FileEntry(("a",), 5, "l", ("b",))],
        [FileEntry(("a",) * 101, 1)],
        [entry("a", 2**63)],
        [entry("a", KIB16 * (limits.MAX_PIECES + 1))],
    ],
)
def test_what_cannot_be_a_torrent(entries: list[FileEntry]) -> None:
    with pytest.raises(MetainfoError):
        build.plan(entries, KIB16, "v1")


@pytest.mark.parametrize("piece_length", [0, -1, 2**30, 8192, 3 * KIB16])
def test_piece_lengths_that_v2_does_not_have(piece_length: int) -> None:
    for version in ("v2", "hybrid"):
        with pytest.raises(MetainfoError):
            build.plan([entry("a", 1)], piece_length, version)


def test_hashes_that_do_not_fit_the_plan_are_refused() -> None:
    plan = build.plan([entry("a", 2 * KIB16)], KIB16, "hybrid")
    good: dict[str, Any] = {"v1_hashes": bytes(40), "v2_roots": [bytes(32)], "v2_layers": [bytes(64)]}
    build.assemble(plan, name="t", **good)
    wrongs: list[dict[str, Any]] = [
        {"v1_hashes": bytes(20)},
        {"v1_hashes": None},
        {"v2_roots": None},
        {"v2_roots": []},
        {"v2_roots": [None]},
        {"v2_roots": [bytes(31)]},
        {"v2_layers": [None]},
        {"v2_layers": [bytes(32)]},
    ]
    for wrong in wrongs:
        with pytest.raises(MetainfoError):
            build.assemble(plan, name="t", **{**good, **wrong})
    for name in ("", "..", "a/b"):
        with pytest.raises(MetainfoError):
            build.assemble(plan, name=name, **good)
