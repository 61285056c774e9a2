"""A .torrent as a value: hashes over raw bytes, proofs per piece, libtorrent as the judge, and hostile files."""

from __future__ import annotations

import random
from collections.abc import Callable
from hashlib import sha1, sha256
from pathlib import Path
from typing import Any

import libtorrent as lt
import pytest

from torrent import bencode
from torrent.errors import MetainfoError
from torrent.metainfo import Metainfo, PieceHashes, build, limits, merkle

VERSIONS: tuple[build.Version, ...] = ("v1", "v2", "hybrid")
Make = Callable[..., bytes]


def space_of(metainfo: Metainfo, payload: dict[str, bytes]) -> bytes:
    space = bytearray(-(-metainfo.length // metainfo.piece_length) * metainfo.piece_length)
    for file in metainfo.files:
        if not file.is_pad:
            space[file.offset : file.end] = payload["/".join(file.path[1:])]
    return bytes(space)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("piece_length", [16384, 32768, 65536])
def test_every_piece_is_proven_by_its_hashes(
    make: Make, payload: dict[str, bytes], version: build.Version, piece_length: int
) -> None:
    metainfo = Metainfo.from_bytes(make(payload, version, piece_length))
    space = space_of(metainfo, payload)
    assert metainfo.size == sum(map(len, payload.values()))
    for index in range(metainfo.pieces):
        at = index * piece_length
        hashes = metainfo.piece_hashes(index)
        piece = space[at : at + metainfo.piece_size(index)]
        assert (hashes.v1 is not None) == (version != "v2")
        if hashes.v1 is not None:
            assert sha1(piece).digest() == hashes.v1
        if version != "v1":
            assert merkle.piece_root(piece[: hashes.v2_length], hashes.leaves) == hashes.v2
        if version == "v2":
            assert hashes.v2_length == len(piece)
    if version != "v2":
        assert sum(map(metainfo.piece_size, range(metainfo.pieces))) == metainfo.length
    for outside in (-1, metainfo.pieces):
        with pytest.raises(IndexError):
            metainfo.piece_hashes(outside)
        with pytest.raises(IndexError):
            metainfo.piece_size(outside)


@pytest.mark.parametrize("version", VERSIONS)
def test_written_and_read_again_it_is_the_same(make: Make, payload: dict[str, bytes], version: build.Version) -> None:
    data = make(
        payload,
        version,
        trackers=[["http://a/announce", "udp://b:1"], ["http://c/announce"]],
        web_seeds=["http://seed/"],
        http_seeds=["http://old/seed"],
        nodes=[("router.example", 6881)],
        comment="hello",
        created_by="tests",
        creation_date=1_700_000_000,
        private=True,
        source="src",
    )
    metainfo = Metainfo.from_bytes(data)
    assert metainfo.to_bytes() == data
    assert Metainfo.from_bytes(metainfo.to_bytes()) == metainfo
    assert metainfo.trackers == (("http://a/announce", "udp://b:1"), ("http://c/announce",))
    assert (metainfo.private, metainfo.source, metainfo.comment) == (True, "src", "hello")
    assert (metainfo.web_seeds, metainfo.http_seeds) == (("http://seed/",), ("http://old/seed",))
    assert (metainfo.nodes, metainfo.creation_date) == ((("router.example", 6881),), 1_700_000_000)
    assert (metainfo.created_by, metainfo.notes) == ("tests", ())
    assert len({metainfo, Metainfo.from_bytes(data)}) == 1


@pytest.mark.parametrize("version", VERSIONS)
def test_libtorrent_reads_ours_with_the_same_hashes(
    make: Make, payload: dict[str, bytes], version: build.Version
) -> None:
    for files in (payload, {"": payload["z"]}):
        data = make(files, version, 32768)
        ours = Metainfo.from_bytes(data)
        theirs: Any = lt.load_torrent_buffer(data).ti
        hashes = theirs.info_hashes()
        assert (hashes.v1.to_bytes() if hashes.has_v1() else None) == ours.info_hash_v1
        assert (hashes.v2.to_bytes() if hashes.has_v2() else None) == ours.info_hash_v2
        assert theirs.num_pieces() == ours.pieces
        assert theirs.name() == ours.name


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize(
    ("version", "flags"), [("v1", lt.create_torrent.v1_only), ("v2", lt.create_torrent.v2_only), ("hybrid", 0)]
)
def test_ours_is_what_libtorrent_creates(
    make: Make, payload: dict[str, bytes], tmp_path: Path, version: build.Version, flags: Any
) -> None:
    for path, content in payload.items():
        (tmp_path / "t" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "t" / path).write_bytes(content)
    for name in ("t", "t/z", "t/sub"):
        for piece_length in (16384, 65536):
            creator = lt.create_torrent(lt.list_files(str(tmp_path / name)), piece_length, flags)
            lt.set_piece_hashes(creator, str((tmp_path / name).parent))
            theirs = Metainfo.from_bytes(lt.bencode(creator.generate()))
            files = {"t": payload, "t/z": {"": payload["z"]}, "t/sub": {"c": payload["sub/c"]}}[name]
            ours = Metainfo.from_bytes(make(files, version, piece_length, name=name.split("/")[-1]))
            assert theirs.notes == ()
            assert {(f.path, f.length) for f in theirs.files} == {(f.path, f.length) for f in ours.files}
            if version != "v1" or name != "t":  # libtorrent orders v1 files as the disk lists them
                assert theirs.raw_info == ours.raw_info
                assert theirs.swarm_hashes == ours.swarm_hashes


def test_the_hash_is_that_of_the_raw_bytes_even_out_of_order() -> None:
    raw = b"d6:pieces20:" + bytes(20) + b"12:piece lengthi100e4:name1:a6:lengthi5ee"
    metainfo = Metainfo.from_bytes(b"d4:info" + raw + b"8:announce10:http://a/be")
    assert metainfo.info_hash_v1 == sha1(raw).digest()
    assert metainfo.raw_info == raw
    assert any("order" in note for note in metainfo.notes)
    again = Metainfo.from_bytes(metainfo.to_bytes())
    assert again.info_hash == metainfo.info_hash
    assert again.trackers == (("http://a/b",),)


def test_hashes_by_version(make: Make, payload: dict[str, bytes]) -> None:
    hybrid = Metainfo.from_bytes(make(payload, "hybrid"))
    v1, v2 = sha1(hybrid.raw_info).digest(), sha256(hybrid.raw_info).digest()
    assert hybrid.swarm_hashes == (v1, v2[:20])
    assert (hybrid.info_hash, hybrid.hex) == (v1, v1.hex())
    only = Metainfo.from_bytes(make(payload, "v2"))
    assert only.info_hash_v1 is None
    assert only.info_hash_v2 is not None
    assert (only.info_hash, only.hex) == (only.info_hash_v2[:20], only.info_hash_v2.hex())


def test_a_magnet_download_learns_its_layers_later(make: Make, payload: dict[str, bytes]) -> None:
    full = Metainfo.from_bytes(make(payload, "v2"))
    bare = Metainfo.from_info(full.raw_info, trackers=(("http://a/",),))
    assert [full.files[index].path[-1] for index in bare.missing_layers] == ["a", "b", "z"]
    assert bare.piece_hashes(0).v2 is None
    assert bare.trackers == (("http://a/",),)
    layers = full.piece_layers()
    wrong = {root: bytes(len(layer)) for root, layer in layers.items()}
    with pytest.raises(MetainfoError):
        bare.with_layers(wrong)
    with pytest.raises(MetainfoError):
        Metainfo.from_info(full.raw_info, piece_layers=wrong)
    whole = bare.with_layers(layers)
    assert whole.missing_layers == ()
    assert bare.with_layers({file.root: b"not asked for" for file in full.files if file.root and file.length < 16384})
    assert bare.missing_layers  # a value does not change
    assert [whole.piece_hashes(i) for i in range(whole.pieces)] == [full.piece_hashes(i) for i in range(full.pieces)]
    assert Metainfo.from_info(full.raw_info, piece_layers=layers).missing_layers == ()


def test_a_v2_file_without_its_layers_is_refused(make: Make, payload: dict[str, bytes]) -> None:
    document: Any = bencode.decode(make(payload, "v2"))
    for layers in (None, {}, 5, dict.fromkeys(document[b"piece layers"], b"")):
        changed = {**document, b"piece layers": layers}
        if layers is None:
            del changed[b"piece layers"]
        with pytest.raises(MetainfoError):
            Metainfo.from_bytes(bencode.encode(changed))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"hello",
        b"le",
        b"de",
        b"d4:infoi5ee",
        b"d4:infodee",
        b"d4:infod6:lengthi5e4:name1:a12:piece lengthi0e6:pieces0:ee",
        b"d4:infod6:lengthi5e4:name1:a12:piece lengthi-1e6:pieces0:ee",
        b"<html>not found</html>",
        b"d4:info" + b"l" * 200 + b"e" * 200 + b"e",
    ],
)
def test_what_is_no_torrent_is_refused(data: bytes) -> None:
    with pytest.raises(MetainfoError):
        Metainfo.from_bytes(data)
    with pytest.raises(MetainfoError):
        Metainfo.from_info(data)


def test_sizes_are_refused_before_anything_is_read(make: Make, payload: dict[str, bytes]) -> None:
    with pytest.raises(MetainfoError, match="larger"):
        Metainfo.from_bytes(b"x" * (limits.MAX_TORRENT_SIZE + 1))
    with pytest.raises(MetainfoError, match="larger"):
        Metainfo.from_info(bytes(limits.MAX_INFO_SIZE + 1))
    data = make(payload, "v1")
    with pytest.raises(MetainfoError, match="larger"):
        Metainfo.from_bytes(data, max_size=len(data) - 1)


def test_mutations_of_good_torrents_are_read_or_refused(make: Make, payload: dict[str, bytes]) -> None:
    rng = random.Random(2)
    seeds = [
        make({"a": b"xy" * 9000, "b/c": b"z" * 17000}, version, 16384, trackers=[["http://a/b"]], comment="c")
        for version in VERSIONS
    ]
    read = 0
    for _ in range(6000):
        data = bytearray(rng.choice(seeds))
        for _ in range(rng.randint(1, 3)):
            at = rng.randrange(len(data))
            if rng.random() < 0.7:
                data[at] = rng.choice(b"0123456789:ildep/.\\\x00\xff")
            else:
                del data[at]
        try:
            metainfo = Metainfo.from_bytes(bytes(data))
        except MetainfoError:
            continue
        read += 1
        again = Metainfo.from_bytes(metainfo.to_bytes())
        assert again.swarm_hashes == metainfo.swarm_hashes
        assert again.files == metainfo.files
        assert all(isinstance(metainfo.piece_hashes(index), PieceHashes) for index in range(min(50, metainfo.pieces)))
        assert metainfo.files[-1].end <= metainfo.length
    assert read > 50


def test_two_million_pieces_are_one_string() -> None:
    pieces = 1_500_000
    info = bencode.encode({b"name": b"n", b"length": pieces, b"piece length": 1, b"pieces": bytes(20 * pieces)})
    metainfo = Metainfo.from_info(info)
    assert metainfo.pieces == pieces
    assert metainfo.piece_hashes(pieces - 1) == PieceHashes(bytes(20), None, 0, 0)


def test_similar_torrents_from_inside_and_outside_are_merged() -> None:
    info: dict[bytes, Any] = {b"name": b"n", b"length": 1, b"piece length": 1, b"pieces": bytes(20)}
    info |= {b"similar": [b"a" * 20, b"b" * 20, b"short"], b"collections": [b"x"]}
    data = bencode.encode({b"info": info, b"similar": [b"c" * 32, b"a" * 20], b"collections": [b"y", b"x", 5]})
    metainfo = Metainfo.from_bytes(data)
    assert set(metainfo.similar) == {b"a" * 20, b"b" * 20, b"c" * 32}
    assert set(metainfo.collections) == {"x", "y"}


def test_its_magnet_names_it(make: Make, payload: dict[str, bytes]) -> None:
    metainfo = Metainfo.from_bytes(make(payload, "hybrid", trackers=[["http://a/b"], ["udp://c:1"]]))
    magnet = metainfo.magnet()
    assert magnet.swarm_hashes == metainfo.swarm_hashes
    assert (magnet.name, magnet.trackers, magnet.length) == ("t", ("http://a/b", "udp://c:1"), metainfo.size)


def test_notes_do_not_grow_without_end() -> None:
    files = [{b"length": 1, b"path": [b"bad/%d" % number]} for number in range(400)]
    info: dict[bytes, Any] = {b"name": b"n", b"files": files, b"piece length": 400, b"pieces": bytes(20)}
    metainfo = Metainfo.from_bytes(bencode.encode({b"info": info}))
    assert len(metainfo.notes) == limits.MAX_NOTES
    assert metainfo.notes[-1].startswith("and 381 more")


ODD: tuple[Any, ...] = (
    0,
    -1,
    2**31,
    2**63,
    10**30,
    b"",
    b"x",
    b"\xff" * 40,
    b"..",
    b"pl",
    [],
    {},
    [[]],
    [b"a", 5],
    {b"": 5},
)


def replace_one(rng: random.Random, value: Any) -> Any:
    """Return `value` with one node somewhere inside replaced, doubled or gone."""
    if isinstance(value, dict) and value and rng.random() < 0.9:
        key = rng.choice(list(value))
        changed = {**value, key: replace_one(rng, value[key])}
        if rng.random() < 0.1:
            del changed[key]
        elif rng.random() < 0.1:
            changed[rng.choice([b"", b"files", b"length", b"attr", b"path.utf-8", b"symlink path"])] = rng.choice(ODD)
        return changed
    if isinstance(value, list) and value and rng.random() < 0.9:
        at = rng.randrange(len(value))
        return [*value[:at], *[replace_one(rng, value[at])] * rng.choice([0, 1, 1, 1, 2]), *value[at + 1 :]]
    return rng.choice(ODD)


def test_wrong_types_anywhere_are_refused_or_harmless(make: Make) -> None:
    rng = random.Random(4)
    options: dict[str, Any] = {"trackers": [["http://a/b"], ["udp://c:1"]], "nodes": [("n", 1)], "source": "s"}
    seeds: list[Any] = [
        bencode.decode(make({"a": b"xy" * 9000, "b/c": b"z" * 17000}, version, comment="c", **options))
        for version in VERSIONS
    ]
    read = 0
    for _ in range(5000):
        document = rng.choice(seeds)
        for _ in range(rng.randint(1, 3)):
            document = replace_one(rng, document)
        try:
            metainfo = Metainfo.from_bytes(bencode.encode(document))
        except MetainfoError:
            continue
        read += 1
        assert Metainfo.from_bytes(metainfo.to_bytes()).files == metainfo.files
        str(metainfo.magnet())
    assert read > 200


def test_the_hashes_are_found_in_the_raw_text_wherever_else_they_stand():
    """They are not kept twice; a name or an unknown key that holds the same bytes does no harm."""
    pieces = bytes(range(60))
    info = {b"length": 3 * 16384, b"name": b"x", b"piece length": 16384, b"pieces": pieces, b"a note": b"<" + pieces}
    metainfo = Metainfo.from_info(bencode.encode(info))
    assert [metainfo.piece_hashes(n).v1 for n in range(3)] == [pieces[n : n + 20] for n in (0, 20, 40)]
    held = [value for value in vars(metainfo).values() if isinstance(value, bytes) and pieces in value]
    assert held == [metainfo.raw_info]
