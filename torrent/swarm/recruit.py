"""Where do peers come from, who is let in, and who has to go? (S)

Addresses go into the peer book; `tick` dials the best of them within the limits of the torrent and of the process. A
stream that finished its handshake, dialled or accepted, is admitted or refused in one place, `admit`.

What a hostile peer may try, and where it ends: connecting to itself through us, connecting twice, returning after a
ban, filling every slot (`admit`); pushing another out by borrowing its peer id (`_crosses`); naming ports that are not
its own (`learnt_port` adds one address per connection to the book); lying and leaving before the verdict (`ban`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Hashable, Iterable
from dataclasses import dataclass
from typing import Any, cast

from torrent.errors import PeerError, RemoteError
from torrent.events import PeerBanned, PeerConnected, PeerDisconnected
from torrent.net import dial, is_loopback, pack, unpack
from torrent.peer import Connection, ExtensionHandshake, Handshake, Host
from torrent.swarm.member import MOST_ASKED, Member
from torrent.swarm.parts import Parts
from torrent.terms import VERSION, Address, InfoHash

CLIENT = f"torrent {VERSION}"

MOST_DIALS_PER_TICK = 30
"""Dials begun in one second by one torrent: a list of a thousand addresses does not become a thousand packets."""


CROSSING_SECONDS = 10.0
"""Seconds within which a second stream to the same peer may be its dial that crossed ours on the way."""


@dataclass(slots=True)
class Room:
    """How many connections the process holds and may hold; shared by all torrents."""

    most_peers: int
    most_half_open: int
    peers: int = 0
    half_open: int = 0


@dataclass(frozen=True, slots=True)
class Dialled:
    """What a dialled connection is filed under until its handshake is done."""

    recruit: Recruit
    address: Address
    source: str


class Recruit:
    """The peers of one torrent: known, dialled, connected, gone."""

    def __init__(
        self, parts: Parts, host: Host, room: Room, port: int, spawn: Callable[[Coroutine[Any, Any, None]], object]
    ) -> None:
        self._parts = parts
        self._state = parts.state
        self._host = host
        self._room = room
        self._port = port
        self._spawn = spawn
        self._listening: dict[Member, Address] = {}
        self._parted: dict[Address, str] = {}

    # addresses

    def seen_at(self, member: Member) -> None:
        """Pass on at which address a peer sees us."""
        address = unpack(member.their_extensions.your_ip + b"\0\1") if member.their_extensions.your_ip else None
        if address is not None:
            self._host.on_seen_at(address.host, member.host)

    def add(self, addresses: Iterable[Address], source: str) -> int:
        """Put addresses into the book and dial at once where there is room; return how many were new."""
        new = self._state.book.add(addresses, source, self._host.time())
        if new:
            self.dial_some(self._host.time())
        return new

    def learnt_port(self, member: Member, address: Address) -> None:
        """Note where a peer that connected to us listens; it may say so once."""
        if member in self._listening:
            return
        self._listening[member] = address
        self._state.book.add([address], member.source, self._host.time())
        self._state.book.connected(address, self._host.time())

    def dial_some(self, now: float) -> None:
        """Dial the best known addresses, within the limits."""
        state, room = self._state, self._room
        if not state.active:
            return
        free = min(
            state.config.net.max_peers_per_torrent - len(state.members) - state.dialling,
            room.most_peers - room.peers - room.half_open,
            room.most_half_open - room.half_open,
            MOST_DIALS_PER_TICK,
        )
        if free <= 0:
            return
        for address, source in state.book.next_to_dial(now, free, seeding=not state.leeching):
            self._begin_dial(address, source)

    def _begin_dial(self, address: Address, source: str) -> None:
        self._state.dialling += 1
        self._room.half_open += 1
        self._spawn(self._dial(address, source))

    async def _dial(self, address: Address, source: str) -> None:
        state = self._state
        info_hash = state.metainfo.info_hash
        ours = self._our_handshake(info_hash)
        key = Dialled(self, address, source)
        try:
            await dial(lambda: Connection(self._host, ours=ours, key=key), address, state.config.net.bind)
        except RemoteError as error:
            state.book.failed(address, self._host.time(), str(error))
        except asyncio.CancelledError:
            state.book.failed(address, self._host.time(), "cancelled")
            raise
        finally:
            state.dialling -= 1
            self._room.half_open -= 1

    def release(self) -> None:
        """Give back the places of dials that were cancelled before their first step; call it when no dial runs."""
        self._room.half_open -= self._state.dialling
        self._state.dialling = 0

    def handshake_failed(self, address: Address, reason: str) -> None:
        """Note that a dialled stream ended before its handshake."""
        self._state.book.failed(address, self._host.time(), reason)

    # admission

    def admit(self, connection: Connection, theirs: Handshake, now: float) -> Member:
        """Let a peer in and greet it; raises PeerError if it may not stay."""
        state = self._state
        filed = connection.key if isinstance(connection.key, Dialled) else None
        self._check(connection, theirs, now)
        if connection.incoming:
            connection.write(self._our_handshake(theirs.info_hash).encode())
        source = filed.source if filed is not None else "incoming"
        member = Member(self._parts, connection, theirs, source, now)
        connection.gulp = self._parts.throttle.gulp(member, now)
        state.members[member] = None
        self._room.peers += 1
        if filed is not None:
            state.book.connected(filed.address, now)
        state.pieces.join(member.taker)
        self._parts.seed.greet(member)
        member.protocol.extension(0, self._greeting_for(member))
        state.hub.publish(PeerConnected(state.hex, str(member.address), member.client, member.incoming))
        return member

    def _check(self, connection: Connection, theirs: Handshake, now: float) -> None:
        state = self._state
        address = connection.address
        if not address.port:
            raise PeerError("is gone already")
        if not state.active:
            raise PeerError("the torrent is paused")
        if theirs.peer_id == state.peer_id:
            # The end that accepts sees it first and hangs up: it must know which of our addresses was dialled.
            dialled = connection.key.address if isinstance(connection.key, Dialled) else None
            state.book.mark_self(dialled or Address(address.host, self._port))
            raise PeerError("this is our own address")
        if state.book.is_banned(address):
            raise PeerError("banned")
        for twin in [member for member in state.members if member.peer_id == theirs.peer_id]:
            if not self._crosses(twin, connection, theirs, now):
                raise PeerError("connected already")
            twin.connection.close("dialled each other")
        if len(state.members) >= state.config.net.max_peers_per_torrent or self._room.peers >= self._room.most_peers:
            self._make_room(connection)

    def _make_room(self, connection: Connection) -> None:
        """End the connection that gives way by canonical priority (BEP 40), or raise PeerError if none does."""
        candidate = connection.key.address if isinstance(connection.key, Dialled) else connection.address
        among = {member.address: member for member in self._state.members}
        loser = self._state.book.to_drop_for(candidate, among)
        if loser is None:
            raise PeerError("no room for more peers")
        among[loser].connection.close("gave way to another peer")

    def _crosses(self, twin: Member, connection: Connection, theirs: Handshake, now: float) -> bool:
        """Say whether both ends dialled each other and this stream is the one to keep: that of the larger peer id.

        Both ends come to the same answer, whichever stream they saw first; without it each might close what the
        other keeps.
        """
        return (
            twin.incoming != connection.incoming
            and twin.host == connection.address.host
            and now - twin.connected_at < CROSSING_SECONDS
            and connection.incoming == (theirs.peer_id > self._state.peer_id)
        )

    def _our_handshake(self, info_hash: InfoHash) -> Handshake:
        v2 = self._state.metainfo.info_hash_v1 is None  # a hybrid asks nobody to change to its other name (BEP 52)
        return Handshake(info_hash, self._state.peer_id, fast=True, extended=True, v2=v2)

    def _greeting_for(self, member: Member) -> bytes:
        return ExtensionHandshake(
            client=CLIENT,
            reqq=MOST_ASKED,
            port=self._port,
            upload_only=not self._state.leeching,
            your_ip=pack(Address(member.host, 1))[:-2],
        ).encode()

    # parting

    def is_seed(self, member: Member) -> None:
        """Remember that there is a seed at this address: while we seed it is not worth dialling."""
        address = self._listens_at(member)
        if address is not None:
            self._state.book.mark_seed(address)

    def _listens_at(self, member: Member) -> Address | None:
        if isinstance(member.connection.key, Dialled):
            return member.connection.key.address
        return self._listening.get(member)

    def part_if_useless(self, member: Member) -> None:
        """End a connection between two sides that only upload (BEP 21)."""
        if not self._state.leeching and (member.upload_only or member.taker.is_seed) and member.source != "user":
            member.connection.close("both sides are complete")

    def completed(self) -> None:
        """Tell everybody that we only upload from now on, and let the other seeds go."""
        for member in list(self._state.members):
            member.protocol.extension(0, self._greeting_for(member))
            self.part_if_useless(member)

    def left(self, member: Member, reason: str) -> None:
        """Forget a peer whose connection ended."""
        state, parts = self._state, self._parts
        if state.members.pop(member, self) is self:
            return
        self._room.peers -= 1
        parts.throttle.forget(member)
        parts.leech.left(member)
        parts.seed.left(member)
        now = self._host.time()
        address = self._listens_at(member)
        self._listening.pop(member, None)
        if address is not None:
            state.book.left(address, now, useful=bool(member.bytes_down or member.bytes_up))
        state.hub.publish(PeerDisconnected(state.hex, str(member.address), reason))
        if not state.stopping:
            parts.defer(lambda: parts.leech.refill_all(now))
            parts.defer(lambda: parts.seed.fill(now))

    def ban(self, name: Hashable, reason: str) -> None:
        """Ban the peer that `Member.name` names, whether it is still here or not, and end its connections.

        An address is banned whole, except on this machine, where many honest peers may share it.
        """
        state = self._state
        host = str(cast(tuple[str, bytes], name)[0])
        guilty = [member for member in state.members if member.name == name]
        if not guilty and (is_loopback(host) or state.book.is_banned(Address(host, 1))):
            return
        if not is_loopback(host):
            state.book.ban(host)
        for member in guilty:
            for address in (member.address, self._listens_at(member)):
                if address is not None and is_loopback(host):
                    state.book.ban_address(address)
        state.bans += 1
        state.hub.publish(PeerBanned(state.hex, str(guilty[0].address) if guilty else host, reason))
        for member in guilty:
            member.connection.abort(f"banned: {reason}")

    def close_all(self, reason: str) -> None:
        """End every connection; `redial` takes them up again."""
        for member in list(self._state.members):
            address = self._listens_at(member)
            if address is not None:
                self._parted[address] = member.source
            member.connection.close(reason)

    def redial(self) -> None:
        """Dial at once those whom `close_all` let go: they left because we wished it, and need no time to cool down."""
        parted, self._parted = self._parted, {}
        for address, source in parted.items():
            if self._state.dialling < MOST_DIALS_PER_TICK and not self._state.book.is_banned(address):
                self._begin_dial(address, source)
