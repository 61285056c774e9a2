"""The facts of a torrent at its first moment."""

import random

import pytest

from tests.swarm.world import OUR_ID, Store, make_metainfo
from torrent import bencode
from torrent.config import Config, NetConfig
from torrent.hub import Hub
from torrent.metainfo import Metainfo
from torrent.ratelimit import Chain
from torrent.storage import Buffers
from torrent.swarm import Options, begin
from torrent.terms import BLOCK_SIZE

DATA = random.Random(5).randbytes(10 * BLOCK_SIZE)


def first_facts(metainfo=None, *, have=0, wanted=None, totals=(0, 0), **options):
    metainfo = metainfo or make_metainfo(DATA, 2 * BLOCK_SIZE)
    store = Store(metainfo, have)
    store.totals.uploaded, store.totals.downloaded = totals
    return begin(
        metainfo,
        store,
        wanted=wanted,
        options=Options(**options),
        config=Config(net=NetConfig(upload_slots=3)),
        buffers=Buffers(1 << 30),
        hub=Hub(),
        peer_id=OUR_ID,
        limit_down=Chain(),
        limit_up=Chain(),
        rng=random.Random(1),
        now=5.0,
    )


def padded():
    """Two files of three blocks with a block of padding between them, in pieces of four."""
    info = {
        b"files": [
            {b"length": 3 * BLOCK_SIZE, b"path": [b"a"]},
            {b"attr": b"p", b"length": BLOCK_SIZE, b"path": [b".pad", b"16384"]},
            {b"length": 3 * BLOCK_SIZE, b"path": [b"b"]},
        ],
        b"name": b"padded",
        b"piece length": 4 * BLOCK_SIZE,
        b"pieces": bytes(40),
    }
    return Metainfo.from_bytes(bencode.encode({b"info": info}))


def test_what_is_there_and_what_is_left():
    state = first_facts(have=0b00011, totals=(70, 80))
    assert state.pieces.have == 0b00011 and state.pieces.left == 6 * BLOCK_SIZE
    assert (state.uploaded_before, state.downloaded_before) == (70, 80)
    assert (state.uploaded, state.downloaded) == (0, 0)
    assert state.choker.slots == 3 and state.peer_id == OUR_ID
    assert not (state.paused or state.stopping or state.failure)


def test_padding_is_counted_apart():
    state = first_facts(padded(), have=0b01)
    assert state.pads == {0: BLOCK_SIZE} and (state.pads_done, state.pads_left) == (BLOCK_SIZE, 0)
    state = first_facts(padded())
    assert (state.pads_done, state.pads_left) == (0, BLOCK_SIZE)


def test_only_the_wanted_files_are_left_to_fetch():
    state = first_facts(padded(), wanted=frozenset({2}))
    assert state.pieces.missing == 0b10 and state.pads_left == 0
    assert state.pieces.left == 3 * BLOCK_SIZE


@pytest.mark.parametrize(("options", "expected"), [({"sequential": True}, [0, 1, 2]), ({"first_last": True}, [0, 4])])
def test_the_order_of_fetching(options, expected):
    state = first_facts(**options)
    from torrent.pieces import Taker

    taker = Taker("one")
    state.pieces.join(taker)
    state.pieces.peer_has_all(taker)
    asked = state.pieces.pick(taker, 2 * len(expected), 0.0)
    assert sorted({block[0] for block in asked}) == expected
