"""How does a happening in the engine reach those who watch, without the engine knowing or waiting for them?

`publish` puts an event into the bounded ring of every subscription, at once and in order. Whoever reads slowly loses
the oldest events and is told how many; the engine never waits and never grows.

Invariants
- A ring holds at most `capacity` events; `dropped` counts every event pushed out unread.
- Every ring has the event before the first `on_event` is called, so one reader's work cannot hide it from another.
- `on_event` is called on the step from empty to not empty only, so a reader is woken once per batch.

A remote that causes a storm of events costs at most the rings.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from torrent.events import Event


class Subscription:
    """One reader's ring. Made by `Hub.subscribe`."""

    __slots__ = ("_ring", "dropped", "on_event")

    def __init__(self, capacity: int) -> None:
        if capacity < 1:
            raise ValueError("a ring holds at least one event")
        self._ring: deque[Event] = deque(maxlen=capacity)
        self.dropped = 0
        """Events lost so far because the ring was full."""
        self.on_event: Callable[[], None] | None = None
        """Called by `publish` when the ring was empty. It must only wake the reader, and never raise."""

    def __len__(self) -> int:
        return len(self._ring)

    def pop(self) -> list[Event]:
        """Take all events out of the ring, oldest first."""
        events = list(self._ring)
        self._ring.clear()
        return events

    def _push(self, event: Event) -> bool:
        ring = self._ring
        was_empty = not ring
        if len(ring) == ring.maxlen:
            self.dropped += 1
        ring.append(event)
        return was_empty


class Hub:
    """Where events are published, and where readers subscribe."""

    __slots__ = ("_subscriptions",)

    def __init__(self) -> None:
        self._subscriptions: tuple[Subscription, ...] = ()

    def subscribe(self, capacity: int = 1000) -> Subscription:
        """Open a ring of at most `capacity` events; it gets what is published from now on."""
        subscription = Subscription(capacity)
        self._subscriptions += (subscription,)
        return subscription

    def unsubscribe(self, subscription: Subscription) -> None:
        """Publish nothing more into `subscription` and wake it no more; what it holds can still be popped."""
        self._subscriptions = tuple(other for other in self._subscriptions if other is not subscription)

    def publish(self, event: Event) -> None:
        """Put `event` into every ring, then wake the readers whose ring was empty."""
        awake = [subscription for subscription in self._subscriptions if subscription._push(event)]
        for subscription in awake:
            if subscription.on_event is not None and subscription in self._subscriptions:
                subscription.on_event()
