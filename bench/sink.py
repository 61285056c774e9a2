"""How can leechers be kept from being what is measured? By ones that only receive: `python -m bench.sink JSON`.

One process is as many leechers as it is told. Each asks for every block in order, keeps a fixed number of requests on
their way, compares what comes with the data itself (the whole of it, by one comparison of memory) and throws it away.
It tells `listening` when it begins to dial (as others do that can be dialled themselves), `first` when payload comes
first, and `done` when every leecher has had everything.
"""

from __future__ import annotations

import json
import select
import socket
import struct
import sys
from pathlib import Path
from typing import Any

from bench.feeder import mapped
from bench.words import HANDSHAKE, say
from torrent import Metainfo

BLOCK = 16384
AHEAD = 250
"""Requests on their way, for each leecher: what every client takes without dropping some. Half are sent in one go."""

UNCHOKE, PIECE = 1, 7
_INTERESTED = b"\0\0\0\1\x02"
_REQUEST = struct.Struct(">IBIII")
_HEADER = struct.Struct(">IBII")


class Link:
    """One leecher: the next block to ask for, how many are on their way, how many bytes have come."""

    def __init__(self, sink: Sink, number: int, to: tuple[str, int]) -> None:
        self.sink = sink
        self.sock = socket.create_connection(to, 10, (f"127.0.3.{number + 1}", 0))
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock.sendall(HANDSHAKE + bytes(8) + sink.info_hash + b"-PS0001-%012d" % number)
        self.sock.setblocking(False)
        self.buffer = bytearray(1 << 20)
        self.held = 0
        self.at = 0
        self.shaken = False
        self.next = 0
        self.flying = 0
        self.came = 0
        self.out = b""

    def readable(self) -> bool:
        """Take what has come; False when this leecher has everything."""
        try:
            got = self.sock.recv_into(memoryview(self.buffer)[self.held :])
        except BlockingIOError:
            return True
        if not got:
            raise SystemExit("the seed has closed the connection")
        self.held += got
        at = 0
        if not self.shaken:
            if self.held < 68:
                return True
            self.shaken = True
            at = 68
            # Not before: aria2 closes the connection when more than a handshake comes at once.
            self.out = _INTERESTED
            self.writable()
        while self.held - at >= 4:
            length = int.from_bytes(self.buffer[at : at + 4], "big")
            if self.held - at < 4 + length:
                break
            if length:
                self.message(at, length)
            at += 4 + length
        rest = self.held - at
        self.buffer[:rest] = self.buffer[at : self.held]
        self.held = rest
        return self.came < self.sink.length

    def message(self, at: int, length: int) -> None:
        kind = self.buffer[at + 4]
        if kind == PIECE:
            _, _, index, begin = _HEADER.unpack_from(self.buffer, at)
            start = index * self.sink.piece_length + begin
            size = length - 9
            if not self.buffer.startswith(self.sink.space[start : start + size], at + 13):
                raise SystemExit(f"wrong data at {start}")
            self.flying -= 1
            self.came += size
            self.sink.began()
            if self.flying <= AHEAD // 2:
                self.ask()
        elif kind == UNCHOKE:
            self.ask()

    def ask(self) -> None:
        sink = self.sink
        words = []
        while self.flying < AHEAD and self.next < sink.length:
            index, begin = divmod(self.next, sink.piece_length)
            size = min(BLOCK, sink.piece_length - begin, sink.length - self.next)
            words.append(_REQUEST.pack(13, 6, index, begin, size))
            self.next += size
            self.flying += 1
        self.out += b"".join(words)
        self.writable()

    def writable(self) -> None:
        try:
            while self.out:
                self.out = self.out[self.sock.send(self.out) :]
        except BlockingIOError:
            pass
        self.sink.poll.modify(self.sock.fileno(), select.EPOLLIN | (select.EPOLLOUT if self.out else 0))


class Sink:
    """All leechers and their connections in one loop."""

    def __init__(self, torrent: str, data: str, to: tuple[str, int], count: int) -> None:
        metainfo = Metainfo.from_bytes(Path(torrent).read_bytes())
        self.space = mapped(metainfo, Path(data))
        self.length = metainfo.length
        self.piece_length = metainfo.piece_length
        self.info_hash = bytes(metainfo.swarm_hashes[0])
        self.started = False
        self.poll = select.epoll()
        say("listening")
        self.links: dict[int, Link] = {}
        for number in range(count):
            link = Link(self, number, (to[0], to[1]))
            self.links[link.sock.fileno()] = link
            self.poll.register(link.sock.fileno(), select.EPOLLIN)

    def began(self) -> None:
        if not self.started:
            self.started = True
            say("first")

    def run(self) -> None:
        """Receive until every leecher has everything."""
        left = len(self.links)
        while left:
            for fd, events in self.poll.poll():
                link: Any = self.links[fd]
                if events & select.EPOLLOUT:
                    link.writable()
                if events & ~select.EPOLLOUT and not link.readable():
                    left -= 1
                    self.poll.unregister(fd)
                    link.sock.close()
        say("done")


if __name__ == "__main__":
    Sink(**json.loads(sys.argv[1])).run()
