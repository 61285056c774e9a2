"""The emulated link as it is: namespaces, devices and packets of this kernel. Needs root and /dev/net/tun."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from bench.link import ROOT, Link, LinkError, LinkKind, unavailable
from tests.support.waiting import eventually

needs_link = pytest.mark.skipif(bool(unavailable()), reason=unavailable() or "-")
SIZE = 2 << 20


def raw(link: Link, size: int) -> dict[str, float]:
    """Carry `size` bytes from side 0 to side 1 of a link by plain TCP."""
    host = link.addresses[0]
    program = [sys.executable, "-m", "bench.link_raw"]
    with subprocess.Popen(
        link.inside(0, [*program, "send", host, str(size)]), stdout=subprocess.PIPE, cwd=ROOT
    ) as sender:
        try:
            assert sender.stdout is not None
            port = json.loads(sender.stdout.readline())["port"]
            done = subprocess.run(
                link.inside(1, [*program, "receive", host, str(port)]),
                stdout=subprocess.PIPE,
                check=True,
                cwd=ROOT,
                timeout=60,
            )
        finally:
            sender.kill()
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


@needs_link
def test_bytes_cross_the_link_no_sooner_than_it_allows() -> None:
    kind = LinkKind(rate=12.5e6, round_trip=0.05, loss=0.01)
    with Link(kind) as link:
        found = raw(link, SIZE)
    assert found["bytes"] == SIZE
    assert found["first"] >= 2 * kind.round_trip
    assert found["seconds"] >= (SIZE - kind.rate * kind.round_trip) / kind.rate
    if not link.netem:
        assert link.counts["passed"][0] >= SIZE / 1500
        assert link.counts["lost"][0] > 0


@needs_link
def test_a_link_without_loss_loses_nothing() -> None:
    with Link(LinkKind(rate=125e6, round_trip=0.002, loss=0.0, netem=False)) as link:
        found = raw(link, SIZE)
    assert found["bytes"] == SIZE
    assert link.counts["lost"] == [0, 0]


@needs_link
def test_the_two_ends_are_alone_with_each_other() -> None:
    with Link(LinkKind(rate=12.5e6)) as link:
        for side in (0, 1):
            shown = subprocess.run(link.inside(side, ["ip", "-j", "addr"]), stdout=subprocess.PIPE, check=True)
            names = {device["ifname"] for device in json.loads(shown.stdout)}
            assert {"lo", "wire"} <= names
            routes = subprocess.run(link.inside(side, ["ip", "route", "show"]), stdout=subprocess.PIPE, check=True)
            assert b"default" not in routes.stdout
    assert not Path("/sys/class/net/wire").exists()


@needs_link
def test_nothing_is_left_when_the_benchmark_is_killed() -> None:
    script = """if True:
        import time
        from bench.link import Link, LinkKind
        import subprocess
        link = Link(LinkKind(rate=1e6))
        inside = subprocess.Popen(link.inside(1, ["sleep", "60"]))
        print(link.pid, inside.pid, flush=True)
        time.sleep(60)
    """
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, cwd=ROOT) as parent:
        assert parent.stdout is not None
        carrier, inside = map(int, parent.stdout.readline().split())
        eventually(lambda: Path(f"/proc/{inside}/comm").read_text() == "sleep\n", 10, "somebody is inside")
        parent.kill()
    eventually(lambda: not _alive(carrier), 10, "the link is gone")
    eventually(lambda: not _alive(inside), 10, "and who was inside")


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_a_machine_that_cannot_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert unavailable()
    with pytest.raises(LinkError):
        Link(LinkKind(rate=1e6))
