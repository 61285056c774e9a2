"""Before the handshake: garbage, slow drips, crowds, and those who are gone again."""

import asyncio
import socket
import struct

import pytest

from tests.hostile.raw import Raw
from tests.support.sessions import eventually
from torrent.peer import Handshake, wire
from torrent.session import MOST_PENDING
from torrent.terms import InfoHash

GARBAGE = {
    "http": b"GET /announce HTTP/1.1\r\nHost: x\r\n\r\n",
    "tls": bytes.fromhex("1603010200010001fc0303"),
    "zeros": bytes(1000),
    "noise": bytes(range(255, 0, -1)) * 50,
    "nearly": b"\x13BitTorrent protocoL" + bytes(48),
    "wrong length": b"\x12BitTorrent protocol" + bytes(48),
    "a megabyte": b"\x13BitTorrent protocox" + bytes(1 << 20),
}


async def honest(seed):
    """An honest peer connects and gets a block."""
    async with Raw(seed.session) as peer:
        answer = await peer.greet(seed.sample.metainfo.info_hash)
        assert answer.info_hash == seed.sample.metainfo.info_hash
        peer.send(wire.bare(wire.INTERESTED))
        await peer.until(wire.UNCHOKE)
        peer.send(wire.spans(wire.REQUEST, [(3, 0, 16384)]))
        block = await peer.until(wire.PIECE)
        data = (seed.sample.folder / "data").read_bytes()
        assert block == struct.pack(">II", 3, 0) + data[3 * 32768 : 3 * 32768 + 16384]


@pytest.mark.parametrize("kind", GARBAGE)
async def test_garbage_is_shown_the_door(seed, kind):
    async with Raw(seed.session) as peer:
        await peer.push(GARBAGE[kind])
        assert await peer.end() == b""
    await honest(seed)


async def test_an_unknown_torrent_gets_no_answer(seed):
    async with Raw(seed.session) as peer:
        peer.send(Handshake(InfoHash(b"?" * 20), peer.peer_id).encode())
        assert await peer.end() == b""
    assert seed.session.view().peers == 0


async def test_half_a_handshake_and_gone(seed):
    whole = Handshake(seed.sample.metainfo.info_hash, b"-RW0001-abcdefghijkl").encode()
    for length in (0, 1, 19, 20, 47, 48, 67):
        async with Raw(seed.session) as peer:
            await peer.push(whole[:length])
            peer.reset()
    await honest(seed)
    await eventually(lambda: not seed.session._pending)


async def test_gone_before_we_look(seed):
    """A whole handshake in a socket that was reset before the loop saw it: uvloop then knows of no address at all."""
    whole = Handshake(seed.sample.metainfo.info_hash, b"-RW0001-abcdefghijkl").encode()
    for _ in range(20):
        raw = socket.create_connection(("127.0.0.1", seed.session.port))
        raw.sendall(whole + wire.bare(wire.INTERESTED))
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        raw.close()
    await honest(seed)
    await eventually(lambda: seed.session.view().peers == 0)


async def test_five_hundred_slow_handshakes_beside_an_honest_one(seed):
    whole = Handshake(seed.sample.metainfo.info_hash, b"-RW0001-abcdefghijkl").encode()
    slow = []
    try:
        for number in range(500):
            peer = Raw(seed.session)
            await peer.__aenter__()
            peer.send(whole[: 1 + number % 60])
            slow.append(peer)
            if number % 100 == 99:
                await honest(seed)
        assert len(seed.session._pending) <= MOST_PENDING
        await honest(seed)
    finally:
        for peer in slow:
            peer.writer.transport.abort()


async def test_a_drip_has_no_more_time_than_silence(seed, monkeypatch):
    monkeypatch.setattr("torrent.peer.connection.HANDSHAKE_SECONDS", 0.5)
    whole = Handshake(seed.sample.metainfo.info_hash, b"-RW0001-abcdefghijkl").encode()
    async with Raw(seed.session) as silent, Raw(seed.session) as dripping:

        async def drip():
            for at in range(60):
                await dripping.push(whole[at : at + 1])
                await asyncio.sleep(0.1)

        dropping = asyncio.ensure_future(drip())
        assert await silent.end() == await dripping.end() == b""
        assert not dropping.done()
        dropping.cancel()
        await asyncio.wait([dropping])


async def test_a_crowd_behind_the_handshake_is_held_to_the_number_of_places(sessions, tmp_path, seed):
    crowded = await sessions(host="127.0.0.1", max_peers_per_torrent=5)
    torrent = await crowded.add(seed.sample.metainfo, tmp_path / "other")
    peers = [Raw(crowded) for _ in range(20)]
    try:
        let_in = 0
        for peer in peers:
            await peer.__aenter__()
            try:
                await peer.greet(seed.sample.metainfo.info_hash)
                let_in += 1
            except (EOFError, ConnectionError):
                continue
        assert let_in == 5 == torrent.view().peers
    finally:
        for peer in peers:
            peer.writer.transport.abort()


async def test_connecting_as_ourselves_or_twice(seed):
    async with Raw(seed.session) as first, Raw(seed.session) as second, Raw(seed.session) as mirror:
        await first.greet(seed.sample.metainfo.info_hash)
        second.peer_id = first.peer_id
        with pytest.raises((EOFError, ConnectionError)):
            await second.greet(seed.sample.metainfo.info_hash)
        mirror.peer_id = seed.torrent._swarm.state.peer_id
        with pytest.raises((EOFError, ConnectionError)):
            await mirror.greet(seed.sample.metainfo.info_hash)
        assert seed.session.view().peers == 1
