"""`torrent magnet`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torrent.metainfo import Magnet, Metainfo


def test_a_torrent_becomes_its_link(cli: Any, sample: Path) -> None:
    metainfo = Metainfo.from_bytes(sample.read_bytes())
    magnet = Magnet.parse(cli("magnet", sample).out.strip())
    assert magnet.info_hash_v1 == metainfo.info_hash_v1
    assert magnet.info_hash_v2 == metainfo.info_hash_v2
    assert magnet.trackers == ("http://t.example/announce",)
    assert "tr=" not in cli("magnet", "--no-trackers", sample).out


def test_json_and_several(cli: Any, sample: Path) -> None:
    record = cli("magnet", "--json", sample).json()
    assert set(record) == {"magnet", "name", "info_hash_v1", "info_hash_v2"}
    assert len(cli("magnet", sample, sample).out.splitlines()) == 2


def test_a_link_is_tidied_and_garbage_refused(cli: Any) -> None:
    link = "magnet:?xt=urn:btih:CMXP2RZMSML2J73B2TBKP7MDBDGCNK2S"
    assert "urn:btih:" in cli("magnet", link).out
    assert cli("magnet", "magnet:?xt=urn:btih:zz").code == 3
