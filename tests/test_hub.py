"""Happenings reach every reader in order, and a sleeping reader costs one ring and not more."""

from __future__ import annotations

import pytest

from torrent.events import Listening, PieceVerified
from torrent.hub import Hub, Subscription


def test_every_reader_gets_everything_in_order() -> None:
    hub = Hub()
    first, second = hub.subscribe(), hub.subscribe()
    events = [Listening(port) for port in range(1, 6)]
    for event in events:
        hub.publish(event)
    assert first.pop() == events
    assert second.pop() == events
    assert first.pop() == []


def test_a_reader_sees_nothing_from_before_it_came_or_after_it_left() -> None:
    hub = Hub()
    hub.publish(Listening(1))
    reader = hub.subscribe()
    hub.publish(Listening(2))
    hub.unsubscribe(reader)
    hub.publish(Listening(3))
    assert reader.pop() == [Listening(2)]
    hub.unsubscribe(reader)


def test_a_full_ring_loses_the_oldest_and_counts() -> None:
    hub = Hub()
    slow, quick = hub.subscribe(capacity=3), hub.subscribe(capacity=100)
    for piece in range(10):
        hub.publish(PieceVerified("ab", piece))
    assert [event.piece for event in slow.pop() if isinstance(event, PieceVerified)] == [7, 8, 9]
    assert slow.dropped == 7
    assert len(quick) == 10
    assert quick.dropped == 0


@pytest.mark.parametrize("capacity", [1, 4])
def test_a_reader_is_woken_once_per_batch(capacity: int) -> None:
    hub = Hub()
    reader = hub.subscribe(capacity)
    wakes: list[int] = []
    reader.on_event = lambda: wakes.append(len(reader))
    for _ in range(8):
        hub.publish(Listening(1))
    assert wakes == [1]
    reader.pop()
    hub.publish(Listening(2))
    assert wakes == [1, 1]


def test_all_rings_are_filled_before_anybody_is_woken() -> None:
    hub = Hub()
    first, second = hub.subscribe(), hub.subscribe()
    seen: list[int] = []
    first.on_event = lambda: seen.append(len(second))
    hub.publish(Listening(1))
    assert seen == [1]


def test_a_reader_may_leave_while_another_is_woken() -> None:
    hub = Hub()
    first, second = hub.subscribe(), hub.subscribe()
    first.on_event = lambda: hub.unsubscribe(second)
    second.on_event = lambda: pytest.fail("woken after it left")
    hub.publish(Listening(1))
    assert second.pop() == [Listening(1)]


def test_a_reader_may_publish_and_pop_when_woken() -> None:
    hub = Hub()
    reader = hub.subscribe()
    got: list[object] = []

    def wake() -> None:
        got.extend(reader.pop())
        if len(got) == 1:
            hub.publish(Listening(2))

    reader.on_event = wake
    hub.publish(Listening(1))
    assert got == [Listening(1), Listening(2)]


def test_a_ring_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError):
        Subscription(0)
