"""The conversation: fed whole, byte by byte, cut at random, and with garbage; and two of ours back to back."""

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from torrent.errors import PeerError
from torrent.peer import PeerProtocol, wire

BLOCK = bytes(range(256)) * 64


class Diary:
    """A listener that writes everything down."""

    def __init__(self):
        self.lines = []

    def __getattr__(self, name):
        if not name.startswith("on_"):
            raise AttributeError(name)

        def note(*arguments):
            self.lines.append((name[3:], *(bytes(x) if isinstance(x, memoryview) else x for x in arguments)))

        return note


def protocol(pieces=100, fast=True, extended=True):
    diary, sent = Diary(), []
    return PeerProtocol(diary, sent.append, pieces=pieces, fast=fast, extended=extended), diary, sent


STREAM = b"".join(
    [
        wire.bitfield(b"\xff" * 13),
        wire.KEEP_ALIVE,
        wire.bare(wire.UNCHOKE),
        wire.piece_header(3, 0, len(BLOCK)) + BLOCK,
        wire.piece_header(3, 16384, 5) + b"hello",
        wire.numbered(wire.HAVE, 7),
        wire.spans(wire.REQUEST, [(1, 0, 16384), (1, 16384, 16384)]),
        wire.KEEP_ALIVE,
        wire.KEEP_ALIVE,
        wire.piece_header(4, 0, 0),
        wire.bare(wire.INTERESTED),
        wire.spans(wire.CANCEL, [(1, 0, 16384)]),
        wire.spans(wire.REJECT, [(9, 0, 16384)]),
        wire.numbered(wire.SUGGEST, 2),
        wire.numbered(wire.ALLOWED_FAST, 5),
        wire.extended(0, b"de"),
        wire.port(6881),
        b"\0\0\0\x04\x63abc",  # a type nobody knows
        wire.piece_header(3, 32768, len(BLOCK)) + BLOCK,
        wire.bare(wire.CHOKE),
        wire.bare(wire.NOT_INTERESTED),
    ]
)
STORY = [
    ("bitfield", b"\xff" * 13),
    ("unchoke",),
    ("block", 3, 0, BLOCK),
    ("block", 3, 16384, b"hello"),
    ("have", 7),
    ("request", 1, 0, 16384),
    ("request", 1, 16384, 16384),
    ("block", 4, 0, b""),
    ("interest", True),
    ("cancel", 1, 0, 16384),
    ("reject", 9, 0, 16384),
    ("suggest", 2),
    ("allowed_fast", 5),
    ("extended", 0, b"de"),
    ("port", 6881),
    ("block", 3, 32768, BLOCK),
    ("choke",),
    ("interest", False),
]


def feed(cuts):
    core, diary, _ = protocol()
    at = 0
    for cut in [*cuts, len(STREAM)]:
        core.receive(memoryview(STREAM[at:cut]))
        at = cut
    return diary.lines


def test_whole():
    assert feed([]) == STORY


def test_byte_by_byte():
    assert feed(range(len(STREAM))) == STORY


@pytest.mark.parametrize("seed", range(50))
def test_cut_at_random(seed):
    rng = Random(seed)
    assert feed(sorted(rng.sample(range(len(STREAM)), rng.randint(1, 40)))) == STORY


def test_flags_follow_the_messages():
    core, _, _ = protocol()
    assert core.peer_choking and not core.peer_interested
    core.receive(memoryview(wire.bare(wire.UNCHOKE) + wire.bare(wire.INTERESTED)))
    assert not core.peer_choking and core.peer_interested


@pytest.mark.parametrize(
    "message",
    [
        b"\xff\xff\xff\xff\x07",
        b"\x00\x20\x00\x00\x14",
        (9 + wire.MAX_BLOCK + 1).to_bytes(4, "big") + b"\x07" + bytes(8),
        b"\0\0\0\x05\x07\0\0\0\0",  # a piece too short for its header
        b"\0\0\0\x02\x00\0",  # a choke with a payload
        b"\0\0\0\x04\x04abc",  # a have of three bytes
        b"\0\0\0\x0f\x05" + bytes(14),  # a bitfield one byte too long
        b"\0\0\0\x0d\x05" + bytes(11),  # and one too short
        b"\0\0\0\x01\x14",  # an extension message without a number
        b"\0\0\0\x02\x09\0",  # half a port
        (2 + 16384).to_bytes(4, "big") + b"\x63",
    ],
)
@pytest.mark.parametrize("piecemeal", [False, True])
def test_what_cannot_be_legal_ends_the_connection(message, piecemeal):
    core, _, _ = protocol()
    with pytest.raises(PeerError):
        for at in range(0, len(message), 1 if piecemeal else len(message)):
            core.receive(memoryview(message[at : at + (1 if piecemeal else len(message))]))


@pytest.mark.parametrize("kind", sorted(wire.FAST_ONLY))
def test_fast_messages_need_the_fast_extension(kind):
    core, diary, _ = protocol(fast=False)
    with pytest.raises(PeerError):
        core.receive(
            memoryview((1 + wire.LENGTHS[kind]).to_bytes(4, "big") + bytes((kind,)) + bytes(wire.LENGTHS[kind]))
        )
    assert diary.lines == []


def test_an_oversized_message_is_refused_before_it_is_stored():
    core, _, _ = protocol()
    with pytest.raises(PeerError):
        core.receive(memoryview(b"\x7f\xff\xff\xff\x14" + bytes(100)))
    assert len(core._tail) < 200


def test_without_the_fast_extension_nothing_fast_is_sent():
    core, _, sent = protocol(fast=False)
    core.start(b"\xff", everything=True, nothing=False)
    core.reject([(0, 0, 1)])
    core.allow_fast([1])
    assert sent == [wire.bitfield(b"\xff")]


def test_interest_is_said_only_when_it_changes():
    core, _, sent = protocol()
    core.set_interested(True)
    core.set_interested(True)
    core.set_interested(False)
    assert sent == [wire.bare(wire.INTERESTED), wire.bare(wire.NOT_INTERESTED)]


def test_a_hash_request_is_refused_politely():
    core, _, sent = protocol()
    core.receive(memoryview((49).to_bytes(4, "big") + b"\x15" + bytes(48)))
    assert sent == [wire.hash_reject(bytes(48))]


def test_two_of_ours_understand_each_other():
    here, there = Diary(), Diary()
    wires = {"a": [], "b": []}
    a = PeerProtocol(here, wires["a"].append, pieces=9, fast=True, extended=True)
    b = PeerProtocol(there, wires["b"].append, pieces=9, fast=True, extended=True)
    a.start(None, everything=True, nothing=False)
    b.start(None, everything=False, nothing=True)
    b.set_interested(True)
    a.unchoke()
    b.request([(0, 0, 16384)])
    a.have([1, 2])
    b.cancel([(0, 0, 16384)])
    b.keep_alive()
    b.extension(0, b"de")
    a.choke()
    b.receive(memoryview(b"".join(wires["a"])))
    a.receive(memoryview(b"".join(wires["b"])))
    assert there.lines == [("have_all",), ("unchoke",), ("have", 1), ("have", 2), ("choke",)]
    assert here.lines == [
        ("have_none",),
        ("interest", True),
        ("request", 0, 0, 16384),
        ("cancel", 0, 0, 16384),
        ("extended", 0, b"de"),
    ]


@settings(max_examples=300)
@given(st.lists(st.binary(max_size=60), max_size=8))
def test_garbage_raises_one_error_or_nothing(chunks):
    core, _, _ = protocol()
    try:
        for chunk in chunks:
            core.receive(memoryview(chunk))
    except PeerError:
        pass
