"""Starting programs: is a listener seen without being dialled, and a line in a log?"""

from __future__ import annotations

import socket
import sys
import threading
from pathlib import Path

import pytest

from bench.case import BenchError
from bench.clients.running import free_port, wait_answers, wait_for_text, wait_listening
from bench.measure import Process


def test_a_listener_is_seen_and_nobody_is_not() -> None:
    with socket.create_server(("127.0.0.1", 0)) as door:
        port = door.getsockname()[1]
        wait_listening("127.0.0.1", port, 5)
        door.setblocking(False)
        with pytest.raises(BlockingIOError):
            door.accept()
    if Path("/proc/net/tcp").exists():
        with pytest.raises(BenchError, match="a listener"):
            wait_listening("127.0.0.1", port, 0)


def test_a_listener_on_every_address_counts() -> None:
    with socket.create_server(("0.0.0.0", 0)) as door:
        wait_listening("127.0.4.9", door.getsockname()[1], 5)


def test_who_closes_at_once_has_not_answered() -> None:
    with socket.create_server(("127.0.0.1", 0)) as door:

        def serve() -> None:
            door.accept()[0].close()
            peer = door.accept()[0]
            seen.append(peer.recv(68))
            peer.sendall(b"\x13")
            peer.close()

        seen: list[bytes] = []
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        wait_answers(door.getsockname(), bytes(range(20)), 30)
        thread.join(30)
        assert seen[0][28:48] == bytes(range(20))


def test_a_free_port_can_be_bound() -> None:
    with socket.create_server(("127.0.4.9", free_port("127.0.4.9"))):
        pass


def test_a_line_in_a_log_is_found_and_an_end_without_it_is_told(tmp_path: Path) -> None:
    argv = [sys.executable, "-c", "print('it is ready')"]
    with Process(argv, tmp_path / "one.log", lines=False) as process:
        wait_for_text(process, process.log, "is ready", 30)
    with Process(argv, tmp_path / "two.log", lines=False) as process, pytest.raises(BenchError, match="it is ready"):
        wait_for_text(process, process.log, "never", 30)
