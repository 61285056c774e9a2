"""One stream married to one conversation, on a transport that only takes notes."""

from torrent.errors import PeerError
from torrent.peer.connection import GULP, HANDSHAKE_SECONDS, IDLE_SECONDS, Connection
from torrent.peer.handshake import Handshake
from torrent.terms import Address, InfoHash, PeerId

OURS = Handshake(InfoHash(b"h" * 20), PeerId(b"o" * 20))
THEIRS = Handshake(InfoHash(b"h" * 20), PeerId(b"t" * 20))


class Transport:
    def __init__(self):
        self.sent = b""
        self.calls = []

    def get_extra_info(self, name):
        return ("::ffff:127.0.0.9", 4321, 0, 0)

    def set_write_buffer_limits(self, high):
        self.calls.append(("limits", high))

    def get_write_buffer_size(self):
        return 0

    def write(self, data):
        self.sent += bytes(data)

    def writelines(self, parts):
        for part in parts:
            self.write(part)

    def __getattr__(self, name):
        return lambda: self.calls.append((name,))


class Talk:
    def __init__(self):
        self.heard = []
        self.ended = None
        self.writable = 0
        self.error = None

    def receive(self, data, now):
        self.heard.append(bytes(data))
        if self.error:
            raise self.error

    def on_writable(self):
        self.writable += 1

    def on_closed(self, reason):
        self.ended = reason


class Host:
    def __init__(self):
        self.gulp = memoryview(bytearray(GULP))
        self.now = 100.0
        self.talk = Talk()
        self.opened, self.closed, self.met = [], [], []
        self.refuse = None

    def time(self):
        return self.now

    def on_open(self, connection):
        self.opened.append(connection)

    def on_handshake(self, connection, theirs):
        self.met.append(theirs)
        if self.refuse:
            raise self.refuse
        return self.talk

    def on_closed(self, connection, reason):
        self.closed.append(reason)


def connect(ours=None):
    host, transport = Host(), Transport()
    connection = Connection(host, ours=ours)
    connection.connection_made(transport)
    return host, transport, connection


def send(connection, data):
    buffer = connection.get_buffer(-1)
    buffer[: len(data)] = data
    connection.buffer_updated(len(data))


def test_we_speak_first_only_where_we_dialled():
    assert connect(OURS)[1].sent == OURS.encode()
    assert connect()[1].sent == b""


def test_the_address_is_canonical():
    assert connect()[2].address == Address("127.0.0.9", 4321)


def test_a_handshake_in_drops_and_what_follows_it_in_the_same_gulp():
    host, _, connection = connect()
    data = THEIRS.encode() + b"\0\0\0\1\1"
    for at in range(60):
        send(connection, data[at : at + 1])
    send(connection, data[60:])
    assert host.met == [THEIRS]
    assert host.talk.heard == [b"\0\0\0\1\1"]
    send(connection, b"more")
    assert host.talk.heard[-1] == b"more"


def test_a_stranger_is_shown_the_door():
    host, transport, connection = connect()
    send(connection, b"GET / HTTP/1.0\r\n\r\n")
    assert connection.closed and ("abort",) in transport.calls
    assert host.closed == ["does not speak the BitTorrent protocol"]


def test_an_answer_for_another_torrent_ends_it():
    host, _, connection = connect(OURS)
    send(connection, Handshake(InfoHash(b"x" * 20), PeerId(b"t" * 20)).encode())
    assert connection.closed and host.met == []


def test_the_host_may_refuse():
    host, _, connection = connect()
    host.refuse = PeerError("no room")
    send(connection, THEIRS.encode())
    assert host.closed == ["no room"]


def test_a_peer_error_ends_one_connection_and_is_told_once():
    host, _, connection = connect()
    send(connection, THEIRS.encode())
    host.talk.error = PeerError("nonsense")
    send(connection, b"x")
    connection.connection_lost(None)
    assert host.talk.ended == "nonsense"
    assert host.closed == ["nonsense"]


def test_a_bug_closes_only_the_peer_it_hit(caplog):
    host, _, connection = connect()
    send(connection, THEIRS.encode())
    host.talk.error = KeyError("bug")
    send(connection, b"x")
    assert host.talk.ended == "internal error"
    assert "KeyError" in caplog.text


def test_nothing_is_delivered_after_the_end():
    host, _, connection = connect()
    send(connection, THEIRS.encode())
    connection.close("enough")
    send(connection, b"late")
    connection.write(b"late")
    assert host.talk.heard == []


def test_deadlines_are_absolute():
    host, _, connection = connect()
    host.now += HANDSHAKE_SECONDS - 1
    send(connection, THEIRS.encode()[:1])  # dripping does not help
    assert not connection.overdue(host.now)
    assert connection.overdue(host.now + 2)


def test_a_silent_peer_is_overdue_but_not_while_we_do_not_read():
    host, _, connection = connect()
    send(connection, THEIRS.encode())
    late = host.now + IDLE_SECONDS + 1
    assert connection.overdue(late)
    connection.pause_reading("full")
    assert not connection.overdue(late)
    host.now = late
    connection.resume_reading("full")
    assert not connection.overdue(late)


def test_a_socket_that_takes_bytes_again_is_passed_on():
    host, _, connection = connect()
    send(connection, THEIRS.encode())
    connection.pause_writing()
    assert connection.write_paused
    connection.resume_writing()
    assert host.talk.writable == 1
