"""What survives SIGKILL? Fifty of them in a row, and the download still ends right, fetching little twice.

Each kill comes when the download has got some random further number of bytes from the seed (numbers, not times), so
that a fast and a slow machine are killed at comparable places. The seed counts what it gave: all of it beyond the size
of the torrent was fetched again, or was in flight when the kill came.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.libtorrent_peer import Libtorrent
from tests.support.makers import by_libtorrent
from tests.support.ours import download
from tests.support.payload import payload
from tests.support.waiting import eventually

PIECE = 262_144
PIECES_AGAIN = 8
"""At most this many pieces may be fetched again for each kill."""


@pytest.mark.slow
@pytest.mark.timeout(280)
@pytest.mark.parametrize(("version", "kills", "seed"), [("v1", 50, 20240531), ("v2", 15, 77)])
def test_completes_after_many_kills(
    tmp_path: Path, same: Callable[..., None], version: str, kills: int, seed: int
) -> None:
    rng = random.Random(seed)
    size = kills * 14 * PIECE + 12_345
    source = payload(tmp_path / "src" / "file.bin", size)
    torrent = by_libtorrent(source, tmp_path / "t.torrent", version=version, piece_length=PIECE)
    home = tmp_path / "home"
    with Libtorrent(tmp_path, host="127.0.0.2") as peer:
        # Slow enough for a kill to land where it is aimed; the first moments of each run come faster all the same.
        peer.add(torrent, source.parent, seed=True, limit_up=4_000_000)
        given = 0
        for kill in range(kills):
            name = f"run{kill}"
            aim = given + rng.randrange(0, 20 * PIECE)
            with download(tmp_path, torrent, tmp_path / "out", peers=[peer.address], name=name, home=home) as leech:
                leech.listening()

                def there(aim: int = aim) -> bool:
                    return peer.status()["uploaded"] >= aim or leech.process.poll() is not None

                eventually(there, 30, "the next place to kill", every=0.005, on_timeout=leech.tail)
                assert leech.process.poll() is None, f"ended after {kill} kills\n{leech.tail()}"
                leech.kill()
            eventually(lambda: peer.status()["peers"] == 0, 10, "the seed has noticed")
            given = peer.status()["uploaded"]
        peer.limit(up=-1)
        with download(tmp_path, torrent, tmp_path / "out", peers=[peer.address], name="last", home=home) as leech:
            leech.wait_done(60)
            assert leech.wait_exit(20) == 0, leech.tail()
        again = peer.status()["uploaded"] - size
    same(source, tmp_path / "out" / "file.bin")
    print(f"{kills} kills: {again / PIECE:.1f} pieces fetched again, {again / PIECE / kills:.2f} for each kill")
    assert again <= kills * PIECES_AGAIN * PIECE, f"{again / PIECE / kills:.1f} pieces fetched again for each kill"
