"""A wire one can look at: a relay between one of our processes and a seed, which knows what our side has taken in.

It forwards bytes as they are and reads the messages of the seed on their way. Asked to, it stops (SIGSTOP) the process
behind it as soon as it has passed on so many bytes of blocks, and then tells exactly which blocks that process has read
from its socket: what still waits in the kernel, on either side, has not been received.
"""

from __future__ import annotations

import fcntl
import os
import selectors
import signal
import socket
import struct
import threading
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from tests.support.waiting import eventually

SIOCOUTQNSD = 0x894B
"""Linux: how many bytes of a TCP socket have not been sent yet."""

PIECE = 7
HANDSHAKE = 68
CHUNK = 64 * 1024


class Block(NamedTuple):
    """A block as it was asked for."""

    piece: int
    begin: int
    length: int


class Messages:
    """Finds PIECE messages in what a seed sends, and where in the stream each one ends."""

    def __init__(self) -> None:
        self.blocks: list[tuple[int, Block]] = []
        self.payload = 0
        self._buffer = bytearray()
        self._at = 0
        self._greeted = False

    def feed(self, data: bytes) -> None:
        """Take the next bytes of the stream."""
        self._buffer += data
        at = 0
        if not self._greeted and len(self._buffer) >= HANDSHAKE:
            self._greeted = True
            at = HANDSHAKE
        while self._greeted and len(self._buffer) - at >= 4:
            (size,) = struct.unpack_from("!I", self._buffer, at)
            if len(self._buffer) - at < 4 + size:
                break
            if size > 9 and self._buffer[at + 4] == PIECE:
                piece, begin = struct.unpack_from("!II", self._buffer, at + 5)
                self.blocks.append((self._at + at + 4 + size, Block(piece, begin, size - 9)))
                self.payload += size - 9
            at += 4 + size
        del self._buffer[:at]
        self._at += at


class Relay:
    """Listens on loopback and carries each stream to the seed at `target`. Use as a context manager."""

    def __init__(self, target: tuple[str, int]) -> None:
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._listener, selectors.EVENT_READ, self._accept)
        self._waking, self._wake = socket.socketpair()
        self._selector.register(self._waking, selectors.EVENT_READ, None)
        self._lock = threading.Lock()
        self._messages = Messages()
        self._near: socket.socket | None = None
        self._far: socket.socket | None = None
        self._forwarded = 0
        self._aim: tuple[int, int] | None = None
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._wake.close()
        self._thread.join(10)
        self._hang_up()
        self._listener.close()
        self._waking.close()
        self._selector.close()

    def stop_at(self, pid: int, payload: int) -> None:
        """Stop process `pid` as soon as `payload` more bytes of blocks have been passed on to it."""
        with self._lock:
            self._messages, self._forwarded = Messages(), 0
            self._stopped.clear()
            self._aim = (pid, payload)

    def stopped(self, timeout: float) -> bool:
        """Wait until it was stopped."""
        return self._stopped.wait(timeout)

    def received(self, pid: int | None = None) -> list[Block]:
        """Return the blocks that the process has read whole; with `pid`, the process stopped by `stop_at`."""
        if pid is not None:
            state = Path(f"/proc/{pid}/stat")
            eventually(lambda: state.read_text().rpartition(")")[2].split()[0] == "T", 10, "the process stands still")
        with self._lock:
            taken = self._forwarded - (self._unread() if pid is not None else 0)
            return [block for end, block in self._messages.blocks if end <= taken]

    # the thread

    def _run(self) -> None:
        while True:
            for key, _ in self._selector.select():
                if key.data is None:
                    return
                key.data()

    def _accept(self) -> None:
        near, _ = self._listener.accept()
        with self._lock:
            self._hang_up()
            if self._aim is None:  # nobody is to be stopped: a new stream all the same
                self._messages, self._forwarded = Messages(), 0
            self._near, self._far = near, socket.create_connection(self._target, 10)
            self._selector.register(self._near, selectors.EVENT_READ, self._up)
            self._selector.register(self._far, selectors.EVENT_READ, self._down)

    def _up(self) -> None:
        if self._near is not None and self._far is not None:  # the other callback of this round may have hung up
            self._carry(self._near, self._far)

    def _down(self) -> None:
        if self._near is None or self._far is None:
            return
        data = self._carry(self._far, self._near)
        with self._lock:
            self._messages.feed(data)
            self._forwarded += len(data)
            if self._far is not None and self._aim is not None and self._messages.payload >= self._aim[1]:
                os.kill(self._aim[0], signal.SIGSTOP)
                self._aim = None
                self._selector.unregister(self._far)
                self._stopped.set()

    def _carry(self, source: socket.socket, target: socket.socket) -> bytes:
        try:
            data = source.recv(CHUNK)
            target.sendall(data)
        except OSError:
            data = b""
        if not data:
            with self._lock:
                self._hang_up()
        return data

    def _hang_up(self) -> None:
        for end in (self._near, self._far):
            if end is not None:
                if end in self._selector.get_map():
                    self._selector.unregister(end)
                end.close()
        self._near = self._far = None

    # what the kernel still holds

    def _unread(self) -> int:
        if self._near is None:
            return 0
        unsent = struct.unpack("i", fcntl.ioctl(self._near, SIOCOUTQNSD, bytes(4)))[0]
        ours, theirs = self._near.getsockname()[1], self._near.getpeername()[1]
        for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
            _, local, remote, _, queues, *_ = line.split()
            if int(local.partition(":")[2], 16) == theirs and int(remote.partition(":")[2], 16) == ours:
                return int(unsent) + int(queues.partition(":")[2], 16)
        return int(unsent)
