from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from torrent.pieces import Availability, bits

N = 40
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("add"), st.integers(0, bits.full(N))),
        st.tuples(st.just("have"), st.integers(0, N - 1)),
        st.tuples(st.just("remove"), st.integers(0, 10)),
        st.tuples(st.just("seed"), st.integers(0, 1)),
    ),
    max_size=40,
)


@given(STEPS, st.integers(0, bits.full(N)), st.integers(0, N), st.integers(0, N))
def test_it_counts_like_a_list_of_numbers(steps: list[tuple[str, int]], some: int, start: int, stop: int) -> None:
    availability, counts, peers, seeds = Availability(N), [0] * N, [], 0
    for verb, value in steps:
        if verb == "add":
            availability.add(value)
            peers.append(value)
        elif verb == "have":
            availability.add_piece(value)
            peers.append(1 << value)
        elif verb == "remove" and peers:
            availability.remove(peers.pop(value % len(peers)))
        elif verb == "seed":
            availability.seeds += 1
            seeds += 1
    counts = [sum(peer >> piece & 1 for peer in peers) for piece in range(N)]
    chosen = [piece for piece in range(N) if some >> piece & 1]
    fewest = min((counts[piece] for piece in chosen), default=0)
    assert availability.rarest(some) == bits.of(piece for piece in chosen if counts[piece] == fewest)
    assert list(availability.counts(start, stop)) == [seeds + count for count in counts[start:stop]]
    assert availability.count(3) == seeds + counts[3]
    assert availability.anyone() == (bits.full(N) if seeds else bits.of(p for p in range(N) if counts[p]))
    least = min(counts)
    more = sum(count > least for count in counts) / N
    assert math.isclose(availability.distributed(), seeds + least + more)


def test_counts_stop_at_255() -> None:
    availability = Availability(3)
    for _ in range(300):
        availability.add(0b001)
    for _ in range(254):
        availability.add(0b010)
    availability.seeds = 1
    assert availability.counts(0, 3) == bytes([255, 255, 1])
    availability.seeds = 300
    assert availability.counts(0, 3) == bytes([255, 255, 255])


def test_no_pieces() -> None:
    availability = Availability(0)
    assert availability.distributed() == 0.0
    assert availability.counts(0, 0) == b""


def test_many_single_pieces_are_added_together() -> None:
    availability = Availability(5000)
    for piece in range(5000):
        availability.add_piece(piece)
    availability.add_piece(7)
    assert availability.rarest(1 << 7 | 1 << 8) == 1 << 8
    assert availability.count(7) == 2
