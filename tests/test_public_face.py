"""`import torrent` gives these names, and costs next to nothing until one of them is used."""

import subprocess
import sys

import pytest

import torrent

NAMES = [
    "Address",
    "Config",
    "Magnet",
    "Metainfo",
    "Session",
    "Torrent",
    "TorrentError",
    "__version__",
    "errors",
    "events",
    "views",
]


def fresh(code):
    """Run `code` in a new interpreter and return what it prints."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_the_names_are_these():
    assert sorted(torrent.__all__) == dir(torrent) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_each_is_there_in_a_fresh_interpreter(name):
    assert fresh(f"import torrent; print(torrent.{name} is torrent.{name})") == ["True"]


def test_a_name_that_is_not_there_is_an_attribute_error():
    with pytest.raises(AttributeError, match="Sesion"):
        _ = torrent.Sesion


def test_importing_it_loads_nothing_else():
    loaded = fresh("import torrent, sys; print(*sorted(m for m in sys.modules if m.startswith('torrent')))")
    assert loaded == ["torrent"]


@pytest.mark.parametrize("name", ["Config", "TorrentError", "Address", "events", "views", "Magnet", "Metainfo"])
def test_values_need_neither_the_network_nor_the_screens(name):
    heavy = ("asyncio", "aiohttp", "rich", "textual", "click", "torrent.session", "torrent.swarm")
    loaded = set(fresh(f"import torrent, sys; torrent.{name}; print(*sys.modules)"))
    assert not loaded.intersection(heavy)


def test_a_session_needs_no_screens_and_loads_the_http_client_only_when_it_is_used():
    heavy = ("aiohttp", "rich", "textual", "click", "tui")
    loaded = set(fresh("import torrent, sys; torrent.Session; print(*sys.modules)"))
    assert not loaded.intersection(heavy)
