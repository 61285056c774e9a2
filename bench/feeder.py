"""How can a seed be kept from being what is measured? By one that only sends: `python -m bench.feeder JSON`.

One process is as many seeds as it is given addresses, each with its own peer id. It hashes nothing, reads the data as a
map of memory, and answers up to 32 requests with one gathered write, so it needs a fifth of the CPU of a real client.
It speaks the base protocol and the fast extension; every peer that is interested is unchoked at once.

It tells its port, and `first` for each connection when payload leaves on it first. A line `{"dial": [host, port]}` on
standard input lets every seed connect to that peer; the end of standard input ends it.
"""

from __future__ import annotations

import json
import mmap
import os
import select
import socket
import struct
import sys
from collections import deque
from pathlib import Path
from typing import Any

from bench.words import HANDSHAKE, say
from torrent import Metainfo

BATCH = 32
"""Blocks in one gathered write."""

INTERESTED, BITFIELD, REQUEST, PIECE, CANCEL, REJECT = 2, 5, 6, 7, 8, 16
_UNCHOKE = b"\0\0\0\1\x01"
_HAVE_ALL = b"\0\0\0\1\x0e"
_HEADER = struct.Struct(">IBII")
_ASKED = struct.Struct(">IBIII")


def mapped(metainfo: Metainfo, data: Path) -> memoryview:
    """Return the piece space: a map of the file, or all the files one after the other in memory."""
    if not metainfo.multi_file:
        with data.open("rb") as source:
            return memoryview(mmap.mmap(source.fileno(), 0, mmap.MAP_SHARED | mmap.MAP_POPULATE, mmap.PROT_READ))
    space = mmap.mmap(-1, metainfo.length)
    for file in metainfo.files:
        if not file.is_pad and file.length:
            space[file.offset : file.offset + file.length] = data.parent.joinpath(*file.path).read_bytes()
    return memoryview(space)


class Link:
    """One connection of one seed: what has come in, what is asked for, what is on its way out."""

    def __init__(self, feeder: Feeder, sock: socket.socket, number: int, *, dialled: bool) -> None:
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.feeder = feeder
        self.sock = sock
        self.number = number
        self.rest = b""
        self.asked: deque[tuple[int, int, int]] = deque()
        self.out: list[Any] = []
        self.shaken = False
        self.fast = False
        self.served = False
        self.dialled = self.wants_out = dialled
        if dialled:
            self.out.append(feeder.handshake(number, feeder.info_hash))

    def readable(self) -> bool:
        """Take what has come and act on it; False when the connection is over."""
        try:
            got = self.sock.recv_into(self.feeder.buffer)
        except BlockingIOError:
            return True
        except OSError:
            return False
        if not got:
            return False
        data = self.rest + bytes(self.feeder.view[:got])
        at = 0
        if not self.shaken:
            if len(data) < 68:
                self.rest = data
                return True
            at = 68
            self.shake(data[:68])
        end = len(data)
        while end - at >= 4:
            length = int.from_bytes(data[at : at + 4], "big")
            if end - at < 4 + length:
                break
            if length:
                self.message(data, at, data[at + 4])
            at += 4 + length
        self.rest = data[at:]
        return self.writable()

    def shake(self, hello: bytes) -> None:
        self.shaken = True
        self.fast = bool(hello[27] & 4)
        if not self.dialled:
            self.out.append(self.feeder.handshake(self.number, hello[28:48]))
        self.out.append(_HAVE_ALL if self.fast else self.feeder.bitfield)

    def message(self, data: bytes, at: int, kind: int) -> None:
        if kind == REQUEST:
            _, _, index, begin, size = _ASKED.unpack_from(data, at)
            self.asked.append((index, begin, size))
        elif kind == INTERESTED:
            self.out.append(_UNCHOKE)
        elif kind == CANCEL:
            wanted = _ASKED.unpack_from(data, at)[2:]
            if wanted in self.asked:
                self.asked.remove(wanted)
                if self.fast:
                    self.out.append(_ASKED.pack(13, REJECT, *wanted))

    def writable(self) -> bool:
        """Send until the socket is full or nothing is asked for; False when the connection is over."""
        try:
            while self.out or self.asked:
                if not self.out:
                    self.fill()
                sent = self.sock.sendmsg(self.out)
                while self.out and sent >= len(self.out[0]):
                    sent -= len(self.out.pop(0))
                if sent:
                    self.out[0] = memoryview(self.out[0])[sent:]
        except BlockingIOError:
            self.feeder.watch(self, True)
            return True
        except OSError:
            return False
        self.feeder.watch(self, False)
        return True

    def fill(self) -> None:
        if not self.served:
            self.served = True
            say("first")
        space, length = self.feeder.space, self.feeder.piece_length
        asked, out = self.asked, self.out
        for _ in range(min(BATCH, len(asked))):
            index, begin, size = asked.popleft()
            start = index * length + begin
            out.append(_HEADER.pack(size + 9, PIECE, index, begin))
            out.append(space[start : start + size])


class Feeder:
    """All seeds and their connections in one loop, each seed at its own address, all on one port."""

    def __init__(self, torrent: str, data: str, hosts: list[str]) -> None:
        metainfo = Metainfo.from_bytes(Path(torrent).read_bytes())
        self.space = mapped(metainfo, Path(data))
        self.piece_length = metainfo.piece_length
        self.info_hash = bytes(metainfo.swarm_hashes[0])
        spare = -metainfo.pieces % 8
        bits = ((1 << metainfo.pieces) - 1) << spare
        field = bits.to_bytes((metainfo.pieces + 7) // 8, "big")
        self.bitfield = struct.pack(">IB", len(field) + 1, BITFIELD) + field
        self.buffer = bytearray(256 << 10)
        self.view = memoryview(self.buffer)
        self.hosts = hosts
        self.poll = select.epoll()
        self.links: dict[int, Link] = {}
        self.doors: dict[int, tuple[socket.socket, int]] = {}
        self.port = 0
        for number, host in enumerate(hosts):
            door = socket.create_server((host, self.port), backlog=64)
            self.port = door.getsockname()[1]
            door.setblocking(False)
            self.doors[door.fileno()] = (door, number)
            self.poll.register(door.fileno(), select.EPOLLIN)

    def handshake(self, number: int, info_hash: bytes) -> bytes:
        return HANDSHAKE + b"\0\0\0\0\0\0\0\4" + info_hash + b"-PF0001-%012d" % number

    def watch(self, link: Link, wants_out: bool) -> None:
        if link.wants_out != wants_out:
            link.wants_out = wants_out
            self.poll.modify(link.sock.fileno(), select.EPOLLIN | (select.EPOLLOUT if wants_out else 0))

    def dial(self, host: str, port: int) -> None:
        """Connect every seed from its own address to one peer."""
        for number, own in enumerate(self.hosts):
            try:
                sock = socket.create_connection((host, port), 5, (own, 0))
            except OSError as error:
                say("refused", error=str(error))
                continue
            link = Link(self, sock, number, dialled=True)
            self.links[sock.fileno()] = link
            self.poll.register(sock.fileno(), select.EPOLLIN | select.EPOLLOUT)

    def run(self) -> None:
        """Serve until standard input ends."""
        say("listening", port=self.port)
        stdin = sys.stdin.fileno()
        self.poll.register(stdin, select.EPOLLIN)
        while True:
            for fd, events in self.poll.poll():
                if fd == stdin:
                    lines = os.read(stdin, 65536)
                    if not lines:
                        return
                    for line in lines.splitlines():
                        self.dial(*json.loads(line)["dial"])
                elif fd in self.doors:
                    door, number = self.doors[fd]
                    sock, _ = door.accept()
                    self.links[sock.fileno()] = Link(self, sock, number, dialled=False)
                    self.poll.register(sock.fileno(), select.EPOLLIN)
                elif (link := self.links.get(fd)) is not None:
                    alive = bool(events & (select.EPOLLIN | select.EPOLLOUT))
                    if alive and events & select.EPOLLOUT:
                        alive = link.writable()
                    if alive and events & select.EPOLLIN:
                        alive = link.readable()
                    if not alive:
                        del self.links[fd]
                        self.poll.unregister(fd)
                        link.sock.close()


if __name__ == "__main__":
    Feeder(**json.loads(sys.argv[1])).run()
