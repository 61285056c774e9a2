"""Stories of who is served: those who give, one by luck, and in the end everybody."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from torrent.choker import ROUND, Choker, Decision
from torrent.rates import Speed


@dataclass(eq=False)
class Peer:
    """A peer as the choker sees it, played by the test."""

    name: str = ""
    is_interested: bool = True
    is_choked_by_us: bool = True
    is_seed: bool = False
    is_snubbed: bool = False
    rate_down: float = 0.0
    rate_up: float = 0.0
    connected_at: float = -1000.0
    last_unchoked: float = -inf
    sent_since_unchoked: int = 0
    turns: int = field(default=0, repr=False)


def carry_out(decision: Decision[Peer], now: float) -> Decision[Peer]:
    for peer in decision.choke:
        assert not peer.is_choked_by_us
        peer.is_choked_by_us = True
    for peer in decision.unchoke:
        assert peer.is_choked_by_us
        peer.is_choked_by_us, peer.last_unchoked, peer.sent_since_unchoked = False, now, 0
        peer.turns += 1
    return decision


def unchoked(peers: Sequence[Peer]) -> set[str]:
    return {peer.name for peer in peers if not peer.is_choked_by_us}


def crowd(count: int, **facts: float) -> list[Peer]:
    return [Peer(name=str(i), **facts) for i in range(count)]  # type: ignore[arg-type]


def test_those_who_give_most_are_served_and_one_by_luck() -> None:
    peers = crowd(20)
    for i, peer in enumerate(peers):
        peer.rate_down = 1000.0 * i
    choker: Choker[Peer] = Choker(5, random.Random(1))
    carry_out(choker.round(peers, 100.0, seeding=False), 100.0)
    best = {"19", "18", "17", "16"}
    assert best < unchoked(peers)
    (lucky,) = (peer for peer in peers if choker.is_optimistic(peer))
    assert unchoked(peers) == best | {lucky.name}


def test_a_better_giver_takes_the_place_of_the_worst() -> None:
    peers = crowd(4)
    peers[0].rate_down, peers[1].rate_down = 500.0, 900.0
    choker: Choker[Peer] = Choker(3, random.Random(1))
    carry_out(choker.round(peers, 0.0, seeding=False), 0.0)
    assert {"0", "1"} < unchoked(peers)
    late = next(peer for peer in peers if peer.is_choked_by_us)
    late.rate_down = 540.0
    carry_out(choker.round(peers, 10.0, seeding=False), 10.0)
    assert late.is_choked_by_us, "a few per cent more are not worth a swap"
    late.rate_down = 600.0
    carry_out(choker.round(peers, 20.0, seeding=False), 20.0)
    assert not late.is_choked_by_us
    assert peers[0].is_choked_by_us


def test_the_lucky_slot_moves_on_every_thirty_seconds() -> None:
    peers = crowd(12)
    peers[0].rate_down = peers[1].rate_down = 5000.0
    choker: Choker[Peer] = Choker(3, random.Random(4))
    lucky: list[str] = []
    for step in range(60):
        carry_out(choker.round(peers, step * ROUND, seeding=False), step * ROUND)
        lucky += [peer.name for peer in peers if choker.is_optimistic(peer)]
    assert len(lucky) == 60
    for term in range(0, 60, 3):
        assert len(set(lucky[term : term + 3])) == 1
        assert lucky[term : term + 1] != lucky[term + 3 : term + 4]
    assert len(set(lucky)) >= 8


def test_newcomers_are_three_times_as_likely() -> None:
    rng = random.Random(11)
    drawn = 0
    for _ in range(2000):
        peers = [Peer(name="new", connected_at=90.0), Peer(name="old", connected_at=0.0)]
        choker: Choker[Peer] = Choker(1, rng)
        drawn += choker.fill(peers, 100.0, seeding=False).unchoke[0].name == "new"
    assert drawn == pytest.approx(1500, abs=75)


def test_a_lucky_one_that_gives_earns_its_slot() -> None:
    peers = crowd(6)
    choker: Choker[Peer] = Choker(2, random.Random(2))
    carry_out(choker.fill(peers, 0.0, seeding=False), 0.0)
    giver = next(peer for peer in peers if not peer.is_choked_by_us)
    giver.rate_down = 100.0
    for step in range(1, 30):
        carry_out(choker.round(peers, step * ROUND, seeding=False), step * ROUND)
        assert not giver.is_choked_by_us
        assert not choker.is_optimistic(giver)
    assert giver.turns == 1


def test_one_who_snubs_us_lives_on_luck_alone() -> None:
    peers = crowd(8)
    for peer in peers[:4]:
        peer.is_snubbed, peer.rate_down = True, 9000.0
    for peer in peers[4:]:
        peer.rate_down = 10.0
    choker: Choker[Peer] = Choker(4, random.Random(3))
    for step in range(40):
        carry_out(choker.round(peers, step * ROUND, seeding=False), step * ROUND)
        assert sum(peer.is_snubbed for peer in peers if not peer.is_choked_by_us) <= 1
        assert sum(not peer.is_snubbed for peer in peers if not peer.is_choked_by_us) >= 3


def test_when_all_snub_us_one_is_tried_at_a_time() -> None:
    peers = crowd(8)
    for peer in peers:
        peer.is_snubbed = True
    choker: Choker[Peer] = Choker(4, random.Random(3))
    served: set[str] = set()
    for step in range(40):
        carry_out(choker.round(peers, step * ROUND, seeding=False), step * ROUND)
        carry_out(choker.fill(peers, step * ROUND + 1, seeding=False), step * ROUND + 1)
        assert len(unchoked(peers)) == 1
        served |= unchoked(peers)
    assert len(served) >= 6


@pytest.mark.parametrize("seeding", [False, True])
def test_a_free_slot_is_given_at_once(seeding: bool) -> None:
    peers = crowd(3, is_interested=False)
    choker: Choker[Peer] = Choker(2, random.Random(1))
    assert carry_out(choker.round(peers, 0.0, seeding=seeding), 0.0) == ([], [])
    for peer in peers[:2]:
        peer.is_interested = True
        assert carry_out(choker.fill(peers, 1.0, seeding=seeding), 1.0) == ([peer], [])
    peers[2].is_interested = True
    assert choker.fill(peers, 2.0, seeding=seeding) == ([], [])
    del peers[0]
    assert carry_out(choker.fill(peers, 3.0, seeding=seeding), 3.0) == ([peers[1]], [])


@pytest.mark.parametrize("seeding", [False, True])
def test_a_slot_whose_holder_lost_interest_goes_to_who_waits(seeding: bool) -> None:
    first, second = peers = crowd(2)
    second.is_interested = False
    choker: Choker[Peer] = Choker(1, random.Random(1))
    carry_out(choker.fill(peers, 0.0, seeding=seeding), 0.0)
    first.is_interested = False
    assert choker.fill(peers, 1.0, seeding=seeding) == ([], []), "nobody waits: no message"
    assert choker.round(peers, 1.0, seeding=seeding) == ([], [])
    second.is_interested = True
    assert carry_out(choker.fill(peers, 2.0, seeding=seeding), 2.0) == ([second], [first])


@pytest.mark.parametrize("seeding", [False, True])
def test_flapping_interest_gains_nothing(seeding: bool) -> None:
    flapper, patient = peers = crowd(2)
    choker: Choker[Peer] = Choker(1, random.Random(8))
    patient.is_interested = False
    carry_out(choker.fill(peers, 0.0, seeding=seeding), 0.0)
    flapper.is_interested, patient.is_interested = False, True
    carry_out(choker.fill(peers, 1.0, seeding=seeding), 1.0)
    messages = 0
    for step in range(200):
        flapper.is_interested = step % 2 == 0
        patient.is_interested = step % 7 != 0
        decision = carry_out(choker.fill(peers, 1 + step / 50, seeding=seeding), 1 + step / 50)
        messages += len(decision.choke) + len(decision.unchoke)
        assert flapper.is_choked_by_us
    assert messages == 0


def test_a_seed_that_wants_bytes_gets_none() -> None:
    peers = crowd(3)
    peers[1].is_seed = True
    choker: Choker[Peer] = Choker(3, random.Random(1))
    carry_out(choker.fill(peers, 0.0, seeding=True), 0.0)
    carry_out(choker.round(peers, 10.0, seeding=False), 10.0)
    assert unchoked(peers) == {"0", "2"}


def test_fewer_slots_are_brought_about_by_the_next_round() -> None:
    for seeding in (False, True):
        peers = crowd(10)
        choker: Choker[Peer] = Choker(8, random.Random(1))
        carry_out(choker.fill(peers, 0.0, seeding=seeding), 0.0)
        assert len(unchoked(peers)) == 8
        choker.slots = 3
        carry_out(choker.round(peers, 10.0, seeding=seeding), 10.0)
        assert len(unchoked(peers)) == 3
        choker.slots = 0
        carry_out(choker.round(peers, 20.0, seeding=seeding), 20.0)
        assert len(unchoked(peers)) == 10, "0 is no limit"


def test_seeding_keeps_the_fast_and_gives_everyone_a_turn() -> None:
    peers = crowd(30)
    for i, peer in enumerate(peers):
        peer.rate_up = 10_000.0 * (i + 1)
    choker: Choker[Peer] = Choker(4, random.Random(6), quota=4_000_000)
    sent = dict.fromkeys((peer.name for peer in peers), 0.0)
    for step in range(360):
        now = step * ROUND
        carry_out(choker.round(peers, now, seeding=True), now)
        assert len(unchoked(peers)) == 4
        for peer in peers:
            if not peer.is_choked_by_us:
                sent[peer.name] += peer.rate_up * ROUND
                peer.sent_since_unchoked += int(peer.rate_up * ROUND)
    assert min(peer.turns for peer in peers) >= 3
    assert sent["29"] > sent["0"] * 3


def test_seeding_to_few_disturbs_nobody() -> None:
    peers = crowd(3, rate_up=100.0)
    choker: Choker[Peer] = Choker(4, random.Random(6))
    carry_out(choker.round(peers, 0.0, seeding=True), 0.0)
    for step in range(1, 100):
        assert choker.round(peers, step * ROUND, seeding=True) == ([], [])


def test_one_that_takes_nothing_yields_soon() -> None:
    lazy, busy = Peer("lazy"), Peer("busy", rate_up=1e6)
    waiting = Peer("waiting", connected_at=5.0)
    choker: Choker[Peer] = Choker(2, random.Random(6))
    carry_out(choker.fill([lazy, busy], 0.0, seeding=True), 0.0)
    for now in (10.0, 20.0):
        assert choker.round([lazy, busy, waiting], now, seeding=True) == ([], [])
    assert choker.round([lazy, busy, waiting], 30.0, seeding=True) == ([waiting], [lazy])


def test_coming_back_does_not_help_to_the_front_of_the_line() -> None:
    patient, again = Peer("patient", connected_at=10.0, last_unchoked=20.0), Peer("again", connected_at=95.0)
    choker: Choker[Peer] = Choker(1, random.Random(6))
    assert choker.fill([again, patient], 100.0, seeding=True).unchoke == [patient]


@given(st.data(), st.integers(0, 6), st.booleans(), st.integers(0, 1 << 30))
def test_never_more_than_the_slots_and_always_as_many_as_can_be(
    data: st.DataObject, slots: int, seeding: bool, seed: int
) -> None:
    rng = random.Random(seed)
    peers = crowd(data.draw(st.integers(0, 12)))
    choker: Choker[Peer] = Choker(slots, random.Random(seed))
    now = 0.0
    for _ in range(30):
        now += rng.choice([0.0, 1.0, 10.0])
        for peer in peers:
            peer.is_interested = rng.random() < 0.7
            peer.is_snubbed = rng.random() < 0.1
            peer.is_seed = rng.random() < 0.05
            peer.rate_down = rng.choice([0.0, rng.random() * 1e6])
            peer.rate_up = rng.choice([0.0, rng.random() * 1e6])
        if peers and rng.random() < 0.2:
            peers.pop(rng.randrange(len(peers)))
        if rng.random() < 0.2:
            peers.append(Peer(connected_at=now))
        ask = choker.round if rng.random() < 0.5 else choker.fill
        decision = carry_out(ask(peers, now, seeding=seeding), now)
        assert not {id(peer) for peer in decision.choke} & {id(peer) for peer in decision.unchoke}
        limit = slots or len(peers)
        serving = [peer for peer in peers if not peer.is_choked_by_us]
        assert len(serving) <= limit
        if ask == choker.round:
            wanting = [p for p in peers if p.is_interested and not p.is_seed and (seeding or not p.is_snubbed)]
            assert len(serving) >= min(limit, len(wanting))
            assert all(not peer.is_seed or not peer.is_interested for peer in serving)


class Link(Peer):
    """One side's view of another player in the game below."""

    def __init__(self, player: int) -> None:
        super().__init__(name=str(player), connected_at=0.0)
        self.down, self.up = Speed(0.0), Speed(0.0)


def play(capacities: Sequence[float], seconds: int, rng: random.Random) -> list[float]:
    """Let players with these upload capacities choke each other in simulated time; return the bytes each received.

    Everybody always has what everybody else wants. A capacity of 0 is a free rider.
    """
    count = len(capacities)
    links = [[Link(other) for other in range(count) if other != me] for me in range(count)]
    view = [{int(link.name): link for link in mine} for mine in links]
    chokers: list[Choker[Link]] = [Choker(4, rng) for _ in range(count)]
    phase = [rng.randrange(10) for _ in range(count)]
    received = [0.0] * count
    for second in range(seconds):
        now = float(second)
        for me in range(count):
            served = [link for link in links[me] if not link.is_choked_by_us]
            for link in served:
                share = int(capacities[me] / len(served))
                link.up.add(share, now)
                view[int(link.name)][me].down.add(share, now)
                received[int(link.name)] += share
        for me in range(count):
            for link in links[me]:
                link.rate_down, link.rate_up = link.down.slow_rate(now), link.up.slow_rate(now)
            if second % 10 == phase[me]:
                decision = chokers[me].round(links[me], now, seeding=False)
                carry_out(Decision(list(decision.unchoke), list(decision.choke)), now)
    return received


def test_in_a_game_of_chokers_giving_pays_and_free_riding_does_not() -> None:
    seed = 2024
    capacities = [0.0, 0.0] + [50e3] * 6 + [100e3] * 6 + [200e3] * 6
    received = play(capacities, 1800, random.Random(seed))
    riders, slow, middle, fast = (sum(received[a:b]) / (b - a) for a, b in ((0, 2), (2, 8), (8, 14), (14, 20)))
    assert riders < slow < middle < fast, seed
    assert riders < 0.75 * slow, seed
    assert riders < 0.4 * sum(received) / len(received), seed
    assert fast > 1.5 * slow, seed
    assert riders > 0, "everybody is tried now and then"
    assert sum(received) == pytest.approx(sum(capacities) * 1800, rel=0.02)
