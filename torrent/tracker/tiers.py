"""Which tracker of a torrent is asked, when, and about which event?

The schedule of one torrent over its tiers, as a core: `due` says what to announce where, `answered` and `failed` bring
the news back, `next_deadline` says when to ask again. Times are monotonic seconds.

Rules
- Each tier is shuffled once, tried in order, and whoever answers moves to its front (BEP 12). Of *every* tier the first
  tracker that works is kept announced, not only of the first tier. A private torrent keeps to one tracker: all its
  tiers form one line, and the next is tried only when those before it failed (BEP 27).
- A tracker that fails is left alone for `FIRST_RETRY` * 2^n seconds with some chance in it, an hour at most; the next
  of its tier is tried at once. A tracker that says when to come back (BEP 31) is obeyed, "never" included.
- Every tracker hears `started` first, `completed` at most once and only if the torrent was not complete when it
  started, and `stopped` if it may hold us in its list. `min interval` binds everything that carries no event.
- At most `MAX_IN_FLIGHT` announces of one torrent run at once, so a torrent with hundreds of tiers floods nobody.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from random import Random

from torrent.errors import TrackerError
from torrent.text import safe_text
from torrent.tracker.announce import MAX_TEXT, MIN_INTERVAL, AnnounceReply, TrackerRefused
from torrent.tracker.urls import TrackerUrl, shown_url
from torrent.views import TrackerView

FIRST_RETRY = 30.0
MAX_RETRY = 3600.0
MAX_IN_FLIGHT = 20
USER_RETRY = 15.0
"""Seconds after a failure before the user may have a tracker asked again."""


@dataclass(frozen=True, slots=True)
class Due:
    """Announce this event to this tracker now; the answer goes to `answered` or `failed` under the same URL."""

    url: str
    event: str
    tracker_id: bytes = b""


@dataclass(slots=True, eq=False)
class _Tracker:
    url: str
    tier: int
    started: bool = False
    told_complete: bool = False
    asking: str | None = None
    tracker_id: bytes = b""
    not_before: float = -math.inf
    retry_at: float = -math.inf
    held_until: float = -math.inf
    failed_at: float = -math.inf
    fails: int = 0
    reason: str = ""
    reply: AnnounceReply | None = None


@dataclass(slots=True, eq=False)
class _Line:
    """Trackers of which one at a time is kept announced."""

    tiers: list[list[_Tracker]]
    next_at: float = -math.inf
    current: _Tracker | None = None
    asking: _Tracker | None = None

    def in_order(self) -> Iterator[_Tracker]:
        for tier in self.tiers:
            yield from tier

    def promote(self, tracker: _Tracker) -> None:
        for tier in self.tiers:
            if tracker in tier:
                tier.remove(tracker)
                tier.insert(0, tracker)


class Tiers:
    """The announces of one torrent. `complete` says whether we had all of it when it started."""

    def __init__(
        self, trackers: Iterable[Iterable[str]], rng: Random, *, private: bool = False, complete: bool = False
    ) -> None:
        self._rng = rng
        self._private = private
        self._running = True
        self._complete = self._was_complete = complete
        self._by_url: dict[str, _Tracker] = {}
        self._lines: list[_Line] = [_Line([])] if private else []
        for tier in trackers:
            self.add_tier(tier)

    def add_tier(self, urls: Iterable[str]) -> None:
        """Add a tier behind the others; trackers that are known already are left where they are."""
        number = 1 + max((tracker.tier for tracker in self._by_url.values()), default=-1)
        tier: list[_Tracker] = []
        for url in urls:
            if url not in self._by_url:
                tracker = self._by_url[url] = _Tracker(url, number)
                try:
                    TrackerUrl.parse(url)
                except TrackerError as error:
                    tracker.held_until, tracker.reason = math.inf, str(error)
                tier.append(tracker)
        if not tier:
            return
        self._rng.shuffle(tier)
        if self._private:
            self._lines[0].tiers.append(tier)
        else:
            self._lines.append(_Line([tier]))

    def remove(self, url: str) -> None:
        """Forget a tracker; an announce that is under way to it no longer matters."""
        tracker = self._by_url.pop(url, None)
        for line in self._lines:
            if line.current is tracker:
                line.current, line.next_at = None, -math.inf
            if line.asking is tracker:
                line.asking = None
            for tier in line.tiers:
                tier[:] = [other for other in tier if other is not tracker]

    @property
    def urls(self) -> tuple[str, ...]:
        """All trackers, in the order they came."""
        return tuple(self._by_url)

    @property
    def working(self) -> tuple[str, ...]:
        """The trackers that answered last in their tier."""
        return tuple(line.current.url for line in self._lines if line.current is not None)

    def due(self, now: float) -> list[Due]:
        """Return the announces to make now; each must be followed by `answered` or `failed`."""
        found: list[Due] = []
        busy = sum(line.asking is not None for line in self._lines)
        for line in self._lines if self._running else ():
            if busy >= MAX_IN_FLIGHT:
                break
            ready = (tracker for tracker in line.in_order() if self._ready_at(line, tracker) <= now)
            tracker = None if line.asking else next(ready, None)
            if tracker is not None:
                tracker.asking = self._event(tracker)
                line.asking = tracker
                busy += 1
                found.append(Due(tracker.url, tracker.asking, tracker.tracker_id))
        return found

    def next_deadline(self) -> float | None:
        """Return when `due` may have something next (it may lie in the past), or None while only news can tell."""
        if not self._running or sum(line.asking is not None for line in self._lines) >= MAX_IN_FLIGHT:
            return None
        idle = (line for line in self._lines if line.asking is None)
        soonest = min((self._ready_at(line, tracker) for line in idle for tracker in line.in_order()), default=math.inf)
        return None if soonest == math.inf else soonest

    def answered(self, url: str, reply: AnnounceReply, now: float) -> None:
        """Take a tracker's answer to what `due` or `stop` gave out."""
        tracker = self._by_url.get(url)
        if tracker is None or tracker.asking is None:
            return
        event, tracker.asking = tracker.asking, None
        tracker.fails, tracker.reason, tracker.retry_at = 0, "", -math.inf
        tracker.reply = reply
        tracker.tracker_id = reply.tracker_id or tracker.tracker_id
        tracker.not_before = now + max(reply.min_interval, MIN_INTERVAL)
        tracker.started = event != "stopped"
        if event == "completed":
            tracker.told_complete = True
        for line in self._lines:
            if line.asking is tracker:
                line.asking = None
                line.current = tracker
                line.next_at = now + max(reply.interval, reply.min_interval, MIN_INTERVAL)
                line.promote(tracker)

    def failed(self, url: str, error: TrackerError, now: float) -> float:
        """Take the failure of an announce and return the seconds until this tracker may be tried again."""
        tracker = self._by_url.get(url)
        if tracker is None or tracker.asking is None:
            return math.inf
        tracker.asking = None
        tracker.fails += 1
        tracker.failed_at = now
        tracker.reason = safe_text(str(error), MAX_TEXT)
        wait = min(FIRST_RETRY * 2.0 ** min(tracker.fails - 1, 10), MAX_RETRY / 1.25) * self._rng.uniform(1.0, 1.25)
        tracker.retry_at = now + wait
        if isinstance(error, TrackerRefused) and error.retry_in:
            tracker.held_until = now + error.retry_in
        for line in self._lines:
            if line.asking is tracker:
                line.asking = None
                line.next_at = -math.inf
                if line.current is tracker:
                    line.current = None
        return max(tracker.retry_at, tracker.held_until) - now

    def complete(self) -> None:
        """Note that the last piece has come: every tracker in use hears of it next."""
        self._complete = True

    def announce_now(self, now: float) -> float | None:
        """Bring the next announces forward as far as the trackers allow; return when the first is due."""
        for line in self._lines:
            line.next_at = now
        for tracker in self._by_url.values():
            tracker.retry_at = min(tracker.retry_at, tracker.failed_at + USER_RETRY)
        return self.next_deadline()

    def stop(self) -> list[Due]:
        """End the schedule and return the last words: `stopped` for every tracker that may have us in its list."""
        self._running = False
        found: list[Due] = []
        for tracker in self._by_url.values():
            if tracker.started or tracker.asking is not None:
                tracker.asking = "stopped"
                found.append(Due(tracker.url, "stopped", tracker.tracker_id))
        for line in self._lines:
            line.asking = line.current = None
            line.next_at = -math.inf
        return found

    def start(self, *, complete: bool) -> None:
        """Begin again after `stop`: every tracker hears `started` anew."""
        self._running = True
        self._complete = self._was_complete = complete
        for tracker in self._by_url.values():
            tracker.started = tracker.told_complete = False
            tracker.asking = None

    def views(self, now: float) -> list[TrackerView]:
        """Describe every tracker in plain words, in the order they are tried; `next_announce` is seconds from now."""
        return [self._view(line, tracker, now) for line in self._lines for tracker in line.in_order()]

    def _event(self, tracker: _Tracker) -> str:
        if not tracker.started:
            return "started"
        return "completed" if self._complete and not (self._was_complete or tracker.told_complete) else ""

    def _ready_at(self, line: _Line, tracker: _Tracker) -> float:
        event = self._event(tracker)
        ready = max(tracker.retry_at, tracker.held_until)
        if event == "completed" and tracker is line.current:
            return ready
        return max(ready, line.next_at, tracker.not_before if not event else -math.inf)

    def _view(self, line: _Line, tracker: _Tracker, now: float) -> TrackerView:
        at = self._ready_at(line, tracker) if self._running else math.inf
        wait = None if at == math.inf or tracker.asking is not None else max(0.0, at - now)
        used = line.current is tracker
        if tracker.asking is not None:
            status = "asking"
        elif tracker.held_until == math.inf:
            status = tracker.reason if not tracker.fails else f"{tracker.reason}, never asked again"
        elif tracker.fails:
            again = "" if wait is None else f", retry in {_span(wait)}"
            status = f"{tracker.reason}{again} (fail x{tracker.fails})"
        elif used:
            status = "working"
        else:
            status, wait = ("not asked yet" if tracker.reply is None else "standing by"), wait if wait == 0 else None
        reply = tracker.reply or AnnounceReply()
        message = reply.warning if not tracker.reason else tracker.reason
        return TrackerView(
            tracker.tier, safe_text(shown_url(tracker.url)), status, reply.seeds, reply.leechers, wait, message
        )


def _span(seconds: float) -> str:
    """Write a waiting time the short way: 9s, 5m14s, 1h02m."""
    whole = math.ceil(seconds)
    if whole >= 3600:
        return f"{whole // 3600}h{whole // 60 % 60:02}m"
    return f"{whole // 60}m{whole % 60:02}s" if whole >= 60 else f"{whole}s"
