"""Magnet links, with libtorrent as the judge."""

from __future__ import annotations

import base64
import random
from ipaddress import ip_address

import libtorrent as lt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from torrent.errors import MagnetError
from torrent.metainfo import Magnet, limits
from torrent.terms import Address

V1 = bytes(range(20))
V2 = bytes(range(32))
BTIH = f"magnet:?xt=urn:btih:{V1.hex()}"
BTMH = f"magnet:?xt=urn:btmh:1220{V2.hex()}"

addresses = st.builds(Address, st.ip_addresses().map(str).filter(lambda host: "%" not in host), st.integers(1, 65535))
ranges = st.tuples(st.integers(0, 1000), st.integers(0, 1000)).map(lambda pair: (min(pair), max(pair)))
magnets = st.builds(
    Magnet,
    info_hash_v1=st.binary(min_size=20, max_size=20).filter(any),
    info_hash_v2=st.none() | st.binary(min_size=32, max_size=32).filter(any),
    name=st.sampled_from(["", "plain", "a & b = c + d%20", "日本 naïve #?"]),
    trackers=st.lists(
        st.sampled_from(["http://a/x?y=1&z=+2", "udp://[::1]:80", "https://x.example/ü"]), unique=True
    ).map(tuple),
    web_seeds=st.lists(st.sampled_from(["http://a/", "https://b/%20x"]), unique=True).map(tuple),
    peers=st.lists(addresses, unique=True, max_size=4).map(tuple),
    select_only=st.lists(ranges, max_size=4).map(tuple),
    length=st.none() | st.integers(0, 2**59),
)


@given(magnets)
def test_printed_and_read_again_it_is_the_same(magnet: Magnet) -> None:
    assert Magnet.parse(str(magnet)) == magnet


@given(magnets)
def test_libtorrent_reads_what_we_print(magnet: Magnet) -> None:
    theirs = lt.parse_magnet_uri(str(magnet))
    hashes = theirs.info_hashes
    assert hashes.v1.to_bytes() == magnet.info_hash_v1
    assert (hashes.v2.to_bytes() if hashes.has_v2() else None) == magnet.info_hash_v2
    assert theirs.name == magnet.name
    assert tuple(theirs.trackers) == magnet.trackers
    assert [(str(ip_address(host)), port) for host, port in theirs.peers] == [tuple(peer) for peer in magnet.peers]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_we_read_what_libtorrent_prints() -> None:
    params = lt.add_torrent_params()
    params.info_hashes = lt.info_hash_t(lt.sha1_hash(V1), lt.sha256_hash(V2))
    params.name = "a name & more"
    params.trackers = ["http://a/announce?x=1", "udp://b:1/announce"]
    ours = Magnet.parse(lt.make_magnet_uri(params))
    assert (ours.info_hash_v1, ours.info_hash_v2, ours.name) == (V1, V2, "a name & more")
    assert ours.trackers == ("http://a/announce?x=1", "udp://b:1/announce")


@pytest.mark.parametrize(
    "text",
    [
        BTIH,
        BTIH.upper().replace("MAGNET:?XT", "MAGNET:?xt"),
        f"  {BTIH}\n",
        f"magnet:?dn=x&xt=urn:btih:{base64.b32encode(V1).decode()}",
        f"magnet:?xt=urn:btih:{base64.b32encode(V1).decode().lower()}",
        f"magnet:?xt=urn%3Abtih%3A{V1.hex()}",
        f"magnet:?xt.1=urn:sha1:XYZ&xt.2=urn:btih:{V1.hex()}",
        f"{BTIH}&xt=urn:btmh:1114{V1.hex()}",
        f"{BTIH}&xt=urn:btih:{V1.hex()}",
        V1.hex(),
        base64.b32encode(V1).decode(),
    ],
)
def test_ways_to_name_a_v1_torrent(text: str) -> None:
    magnet = Magnet.parse(text)
    assert (magnet.info_hash_v1, magnet.info_hash_v2) == (V1, None)
    assert (magnet.info_hash, magnet.hex) == (V1, V1.hex())


def test_v2_and_hybrid() -> None:
    for text in (BTMH, V2.hex()):
        only = Magnet.parse(text)
        assert (only.info_hash_v1, only.info_hash_v2, only.info_hash) == (None, V2, V2[:20])
    both = Magnet.parse(f"{BTMH}&xt=urn:btih:{V1.hex()}")
    assert both.swarm_hashes == (V1, V2[:20])


def test_everything_beside_the_hash() -> None:
    magnet = Magnet.parse(
        f"{BTIH}&dn=a+b%1B%5B2J&tr=http%3A%2F%2Fa%2Fx&tr.1=udp://b:1&tr=file:///etc/passwd&ws=http://seed/&xl=123"
        "&x.pe=127.0.0.1:80&x.pe=[::1]:81&x.pe=name.example:1&x.pe=1.2.3.4:0&x.pe=1.2.3.4:99999&x.pe=1.2.3.4"
        "&so=0,2,4,6-8,9-1,x,-3&xs=http://evil/x.torrent&as=http://evil/&mt=http://evil/&unknown=1&&=&novalue"
    )
    assert magnet.name == "a b\ufffd[2J"
    assert magnet.trackers == ("http://a/x", "udp://b:1")
    assert magnet.web_seeds == ("http://seed/",)
    assert magnet.peers == (Address("127.0.0.1", 80), Address("::1", 81))
    assert magnet.select_only == ((0, 0), (2, 2), (4, 4), (6, 8))
    assert magnet.length == 123
    assert "evil" not in repr(magnet)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "magnet:",
        "magnet:?",
        "magnet:?dn=x",
        "http://x/",
        "magnet:?xt=urn:btih:",
        "magnet:?xt=urn:btih:" + "g" * 40,
        "magnet:?xt=urn:btih:" + "0" * 39,
        "magnet:?xt=urn:btih:" + "1" * 32,
        "magnet:?xt=urn:btih:" + "é" * 32,
        "magnet:?xt=urn:btih:" + " " * 40,
        "magnet:?xt=urn:btmh:",
        "magnet:?xt=urn:btmh:1220" + "0" * 62,
        "magnet:?xt=urn:btmh:1220" + "0" * 66,
        "magnet:?xt=urn:btmh:1114" + "0" * 40,
        "magnet:?xt=urn:sha1:" + "0" * 32,
        f"{BTIH}&xt=urn:btih:" + "1" * 40,
        "z" * 40,
        "0" * 41,
        BTIH + "&tr=" + "a" * 300_000,
    ],
)
def test_refused(text: str) -> None:
    with pytest.raises(MagnetError):
        Magnet.parse(text)


def test_a_flood_is_cut() -> None:
    many = BTIH + "".join(f"&tr=http://x/{number}" for number in range(2000))
    assert len(Magnet.parse(many).trackers) == limits.MAX_TRACKERS
    many = BTIH + "".join(f"&x.pe=10.0.0.1:{number}" for number in range(1, 2000))
    assert len(Magnet.parse(many).peers) == 200
    assert len(Magnet.parse(BTIH + "&so=" + "1," * 50_000).select_only) == 10_000


@given(st.text(max_size=200))
def test_garbage_is_refused_or_read(text: str) -> None:
    for whole in (text, "magnet:?" + text, BTIH + "&" + text):
        try:
            Magnet.parse(whole)
        except MagnetError:
            pass


def test_mutations_never_escape() -> None:
    rng = random.Random(3)
    seed = f"{BTIH}&xt=urn:btmh:1220{V2.hex()}&dn=a%20b&tr=http%3A%2F%2Fa%3A80%2F&x.pe=[::1]:80&so=1-3&xl=5"
    for _ in range(20_000):
        text = list(seed)
        for _ in range(rng.randint(1, 5)):
            text[rng.randrange(len(text))] = rng.choice("%&=:[]0-,\x00é\ud800²")
        try:
            Magnet.parse("".join(text))
        except MagnetError:
            pass
