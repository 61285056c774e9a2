"""What does a plain TCP stream get through a link? `python -m bench.link_raw send|receive ...`, and the sum of both.

The receiver takes bytes and throws them away, so what it reaches is the most any client could.
"""

from __future__ import annotations

import json
import socket
import sys
import time


def say(kind: str, **facts: object) -> None:
    """Print one line of JSON."""
    print(json.dumps({"type": kind, **facts}), flush=True)


def send(host: str, size: str) -> None:
    """Serve `size` bytes to each who connects, until the process is ended."""
    block = memoryview(bytes(256 * 1024))
    with socket.create_server((host, 0)) as server:
        say("listening", port=server.getsockname()[1])
        while True:
            stream, _ = server.accept()
            with stream:
                left = int(size)
                while left:
                    left -= stream.send(block[: min(left, len(block))])


def receive(host: str, port: str) -> None:
    """Take everything and print how long it took from the first byte on."""
    buffer = bytearray(256 * 1024)
    began = time.monotonic()
    with socket.create_connection((host, int(port))) as stream:
        taken = stream.recv_into(buffer)
        first = time.monotonic()
        say("first")
        while got := stream.recv_into(buffer):
            taken += got
    say("done", bytes=taken, first=first - began, seconds=time.monotonic() - first)


if __name__ == "__main__":
    {"send": send, "receive": receive}[sys.argv[1]](*sys.argv[2:])
