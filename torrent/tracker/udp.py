"""What is the UDP tracker protocol: its packets, and who is waiting for which?

`UdpCore` is a datagram core for one socket: questions for any number of trackers go in through `ask`, datagrams come
out of `datagrams_to_send`, results out of `results`. It keeps one connection id per tracker address for the minute that
BEP 15 allows, and one connect in flight for all who wait for it.

Retransmission is quicker than the BEP's 15 * 2^n s, because an announce here has seconds, not hours: `FIRST_RETRY`
* 2^n, until the deadline of the question. A question that went out under a remembered connection id and stays
unanswered, or meets an error, starts over with a new one: the tracker may have forgotten it.

A stranger who sends datagrams is answered by `UdpCore.receive`: only the address that was asked may answer, with the
random transaction id and the action that were sent; everything else is dropped in silence. Questions are bounded by
those who ask, remembered addresses by `MAX_CONNECTIONS`. BEP 15, BEP 41 (the path and query of the URL).
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from random import Random

from torrent.errors import TrackerError
from torrent.net import unpack_compact4, unpack_compact6
from torrent.terms import Address, InfoHash
from torrent.tracker.announce import (
    EVENTS,
    Announce,
    AnnounceReply,
    ScrapeReply,
    TrackerRefused,
    bounded_peers,
    clamped_count,
    clamped_interval,
    refusal,
)

PROTOCOL_ID = 0x41727101980
CONNECT, ANNOUNCE, SCRAPE, ERROR = range(4)
CONNECTION_LIFE = 60.0
FIRST_RETRY = 3.0
MAX_SCRAPE = 71
"""Hashes in one scrape: what fits into an IPv6 packet of 1,500 bytes (the BEP says "about 74")."""

MAX_CONNECTIONS = 1000


def announce_body(announce: Announce, request_uri: str = "") -> bytes:
    """Build what follows the header of an announce, with the URL data of BEP 41 if there is any."""
    ip = 0
    if announce.ip and ":" not in announce.ip:
        try:
            ip = int(IPv4Address(announce.ip))
        except ValueError:
            ip = 0
    sizes = (min(max(0, value), 2**63 - 1) for value in (announce.downloaded, announce.left, announce.uploaded))
    body = struct.pack(
        ">20s20sQQQIIIiH",
        announce.info_hash,
        announce.peer_id,
        *sizes,
        EVENTS.index(announce.event),
        ip,
        announce.key & 0xFFFFFFFF,
        announce.numwant if 0 <= announce.numwant < 2**31 else -1,
        announce.port,
    )
    uri = request_uri.encode("ascii", "replace")
    chunks = (uri[at : at + 255] for at in range(0, len(uri), 255))
    return body + b"".join(bytes((2, len(chunk))) + chunk for chunk in chunks)


def scrape_body(hashes: Iterable[InfoHash]) -> bytes:
    """Build what follows the header of a scrape of at most `MAX_SCRAPE` hashes."""
    return b"".join(hashes)


def parse_announce(body: bytes, *, v6: bool) -> AnnounceReply:
    """Read what follows the header of an announce reply; the socket's family decides the form of the peers."""
    if not body:
        raise TrackerRefused("the tracker does not serve this torrent")  # opentracker's way to say so
    if len(body) < 12:
        raise TrackerError("the tracker's answer is too short")
    interval, leechers, seeds = struct.unpack_from(">iii", body)
    size, unpack = (18, unpack_compact6) if v6 else (6, unpack_compact4)
    return AnnounceReply(
        peers=bounded_peers(unpack(body[12 : 12 + (len(body) - 12) // size * size])),
        interval=clamped_interval(interval),
        seeds=clamped_count(seeds),
        leechers=clamped_count(leechers),
    )


def parse_scrape(body: bytes, hashes: Iterable[InfoHash]) -> dict[InfoHash, ScrapeReply]:
    """Read what follows the header of a scrape reply, in the order that was asked."""
    counts = struct.iter_unpack(">III", body[: len(body) // 12 * 12])
    return {
        one: ScrapeReply(*(clamped_count(count) or 0 for count in three))
        for one, three in zip(hashes, counts, strict=False)
    }


@dataclass(slots=True)
class _Question:
    ticket: int
    to: Address
    action: int
    body: bytes
    deadline: float
    transaction: int = -1
    attempts: int = 0
    resend_at: float = 0.0
    remembered: bool = False


@dataclass(slots=True)
class _Connection:
    connection_id: int = 0
    good_until: float = -1.0
    transaction: int = -1
    attempts: int = 0
    resend_at: float = 0.0
    waiting: dict[int, _Question] = field(default_factory=dict)


class UdpCore:
    """The exchange with all UDP trackers over one socket. `now` is in monotonic seconds throughout."""

    def __init__(self, rng: Random) -> None:
        self._rng = rng
        self._connections: dict[Address, _Connection] = {}
        self._asked: dict[int, _Question] = {}
        self._transactions: dict[int, _Question | Address] = {}
        self._out: list[tuple[bytes, Address]] = []
        self._results: list[tuple[int, bytes | TrackerError]] = []
        self._tickets = 0

    def ask(self, to: Address, action: int, body: bytes, now: float, timeout: float) -> int:
        """Put a question (`ANNOUNCE` or `SCRAPE`) to a tracker and return the ticket its result will carry."""
        self._forget()
        self._tickets += 1
        question = _Question(self._tickets, to, action, body, now + timeout)
        self._asked[question.ticket] = question
        self._go(question, now)
        return question.ticket

    def cancel(self, ticket: int) -> None:
        """Forget a question; it will have no result."""
        question = self._asked.pop(ticket, None)
        if question is not None:
            self._transactions.pop(question.transaction, None)
            connection = self._connections.get(question.to)
            if connection is not None:
                connection.waiting.pop(ticket, None)

    def receive(self, data: bytes, source: Address, now: float) -> None:
        """Take a datagram from anybody."""
        if len(data) < 8:
            return
        action, transaction = struct.unpack_from(">II", data)
        owner = self._transactions.get(transaction)
        if isinstance(owner, Address):
            if owner == source:
                self._connected(owner, action, data, now)
        elif owner is not None and owner.to == source:
            if action == owner.action:
                self._finish(owner, data[8:])
            elif action == ERROR:
                self._refused(owner, data[8:], now)

    def datagrams_to_send(self) -> list[tuple[bytes, Address]]:
        """Return what must be sent now, and forget it."""
        out, self._out = self._out, []
        return out

    def results(self) -> list[tuple[int, bytes | TrackerError]]:
        """Return the tickets that are done, each with the reply after its header or an error, and forget them."""
        results, self._results = self._results, []
        return results

    def next_deadline(self) -> float | None:
        """Return when `tick` is needed next, or None while nobody waits."""
        times = [min(q.deadline, q.resend_at) if q.transaction >= 0 else q.deadline for q in self._asked.values()]
        times += [c.resend_at for c in self._connections.values() if c.transaction >= 0 and c.waiting]
        return min(times, default=None)

    def tick(self, now: float) -> None:
        """Give up what is overdue and send again what was not answered."""
        for question in list(self._asked.values()):
            if now >= question.deadline:
                self._finish(question, TrackerError("timed out"))
            elif question.transaction >= 0 and now >= question.resend_at:
                connection = self._connections[question.to]
                if question.remembered:
                    connection.good_until = -1.0
                self._transactions.pop(question.transaction, None)
                self._go(question, now)
        for to, connection in list(self._connections.items()):
            if connection.transaction >= 0 and not connection.waiting:
                self._transactions.pop(connection.transaction, None)
                connection.transaction = -1
            if connection.transaction >= 0 and now >= connection.resend_at:
                self._connect(to, connection, now)

    def _go(self, question: _Question, now: float) -> None:
        connection = self._connections.setdefault(question.to, _Connection())
        if now >= connection.good_until:
            question.transaction = -1
            question.remembered = False
            connection.waiting[question.ticket] = question
            if connection.transaction < 0:
                connection.attempts = 0
                self._connect(question.to, connection, now)
            return
        question.transaction = self._new_transaction(question)
        question.remembered = question.attempts == 0 and question.ticket not in connection.waiting
        question.resend_at = now + FIRST_RETRY * 2.0**question.attempts
        question.attempts += 1
        header = struct.pack(">QII", connection.connection_id, question.action, question.transaction)
        self._out.append((header + question.body, question.to))

    def _connect(self, to: Address, connection: _Connection, now: float) -> None:
        self._transactions.pop(connection.transaction, None)
        connection.transaction = self._new_transaction(to)
        connection.resend_at = now + FIRST_RETRY * 2.0**connection.attempts
        connection.attempts += 1
        self._out.append((struct.pack(">QII", PROTOCOL_ID, CONNECT, connection.transaction), to))

    def _connected(self, to: Address, action: int, data: bytes, now: float) -> None:
        connection = self._connections[to]
        if action not in (CONNECT, ERROR) or (action == CONNECT and len(data) < 16):
            return
        self._transactions.pop(connection.transaction, None)
        connection.transaction = -1
        waiting = list(connection.waiting.values())
        if action == CONNECT:
            connection.connection_id = struct.unpack_from(">Q", data, 8)[0]
            connection.good_until = now + CONNECTION_LIFE
        for question in waiting:
            if action == CONNECT:
                self._go(question, now)
            else:
                self._finish(question, refusal(data[8:]))
        connection.waiting.clear()

    def _refused(self, question: _Question, message: bytes, now: float) -> None:
        if not question.remembered:
            self._finish(question, refusal(message))
            return
        self._transactions.pop(question.transaction, None)
        self._connections[question.to].good_until = -1.0
        self._go(question, now)

    def _finish(self, question: _Question, result: bytes | TrackerError) -> None:
        self.cancel(question.ticket)
        self._results.append((question.ticket, result))

    def _forget(self) -> None:
        if len(self._connections) <= MAX_CONNECTIONS:
            return
        busy = {question.to for question in self._asked.values()}
        idle = sorted((c.good_until, to) for to, c in self._connections.items() if to not in busy)
        for _, to in idle[: len(self._connections) - MAX_CONNECTIONS]:
            self._transactions.pop(self._connections.pop(to).transaction, None)

    def _new_transaction(self, owner: _Question | Address) -> int:
        while True:
            transaction = self._rng.getrandbits(32)
            if transaction not in self._transactions:
                self._transactions[transaction] = owner
                return transaction
