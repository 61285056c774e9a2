"""What is known of one address, and when may it be dialled again?

A failure doubles the wait, from 15 s to an hour (2 s to a minute for the user's own addresses), with a quarter of
jitter either way. A connection that was of use, or lasted a minute, wipes the failures out and is dialled again after
ten seconds; any other connection counts as one more failure, so who hangs up on us is asked ever less.
"""

from __future__ import annotations

from typing import Final

from torrent.terms import Address

SOURCES: Final = ("user", "resume", "lsd", "incoming", "tracker", "dht", "pex")
"""Who may tell us of a peer, the most trusted first."""

TRUST: Final = {source: rank for rank, source in enumerate(SOURCES)}
"""The place of each source in `SOURCES`: the lower the more trusted."""

FIRST_WAIT: Final = 15.0
LONGEST_WAIT: Final = 3600.0
USERS_FIRST_WAIT: Final = 2.0
USERS_LONGEST_WAIT: Final = 60.0
REDIAL: Final = 10.0
"""Seconds before we dial a peer that was of use and left."""

PROOF: Final = 60.0
"""Seconds after which a connection was of use, whatever was sent on it."""


class Entry:
    """One address in the book."""

    __slots__ = (
        "address",
        "connected_at",
        "failures",
        "is_dialled",
        "is_seed",
        "rank",
        "retry_at",
        "source",
        "trouble",
        "was_useful",
    )

    def __init__(self, address: Address, source: str, rank: int) -> None:
        self.address = address
        self.source = source
        self.rank = rank
        """Where it stands among its equals: the lower the earlier."""
        self.failures = 0
        self.retry_at = 0.0
        self.connected_at: float | None = None
        self.is_dialled = False
        """Given out, and nothing heard yet; `retry_at` is when we no longer wait to hear."""
        self.was_useful = False
        self.is_seed = False
        self.trouble = ""
        """Why the last dial failed."""

    @property
    def is_users(self) -> bool:
        """Whether the user named it."""
        return self.source == "user"

    def give_out(self, until: float) -> None:
        """Note that somebody dials it now, and will be heard of before `until`."""
        self.is_dialled = True
        self.retry_at = until

    def connect(self, now: float) -> None:
        """Begin a connection."""
        self.connected_at = now
        self.is_dialled = False
        self.trouble = ""

    def fail(self, now: float, luck: float, reason: str = "") -> None:
        """Count a failure and put the next dial off; `luck` from 0 to 1 spreads the peers that fail together."""
        first, longest = (USERS_FIRST_WAIT, USERS_LONGEST_WAIT) if self.is_users else (FIRST_WAIT, LONGEST_WAIT)
        wait = min(longest, first * 2 ** min(self.failures, 20))
        self.retry_at = now + wait * (0.75 + luck / 2)
        self.failures += 1
        self.is_dialled = False
        self.trouble = reason

    def leave(self, now: float, luck: float, *, useful: bool) -> None:
        """End the connection: of use, or one more failure."""
        lasted = now - self.connected_at if self.connected_at is not None else 0.0
        self.connected_at = None
        self.is_dialled = False
        if useful or lasted >= PROOF:
            self.was_useful, self.failures = True, 0
            self.retry_at = now + REDIAL * (0.75 + luck / 2)
        else:
            self.fail(now, luck, self.trouble)

    def dial_order(self) -> tuple[bool, int, bool, bool, int]:
        """Return what addresses are sorted by: the user's, those that failed least, useful ones, seeds, then rank."""
        return self.source != "user", self.failures, not self.was_useful, not self.is_seed, self.rank
