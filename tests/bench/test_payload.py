"""The data: is it made once, and does its digest see every change?"""

from __future__ import annotations

from pathlib import Path

import pytest

from bench import payload
from bench.measure import MIB
from torrent import Metainfo


def test_a_digest_is_of_names_and_contents(tmp_path: Path) -> None:
    root = tmp_path / "root"
    (root / "a").mkdir(parents=True)
    (root / "a" / "one").write_bytes(b"1")
    (root / "two").write_bytes(b"2")
    seen = {payload.digest(root)}
    (root / "two").write_bytes(b"3")
    seen.add(payload.digest(root))
    (root / "two").rename(root / "three")
    seen.add(payload.digest(root))
    (root / "a" / "one").unlink()
    seen.add(payload.digest(root))
    assert len(seen) == 4


def test_a_payload_is_made_once_and_known_again(tmp_path: Path) -> None:
    pytest.importorskip("libtorrent")
    made = payload.one_file(tmp_path, 1, 65536)
    stamp = made.data.stat().st_mtime_ns
    assert payload.one_file(tmp_path, 1, 65536) == made and made.data.stat().st_mtime_ns == stamp
    assert made.size == MIB and made.mib == 1.0
    assert made.metainfo.piece_length == 65536 and made.metainfo.size == MIB
    assert made.is_in(made.data.parent) and not made.is_in(tmp_path)


def test_small_files_sum_up_and_can_be_spoilt(tmp_path: Path) -> None:
    pytest.importorskip("libtorrent")
    made = payload.many_files(tmp_path, 150, 150 * 1000, 65536)
    files = [path for path in made.data.rglob("*") if path.is_file()]
    assert len(files) == 150 and sum(path.stat().st_size for path in files) == made.size
    assert 100_000 < made.size < 200_000
    files[0].write_bytes(b"spoilt")
    assert not made.is_in(made.data.parent)


def test_a_tracker_is_named_without_changing_the_info(tmp_path: Path) -> None:
    pytest.importorskip("libtorrent")
    made = payload.one_file(tmp_path, 1, 65536)
    named = Metainfo.from_bytes(made.announcing("http://127.0.0.1:1/announce"))
    assert named.info_hash == made.metainfo.info_hash
    assert named.trackers == (("http://127.0.0.1:1/announce",),)
