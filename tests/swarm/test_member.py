"""One connected peer: what it says is passed on, what it may not say ends its connection and nothing else."""

import random
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.swarm.world import World, config
from torrent.events import PeerConnected, PeerDisconnected
from torrent.peer import ExtensionHandshake, wire
from torrent.swarm.member import FLOOD, MOST_ASKED
from torrent.terms import BLOCK_SIZE, Address

OUTSIDE = {
    "have": wire.numbered(wire.HAVE, 4),
    "have, far": wire.numbered(wire.HAVE, 2**32 - 1),
    "suggest": wire.numbered(wire.SUGGEST, 4),
    "allowed fast": wire.numbered(wire.ALLOWED_FAST, 2**31),
    "request, piece": wire.spans(wire.REQUEST, [(4, 0, BLOCK_SIZE)]),
    "request, begin": wire.spans(wire.REQUEST, [(0, 2**32 - 1, BLOCK_SIZE)]),
    "request, beyond the piece": wire.spans(wire.REQUEST, [(0, BLOCK_SIZE + 1, BLOCK_SIZE)]),
    "request, nothing": wire.spans(wire.REQUEST, [(0, 0, 0)]),
    "request, too much": wire.spans(wire.REQUEST, [(0, 0, 2**32 - 1)]),
    "request, two blocks and a byte": wire.spans(wire.REQUEST, [(0, 0, 2 * BLOCK_SIZE + 1)]),
    "reject": wire.spans(wire.REJECT, [(4, 0, BLOCK_SIZE)]),
    "bitfield, spare bits": wire.bitfield(b"\xff"),
    "bitfield, long": wire.bitfield(b"\xf0\x00"),
    "bitfield, empty": wire.bitfield(b""),
    "huge length": struct.pack(">IB", 2**32 - 1, wire.PIECE),
    "huge bitfield": struct.pack(">IB", 2**31, wire.BITFIELD),
    "huge unknown": struct.pack(">IB", 2**30, 250),
    "huge block": struct.pack(">IBII", 9 + 2**20, wire.PIECE, 0, 0) + bytes(20),
    "extended, no dictionary": wire.extended(0, b"i5e"),
    "extended, garbage": wire.extended(0, b"d1:"),
    "extended, deep": wire.extended(0, b"l" * 5000 + b"e" * 5000),
}


@pytest.mark.parametrize("what", OUTSIDE)
def test_what_is_outside_the_torrent_ends_the_connection(what, caplog):
    world = World(pieces=4, blocks=2, have=0b1111)
    peer, other = world.remote(extensions=ExtensionHandshake()), world.remote()
    peer.say(OUTSIDE[what])
    assert peer.closed and peer.closed != "internal error"
    assert not other.closed and [member.address for member in world.members] == [other.address]
    assert "Traceback" not in caplog.text


@pytest.mark.parametrize(
    "message",
    [wire.bare(wire.HAVE_ALL), wire.bare(wire.HAVE_NONE), wire.numbered(wire.SUGGEST, 0)],
)
def test_fast_messages_without_the_fast_extension_end_it(message):
    peer = World().remote(fast=False)
    peer.say(message)
    assert "without the fast extension" in peer.closed


def test_a_queue_of_requests_is_bounded_and_a_flood_ends_the_connection():
    world = World(pieces=64, blocks=16, have=(1 << 64) - 1)
    peer = world.remote("2001:db8::9")
    peer.say(wire.bare(wire.INTERESTED))
    peer.transport.takes = False
    blocks = [(piece, begin * BLOCK_SIZE, BLOCK_SIZE) for piece in range(63) for begin in range(16)]
    peer.say(wire.spans(wire.REQUEST, blocks[:1]))
    every = [(piece, begin, length - cut) for cut in range(4) for piece, begin, length in blocks]
    peer.say(wire.spans(wire.REQUEST, every[: MOST_ASKED + 500]))
    assert len(peer.member.asked) <= MOST_ASKED
    assert len(peer.heard("reject")) >= 490
    assert not peer.closed
    peer.say(wire.spans(wire.REQUEST, every[:-1] * 4))
    assert peer.closed == "a flood of requests we refused"


def test_requests_while_choked_are_refused_and_too_many_end_it():
    world = World(have=0b1111, config=config(upload_slots=1))
    world.remote().say(wire.bare(wire.INTERESTED))
    peer = world.remote("2001:db8::9")
    peer.say(wire.spans(wire.REQUEST, [(0, 0, BLOCK_SIZE)] * FLOOD))
    assert len(peer.heard("reject")) == FLOOD and not peer.closed
    peer.say(wire.spans(wire.REQUEST, [(0, 0, BLOCK_SIZE)]))
    assert peer.closed == "a flood of requests we refused"


def test_refusals_between_good_requests_are_no_flood():
    world = World(pieces=4, have=0b0111)
    peer = world.remote("2001:db8::9")
    peer.say(wire.bare(wire.INTERESTED))
    lacking = wire.spans(wire.REQUEST, [(3, 0, BLOCK_SIZE)] * (FLOOD // 2))
    for _ in range(5):
        peer.say(lacking, wire.spans(wire.REQUEST, [(0, 0, BLOCK_SIZE)]))
    assert not peer.closed and len(peer.heard("piece")) == 5


def test_a_turn_is_counted_from_the_unchoke():
    world = World(have=0b1111)
    peer = world.remote("2001:db8::9")
    for turn in range(2):
        world.clock.now += 100
        peer.say(wire.bare(wire.INTERESTED))
        peer.say(wire.spans(wire.REQUEST, [(turn, 0, BLOCK_SIZE)]))
        assert peer.member.sent_since_unchoked == BLOCK_SIZE
        assert peer.member.last_unchoked == world.clock.now
        world.seed.choke_all()
    assert peer.member.bytes_up == 2 * BLOCK_SIZE


def test_a_peer_that_asks_and_cancels_and_never_reads_does_not_fill_the_memory():
    world = World(have=0b1111)
    peer = world.remote()
    peer.say(wire.bare(wire.INTERESTED))
    peer.transport.takes = False
    pair = wire.spans(wire.REQUEST, [(0, 0, BLOCK_SIZE)]) + wire.spans(wire.CANCEL, [(0, 0, BLOCK_SIZE)])
    for _ in range(400):
        peer.say(pair * 3000)
        if peer.closed:
            break
    assert peer.closed == "does not read what it is sent"
    assert peer.transport.queued < 8 * 1024 * 1024


def test_an_extension_handshake_is_believed_within_bounds():
    world = World()
    peer = world.remote(extensions=ExtensionHandshake(client="Honest 1.0", reqq=7, port=6999))
    assert peer.member.client == "Honest 1.0"
    assert peer.member.pipeline.most == 7
    assert Address(peer.address.host, 6999) in world.state.book
    peer.has()
    peer.unchoke()
    assert len(peer.heard("request")) == 7


def test_a_name_cannot_paint_the_terminal():
    peer = World().remote(extensions=ExtensionHandshake(client="\x1b[2Jx\u202e\nboo"))
    assert peer.member.client.isprintable()


def test_a_peer_names_one_port_of_its_own():
    """Every further handshake could otherwise plant one more address that nobody ever dials or forgets."""
    world = World()
    peer = world.remote(extensions=ExtensionHandshake(port=6000))
    before = len(world.state.book)
    for port in range(6001, 6050):
        peer.say(wire.extended(0, ExtensionHandshake(port=port).encode()))
    assert len(world.state.book) == before
    peer.hang_up()
    world.clock.now += 1000
    assert [address.port for address, _ in world.state.book.next_to_dial(world.clock.now, 100)] == [6000]


def test_have_messages_and_bitfields_are_counted_once_even_behind_the_end():
    """Messages in the same gulp as the one that ended the connection are not heard any more."""
    world = World(have=0b1111)
    peer = world.remote()
    peer.say(wire.bare(wire.HAVE_ALL), wire.bitfield(b"\xf0"), wire.bitfield(b"\x80"), wire.numbered(wire.HAVE, 3))
    assert peer.closed == "both sides are complete"
    assert world.pieces.availability.seeds == 0
    assert [world.pieces.availability.count(piece) for piece in range(4)] == [0] * 4


def test_what_the_choker_sees():
    world = World(have=0b0011)
    peer = world.remote()
    member = peer.member
    assert (member.is_interested, member.is_choked_by_us, member.is_seed, member.is_snubbed) == (
        False,
        True,
        False,
        False,
    )
    peer.say(wire.bare(wire.INTERESTED), wire.bare(wire.HAVE_ALL))
    assert member.is_interested and member.is_seed
    assert member.rate_down == member.rate_up == 0.0


def test_bytes_are_counted_by_peer_and_by_torrent():
    world = World(pieces=8, blocks=2, have=0b1)
    peer = world.remote()
    peer.has(0b11111110)
    peer.unchoke()
    given = peer.serve(4)
    assert world.state.downloaded == peer.member.bytes_down > 3 * BLOCK_SIZE and given >= 4
    peer.say(wire.bare(wire.INTERESTED))
    peer.say(wire.spans(wire.REQUEST, [(0, 0, BLOCK_SIZE)]))
    assert world.state.uploaded == peer.member.bytes_up == peer.member.sent_since_unchoked == BLOCK_SIZE


def test_coming_and_going_is_told():
    world = World()
    peer = world.remote()
    peer.hang_up()
    told = [event for event in world.events.pop() if isinstance(event, PeerConnected | PeerDisconnected)]
    assert told == [
        PeerConnected(world.state.hex, str(peer.address), peer.member.client, True),
        PeerDisconnected(world.state.hex, str(peer.address), "the peer closed the connection"),
    ]


MESSAGES = st.one_of(
    st.builds(wire.bare, st.sampled_from([0, 1, 2, 3, 14, 15])),
    st.builds(wire.numbered, st.sampled_from([4, 13, 17]), st.integers(0, 8)),
    st.builds(
        lambda kind, *span: wire.spans(kind, [span]),
        st.sampled_from([6, 8, 16]),
        st.integers(0, 8),
        st.sampled_from([0, 1, BLOCK_SIZE, 2 * BLOCK_SIZE]),
        st.sampled_from([0, 1, BLOCK_SIZE, BLOCK_SIZE - 100]),
    ),
    st.builds(
        lambda piece, begin, size: wire.piece_header(piece, begin, size) + bytes(size),
        st.integers(0, 8),
        st.sampled_from([0, 1, BLOCK_SIZE]),
        st.sampled_from([0, 1, BLOCK_SIZE, BLOCK_SIZE - 100]),
    ),
    st.builds(wire.bitfield, st.binary(min_size=1, max_size=1)),
    st.builds(wire.extended, st.integers(0, 255), st.binary(max_size=20)),
    st.binary(max_size=20),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(MESSAGES, max_size=40), st.integers(0, 0xFF), st.booleans())
def test_no_conversation_is_a_bug_of_ours(messages, have, fast):
    """Whatever a peer says, it is served or shown out; the other peer still gets its pieces."""
    world = World(pieces=8, blocks=2, have=have)
    honest, odd = world.remote(), world.remote(fast=fast, extensions=ExtensionHandshake())
    honest.has()
    honest.unchoke()
    for message in messages:
        odd.say(message)
        assert odd.closed != "internal error"
    while honest.serve():
        pass
    for _ in range(3):
        world.clock.now += 30
        world.leech.tick(world.clock.now)
        while honest.serve():
            pass
    assert world.pieces.done
    odd.hang_up()
    honest.hang_up()
    assert world.buffers.out == 0 and world.room.peers == 0
    assert [world.pieces.availability.count(piece) for piece in range(8)] == [0] * 8


@pytest.mark.parametrize("seed", range(5))
def test_ten_thousand_random_messages_from_one_peer_after_another(seed):
    rng = random.Random(seed)
    world = World(pieces=8, blocks=2, have=0x0F)
    kinds = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 13, 14, 15, 16, 17, 20, 21, 22, 23, 99]
    peer = world.remote(extensions=ExtensionHandshake())
    for _ in range(10_000):
        kind = rng.choice(kinds)
        size = wire.LENGTHS.get(kind, rng.randrange(40))
        body = bytes(rng.choice((0, 0, 0, 1, 7, 64, 255)) for _ in range(size))
        peer.say(struct.pack(">IB", 1 + len(body), kind) + body)
        assert peer.closed != "internal error"
        if peer.closed:
            peer = world.remote(extensions=ExtensionHandshake())
    assert len(world.members) == 1
