"""Behind the handshake: whatever a peer does there, the honest transfer beside it completes."""

import asyncio
import random
import struct
from contextlib import AsyncExitStack

import pytest

from tests.hostile.raw import Raw, requests, resident
from tests.support.sessions import eventually
from torrent.peer import wire
from torrent.swarm import leech as leeching
from torrent.terms import BLOCK_SIZE

EVERYTHING = wire.bare(wire.HAVE_ALL)
UNCHOKE = wire.bare(wire.UNCHOKE)

FATAL = {
    "have out of range": wire.numbered(wire.HAVE, 62),
    "have far out of range": wire.numbered(wire.HAVE, 2**32 - 1),
    "bitfield too long": wire.bitfield(bytes(9)),
    "bitfield too short": wire.bitfield(bytes(7)),
    "bitfield with spare bits": wire.bitfield(b"\xff" * 8),
    "request out of range": requests((62, 0, BLOCK_SIZE)),
    "request beyond the piece": requests((0, 32768, BLOCK_SIZE)),
    "request of a megabyte": requests((0, 0, 1 << 20)),
    "length of 4 GiB": struct.pack(">IB", 2**32 - 1, 99),
    "block of 4 GiB": struct.pack(">IBII", 2**32 - 1, wire.PIECE, 0, 0),
    "have of 5 bytes": struct.pack(">IB", 6, wire.HAVE) + bytes(5),
    "choke with payload": struct.pack(">IB", 2, wire.CHOKE) + b"x",
    "extended, empty": struct.pack(">IB", 1, wire.EXTENDED),
}


@pytest.mark.parametrize("what", FATAL)
async def test_what_is_illegal_ends_that_connection(leech, what):
    prey = await leech(honest=20_000_000)
    async with Raw(prey.session) as peer:
        await peer.greet(prey.sample.metainfo.info_hash, extended=True)
        await peer.push(FATAL[what])
        await peer.end()
    await prey.completes()


async def test_garbage_after_the_handshake(leech):
    prey = await leech(honest=4_000_000)
    rng = random.Random(7)
    for _ in range(30):
        async with Raw(prey.session) as peer:
            await peer.greet(prey.sample.metainfo.info_hash, fast=rng.random() < 0.5, extended=True)
            await peer.push(rng.randbytes(rng.randrange(1, 5000)))
            if rng.random() < 0.5:
                peer.reset()
    await prey.completes()


@pytest.mark.parametrize("seed", range(5))
async def test_two_thousand_random_messages(leech, seed):
    prey = await leech(honest=8_000_000)
    rng = random.Random(seed)
    kinds = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 13, 14, 15, 16, 17, 20, 21, 22, 23, 77]
    sent = 0
    while sent < 2000:
        async with Raw(prey.session) as peer:
            await peer.greet(prey.sample.metainfo.info_hash, extended=True)
            for _ in range(200):
                kind = rng.choice(kinds)
                size = {5: 8, 7: rng.choice((8, 100, 8 + BLOCK_SIZE))}.get(kind, wire.LENGTHS.get(kind, 20))
                body = bytes(rng.choice((0, 0, 0, 1, 61, 64, 255)) for _ in range(min(size, 20)))
                peer.send(struct.pack(">IB", 1 + size, kind) + body + bytes(size - len(body)))
                sent += 1
            await peer.push()
    await prey.completes()


async def test_blocks_nobody_asked_for(leech):
    prey = await leech(honest=4_000_000)
    async with Raw(prey.session) as peer:
        await peer.greet(prey.sample.metainfo.info_hash)
        block = wire.piece_header(60, 0, BLOCK_SIZE) + b"\xbb" * BLOCK_SIZE
        for _ in range(leeching.UNASKED_MOST + 1):
            await peer.push(block)
        await peer.end()
    await prey.completes()


async def test_answers_of_the_wrong_length(leech):
    prey = await leech(honest=3_000_000)
    async with Raw(prey.session) as peer:
        await peer.greet(prey.sample.metainfo.info_hash)
        peer.send(EVERYTHING, UNCHOKE)
        for _ in range(10):
            piece, begin, length = struct.unpack(">III", await peer.until(wire.REQUEST))
            wrong = (length - 1, length + 1, 0, 1, 2 * BLOCK_SIZE)
            peer.send(*[wire.piece_header(piece, begin, size) + bytes(size) for size in wrong])
        await prey.completes()


async def test_a_peer_that_claims_everything_and_sends_nothing(leech, monkeypatch):
    """It is asked, it is silent, its blocks go to others; a whole swarm of it does not stop the honest seed."""
    monkeypatch.setattr(leeching, "STALL_SECONDS", 1.0)
    prey = await leech()
    async with AsyncExitStack() as stack:
        for _ in range(7):
            peer = await stack.enter_async_context(Raw(prey.session))
            await peer.greet(prey.sample.metainfo.info_hash)
            peer.send(EVERYTHING, UNCHOKE)
            await peer.until(wire.REQUEST)
        await prey.help(20_000_000)
        await prey.completes()


async def test_a_peer_that_stops_in_the_middle_of_a_block(leech):
    prey = await leech()
    for cut in (3, 13, 100, 16000):
        async with Raw(prey.session) as peer:
            await peer.greet(prey.sample.metainfo.info_hash)
            peer.send(EVERYTHING, UNCHOKE)
            piece, begin, length = struct.unpack(">III", await peer.until(wire.REQUEST))
            await peer.push((wire.piece_header(piece, begin, length) + bytes(length))[:cut])
            peer.reset()
    await prey.help(20_000_000)
    await prey.completes()


async def test_choke_and_unchoke_for_ever(leech):
    prey = await leech(honest=4_000_000)
    async with Raw(prey.session) as peer:
        await peer.greet(prey.sample.metainfo.info_hash, fast=False)
        peer.send(wire.bitfield(b"\xff" * 7 + b"\xfc"))
        for _ in range(40):
            await peer.push((UNCHOKE + wire.bare(wire.CHOKE)) * 2000)
        await prey.completes()


async def test_rejecting_everything(leech):
    prey = await leech(honest=2_000_000)
    async with Raw(prey.session) as peer:
        await peer.greet(prey.sample.metainfo.info_hash)
        peer.send(EVERYTHING, UNCHOKE)

        async def reject():
            while True:
                peer.send(struct.pack(">IB", 13, wire.REJECT) + await peer.until(wire.REQUEST))

        rejecting = asyncio.ensure_future(reject())
        await prey.completes()
        rejecting.cancel()
        await asyncio.wait([rejecting])


async def test_a_liar_is_banned_and_its_lies_never_reach_the_files(leech):
    prey = await leech(honest=3_000_000)
    async with Raw(prey.session) as peer:
        await peer.greet(prey.sample.metainfo.info_hash)
        peer.send(EVERYTHING, UNCHOKE)

        async def lie():
            while True:
                piece, begin, length = struct.unpack(">III", await peer.until(wire.REQUEST))
                peer.send(wire.piece_header(piece, begin, length) + b"\xee" * length)

        with pytest.raises((EOFError, ConnectionError)):
            await lie()
    assert prey.torrent._swarm.state.bans >= 1
    await prey.completes(lies=True)


# those who want something of us


async def test_a_flood_of_requests(seed):
    async with Raw(seed.session) as peer:
        await peer.greet(seed.sample.metainfo.info_hash)
        peer.send(wire.bare(wire.INTERESTED))
        await peer.until(wire.UNCHOKE)
        every = [(piece, begin, BLOCK_SIZE) for piece in range(61) for begin in (0, BLOCK_SIZE)]
        before = resident()
        for _ in range(100):  # 12,200 requests for 200 MB that it never reads
            peer.send(requests(*every))
        await eventually(lambda: peer.writer.transport.get_write_buffer_size() == 0 or peer.writer.is_closing())
        assert resident() - before < 64 * 1024 * 1024
        assert seed.torrent.view().uploaded < 20_000_000


async def test_a_peer_that_never_reads_and_keeps_asking_and_cancelling(seed):
    async with Raw(seed.session) as peer:
        await peer.greet(seed.sample.metainfo.info_hash)
        peer.writer.transport.pause_reading()
        peer.send(wire.bare(wire.INTERESTED))
        await eventually(lambda: any("U" in view.flags for view in seed.torrent.peers()))
        before = resident()
        pair = requests((0, 0, BLOCK_SIZE)) + wire.spans(wire.CANCEL, [(0, 0, BLOCK_SIZE)])
        blob = pair * 20_000
        for _ in range(40):
            peer.send(blob)
            await eventually(
                lambda: peer.writer.transport.get_write_buffer_size() < 1 << 20 or not seed.torrent.peers()
            )
            if not seed.torrent.peers():
                break
        await eventually(lambda: not seed.torrent.peers(), "the one that does not read is gone")
        assert resident() - before < 64 * 1024 * 1024


async def test_interest_that_flaps_while_another_peer_is_served(seed):
    async with Raw(seed.session) as flapper, Raw(seed.session) as honest:
        for peer in (flapper, honest):
            await peer.greet(seed.sample.metainfo.info_hash)
        flap = (wire.bare(wire.INTERESTED) + wire.bare(wire.NOT_INTERESTED)) * 10_000
        honest.send(wire.bare(wire.INTERESTED))
        await honest.until(wire.UNCHOKE)
        for piece in range(20):
            await flapper.push(flap)
            honest.send(requests((piece, 0, BLOCK_SIZE)))
            assert struct.unpack_from(">I", await honest.until(wire.PIECE))[0] == piece


async def test_requests_for_what_we_lack_or_while_choked(leech):
    prey = await leech(honest=4_000_000)
    async with Raw(prey.session) as peer:
        await peer.greet(prey.sample.metainfo.info_hash)
        peer.send(requests((5, 0, BLOCK_SIZE)))
        assert await peer.until(wire.REJECT) == struct.pack(">III", 5, 0, BLOCK_SIZE)
        await peer.push(requests((5, 0, BLOCK_SIZE)) * 9000)
        await peer.end()
    await prey.completes()


async def test_fifty_of_them_at_once_beside_an_honest_transfer(leech):
    """Idlers, liars about pieces, flappers, drippers and garblers, all from one machine."""
    prey = await leech(honest=6_000_000, size=4_000_000, max_peers_per_torrent=80)
    rng = random.Random(3)

    async def misbehave(kind):
        try:
            async with Raw(prey.session) as peer:
                await peer.greet(prey.sample.metainfo.info_hash, fast=rng.random() < 0.7, extended=True)
                match kind:
                    case 0:
                        peer.send(EVERYTHING, UNCHOKE)
                        await peer.end()
                    case 1:
                        for _ in range(50):
                            await peer.push(UNCHOKE, wire.bare(wire.CHOKE), wire.bare(wire.INTERESTED))
                    case 2:
                        await peer.push(rng.randbytes(3000))
                    case 3:
                        for piece in range(62):
                            await peer.push(wire.numbered(wire.HAVE, piece))
                        await peer.push(wire.numbered(wire.HAVE, 1000))
                        await peer.end()
                    case 4:
                        await peer.push(requests((0, 0, BLOCK_SIZE)) * 500)
                        peer.reset()
        except (EOFError, ConnectionError):
            pass

    crowd = [asyncio.ensure_future(misbehave(number % 5)) for number in range(50)]
    await prey.completes()
    for one in crowd:
        one.cancel()
    for outcome in await asyncio.gather(*crowd, return_exceptions=True):
        assert outcome is None or isinstance(outcome, asyncio.CancelledError)
