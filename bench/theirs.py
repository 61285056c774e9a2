"""The libtorrent side of the benchmark, each command a process of its own: `make`, `seed` and `leech`.

Settings are libtorrent's own, less what would reach outside the machine (DHT, LSD, port mapping) and less uTP and
encryption, which the other side does not use here. What happens is told in JSON lines on standard output.
"""

from __future__ import annotations

import json
import sys
import threading
from pathlib import Path
from typing import Any

import libtorrent as lt

SETTINGS = {
    "alert_mask": lt.alert.category_t.status_notification | lt.alert.category_t.error_notification,
    "allow_multiple_connections_per_ip": True,
    "enable_dht": False,
    "enable_incoming_utp": False,
    "enable_lsd": False,
    "enable_natpmp": False,
    "enable_outgoing_utp": False,
    "enable_upnp": False,
    "in_enc_policy": 2,
    "listen_interfaces": "127.0.0.1:0",
    "out_enc_policy": 2,
}


def say(kind: str, **facts: Any) -> None:
    """Print one line and flush it: the reader stamps the time."""
    sys.stdout.write(json.dumps({"type": kind, **facts}) + "\n")
    sys.stdout.flush()


def make(source: str, torrent: str, piece_length: str, version: str) -> None:
    """Make a torrent of a file or folder."""
    flags = {"v1": lt.create_torrent.v1_only, "v2": lt.create_torrent.v2_only, "hybrid": 0}[version]
    made = lt.create_torrent(lt.list_files(source), int(piece_length), flags)
    lt.set_piece_hashes(made, str(Path(source).parent))
    Path(torrent).write_bytes(lt.bencode(made.generate()))


def _add(torrent: str, folder: str, extra: Any = None) -> tuple[Any, Any]:
    session = lt.session(SETTINGS)
    params = lt.load_torrent_file(torrent)
    params.save_path = folder
    params.flags &= ~(lt.torrent_flags.auto_managed | lt.torrent_flags.paused)
    if extra is not None:
        params.flags |= extra
    return session, session.add_torrent(params)


def seed(torrent: str, folder: str, watch: str) -> None:
    """Serve complete data until stdin ends; with `watch` tell when each new leech gets its first payload."""
    session, handle = _add(torrent, folder, lt.torrent_flags.seed_mode)
    say("listening", port=session.listen_port())
    ended = threading.Event()

    def until_closed() -> None:
        sys.stdin.read()
        ended.set()

    threading.Thread(target=until_closed, daemon=True).start()
    last = 0
    idle = True
    while not ended.wait(0.005 if watch == "watch" and idle else 0.1):
        uploaded = handle.status().total_payload_upload
        if idle and uploaded > last:
            say("first")
            idle = False
        elif not idle and handle.status().num_peers == 0:
            idle = True
        last = uploaded


def leech(torrent: str, folder: str, host: str, port: str, watch: str) -> None:
    """Download, then end; with `watch` tell when the first payload came (this asks the session often)."""
    session, handle = _add(torrent, folder)
    handle.connect_peer((host, int(port)))
    started = False
    done = False
    while not done:
        session.wait_for_alert(2 if watch == "watch" and not started else 100)
        if watch == "watch" and not started and handle.status().total_payload_download:
            started = True
            say("first")
        for alert in session.pop_alerts():
            if isinstance(alert, lt.torrent_error_alert | lt.file_error_alert):
                say("error", error=alert.message())
                sys.exit(1)
            done = done or isinstance(alert, lt.torrent_finished_alert)
    say("done")
    del handle, session


if __name__ == "__main__":
    {"make": make, "seed": seed, "leech": leech}[sys.argv[1]](*sys.argv[2:])
