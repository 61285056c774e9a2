"""The other side of `tests.support.libtorrent_peer`: one libtorrent session driven by JSON lines.

A line on stdin is a call, a line on stdout its answer.

Run as a script, in a process of its own, so that neither its crash nor its hold on the interpreter reaches the tests.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import libtorrent as lt

QUIET = {
    "alert_mask": 0,
    "allow_multiple_connections_per_ip": True,
    "enable_dht": False,
    "enable_lsd": False,
    "enable_natpmp": False,
    "enable_upnp": False,
    "enable_incoming_utp": False,
    "enable_outgoing_utp": False,
    "in_enc_policy": 2,
    "out_enc_policy": 2,
    "peer_timeout": 60,
    "user_agent": "libtorrent",
}


class Peer:
    """One session and the torrents it holds, named by the number `add` returned."""

    def __init__(self) -> None:
        self.session: Any = None
        self.handles: list[Any] = []

    def open(self, listen: str, settings: dict[str, Any]) -> dict[str, Any]:
        known = lt.default_settings()
        pack = {k: v for k, v in {**QUIET, "listen_interfaces": listen, **settings}.items() if k in known}
        # Plain files rather than mapped ones: what is on disk is then what `done` says.
        self.session = lt.session(pack)
        return {"port": self.session.listen_port(), "version": lt.__version__}

    def add(self, torrent: str, save: str, peers: list[list[Any]], seed: bool, limit_up: int, limit_down: int) -> int:
        params = lt.load_torrent_file(torrent)
        params.save_path = save
        flags = params.flags & ~(lt.torrent_flags.auto_managed | lt.torrent_flags.paused)
        params.flags = flags | lt.torrent_flags.seed_mode if seed else flags
        params.upload_limit = limit_up
        params.download_limit = limit_down
        handle = self.session.add_torrent(params)
        for host, port in peers:
            handle.connect_peer((host, port))
        self.handles.append(handle)
        return len(self.handles) - 1

    def connect(self, torrent: int, host: str, port: int) -> bool:
        self.handles[torrent].connect_peer((host, port))
        return True

    def limits(self, torrent: int, up: int, down: int) -> bool:
        self.handles[torrent].set_upload_limit(up)
        self.handles[torrent].set_download_limit(down)
        return True

    def status(self, torrent: int) -> dict[str, Any]:
        s = self.handles[torrent].status()
        return {
            "state": str(s.state),
            "seeding": bool(s.is_seeding),
            "finished": bool(s.is_finished),
            "done": int(s.total_wanted_done),
            "uploaded": int(s.total_payload_upload),
            "downloaded": int(s.total_payload_download),
            "redundant": int(s.total_redundant_bytes),
            "failed": int(s.total_failed_bytes),
            "peers": int(s.num_peers),
            "error": s.errc.message() if s.errc.value() else "",
        }

    def peers(self, torrent: int) -> list[dict[str, Any]]:
        found = []
        for p in self.handles[torrent].get_peer_info():
            client = p.client.decode("utf-8", "replace") if isinstance(p.client, bytes) else str(p.client)
            found.append({"ip": list(p.ip), "client": client, "up": p.total_upload, "down": p.total_download})
        return found

    def remove(self, torrent: int) -> bool:
        self.session.remove_torrent(self.handles[torrent])
        return True


def main() -> None:
    """Answer each line `{"call": name, "args": {...}}` with `{"ok": value}` or `{"error": text}` until stdin ends."""
    peer = Peer()
    for line in sys.stdin:
        asked = json.loads(line)
        try:
            answer = {"ok": getattr(peer, asked["call"])(**asked["args"])}
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
