"""Does our tracker remember the right peers, and not too many?"""

from __future__ import annotations

from random import Random

from torrent.terms import Address, InfoHash
from torrent.tracker.announce import ScrapeReply
from torrent.tracker.registry import MAX_NUMWANT, Registry

HASH = InfoHash(b"h" * 20)


def peer(n: int, port: int = 6881) -> Address:
    return Address(f"8.{n >> 16 & 255}.{n >> 8 & 255}.{n & 255}", port)


def join(registry: Registry, n: int, *, left: int = 1, event: str = "started", now: float = 0.0) -> Address:
    registry.announce(HASH, bytes([n % 256]) * 20, peer(n), left=left, event=event, now=now)
    return peer(n)


def others(registry: Registry, n: int, *, numwant: int = -1, now: float = 0.0) -> set[Address]:
    return {address for address, _ in registry.peers(HASH, peer(n), numwant=numwant, now=now)}


def test_peers_hear_of_each_other_and_not_of_themselves() -> None:
    registry = Registry(Random(1))
    for n in range(3):
        join(registry, n)
    assert others(registry, 0) == {peer(1), peer(2)}
    assert registry.peers(HASH, peer(0), numwant=9, now=0.0, v6=True) == []


def test_seeds_hear_of_leechers_only() -> None:
    registry = Registry(Random(1))
    join(registry, 0, left=0)
    join(registry, 1, left=0)
    join(registry, 2)
    assert others(registry, 0) == {peer(2)}
    assert others(registry, 2) == {peer(0), peer(1)}
    assert registry.scrape(HASH, 0.0) == ScrapeReply(2, 0, 1)


def test_who_stops_is_gone_and_so_is_who_falls_silent() -> None:
    registry = Registry(Random(1), interval=100)
    join(registry, 0)
    join(registry, 1, now=150.0)
    assert others(registry, 1, now=199.0) == {peer(0)}
    assert others(registry, 1, now=200.0) == set()
    join(registry, 1, event="stopped", now=201.0)
    assert registry.scrape(HASH, 201.0) is None


def test_a_download_is_counted_once() -> None:
    registry = Registry(Random(1))
    join(registry, 0)
    join(registry, 0, left=0, event="completed")
    join(registry, 0, left=0, event="completed")
    assert registry.scrape(HASH, 0.0) == ScrapeReply(1, 1, 0)


def test_numwant_is_bounded() -> None:
    registry = Registry(Random(1))
    for n in range(300):
        join(registry, n)
    assert len(others(registry, 0, numwant=10**9)) == MAX_NUMWANT
    assert len(others(registry, 0, numwant=3)) == 3
    assert others(registry, 0, numwant=0) == set()


def test_memory_is_bounded_and_the_silent_make_room() -> None:
    registry = Registry(Random(1), max_swarms=10, max_peers=5)
    for n in range(100):
        join(registry, n)
    assert others(registry, 99) == {peer(n) for n in range(95, 99)}
    for n in range(100):
        registry.announce(InfoHash(bytes([n]) * 20), bytes(20), peer(1), left=1, event="", now=0.0)
    assert registry.scrape(HASH, 0.0) is None
    assert registry.scrape(InfoHash(bytes([99]) * 20), 0.0) == ScrapeReply(0, 0, 1)
    assert len(registry._swarms) == 10
