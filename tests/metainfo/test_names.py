"""Names from a torrent on this disk: each trap by name, and the law that nothing escapes and nothing clashes."""

from __future__ import annotations

import os
import unicodedata
from pathlib import PurePosixPath, PureWindowsPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from torrent.errors import MetainfoError
from torrent.metainfo import limits, names

nasty = st.one_of(
    st.binary(max_size=30),
    st.text(max_size=20).map(lambda text: text.encode("utf-8", "surrogatepass")),
    st.sampled_from(
        [b"..", b".", b"", b"a", b"A", b"a.1", b"con", b"NUL.txt", b"c:", b"/", b"\\", b"a/b", b"a ", b"a."]
    ),
)
paths = st.lists(st.lists(nasty, min_size=1, max_size=4).map(tuple), min_size=1, max_size=25)


def key(path: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(unicodedata.normalize("NFC", unicodedata.normalize("NFC", part).casefold()) for part in path)


def check_component(part: str) -> None:
    assert part not in ("", ".", "..")
    assert not set(part) & set("/\\\0")
    assert part.strip(". ")
    assert len(part.encode()) <= 255
    assert not any(unicodedata.category(char) in ("Cc", "Cs") for char in part)
    assert not PureWindowsPath(part).drive
    assert not PureWindowsPath(part).is_absolute()


@given(paths)
def test_nothing_escapes_and_nothing_clashes(raw: list[tuple[bytes, ...]]) -> None:
    found, _ = names.disk_paths("root", raw)
    assert found == names.disk_paths("root", raw)[0]
    for path in found:
        assert path[0] == "root"
        for part in path:
            check_component(part)
        assert PurePosixPath("/d", *path).is_relative_to("/d/root")
        assert os.path.normpath("/d/" + "/".join(path)) == "/d/" + "/".join(path)
    keys = [key(path) for path in found]
    assert len(set(keys)) == len(keys)
    folders = {path[:depth] for path in keys for depth in range(1, len(path))}
    assert not folders & set(keys)


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"plain name (1).tar.gz", "plain name (1).tar.gz"),
        (b"..", "_"),
        (b".", "_"),
        (b"", "_"),
        (b"...", "_"),
        (b"   ", "_"),
        (b"../../etc/passwd", ".._.._etc_passwd"),
        (b"/etc/passwd", "_etc_passwd"),
        (b"..\\..\\x", ".._.._x"),
        (b"C:", "C_"),
        (b"c:autoexec.bat", "c_autoexec.bat"),
        (b"a\0b", "a_b"),
        (b"a\x1b[31mb\n", "a_[31mb_"),
        ("a\u202egpj.exe".encode(), "a_gpj.exe"),
        ("\u200bx".encode(), "_x"),
        (b"console", "console"),
        (b".hidden", ".hidden"),
        (b"\xff\xfe", "__"),
        ("naïve 日本.txt".encode(), "naïve 日本.txt"),
        (b"\xed\xa0\x80", "___"),
    ],
)
def test_component(raw: bytes, expected: str) -> None:
    assert names.component(raw) == expected


def test_the_fallback_replaces_a_name_of_which_nothing_is_left() -> None:
    assert names.component(b"...", fallback="0123abcd") == "0123abcd"


def test_a_long_name_is_cut_between_characters_and_keeps_its_extension() -> None:
    found = names.component(("日" * 200 + ".mkv").encode())
    assert found == "日" * 83 + ".mkv"  # 249 + 4 bytes: one more character would be 256
    assert names.component(b"x" * 10_000 + b".mp3") == "x" * 251 + ".mp3"
    assert names.component(b"a." + b"y" * 300) == "a." + "y" * 253


def test_the_claimed_encoding_helps_only_where_it_is_known_and_fits() -> None:
    raw = "日本".encode("cp932")
    assert names.component(raw, "Shift_JIS") == "日本"
    assert names.component("日本".encode(), "Shift_JIS") == "日本"
    for bad in ("zip", "idna", "unicode_escape", "utf-7", "nothing", "\0"):
        assert "日" not in names.component(raw, bad)
        check_component(names.component(raw, bad))


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ([(b"a.txt",), (b"a.txt",), (b"a.txt",)], ["a.txt", "a.1.txt", "a.2.txt"]),
        ([(b"a.txt",), (b"a.1.txt",), (b"a.txt",)], ["a.txt", "a.1.txt", "a.2.txt"]),
        ([(b"README",), (b"readme",)], ["README", "readme.1"]),
        ([("é".encode(),), ("e\u0301".encode(),)], ["é", "e\u0301.1"]),
        ([("ß".encode(),), (b"SS",)], ["ß", "SS.1"]),
        ([(b"a",), (b"a", b"b")], ["a.1", "a/b"]),
        ([(b"A", b"b"), (b"a",), (b"a.1",)], ["A/b", "a.1", "a.1.1"]),
        ([(b"D", b"x"), (b"d", b"X")], ["D/x", "d/X.1"]),
        ([(b"..",), (b"_",)], ["_", "_.1"]),
        ([(b".bashrc",), (b".bashrc",)], [".bashrc", ".bashrc.1"]),
    ],
    ids=[
        "same",
        "suffix taken",
        "case",
        "unicode form",
        "casefold",
        "file is folder",
        "chain",
        "folders",
        "dots",
        "dot",
    ],
)
def test_clashes_are_resolved_in_order(raw: list[tuple[bytes, ...]], expected: list[str]) -> None:
    found, notes = names.disk_paths(None, raw)
    assert ["/".join(path) for path in found] == expected
    assert len(notes) >= 1


def test_a_flood_of_equal_names_is_refused() -> None:
    names.disk_paths("r", [(b"a",)] * (limits.MAX_DUPLICATES + 1))
    with pytest.raises(MetainfoError):
        names.disk_paths("r", [(b"a",)] * (limits.MAX_DUPLICATES + 2))


def test_paths_too_deep_or_empty_are_refused() -> None:
    names.disk_paths("r", [(b"a",) * 100])
    with pytest.raises(MetainfoError):
        names.disk_paths("r", [(b"a",) * 101])
    with pytest.raises(MetainfoError):
        names.disk_paths("r", [()])


def test_pads_take_no_name() -> None:
    found, _ = names.disk_paths("r", [(b"a",), None, (b"b",)])
    assert found == [("r", "a"), (), ("r", "b")]


def test_links_point_at_what_the_torrent_holds_or_nowhere() -> None:
    raw = [(b"dir", b"f:ile"), (b"up",), (b"out",), (b"dir", b"me"), (b"folder",), (b"dir", b"loop"), (b"self",)]
    disk, _ = names.disk_paths("r", raw)
    links = {
        1: (b"dir", b"f:ile"),
        2: (b"..", b"..", b"etc"),
        3: (b"dir",),
        4: (b"dir",),
        5: (b"dir", b"gone"),
        6: (b"self",),
    }
    assert names.link_targets(links, "r", raw, disk) == {1: disk[0], 4: ("r", "dir")}
    assert names.link_targets({1: ()}, "r", raw, disk) == {}


WINDOWS = [
    (b"CON", "_CON"),
    (b"nul.tar.gz", "_nul.tar.gz"),
    (b"Com1 .txt", "_Com1 .txt"),
    ("LPT¹".encode(), "_LPT¹"),
    (b"CONIN$", "_CONIN$"),
    (b"trailing. . .", "trailing"),
]


@pytest.mark.parametrize(("raw", "expected"), WINDOWS)
def test_what_windows_alone_cannot_store_changes_there(
    monkeypatch: pytest.MonkeyPatch, raw: bytes, expected: str
) -> None:
    monkeypatch.setattr(names, "_WINDOWS", True)
    assert names.component(raw) == expected


@pytest.mark.parametrize(("raw", "expected"), WINDOWS)
def test_and_stays_what_it_is_elsewhere(monkeypatch: pytest.MonkeyPatch, raw: bytes, expected: str) -> None:
    monkeypatch.setattr(names, "_WINDOWS", False)
    assert names.component(raw) == raw.decode()
