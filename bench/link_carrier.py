"""The process that is the emulated link: `python -m bench.link_carrier JSON` joins two network namespaces it makes.

The namespaces have no name. They belong to this process, which keeps a descriptor of each, and to whoever was started
in one of them: when those are gone the kernel takes namespaces, devices and addresses back, however they ended. This
process ends when its standard input does, and takes with it whoever is still inside.

Where the kernel has netem, the namespaces are joined by a veth pair and netem does all; else this process carries the
packets between two TUN devices (see `bench.link_lane`). Once ready it prints one line of JSON, and another at its end.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import json
import os
import random
import select
import signal
import struct
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from bench.link_lane import Lane

CLONE_NEWNET = 0x40000000
TUNSETIFF = 0x400454CA
TUNSETOFFLOAD = 0x400454D0
IFF_TUN, IFF_NO_PI, IFF_VNET_HDR = 0x0001, 0x1000, 0x4000
TUN_F_CSUM, TUN_F_TSO4 = 0x01, 0x02

ADDRESSES = ("10.99.0.1", "10.99.0.2")
DEVICE = "wire"
MTU = 1500
BURST_SECONDS = 0.001
"""A packet of the device stands for no more than this much of the wire's time (or for one segment)."""

_libc = ctypes.CDLL(None, use_errno=True)


def new_namespace() -> int:
    """Move this process into a new network namespace and return a descriptor of it."""
    if _libc.unshare(CLONE_NEWNET):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return os.open("/proc/self/ns/net", os.O_RDONLY)


def enter(namespace: int) -> None:
    """Move this process into a namespace it has a descriptor of."""
    if _libc.setns(namespace, CLONE_NEWNET):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def tun(name: str) -> int:
    """Make a TUN device in the namespace this process is in and return its descriptor."""
    fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(fd, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TUN | IFF_NO_PI | IFF_VNET_HDR))
    fcntl.ioctl(fd, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4)
    return fd


def ip(*words: str) -> None:
    """Run ip(8) in the namespace this process is in."""
    subprocess.run(["ip", *words], check=True)


def address(name: str, side: int) -> None:
    """Give a device its address and bring it up."""
    ip("link", "set", "dev", "lo", "up")
    ip("addr", "add", f"{ADDRESSES[side]}/24", "dev", name)
    ip("link", "set", "dev", name, "mtu", str(MTU), "up")


def burst(rate: float) -> int:
    """Return how many bytes one packet of the device may stand for at `rate` bytes a second."""
    return max(2 * MTU, min(65536, int(rate * BURST_SECONDS)))


def has_netem() -> bool:
    """Say whether the kernel knows netem; call it in a namespace of one's own."""
    words = ["tc", "qdisc", "add", "dev", "lo", "root", "netem", "delay", "1ms"]
    try:
        found = subprocess.run(words, capture_output=True).returncode == 0
    except FileNotFoundError:
        return False
    if found:
        subprocess.run(["tc", "qdisc", "del", "dev", "lo", "root"], capture_output=True)
    return found


def congestion(wanted: str) -> str:
    """Choose how TCP of this namespace reacts to loss, where the kernel lets us; return what it does now."""
    place = Path("/proc/sys/net/ipv4/tcp_congestion_control")
    with contextlib.suppress(OSError):  # unknown, or not for namespaces: then the machine's default stays
        place.write_text(wanted)
    return place.read_text().strip()


def send_buffer(most: int) -> None:
    """Let TCP of this namespace keep up to `most` bytes that are sent and not acknowledged."""
    place = Path("/proc/sys/net/ipv4/tcp_wmem")
    least, first, _ = place.read_text().split()
    place.write_text(f"{least} {first} {most}")


def main() -> None:
    wish: dict[str, Any] = json.loads(sys.argv[1])
    spaces = [new_namespace() for _ in ADDRESSES]
    control = ""
    netem = wish["netem"] and has_netem()
    fds = []
    for side, space in enumerate(spaces):
        enter(space)
        control = congestion(wish["congestion"])
        send_buffer(wish["send_buffer"])
        if not netem:
            fds.append(tun(DEVICE))
            ip("link", "set", "dev", DEVICE, "gso_max_size", str(burst(wish["rate"])))
            address(DEVICE, side)
    if netem:
        _join_with_netem(spaces, wish)
    say(
        "ready",
        namespaces=[f"/proc/{os.getpid()}/fd/{space}" for space in spaces],
        addresses=ADDRESSES,
        netem=netem,
        congestion=control,
    )
    try:
        if netem:
            sys.stdin.buffer.read()
        else:
            _carry_and_count(fds, wish)
    finally:
        empty(spaces)


def empty(spaces: list[int]) -> None:
    """End every other process that is in one of the namespaces: nobody is left to wait for it."""
    ours = {os.fstat(space).st_ino for space in spaces}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            with contextlib.suppress(OSError):
                if (entry / "ns" / "net").stat().st_ino in ours:
                    os.kill(int(entry.name), signal.SIGKILL)


def _carry_and_count(fds: list[int], wish: dict[str, Any]) -> None:
    rate, delay, loss, room = wish["rate"], wish["delay"], wish["loss"], wish["room"]
    lanes = [Lane(rate, delay, loss, room, random.Random(f"{wish['seed']} {side}")) for side in (0, 1)]
    try:
        carry(fds, lanes)
    finally:
        with contextlib.suppress(BrokenPipeError):  # nobody is there any more to hear it
            say("ended", **{name: [getattr(lane, name) for lane in lanes] for name in ("passed", "lost", "overflowed")})


def _join_with_netem(spaces: list[int], wish: dict[str, Any]) -> None:
    rate, delay, loss, room = wish["rate"], wish["delay"], wish["loss"], wish["room"]
    enter(spaces[0])
    other = f"/proc/{os.getpid()}/fd/{spaces[1]}"
    ip("link", "add", "name", DEVICE, "type", "veth", "peer", "name", DEVICE, "netns", other)
    for side, space in enumerate(spaces):
        enter(space)
        address(DEVICE, side)
        ip("link", "set", "dev", DEVICE, "gso_max_segs", "1")
        held = int(rate * delay) + room
        words = (
            f"qdisc add dev {DEVICE} root netem delay {delay * 1000:g}ms loss {loss * 100:g}% rate {rate * 8:.0f}bit"
        )
        subprocess.run(["tc", *words.split(), "limit", str(max(100, held // MTU))], check=True)


def carry(fds: list[int], lanes: list[Lane]) -> None:
    """Carry packets both ways until standard input ends."""
    ways = list(zip(fds, reversed(fds), lanes, strict=True))
    lane_of = dict(zip(fds, lanes, strict=True))
    stdin = sys.stdin.fileno()
    watched = [*fds, stdin]
    while True:
        now = time.monotonic()
        for _, out, lane in ways:
            for packet in lane.due(now):
                os.write(out, packet)
        timeout = min(0.5, max(0.0, min(lane.next_due() for lane in lanes) - time.monotonic()))
        ready, _, _ = select.select(watched, (), (), timeout)
        if stdin in ready and not os.read(stdin, 4096):
            return
        now = time.monotonic()
        for fd in ready:
            if fd != stdin:
                _take_in(fd, lane_of[fd], now)


def _take_in(fd: int, lane: Lane, now: float) -> None:
    for _ in range(64):
        try:
            packet = os.read(fd, 70_000)
        except BlockingIOError:
            return
        if packet[10] >> 4 == 4:
            lane.offer(packet, now)


def say(kind: str, **facts: Any) -> None:
    """Print one line of JSON."""
    print(json.dumps({"type": kind, **facts}), flush=True)


if __name__ == "__main__":
    main()
