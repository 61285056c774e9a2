"""Are only those addresses asked that may be asked?"""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import pytest

from torrent.errors import TrackerError
from torrent.tracker.resolve import MAX_ADDRESSES, resolve


@pytest.fixture
async def dns(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    """A resolver that knows only what a test puts in."""
    known: dict[str, list[str]] = {}

    async def getaddrinfo(host: str, port: int, **more: Any) -> list[tuple[Any, ...]]:
        if host not in known:
            raise socket.gaierror(-2, "unknown")
        return [(0, 0, 0, "", (ip, port)) for ip in known[host]]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", getaddrinfo)
    return known


async def test_names_become_addresses_once_each(dns: dict[str, list[str]]) -> None:
    dns["t.example"] = ["8.8.8.8", "2001:db8::1", "8.8.8.8", "::ffff:8.8.4.4"]
    assert await resolve("t.example", 80, path="/x") == ["8.8.8.8", "2001:db8::1", "8.8.4.4"]
    assert await resolve("t.example", 80, path="/x", bind="10.0.0.1") == ["8.8.8.8", "8.8.4.4"]
    dns["t.example"] = [f"8.8.8.{n}" for n in range(200)]
    assert len(await resolve("t.example", 80, path="/x")) == MAX_ADDRESSES


async def test_what_is_not_known_is_an_error(dns: dict[str, list[str]]) -> None:
    with pytest.raises(TrackerError, match="not known"):
        await resolve("gone.example", 80, path="/announce")


async def test_a_family_that_cannot_be_reached_from_the_bound_address() -> None:
    with pytest.raises(TrackerError, match="bound address"):
        await resolve("8.8.8.8", 80, path="/announce", bind="::1")


@pytest.mark.parametrize(
    ("ips", "path"),
    [
        (["127.0.0.1"], "/admin"),
        (["8.8.8.8", "10.0.0.1"], "/admin?x=/announce"),
        (["169.254.169.254"], "/announce"),
        (["::"], "/announce"),
        (["192.168.1.1"], "/announce/../admin"),
    ],
)
async def test_names_that_lead_inside(dns: dict[str, list[str]], ips: list[str], path: str) -> None:
    dns["t.example"] = ips
    with pytest.raises(TrackerError, match="not asked"):
        await resolve("t.example", 80, path=path)


async def test_redirects_that_lead_inside(dns: dict[str, list[str]]) -> None:
    dns["t.example"] = ["127.0.0.1"]
    assert await resolve("t.example", 80, path="/announce", origin_ips=["127.0.0.1"]) == ["127.0.0.1"]
    with pytest.raises(TrackerError, match="redirect"):
        await resolve("t.example", 80, path="/announce", origin_ips=["8.8.8.8"])
