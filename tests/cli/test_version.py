"""`torrent version`."""

from __future__ import annotations

from typing import Any

from torrent import __version__


def test_version(cli: Any) -> None:
    assert cli("version").out == f"torrent {__version__}\n"
    assert "python 3." in cli("version", "-v").out
    facts = cli("version", "--json").json()
    assert facts["torrent"] == __version__
    assert facts["click"]


def test_it_says_what_hashes(cli: Any) -> None:
    assert "hashing " in cli("version", "-v").out
    assert cli("version", "--json").json()["hashing"].startswith(("hashlib", "libipsec-mb"))
