"""The processes of the idle cases: `python -m bench.idlers ours|libtorrent JSON` seeds a folder of torrents, and rests.

Ours is what a user of the library writes: read every file, add every torrent. Libtorrent gets the same torrents as
resume data it has saved itself (which it believes if sizes and times of the files fit, as we do with our records), or
in seed mode, where it looks at nothing. No torrent has a tracker. Both tell when all are seeding and stay until
standard input ends.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

LONGEST = 300.0


def say(kind: str, **facts: Any) -> None:
    """Print one line of JSON."""
    print(json.dumps({"type": kind, **facts}), flush=True)


def ours(torrents: str, data: str, state: str) -> None:
    """Seed with our session."""
    import uvloop

    from torrent import Config, Metainfo, Session
    from torrent.config import NetConfig

    sources = [Metainfo.from_bytes(path.read_bytes()) for path in sorted(Path(torrents).iterdir())]

    async def carry() -> None:
        async with Session(Config(net=NetConfig(port=0, bind="127.0.0.1")), state_dir=state) as session:

            async def add(source: Metainfo) -> str:
                torrent = await session.add(source, data, seed_only=True)
                return torrent.view().status

            found = await asyncio.gather(*map(add, sources))
            say("seeding", count=found.count("seeding"))
            await asyncio.to_thread(sys.stdin.read)

    uvloop.run(carry())
    say("ended")


def libtorrent(torrents: str, data: str, state: str, seed_mode: bool) -> None:
    """Seed with libtorrent; without resume data in `state` it checks everything and saves it at the end."""
    import libtorrent as lt

    from bench.clients.libtorrent_process import SETTINGS

    wanted = lt.alert.category_t.status_notification | lt.alert.category_t.error_notification
    own = {"listen_interfaces": "127.0.0.1:0", "alert_mask": wanted, "alert_queue_size": 1_000_000}
    settings: Any = {**SETTINGS, **own}
    session = lt.session(settings)
    folder = Path(state)
    known = folder.is_dir()
    handles = []
    for path in sorted(Path(torrents).iterdir()):
        if seed_mode or not known:
            params = lt.load_torrent_file(str(path))
        else:
            params = lt.read_resume_data((folder / path.name).read_bytes())
        params.save_path = data
        params.flags &= ~(lt.torrent_flags.auto_managed | lt.torrent_flags.paused)
        if seed_mode:
            params.flags |= lt.torrent_flags.seed_mode
        session.async_add_torrent(params)
    seeding: set[Any] = set()
    total = len(list(Path(torrents).iterdir()))
    deadline = time.monotonic() + LONGEST
    while len(seeding) < total and time.monotonic() < deadline:
        session.wait_for_alert(100)
        for alert in session.pop_alerts():
            if isinstance(alert, lt.add_torrent_alert):
                handles.append(alert.handle)
            elif isinstance(alert, lt.state_changed_alert) and alert.state == lt.torrent_status.seeding:
                seeding.add(alert.handle.info_hashes().v1.to_bytes())
    say("seeding", count=len(seeding))
    sys.stdin.read()
    if not known and not seed_mode:
        _save(lt, session, handles, folder)
    say("ended")


def _save(lt: Any, session: Any, handles: list[Any], folder: Path) -> None:
    folder.mkdir(parents=True)
    for handle in handles:
        handle.save_resume_data(lt.save_resume_flags_t.save_info_dict)
    left = len(handles)
    while left:
        session.wait_for_alert(1000)
        for alert in session.pop_alerts():
            if isinstance(alert, lt.save_resume_data_alert):
                name = f"{Path(alert.params.ti.files().file_path(0)).stem}.torrent"
                (folder / name).write_bytes(lt.write_resume_data_buf(alert.params))
                left -= 1


if __name__ == "__main__":
    programs: dict[str, Callable[..., None]] = {"ours": ours, "libtorrent": libtorrent}
    programs[sys.argv[1]](**json.loads(sys.argv[2]))
