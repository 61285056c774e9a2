"""What survives SIGKILL? Fifty of them in a row, and the download still ends right, fetching little twice.

Each kill comes when a further random number of blocks has reached our process (numbers, not times, so that a fast and
a slow machine are killed at comparable places): sometimes with the first block, sometimes in full run. The process is
stopped there, the kernel asked what it has not read yet, and killed. A block counts as fetched again if our process had
read it before a kill and was given it once more afterwards; what was under way was never fetched.
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
from tests.support.relay import Block, Relay

PIECES_AGAIN = 8
"""At most this many pieces may be fetched again after one kill."""


@pytest.mark.slow
@pytest.mark.timeout(280)
@pytest.mark.parametrize(
    ("version", "kills", "piece", "seed"),
    [("v1", 50, 65_536, 20240531), ("v1", 12, 1 << 20, 4), ("v2", 15, 65_536, 77)],
)
def test_completes_after_many_kills(
    tmp_path: Path, same: Callable[..., None], version: str, kills: int, piece: int, seed: int
) -> None:
    rng = random.Random(seed)
    aims = [int(piece * 2 ** rng.uniform(0, 7)) for _ in range(kills)]
    size = sum(aims) + 12_345
    source = payload(tmp_path / "src" / "file.bin", size)
    torrent = by_libtorrent(source, tmp_path / "t.torrent", version=version, piece_length=piece)
    home = tmp_path / "home"
    last_kill: dict[Block, int] = {}
    again = [0] * kills

    def count(blocks: list[Block], run: int) -> None:
        for block in blocks:
            if block in last_kill:
                again[last_kill[block]] += block.length
            last_kill[block] = run

    with Libtorrent(tmp_path, host="127.0.0.2") as peer, Relay((peer.host, peer.port)) as relay:
        peer.add(torrent, source.parent, seed=True)
        where = {"peers": [relay.address], "home": home}
        for kill, aim in enumerate(aims):
            with download(tmp_path, torrent, tmp_path / "out", name=f"run{kill}", **where) as leech:
                relay.stop_at(leech.process.pid, aim)
                assert relay.stopped(30), f"nothing to kill after {kill} kills\n{leech.tail()}"
                count(relay.received(leech.process.pid), kill)
                leech.kill()
        relay.stop_at(0, size + 1)  # never
        with download(tmp_path, torrent, tmp_path / "out", name="last", **where) as leech:
            leech.wait_done(60)
            count(relay.received(), kills)
            assert leech.wait_exit(20) == 0, leech.tail()
    same(source, tmp_path / "out" / "file.bin")
    pieces = sorted(bytes_again / piece for bytes_again in again)
    print(f"{version}, {kills} kills: pieces again, median {pieces[kills // 2]:.2f}, most {pieces[-1]:.2f}")
    assert pieces[-1] <= PIECES_AGAIN, f"pieces fetched again for each kill: {pieces}"
