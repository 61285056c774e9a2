"""Those who wait for the limits, in pretend time: five per cent is the most a limit may be off."""

import struct

from tests.swarm.world import Clock, World
from torrent.peer import GULP, wire
from torrent.swarm.throttle import LEAST_GULP, Throttle
from torrent.terms import BLOCK_SIZE

FRAME = struct.pack(">IB", 4092, 99) + bytes(4091)  # a type nobody knows: the limit counts every byte


class Sink:
    """Peers that push bytes as fast as they are read; counts what was read."""

    def __init__(self, world, peers=1):
        self.world = world
        self.read = 0
        self.peers = [world.remote() for _ in range(peers)]
        self.at = dict.fromkeys(self.peers, 0)
        self.stream = FRAME * (GULP // len(FRAME) + 2)

    def push(self):
        for peer in self.peers:
            while peer.transport.reading:
                size = len(peer.connection.get_buffer(-1))
                at = self.at[peer]
                peer.say(self.stream[at : at + size])
                self.at[peer] = (at + size) % len(FRAME)
                self.read += size


def test_the_download_limit_holds_over_a_minute_for_one_peer_and_for_many():
    for peers, limit in ((1, 300_000), (5, 300_000), (3, 20_000), (2, 5_000_000)):
        world = World(limit_down=limit)
        sink = Sink(world, peers)
        sink.push()
        world.advance(60, sink.push)
        assert abs(sink.read / 60 / limit - 1) < 0.05, (peers, limit)


def test_gulps_are_short_while_limited_and_long_again_afterwards():
    world = World(limit_down=50_000)
    peer = world.remote()
    peer.say(bytes(4))
    assert LEAST_GULP <= len(peer.connection.gulp) <= 13_000
    world.buckets[0].set_rate(0, world.clock.now)
    world.advance(5)
    peer.say(bytes(4))
    assert len(peer.connection.gulp) == GULP


def test_a_slow_upload_does_not_hold_up_the_download():
    """One timer serves all who wait: it has to be set for the first of them, whoever asked for it."""
    world = World(pieces=64, blocks=4, have=(1 << 32) - 1, limit_up=1000, limit_down=200_000)
    taker = world.remote()
    taker.say(wire.bare(wire.INTERESTED))
    taker.say(wire.spans(wire.REQUEST, [(piece, 0, BLOCK_SIZE) for piece in range(10)]))
    sink = Sink(world)
    sink.push()
    world.advance(30, sink.push)
    assert abs(sink.read / 30 / 200_000 - 1) < 0.05
    assert world.state.uploaded / 30 < 1100


def test_no_timer_runs_while_nobody_waits():
    world = World(limit_down=1_000_000, limit_up=1_000_000)
    world.remote().say(bytes(400))
    assert world.clock.next_timer() is None


def test_nobody_spins():
    """A limit costs at most about a hundred wake-ups a second."""
    world = World(limit_down=100_000)
    sink = Sink(world)
    sink.push()
    wakes = []
    world.advance(10, lambda: (wakes.append(1), sink.push()))
    assert len(wakes) <= 1100


def test_who_leaves_is_forgotten_and_the_rest_are_woken():
    world = World(limit_down=10_000)
    sink = Sink(world, 2)
    sink.push()
    sink.peers[0].hang_up()
    sink.peers = sink.peers[1:]
    assert not sink.peers[0].transport.reading
    world.advance(10)
    assert sink.peers[0].transport.reading


def test_closing_takes_the_timer_back():
    world = World(limit_down=10_000)
    Sink(world).push()
    assert world.clock.next_timer() is not None
    world.throttle.close()
    assert world.clock.next_timer() is None
    world.throttle.close()


def test_a_throttle_alone_has_nothing_to_do():
    clock = Clock()
    Throttle(clock).close()
    assert clock.next_timer() is None
