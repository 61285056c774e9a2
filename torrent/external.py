"""At which address does the world see us?

Behind a router we cannot know it ourselves. Peers tell it in their extension handshake (`yourip`, BEP 10), trackers in
their answers (BEP 24). Nobody is believed alone: an address counts when `QUORUM` voters from different networks agree
and no other address has more votes, so one liar, or many liars in one /24, cannot choose it.

Invariants: at most `MOST_VOTERS` votes are kept, the oldest go; a voter's newer vote takes the place of its older one.
"""

from __future__ import annotations

from collections import Counter

from torrent.net import Scope, canonical_ip, scope_of

QUORUM = 3
MOST_VOTERS = 64


class ExternalAddress:
    """The votes on one address per IP family."""

    def __init__(self) -> None:
        self._votes: dict[tuple[str, bool], str] = {}
        self._seen: dict[bool, str] = {}

    def vote(self, host: str, voter: str) -> str | None:
        """Note that `voter`, an IP or the name of a tracker, sees us at `host`; return our address if that is news."""
        seen, teller = canonical_ip(host), canonical_ip(voter)
        if seen is None or scope_of(seen) is not Scope.GLOBAL:
            return None
        six = ":" in seen
        key = (_network(teller) if teller is not None else voter, six)
        self._votes.pop(key, None)
        self._votes[key] = seen
        if len(self._votes) > MOST_VOTERS:
            del self._votes[next(iter(self._votes))]
        ranked = Counter(vote for (_, family), vote in self._votes.items() if family == six).most_common(2)
        best, count = ranked[0]
        if count < QUORUM or (len(ranked) > 1 and ranked[1][1] == count) or self._seen.get(six) == best:
            return None
        self._seen[six] = best
        return best

    def known(self, *, six: bool = False) -> str:
        """Return our address of a family, empty while nobody knows."""
        return self._seen.get(six, "")


def _network(host: str) -> str:
    """Return the /24 or /48 of an address: what one liar can easily hold counts once."""
    return ":".join(host.split(":")[:3]) if ":" in host else host.rpartition(".")[0]
