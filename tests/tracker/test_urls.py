"""Which tracker addresses are understood, and which are turned away?"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from torrent.errors import TrackerError
from torrent.tracker.urls import TrackerUrl, shown_url


def test_the_parts_of_an_address() -> None:
    url = TrackerUrl.parse("https://me:s%40cret@Tracker.Example/x/announce?passkey=a%20b#part")
    assert (url.scheme, url.host, url.port, url.path) == ("https", "tracker.example", 443, "/x/announce")
    assert (url.query, url.userinfo) == ("passkey=a%20b", "me:s@cret")
    assert str(url) == "https://tracker.example/x/announce?passkey=a%20b"


def test_ipv6_hosts_keep_their_brackets_outside() -> None:
    url = TrackerUrl.parse("http://[2001:db8::1]:6969/announce")
    assert (url.host, url.port) == ("2001:db8::1", 6969)
    assert str(url) == "http://[2001:db8::1]:6969/announce"


def test_names_and_paths_become_ascii() -> None:
    assert str(TrackerUrl.parse("http://bücher.example/annoüce")) == "http://xn--bcher-kva.example/anno%C3%BCce"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "tracker.example/announce",
        "wss://tracker.example/announce",
        "file:///etc/passwd",
        "http://",
        "http://:80/announce",
        "http://host:0/announce",
        "http://host:99999/announce",
        "http://host:x/announce",
        "udp://host/announce",
        "http://[::1/announce",
        "http://[fe80::1%25eth0]/announce",
        "http://host/announce\r\nX-Header: 1",
        "http://host/a nnounce",
        "http://ho\tst/announce",
        "http://ho%00st/announce",
        "http://a" + "b" * 300 + "/announce",
        "http://host/" + "a" * 5000,
        "http://" + "." * 5 + "/announce",
    ],
)
def test_what_cannot_be_asked_is_an_error(text: str) -> None:
    with pytest.raises(TrackerError):
        TrackerUrl.parse(text)


@pytest.mark.parametrize(
    ("announce", "scrape"),
    [
        ("http://h/announce", "http://h/scrape"),
        ("http://h/x/announce.php?k=1", "http://h/x/scrape.php?k=1"),
        ("http://h/announce/announce", "http://h/announce/scrape"),
        ("udp://h:1/announce", "udp://h:1/announce"),
    ],
)
def test_the_rule_for_scrapes(announce: str, scrape: str) -> None:
    assert str(TrackerUrl.parse(announce).scrape()) == scrape


@pytest.mark.parametrize("url", ["http://h/a", "http://h/", "http://h/announce/x", "http://h/x?announce"])
def test_some_trackers_have_no_address_for_scrapes(url: str) -> None:
    with pytest.raises(TrackerError):
        TrackerUrl.parse(url).scrape()


def test_a_query_is_kept_and_added_to() -> None:
    assert str(TrackerUrl.parse("http://h/announce?key=1").with_query("a=2")).endswith("/announce?key=1&a=2")
    assert str(TrackerUrl.parse("http://h/announce").with_query("a=2")).endswith("/announce?a=2")


def test_udp_trackers_see_path_and_query() -> None:
    assert TrackerUrl.parse("udp://h:1/dir?a=b&c=d").request_uri == "/dir?a=b&c=d"
    assert TrackerUrl.parse("udp://h:1").request_uri == ""


def test_credentials_stay_with_their_origin() -> None:
    url = TrackerUrl.parse("http://me:secret@h/announce")
    assert url.redirected("/announce2").userinfo == "me:secret"
    assert url.redirected("http://other/announce").userinfo == ""
    assert url.redirected("http://h:81/announce").userinfo == ""
    assert url.redirected("http://you:guess@other/announce").userinfo == ""


@pytest.mark.parametrize("location", ["udp://h:1/x", "file:///x", "http://h/x\r\ny", "http://[", "ftp://h", ""])
def test_redirects_that_are_not_followed(location: str) -> None:
    url = TrackerUrl.parse("https://h/announce")
    if location == "":
        assert url.redirected(location) == url
        return
    with pytest.raises(TrackerError):
        url.redirected(location)


def test_no_redirect_leads_out_of_tls() -> None:
    with pytest.raises(TrackerError, match="from https to http"):
        TrackerUrl.parse("https://h/announce").redirected("http://h/announce")


def test_what_is_shown_holds_no_password() -> None:
    assert shown_url("http://me:se@cret@h/announce?x=@") == "http://h/announce?x=@"
    assert shown_url("http://h/announce?x=@") == "http://h/announce?x=@"


@given(st.text(max_size=60), st.sampled_from(["", "http://", "udp://", "https://h/", "http://[", "http://h:"]))
def test_any_text_is_an_address_or_an_error(text: str, start: str) -> None:
    try:
        url = TrackerUrl.parse(start + text)
        url.redirected(text)
    except TrackerError:
        return
    assert str(url).isascii() and not any(c <= " " for c in str(url))
    assert TrackerUrl.parse(str(url)) == TrackerUrl(url.scheme, url.host, url.port, url.path, url.query)
