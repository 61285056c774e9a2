"""The depth of the request queue, told as stories in pretend time."""

from torrent.peer.pipeline import FLOOR, NEAR_MOST, START, Pipeline

BLOCK = 16384


def play(pipeline, *, rate, rtt, seconds, gulp=16 * BLOCK):
    """Let a peer send `rate` bytes a second."""
    pipeline.asked(0.0, idle=True)
    pipeline.first_answer(rtt)
    now, step = rtt, gulp / rate
    while now < seconds:
        pipeline.receive(gulp, now)
        now += step
    return pipeline.depth


def test_it_starts_small():
    assert Pipeline(2000).depth == START
    assert Pipeline(4).depth == 4


def test_a_fast_peer_on_this_machine_gets_some_hundreds():
    depth = play(Pipeline(2000), rate=1e9, rtt=0.0005, seconds=5)
    assert 250 <= depth <= NEAR_MOST


def test_a_fast_peer_far_away_gets_bandwidth_times_delay_and_more():
    rate, rtt = 125e6, 0.05
    depth = play(Pipeline(2000), rate=rate, rtt=rtt, seconds=10)
    assert depth * BLOCK >= 1.5 * rate * rtt


def test_a_slow_peer_gets_about_a_second_of_work():
    depth = play(Pipeline(2000), rate=160 * 1024, rtt=0.1, seconds=30, gulp=BLOCK)
    assert 10 <= depth <= 20


def test_the_peers_own_limit_is_obeyed():
    pipeline = Pipeline(2000)
    pipeline.limit(100)
    assert play(pipeline, rate=1e9, rtt=0.0005, seconds=5) <= 100


def test_a_stall_starts_small_again():
    pipeline = Pipeline(2000)
    play(pipeline, rate=1e9, rtt=0.001, seconds=3)
    pipeline.stalled()
    assert pipeline.depth == FLOOR


def test_it_grows_again_after_a_stall():
    pipeline = Pipeline(2000)
    pipeline.stalled()
    assert play(pipeline, rate=1e8, rtt=0.001, seconds=5) > 100
