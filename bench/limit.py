"""How fast could anybody be here? A plain sender, and a receiver that hashes and writes: `python -m bench.limit`.

`send` serves one file to everybody who connects, in one stream without a protocol. `receive` takes it in pieces of
1 MiB in one thread, and two others hash each with SHA-1 and write it to a new file: what a download cannot do without,
and nothing else. Its rate is the practical limit that the share of a download is told of. (Two: with one, which then is
what holds it up, a good client is faster than this.)
"""

from __future__ import annotations

import hashlib
import json
import mmap
import os
import queue
import socket
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from bench.words import say

PIECE = 1 << 20
BUFFERS = 4
WORKERS = 2


def send(data: str) -> None:
    """Serve the file until standard input ends."""
    with Path(data).open("rb") as source:
        view = memoryview(mmap.mmap(source.fileno(), 0, mmap.MAP_SHARED | mmap.MAP_POPULATE, mmap.PROT_READ))
    door = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            peer, _ = door.accept()
            with peer:
                say("first")
                peer.sendall(view)

    threading.Thread(target=serve, daemon=True).start()
    say("listening", port=door.getsockname()[1])
    sys.stdin.read()


def receive(port: int, out: str, size: int) -> None:
    """Receive `size` bytes, hash and write them, and tell `done`."""
    free: queue.SimpleQueue[bytearray] = queue.SimpleQueue()
    full: queue.SimpleQueue[tuple[bytearray, int, int] | None] = queue.SimpleQueue()
    for _ in range(BUFFERS):
        free.put(bytearray(PIECE))
    target = os.open(out, os.O_RDWR | os.O_CREAT | os.O_TRUNC)

    def settle() -> None:
        while (job := full.get()) is not None:
            buffer, start, length = job
            view = memoryview(buffer)[:length]
            hashlib.sha1(view).digest()
            os.pwrite(target, view, start)
            free.put(buffer)

    workers = [threading.Thread(target=settle) for _ in range(WORKERS)]
    for worker in workers:
        worker.start()
    with socket.create_connection(("127.0.0.1", port)) as peer:
        for start in range(0, size, PIECE):
            buffer = free.get()
            view = memoryview(buffer)[: min(PIECE, size - start)]
            done = 0
            while done < len(view):
                done += peer.recv_into(view[done:])
            full.put((buffer, start, done))
    for _ in workers:
        full.put(None)
    for worker in workers:
        worker.join()
    os.close(target)
    say("done")


if __name__ == "__main__":
    COMMANDS: dict[str, Callable[..., None]] = {"send": send, "receive": receive}
    COMMANDS[sys.argv[1]](**json.loads(sys.argv[2]))
