"""Whom we serve and what: greetings, slots, runs, limits, slow readers and super-seeding."""

from tests.swarm.world import World, config
from torrent.errors import DiskError
from torrent.peer import wire
from torrent.swarm.seed import RUN, RUNS_IN_A_ROW
from torrent.terms import BLOCK_SIZE

ALL4 = 0b1111


def ask(*blocks):
    return wire.spans(wire.REQUEST, [(piece, begin, BLOCK_SIZE) for piece, begin in blocks])


def interested():
    return wire.bare(wire.INTERESTED)


def names(told):
    return [message[0] for message in told]


def test_a_seed_greets_with_have_all_a_beginner_with_have_none():
    assert names(World(have=ALL4).remote().heard())[0] == "have all"
    assert names(World(have=0).remote().heard())[0] == "have none"


def test_without_the_fast_extension_it_is_a_bitfield_or_nothing():
    assert World(have=ALL4).remote(fast=False).heard() == [("bitfield", b"\xf0")]
    assert World(have=0b0101).remote(fast=False).heard() == [("bitfield", b"\xa0")]
    assert World(have=0).remote(fast=False).heard() == []


def test_a_free_slot_is_given_at_once_and_blocks_follow_in_order():
    world = World(have=ALL4)
    peer = world.remote()
    peer.heard()
    peer.say(interested())
    assert peer.heard() == [("unchoke",)]
    peer.say(ask((0, 0), (0, BLOCK_SIZE), (2, 0)))
    got = peer.heard("piece")
    assert [message[1:3] for message in got] == [(0, 0), (0, BLOCK_SIZE), (2, 0)]
    assert all(message[3] == world.block(message[1], message[2], BLOCK_SIZE) for message in got)
    assert world.state.uploaded == peer.member.bytes_up == 3 * BLOCK_SIZE


def test_neighbours_are_joined_into_one_read():
    world = World(have=ALL4, blocks=4)
    peer = world.remote()
    peer.say(interested())
    peer.say(ask((1, 0), (1, BLOCK_SIZE), (1, 2 * BLOCK_SIZE), (3, 0)))
    assert world.store.reads == [(1, 0, 3 * BLOCK_SIZE), (3, 0, BLOCK_SIZE)]


def test_a_choked_peer_is_rejected_unless_the_piece_is_allowed_fast():
    world = World(pieces=64, blocks=1, have=(1 << 64) - 1)
    peer = world.remote("8.8.4.4")
    granted = [message[1] for message in peer.heard("allowed fast")]
    assert len(granted) == 10
    other = next(piece for piece in range(63) if piece not in granted)
    asked = next(piece for piece in granted if piece != 63)
    peer.say(ask((other, 0), (asked, 0)))
    assert peer.heard("reject") == [("reject", other, 0, BLOCK_SIZE)]
    assert [message[1:3] for message in peer.heard("piece")] == [(asked, 0)]


def test_only_pieces_we_have_are_allowed_fast():
    world = World(pieces=64, blocks=1, have=0b1)
    assert {message[1] for message in world.remote("8.8.4.4").heard("allowed fast")} <= {0}


def test_what_we_lack_is_rejected():
    world = World(have=0b0001)
    peer = world.remote()
    peer.say(interested(), ask((3, 0)))
    assert peer.heard("reject") == [("reject", 3, 0, BLOCK_SIZE)]


def test_a_cancelled_request_is_rejected_and_not_served():
    world = World(have=ALL4)
    peer = world.remote()
    peer.say(interested())
    peer.heard()
    peer.say(ask((0, 0), (1, 0)), wire.spans(wire.CANCEL, [(0, 0, BLOCK_SIZE)]))
    told = peer.heard()
    assert ("reject", 0, 0, BLOCK_SIZE) in told
    assert [message[1] for message in told if message[0] == "piece"] == [1]


def test_a_choke_drops_what_waits_and_says_so():
    world = World(have=ALL4)
    peer = world.remote("2001:db8::9")  # nothing is allowed fast to an IPv6 address (BEP 6)
    peer.say(interested())
    peer.transport.takes = False
    peer.say(ask((0, 0)))
    peer.say(ask((1, 0)))  # waits: the socket is full
    peer.heard()
    world.seed.choke_all()
    assert peer.heard() == [("choke",), ("reject", 1, 0, BLOCK_SIZE)]
    assert not peer.member.asked


def test_no_more_peers_are_served_than_there_are_slots():
    world = World(have=ALL4, config=config(upload_slots=2))
    peers = [world.remote() for _ in range(5)]
    for peer in peers:
        peer.say(interested())
    served = [peer for peer in peers if not peer.member.protocol.am_choking]
    assert len(served) == 2
    served[0].hang_up()
    assert sum(not peer.member.protocol.am_choking for peer in peers if not peer.closed) == 2


def test_a_peer_that_never_reads_holds_one_run_and_no_more():
    world = World(pieces=64, blocks=4, have=(1 << 64) - 1)
    peer = world.remote()
    peer.say(interested())
    peer.transport.takes = False
    every = [(piece, begin * BLOCK_SIZE) for piece in range(50) for begin in range(4)]
    peer.say(ask(*every))
    peer.say(ask(*every[:100]))
    assert peer.transport.queued <= RUN + 64 * wire.PIECE_HEADER + 200
    assert peer.member.outbox is not None and len(peer.member.outbox) == RUN


def test_a_slow_reader_is_served_on_when_its_socket_takes_more():
    world = World(pieces=64, blocks=4, have=(1 << 64) - 1)
    peer = world.remote()
    peer.say(interested())
    peer.transport.takes = False
    wanted = [(piece, begin * BLOCK_SIZE) for piece in range(20) for begin in range(4)]
    peer.say(ask(*wanted))
    got = []
    for _ in range(100):
        got += peer.heard("piece")
        if len(got) == len(wanted):
            break
        peer.transport.queued = 0
        peer.connection.resume_writing()
        world.settle()
    assert [message[1:3] for message in got] == wanted
    assert all(message[3] == world.block(message[1], message[2], BLOCK_SIZE) for message in got)


def test_a_greedy_reader_gets_all_it_asked_for_but_not_before_others_had_a_turn():
    world = World(pieces=64, blocks=4, have=(1 << 64) - 1)
    greedy, modest = world.remote(), world.remote()
    for peer in (greedy, modest):
        peer.say(interested())
    wanted = [(piece, begin * BLOCK_SIZE) for piece in range(60) for begin in range(4)]
    answered = []
    world.clock.call_soon(lambda: answered.append(len(greedy.heard("piece"))))
    buffer = greedy.connection.get_buffer(-1)
    data = ask(*wanted)
    buffer[: len(data)] = data
    greedy.connection.buffer_updated(len(data))
    first = len(greedy.heard("piece"))
    assert first == RUNS_IN_A_ROW * RUN // BLOCK_SIZE  # the loop has its turn here
    world.settle()
    assert first + sum(answered) + len(greedy.heard("piece")) == len(wanted)


def test_what_is_not_in_memory_is_read_in_a_thread_and_one_answer_is_on_its_way():
    world = World(pieces=64, blocks=4, have=(1 << 64) - 1)
    world.store.cached = False
    world.store.holds = True
    peer = world.remote()
    peer.say(interested())
    peer.say(ask((0, 0), (5, 0)))
    assert len(world.store.jobs) == 2 and peer.member.reading
    peer.say(ask((7, 0)))
    assert len(world.store.jobs) == 2
    world.store.holds = False
    world.settle()
    assert [message[1] for message in peer.heard("piece")] == [0, 5, 7]


def test_a_read_that_fails_is_told_and_the_request_rejected():
    world = World(have=ALL4)
    world.store.read_error = DiskError("cannot read world.bin: gone")
    peer = world.remote()
    peer.say(interested())
    peer.heard()
    peer.say(ask((0, 0)))
    assert peer.heard() == [("reject", 0, 0, BLOCK_SIZE)]
    assert [str(error) for error in world.disk_errors] == ["cannot read world.bin: gone"]
    assert world.state.uploaded == 0


def test_a_peer_that_left_while_its_blocks_were_read_harms_nobody():
    world = World(have=ALL4)
    world.store.cached = False
    world.store.holds = True
    peer = world.remote()
    peer.say(interested())
    peer.say(ask((0, 0)))
    peer.hang_up()
    world.store.holds = False
    world.settle()
    assert world.state.uploaded == 0 and world.members == []


def test_the_upload_limit_holds_over_a_minute():
    limit = 400_000
    world = World(pieces=64, blocks=16, have=(1 << 64) - 1, limit_up=limit)
    peers = [world.remote() for _ in range(3)]
    for peer in peers:
        peer.say(interested())

    def keep_asking():
        for peer in peers:
            if not peer.member.asked:
                peer.say(ask(*[(piece, 0) for piece in range(8)]))

    start = world.clock.now
    keep_asking()
    world.advance(60, keep_asking)
    rate = world.state.uploaded / (world.clock.now - start)
    assert abs(rate / limit - 1) < 0.05
    shares = [peer.member.bytes_up for peer in peers]
    assert min(shares) > 0.5 * max(shares)


def test_super_seeding_offers_one_piece_at_a_time():
    world = World(pieces=8, blocks=1, have=(1 << 8) - 1, super_seeding=True)
    one, two = world.remote(), world.remote()
    first, second = one.heard(), two.heard()
    assert names(first) == names(second) == ["have none", "have"]
    mine, other = first[1][1], second[1][1]
    assert mine != other
    one.say(wire.numbered(wire.HAVE, mine))
    assert one.heard("have") == []  # it has what we gave it: now somebody else should have it too
    two.say(wire.numbered(wire.HAVE, mine))
    offered = one.heard("have")
    assert len(offered) == 1 and offered[0][1] not in (mine, other)
    assert two.heard("have") == []


def test_super_seeding_to_a_single_peer_does_not_end_after_one_piece():
    world = World(pieces=8, blocks=1, have=(1 << 8) - 1, super_seeding=True)
    only = world.remote()
    got = set()
    for _ in range(8):
        offers = only.heard("have")
        assert len(offers) == 1
        got.add(offers[0][1])
        only.say(wire.numbered(wire.HAVE, offers[0][1]))
    assert got == set(range(8))


def test_super_seeding_goes_on_when_nobody_passes_a_piece_on():
    """Two peers that cannot reach each other must not wait for each other for ever."""
    world = World(pieces=8, blocks=1, have=(1 << 8) - 1, super_seeding=True)
    one, two = world.remote(), world.remote()
    for peer in (one, two):
        peer.say(wire.numbered(wire.HAVE, peer.heard("have")[0][1]))
    world.clock.now += 60
    world.seed.round(world.clock.now)
    assert len(one.heard("have")) == len(two.heard("have")) == 1


def test_a_flood_of_interest_costs_one_decision_a_gulp(monkeypatch):
    world = World(have=ALL4)
    peer = world.remote()
    decisions = []
    fill = world.state.choker.fill
    monkeypatch.setattr(
        world.state.choker, "fill", lambda *given, **more: (decisions.append(1), fill(*given, **more))[1]
    )
    peer.say((wire.bare(wire.INTERESTED) + wire.bare(wire.NOT_INTERESTED)) * 5000)
    assert len(decisions) <= 2
    peer.say(interested())
    assert not peer.member.protocol.am_choking


def test_nobody_is_unchoked_while_the_torrent_is_not_active():
    world = World(have=ALL4)
    peer = world.remote()
    world.state.paused = True
    peer.say(interested())
    world.seed.round(world.clock.now)
    assert peer.member.protocol.am_choking


def test_the_buffer_of_a_peer_that_left_serves_the_next():
    world = World(have=ALL4)
    first = world.remote()
    first.say(interested())
    first.say(ask((0, 0)))
    used = first.member.outbox
    assert used is not None
    first.hang_up()
    second = world.remote()
    second.say(interested())
    second.say(ask((1, 0)))
    assert second.member.outbox is used
    assert second.heard("piece")[0][3] == world.block(1, 0, BLOCK_SIZE)


def test_a_buffer_still_being_sent_is_not_used_again():
    world = World(have=ALL4)
    first = world.remote()
    first.say(interested())
    first.transport.takes = False
    first.say(ask((0, 0)))
    used = first.member.outbox
    first.hang_up()
    second = world.remote()
    second.say(interested())
    second.say(ask((1, 0)))
    assert second.member.outbox is not used
