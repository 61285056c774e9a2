"""From an unchoke to a verified piece, and every way it can go wrong on the way."""

import pytest

from tests.swarm.world import World
from torrent.errors import DiskError
from torrent.events import PeerBanned, PieceFailed, PieceVerified
from torrent.peer import GULP, wire
from torrent.swarm.leech import LOST_MOST, MANY, SAY_SECONDS, STALL_SECONDS, UNASKED_MOST
from torrent.terms import BLOCK_SIZE


def test_the_story_of_a_piece():
    """Bitfield, interest, unchoke, requests, blocks, verdict, and the HAVE that everybody else hears."""
    world = World(pieces=1, blocks=2)
    seed, other = world.remote(), world.remote()
    other.heard()
    seed.has()
    assert ("interested",) in seed.heard()
    seed.unchoke()
    asked = seed.heard("request")
    assert sorted(asked) == [("request", 0, 0, BLOCK_SIZE), ("request", 0, BLOCK_SIZE, BLOCK_SIZE - 100)]
    seed.give(asked[0])
    assert not world.store.written
    seed.give(asked[1])
    assert world.store.written == {0: world.data}
    assert world.published(PieceVerified) == [PieceVerified(world.state.hex, 0)]
    assert other.heard("have") == [("have", 0)]
    assert seed.heard("have") == []  # it has everything and need not know
    assert world.completions == 1
    assert world.state.downloaded == len(world.data) and world.state.wasted == 0
    assert world.buffers.out == 0


def test_a_whole_torrent_from_several_peers_with_little_each():
    world = World(pieces=12, blocks=3)
    for number in range(4):
        peer = world.remote()
        peer.has(sum(1 << piece for piece in range(number, 12, 4)))
        peer.unchoke()
    while any(peer.serve() for peer in world.remotes):
        pass
    assert world.pieces.done and world.completions == 1
    assert b"".join(world.store.written[piece] for piece in range(12)) == world.data
    assert world.state.wasted == 0 and world.buffers.out == 0


def test_nothing_is_asked_while_choked_and_blocks_come_back_with_a_choke():
    world = World(pieces=1, blocks=4)
    one, two = world.remote(fast=False), world.remote(fast=False)
    one.has()
    two.has()
    assert one.heard("request") == []
    one.unchoke()
    assert len(one.heard("request")) == 4
    two.unchoke()
    two.heard()  # whatever endgame asks of it
    one.choke()
    assert not one.member.taker.inflight
    two.serve()
    two.give(*[(0, begin, len(world.block(0, begin, BLOCK_SIZE))) for begin in range(0, 4 * BLOCK_SIZE, BLOCK_SIZE)])
    assert world.pieces.done


def test_with_the_fast_extension_a_choke_waits_for_the_rejects():
    world = World(pieces=1, blocks=4)
    one, two = world.remote(), world.remote()
    one.has()
    one.unchoke()
    asked = one.heard("request")
    one.choke()
    assert len(one.member.taker.inflight) == 4
    two.has()
    two.unchoke()
    two.heard()
    one.say(wire.spans(wire.REJECT, [block[1:] for block in asked]))
    assert not one.member.taker.inflight
    assert one.heard("request") == []
    two.give(*asked)
    assert world.pieces.done


def test_a_peer_that_claims_pieces_and_never_sends_loses_its_blocks():
    world = World(pieces=1, blocks=4)
    idle, good = world.remote(), world.remote()
    idle.has()
    idle.unchoke()
    asked = idle.heard("request")
    world.clock.now += STALL_SECONDS + 1
    good.has()
    good.unchoke()
    good.heard()
    world.leech.tick(world.clock.now)
    assert idle.member.is_snubbed and not good.member.is_snubbed
    good.give(asked[0])
    idle.give(asked[0])  # too late, and no offence
    assert not idle.closed
    good.give(*asked[1:])
    assert world.pieces.done and world.state.wasted == BLOCK_SIZE


@pytest.mark.parametrize("idlers", [1, 10, 40])
@pytest.mark.parametrize("idlers_first", [True, False])
def test_a_crowd_that_claims_everything_and_sends_nothing_holds_up_nobody_for_long(idlers, idlers_first):
    world = World(pieces=62, blocks=2)

    def join(count):
        for _ in range(count):
            peer = world.remote()
            peer.has()
            peer.unchoke()
        return peer

    if idlers_first:
        join(idlers)
    honest = join(1)
    if not idlers_first:
        join(idlers)
    start = world.clock.now
    while not world.pieces.done and world.clock.now < start + 60:
        honest.serve(20)
        world.clock.now += 0.5
        world.leech.tick(world.clock.now)
    assert world.pieces.done
    assert world.clock.now - start < 15


def test_a_slow_peer_is_asked_on_and_not_taken_for_a_snubbing_one():
    """A block every three seconds is little, but nobody else has it."""
    world = World(pieces=4, blocks=4)
    slow, quick = world.remote(), world.remote()
    slow.has(0b1110)
    slow.unchoke()
    quick.has(0b0001)
    quick.unchoke()
    quick.serve()
    for second in range(60):
        world.clock.now += 1
        if second % 3 == 0:
            asked = slow.heard("request")
            slow.give(*asked[:1])
            slow._told += asked[1:]
        world.leech.tick(world.clock.now)
        assert not slow.member.is_snubbed
    assert world.pieces.done and world.state.wasted == 0


def test_a_peer_that_sends_again_is_no_longer_snubbing():
    world = World(pieces=4, blocks=4)
    peer = world.remote()
    peer.has()
    peer.unchoke()
    asked = peer.heard("request")
    world.clock.now += STALL_SECONDS + 1
    world.leech.tick(world.clock.now)
    assert peer.member.is_snubbed
    assert len(peer.heard("request")) < len(asked)  # it starts again small
    peer.give(asked[0])
    assert not peer.member.is_snubbed


def test_who_starves_for_memory_is_fed_when_a_buffer_comes_back():
    world = World(pieces=2, blocks=2, budget=2 * BLOCK_SIZE)  # memory for one piece
    first, second = world.remote(), world.remote()
    first.has(0b01)
    first.unchoke()
    second.has(0b10)
    second.unchoke()
    assert second.heard("request") == []
    world.store.holds = True
    first.serve()
    assert second.heard("request") == []  # its buffer is still being written
    world.store.holds = False
    world.settle()
    assert second.serve() == 2
    assert world.pieces.done and world.buffers.out == 0


def fall_behind(world, peer):
    """Let a peer serve a disk that does nothing until it is not read any more; return what it was asked and kept."""
    world.store.holds = True
    asked = []
    while peer.transport.reading:
        asked += peer.heard("request")
        peer.give(asked.pop(0))
    return asked


def test_nobody_is_read_while_the_disk_is_far_behind():
    world = World(pieces=32, blocks=4)
    peer, other = world.remote(), world.remote()
    for remote in (peer, other):
        remote.has()
        remote.unchoke()
    asked = fall_behind(world, peer)
    assert len(world.store.jobs) + GULP // (4 * BLOCK_SIZE) == LOST_MOST  # the next gulp would be too much
    assert other.transport.reading  # it brought nothing
    world.store.holds = False
    world.settle()
    assert peer.transport.reading
    peer.give(*asked)
    while peer.serve() + other.serve():
        pass
    assert world.pieces.done and world.buffers.out == 0


def test_a_peer_we_do_not_read_is_not_taken_for_a_snubbing_one():
    world = World(pieces=32, blocks=4)
    peer = world.remote()
    peer.has()
    peer.unchoke()
    fall_behind(world, peer)
    asked = len(peer.member.taker.inflight)
    assert asked
    for _ in range(3):
        world.clock.now += STALL_SECONDS
        world.leech.tick(world.clock.now)
    assert len(peer.member.taker.inflight) == asked and not peer.member.snubbed


def test_a_peer_that_is_not_read_may_leave():
    world = World(pieces=32, blocks=4)
    peer = world.remote()
    peer.has()
    peer.unchoke()
    fall_behind(world, peer)
    peer.hang_up()
    world.store.holds = False
    world.settle()
    assert world.state.members == {}


def test_memory_given_back_by_somebody_else_is_found_within_a_tick():
    world = World(pieces=2, blocks=2, budget=2 * BLOCK_SIZE)
    taken = world.buffers.take(2 * BLOCK_SIZE)
    peer = world.remote()
    peer.has()
    peer.unchoke()
    assert peer.heard("request") == []
    world.buffers.give(taken)
    world.leech.tick(world.clock.now)
    assert peer.heard("request")


def test_a_liar_is_proven_banned_and_honest_peers_are_not():
    world = World(pieces=6, blocks=4)
    liar, honest = world.remote("9.9.9.1"), world.remote("9.9.9.2")
    for peer in (liar, honest):
        peer.has()
        peer.unchoke()
    for _ in range(200):
        liar.serve(1, spoil=True)
        honest.serve(1)
        if world.pieces.done:
            break
        world.clock.now += 1
        world.leech.tick(world.clock.now)
    assert world.pieces.done
    assert "banned" in liar.closed and "banned" not in honest.closed
    assert world.state.bans == 1 and world.state.hash_failures >= 1
    assert world.state.book.is_banned(liar.address) and not world.state.book.is_banned(honest.address)
    assert b"".join(world.store.written[piece] for piece in range(6)) == world.data


def test_a_bad_piece_is_counted_told_and_fetched_again():
    world = World(pieces=1, blocks=2)
    liar = world.remote("9.9.9.1")
    liar.has()
    liar.unchoke()
    liar.give(*liar.heard("request"), spoil=True)
    assert [type(event) for event in world.events.pop() if isinstance(event, PieceFailed | PeerBanned)] == [
        PieceFailed,
        PeerBanned,
    ]
    assert world.state.wasted == len(world.data) and world.state.hash_failures == 1
    assert world.buffers.out == 0
    good = world.remote()
    good.has()
    good.unchoke()
    good.serve()
    assert world.pieces.done


def test_a_disk_error_is_told_and_the_piece_is_wanted_again():
    world = World(pieces=1, blocks=2)
    world.store.write_error = DiskError("cannot write: worn out")
    peer = world.remote()
    peer.has()
    peer.unchoke()
    peer.serve()
    assert [str(error) for error in world.disk_errors] == ["cannot write: worn out"]
    assert world.pieces.have == 0 and world.buffers.out == 0
    assert world.published(PieceVerified) == []


def test_blocks_nobody_asked_for_are_wasted_and_at_last_end_the_connection():
    world = World(pieces=4, blocks=2)
    pusher = world.remote()
    pusher.has()
    before = world.state.wasted
    for number in range(UNASKED_MOST):
        pusher.give((number % 4, 0, BLOCK_SIZE))
    assert not pusher.closed
    assert world.state.wasted - before == UNASKED_MOST * BLOCK_SIZE
    assert world.pieces.have == 0
    pusher.give((0, 0, BLOCK_SIZE))
    assert pusher.closed == "sends blocks nobody asked for"
    assert world.members == []


def test_a_block_of_the_wrong_length_never_reaches_a_piece():
    world = World(pieces=1, blocks=2)
    peer = world.remote()
    peer.has()
    peer.unchoke()
    for length in (0, 1, BLOCK_SIZE - 1, BLOCK_SIZE + 1, 2 * BLOCK_SIZE):
        peer.say(wire.piece_header(0, 0, length) + bytes(length))
    peer.say(wire.piece_header(0, 5, BLOCK_SIZE) + bytes(BLOCK_SIZE))
    peer.say(wire.piece_header(0, 2**32 - 1, BLOCK_SIZE) + bytes(BLOCK_SIZE))
    peer.say(wire.piece_header(2**32 - 1, 0, BLOCK_SIZE) + bytes(BLOCK_SIZE))
    assert not peer.closed
    peer.serve()
    assert world.pieces.done and world.state.hash_failures == 0


def test_allowed_fast_pieces_are_asked_for_while_choked():
    world = World(pieces=4, blocks=2)
    peer = world.remote()
    peer.has()
    peer.say(wire.numbered(wire.ALLOWED_FAST, 2))
    asked = peer.heard("request")
    assert {block[1] for block in asked} == {2}
    peer.give(*asked)
    assert world.pieces.have == 0b100
    assert peer.heard("request") == []


def test_where_the_order_matters_nothing_is_asked_out_of_it():
    world = World(pieces=4, blocks=2, sequential=True)
    world.state.options.sequential = True
    peer = world.remote()
    peer.has()
    peer.say(wire.numbered(wire.ALLOWED_FAST, 2))
    assert peer.heard("request") == []
    peer.unchoke()
    assert [block[1] for block in peer.heard("request")][:4] == [0, 0, 1, 1]


def test_a_rejected_piece_is_no_longer_allowed_fast():
    world = World(pieces=4, blocks=2)
    peer = world.remote()
    peer.has()
    peer.say(wire.numbered(wire.ALLOWED_FAST, 2))
    asked = peer.heard("request")
    peer.say(wire.spans(wire.REJECT, [block[1:] for block in asked]))
    assert peer.heard("request") == [] and not peer.member.taker.inflight


def test_interest_follows_what_is_left_to_want():
    world = World(pieces=2, blocks=1)
    some, rest = world.remote(), world.remote()
    some.has(0b01)
    assert some.heard("interested")
    rest.has(0b10)
    some.unchoke()
    some.serve()
    assert some.heard("not interested") and some.member.protocol.am_interested is False
    assert rest.member.protocol.am_interested
    some.say(wire.numbered(wire.HAVE, 1))
    assert some.heard("interested")


def test_in_endgame_the_copies_on_their_way_are_cancelled():
    world = World(pieces=1, blocks=4)
    slow, quick = world.remote(), world.remote()
    slow.has()
    slow.unchoke()
    asked = slow.heard("request")
    quick.has()
    quick.unchoke()
    again = quick.heard("request")
    assert again and set(again) <= set(asked)
    quick.give(*again)
    while quick.serve():
        pass
    assert {block[1:] for block in slow.heard("cancel")} >= {block[1:] for block in again}


def test_who_leaves_gives_its_blocks_to_others():
    world = World(pieces=1, blocks=4)
    one, two = world.remote(), world.remote()
    one.has()
    one.unchoke()
    assert len(one.heard("request")) == 4
    two.has()
    two.unchoke()
    two.heard()
    one.hang_up()
    world.leech.refill_all(world.clock.now)
    assert not one.member.taker.inflight and len(two.member.taker.inflight) == 4


def test_a_flood_of_choke_and_unchoke_costs_one_refill_a_gulp():
    """Each pair of five-byte messages must not cost a search of all peers and sixteen requests."""
    world = World(pieces=64, blocks=16)
    flapper = world.remote(fast=False)
    flapper.has()
    flapper.heard()
    flapper.say((wire.bare(wire.UNCHOKE) + wire.bare(wire.CHOKE)) * 5000 + wire.bare(wire.UNCHOKE))
    assert not flapper.closed
    asked = flapper.heard("request")
    assert 0 < len(asked) <= 64
    flapper.give(*asked)
    assert world.state.downloaded == len(asked) * BLOCK_SIZE


def test_a_flood_of_rejects_does_not_make_everybody_be_asked_again(monkeypatch):
    world = World(pieces=64, blocks=16)
    peers = [world.remote() for _ in range(5)]
    for peer in peers:
        peer.has()
        peer.unchoke()
    calls = []
    refill_all = world.leech.refill_all
    monkeypatch.setattr(world.leech, "refill_all", lambda now: (calls.append(now), refill_all(now)))
    peers[0].say(wire.spans(wire.REJECT, [(0, 0, BLOCK_SIZE)] * 5000))
    asked = peers[1].heard("request")
    peers[1].say(wire.spans(wire.REJECT, [block[1:] for block in asked]) * 50)
    assert len(calls) <= 10


def test_many_peers_are_told_of_pieces_together_and_few_at_once():
    for crowd in (MANY - 2, MANY):
        world = World(pieces=6, blocks=1)
        others = [world.remote() for _ in range(crowd)]
        giver = world.remote()
        giver.has(0b001111)
        giver.unchoke()
        giver.serve()
        told = [sorted(piece for _, piece in other.heard("have")) for other in others]
        assert told == [[0, 1, 2, 3] if crowd < MANY - 1 else []] * crowd
        world.advance(SAY_SECONDS)
        assert [sorted(piece for _, piece in other.heard("have")) for other in others] == (
            [[]] * crowd if crowd < MANY - 1 else [[0, 1, 2, 3]] * crowd
        )


def test_the_last_piece_is_told_at_once():
    world = World(pieces=2, blocks=1)
    others = [world.remote() for _ in range(MANY)]
    giver = world.remote()
    giver.has()
    giver.unchoke()
    giver.serve()
    assert all(len(other.heard("have")) == 2 for other in others) and world.completions == 1
    world.advance(SAY_SECONDS)
    assert not any(other.heard("have") for other in others)
