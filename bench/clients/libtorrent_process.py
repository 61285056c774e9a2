"""The libtorrent side of the suite, each command a process of its own: `make`, `seed` and `leech`, with JSON arguments.

Settings are libtorrent's own, less what would reach outside the machine (DHT, LSD, port mapping) and less uTP and
encryption, which nobody uses here. What happens is told in JSON lines on standard output. A process holds one session
for each address it listens on, so that many peers need not be many processes.
"""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import libtorrent as lt

from bench.words import say

SETTINGS: dict[str, Any] = {
    "alert_mask": lt.alert.category_t.status_notification | lt.alert.category_t.error_notification,
    "allow_multiple_connections_per_ip": True,
    "enable_dht": False,
    "enable_incoming_utp": False,
    "enable_lsd": False,
    "enable_natpmp": False,
    "enable_outgoing_utp": False,
    "enable_upnp": False,
    "in_enc_policy": 2,
    "out_enc_policy": 2,
}

TUNED: dict[str, Any] = {
    "aio_threads": 4,
    "hashing_threads": 2,
    "checking_mem_usage": 1024,
    "connection_speed": 500,
    "connections_limit": 500,
    "file_pool_size": 500,
    "max_allowed_in_request_queue": 4000,
    "max_out_request_queue": 1500,
    "max_peer_recv_buffer_size": 5 << 20,
    "max_queued_disk_bytes": 64 << 20,
    "mixed_mode_algorithm": 0,
    "recv_socket_buffer_size": 1 << 20,
    "request_queue_time": 3,
    "send_buffer_low_watermark": 1 << 20,
    "send_buffer_watermark": 3 << 20,
    "send_buffer_watermark_factor": 150,
    "send_not_sent_low_watermark": 512 << 10,
    "send_socket_buffer_size": 1 << 20,
    "tick_interval": 100,
    "unchoke_slots_limit": -1,
}
"""What a user who wants speed sets: both cores hash, large queues and buffers, everybody unchoked, a quicker clock."""

LIGHT: dict[str, Any] = {"aio_threads": 1, "hashing_threads": 1}
"""For peers that are many in one process: one disk thread each."""


def make(source: str, torrent: str, piece_length: int, version: str = "v1") -> None:
    """Make a torrent of a file or folder."""
    flags = {"v1": lt.create_torrent.v1_only, "v2": lt.create_torrent.v2_only, "hybrid": 0}[version]
    made = lt.create_torrent(lt.list_files(source), piece_length, flags)
    lt.set_piece_hashes(made, str(Path(source).parent))
    Path(torrent).write_bytes(lt.bencode(made.generate()))


class Peers:
    """Sessions, one for each address, that all hold the same torrent: in `folder`, or in a folder each below it."""

    def __init__(
        self,
        torrent: str,
        folder: str,
        listen: list[str],
        *,
        tuned: bool = False,
        complete: bool = False,
        pex: bool = True,
        settings: dict[str, Any] | None = None,
    ) -> None:
        light = LIGHT if len(listen) > 1 else {}
        chosen = {**SETTINGS, **(TUNED if tuned else {}), **light, **(settings or {})}
        self.sessions: list[Any] = []
        self.handles: list[Any] = []
        for number, address in enumerate(listen):
            host = address.rsplit(":", 1)[0]
            own_address = {"listen_interfaces": address, "outgoing_interfaces": host}
            session = lt.session(cast(Any, {**chosen, **own_address}))
            params = lt.load_torrent_file(torrent)
            own = Path(folder) / str(number) if len(listen) > 1 and not complete else Path(folder)
            own.mkdir(parents=True, exist_ok=True)
            params.save_path = str(own)
            params.flags &= ~(lt.torrent_flags.auto_managed | lt.torrent_flags.paused)
            if complete:
                params.flags |= lt.torrent_flags.seed_mode
            if not pex:
                params.flags |= lt.torrent_flags.disable_pex
            self.sessions.append(session)
            self.handles.append(session.add_torrent(params))

    def dial(self, host: str, port: int) -> None:
        """Let every session connect to one peer."""
        for handle in self.handles:
            handle.connect_peer((host, port))

    def listening(self) -> None:
        """Tell the ports, in the order of the addresses."""
        say("listening", ports=[session.listen_port() for session in self.sessions])

    def obey(self) -> threading.Event:
        """Follow lines of standard input (`{"dial": [host, port]}`) in a thread; the event is set when it ends."""
        ended = threading.Event()

        def read() -> None:
            for line in sys.stdin:
                self.dial(*json.loads(line)["dial"])
            ended.set()

        threading.Thread(target=read, daemon=True).start()
        return ended


def seed(torrent: str, folder: str, listen: list[str], watch: bool = False, **options: Any) -> None:
    """Serve complete data until stdin ends; with `watch` tell whenever payload leaves after nobody was connected."""
    peers = Peers(torrent, folder, listen, complete=True, **options)
    ended = peers.obey()
    peers.listening()
    last = 0
    idle = True
    while not ended.wait(0.005 if watch and idle else 0.1):
        if not watch:
            continue
        states = [handle.status() for handle in peers.handles]
        sent = sum(state.total_payload_upload for state in states)
        if idle and sent > last:
            say("first")
            idle = False
        elif not idle and not any(state.num_peers for state in states):
            idle = True
        last = sent


def leech(
    torrent: str,
    folder: str,
    listen: list[str],
    to: list[list[Any]],
    watch: bool = False,
    stay: bool = False,
    **options: Any,
) -> None:
    """Download in every session from the peers in `to`, then end, or with `stay` serve until stdin ends.

    With `watch` it tells when the first payload came (this asks the sessions often), and it always tells when every
    session has everything.
    """
    peers = Peers(torrent, folder, listen, **options)
    ended = peers.obey() if stay else threading.Event()
    peers.listening()
    for host, port in to:
        peers.dial(host, int(port))
    missing = set(range(len(peers.sessions)))
    started = not watch
    while missing:
        if not started and any(handle.status().total_payload_download for handle in peers.handles):
            started = True
            say("first")
        for number in list(missing):
            if _finished(peers.sessions[number], 2 if not started else 100 // len(missing)):
                missing.discard(number)
                say("one", number=number)
    say("done")
    if stay:
        ended.wait()


def _finished(session: Any, milliseconds: int) -> bool:
    session.wait_for_alert(milliseconds)
    found = False
    for alert in session.pop_alerts():
        if isinstance(alert, lt.torrent_error_alert | lt.file_error_alert):
            say("error", error=alert.message())
            sys.exit(1)
        found = found or isinstance(alert, lt.torrent_finished_alert)
    return found


if __name__ == "__main__":
    COMMANDS: dict[str, Callable[..., None]] = {"make": make, "seed": seed, "leech": leech}
    COMMANDS[sys.argv[1]](**json.loads(sys.argv[2]))
