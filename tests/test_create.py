"""Do our torrents say the same as those of others, byte for byte, and does the walk follow its rules?"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.support import makers
from tests.support.payload import many_small_files, tree
from torrent import create as create_module
from torrent.create import create
from torrent.errors import DiskError, InputError, MetainfoError
from torrent.metainfo import Metainfo

SIZES = {"b/two.bin": 70_000, "a.bin": 300_000, "b/empty": 0, "c/deep/three": 16384, "c/z": 1}


def made(path, **options) -> Metainfo:
    return Metainfo.from_bytes(create(path, **options))


def paths(metainfo):
    return ["/".join(f.path) for f in metainfo.files if not f.is_pad]


@pytest.fixture
def source(tmp_path) -> Path:
    return tree(tmp_path / "src" / "data", SIZES)


@pytest.mark.parametrize("version", ["v1", "v2", "hybrid"])
@pytest.mark.parametrize("piece_length", [16384, 65536, 1 << 20])
def test_the_same_hash_as_libtorrent(version, piece_length, source, tmp_path):
    theirs = makers.by_libtorrent(source, tmp_path / "x.torrent", version=version, piece_length=piece_length)
    ours = made(source, version=version, piece_length=piece_length)
    other = Metainfo.from_bytes(theirs.read_bytes())
    if version != "v1":  # libtorrent puts v1 files in another order
        assert ours.info_hash_v2 == other.info_hash_v2
    assert sorted((f.path, f.length, f.root) for f in ours.files if not f.is_pad) == sorted(
        (f.path, f.length, f.root) for f in other.files if not f.is_pad
    )


@pytest.mark.parametrize("version", ["v1", "v2", "hybrid"])
@pytest.mark.parametrize("size", [1, 16384, 16385, 65536, 65537, 1_000_000])
def test_the_same_hash_as_libtorrent_for_one_file(version, size, tmp_path):
    source = tree(tmp_path, {"alone.bin": size}) / "alone.bin"
    theirs = makers.by_libtorrent(source, tmp_path / "x.torrent", version=version, piece_length=32768)
    ours = made(source, version=version, piece_length=32768)
    other = Metainfo.from_bytes(theirs.read_bytes())
    assert (ours.info_hash_v1, ours.info_hash_v2) == (other.info_hash_v1, other.info_hash_v2)


@pytest.mark.foreign("mktorrent")
def test_the_same_hash_as_mktorrent(source, tmp_path):
    theirs = makers.by_mktorrent(source, tmp_path / "x.torrent", piece_power=16, private=True)
    ours = made(source, version="v1", piece_length=65536, private=True)
    assert ours.info_hash_v1 == Metainfo.from_bytes(theirs.read_bytes()).info_hash_v1


@pytest.mark.foreign("transmission-create")
def test_the_same_pieces_as_transmission(source, tmp_path):
    theirs = Metainfo.from_bytes(makers.by_transmission(source, tmp_path / "x.torrent").read_bytes())
    # Transmission leaves empty files out, and says "private" even when a torrent is not.
    ours = made(source, version="v1", piece_length=theirs.piece_length, exclude=["empty"])
    assert paths(ours) == paths(theirs) and ours.length == theirs.length
    assert [ours.piece_hashes(n) for n in range(ours.pieces)] == [theirs.piece_hashes(n) for n in range(ours.pieces)]


@pytest.mark.parametrize("version", ["v1", "v2", "hybrid"])
def test_libtorrent_finds_our_torrent_complete(version, source, tmp_path):
    import libtorrent as lt

    raw = create(source, version=version, piece_length=32768)
    settings = dict.fromkeys(("enable_dht", "enable_lsd", "enable_upnp", "enable_natpmp"), False)
    session = lt.session({**settings, "listen_interfaces": "127.0.0.1:0"})
    parameters = lt.load_torrent_buffer(raw)
    parameters.save_path = str(source.parent)
    handle = session.add_torrent(parameters)
    for _ in range(300):
        if handle.status().is_seeding:
            break
        session.wait_for_alert(100)
        session.pop_alerts()
    assert handle.status().is_seeding and handle.status().progress == 1.0


def test_the_output_is_the_same_each_time_and_with_any_number_of_threads(source):
    first = create(source, version="hybrid", piece_length=16384, threads=1)
    assert create(source, version="hybrid", piece_length=16384, threads=4) == first
    assert create(str(source) + "/", version="hybrid", piece_length=16384) == first
    assert create(source, version="hybrid", piece_length=16384, creation_date=5) != first


def test_pieces_longer_than_a_chunk_and_a_batch(tmp_path):
    source = tree(tmp_path / "d", {"x": 20_000_000, "y": 3_000_000})
    for version in ("v1", "hybrid"):
        large = made(source, version=version, piece_length=1 << 24)
        small = made(source, version=version, piece_length=1 << 18)
        assert [f.root for f in large.files if not f.is_pad] == [f.root for f in small.files if not f.is_pad]
    from hashlib import sha1

    v1 = made(source, version="v1", piece_length=1 << 24)
    data = (source / "x").read_bytes() + (source / "y").read_bytes()
    assert [v1.piece_hashes(n).v1 for n in range(v1.pieces)] == [
        sha1(data[at : at + (1 << 24)]).digest() for at in range(0, len(data), 1 << 24)
    ]


def test_progress_counts_every_byte(source):
    seen = []
    create(source, version="v1", piece_length=16384, on_progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (386_385, 386_385)


def test_excludes_are_names_or_whole_paths(source):
    (source / ".hidden").write_text("x")
    found = made(source, version="v1", exclude=["*.bin", "c/deep", ".h*"])
    assert paths(found) == ["data/b/empty", "data/c/z"]
    assert "data/.hidden" in paths(made(source, version="v1"))


def test_links_are_followed_kept_or_skipped_but_never_out(source, tmp_path):
    (tmp_path / "secret").write_text("secret")
    (source / "out").symlink_to(tmp_path / "secret")
    (source / "dangling").symlink_to("nowhere")
    (source / "in").symlink_to("b/two.bin")
    (source / "folder").symlink_to("c/deep")
    (source / "c" / "loop").symlink_to("..")
    plain = [f"data/{name}" for name in sorted(SIZES)]
    assert sorted(paths(made(source, version="v1", links="skip"))) == plain
    followed = made(source, version="v1", links="follow")
    assert sorted(paths(followed)) == sorted([*plain, "data/in", "data/folder/three"])
    kept = made(source, version="v1", links="keep")
    links = {f.path: f.symlink for f in kept.files if f.is_symlink}
    assert links[("data", "in")] == ("data", "b", "two.bin")
    assert ("data", "out") not in links and ("data", "dangling") not in links


def test_attributes_are_noted_unless_unwanted(source):
    (source / "a.bin").chmod(0o755)
    assert [f.attr for f in made(source, version="v1").files if f.path[-1] == "a.bin"] == ["x"]
    assert not any(f.attr for f in made(source, version="v1", attributes=False).files)


def test_padded_v1_files_start_on_pieces(source):
    padded = made(source, version="v1", piece_length=16384, pad=True)
    assert all(f.offset % 16384 == 0 for f in padded.files if not f.is_pad)


def test_devices_and_pipes_are_left_out(source):
    os.mkfifo(source / "pipe")
    assert "data/pipe" not in paths(made(source, version="v1"))


@pytest.mark.parametrize("change", ["grow", "shrink", "touch", "remove"])
def test_a_file_that_changes_meanwhile_ends_the_work(change, source, monkeypatch):
    victim = source / "a.bin"

    def meddle(done, total):
        if change == "grow":
            victim.write_bytes(victim.read_bytes() + b"x")
        elif change == "touch":
            os.utime(victim, (1, 1))
        elif change == "remove":
            victim.unlink(missing_ok=True)
        else:
            os.truncate(victim, 10)

    with pytest.raises((InputError, DiskError)) as caught:
        create(source, version="v1", piece_length=16384, on_progress=meddle)
    assert "a.bin" in str(caught.value)


def test_an_unreadable_file_is_one_plain_error(source, monkeypatch):
    def fail(*_args, **_kwargs):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(create_module.os, "preadv", fail)
    with pytest.raises(DiskError, match=r"cannot read .*: permission denied"):
        create(source, version="v1")


def test_nothing_to_share(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="nothing to share"):
        create(tmp_path / "empty")
    (tmp_path / "empty" / "none").touch()
    with pytest.raises(InputError, match="empty"):
        create(tmp_path / "empty")
    with pytest.raises(DiskError, match="gone"):
        create(tmp_path / "absent")
    tree(tmp_path, {"x": 10})
    with pytest.raises(MetainfoError):
        create(tmp_path / "x", version="v2", piece_length=20_000)


def test_thousands_of_small_files(tmp_path):
    source = many_small_files(tmp_path / "many", 3000)
    for version in ("v1", "v2"):
        assert len(made(source, version=version).files) == 3000
