"""Is the house still the house? Floors, cycles, faces, cores, sizes, namesakes and leftovers, read from the source.

The laws are told in docs/architecture.md; here they are checked on the syntax tree, without importing anything.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.support.source import (
    MODULES,
    ROOT,
    Import,
    Module,
    exported,
    has_content,
    imports,
    ours,
    project_files,
    room_of,
)

FLOORS = {
    **dict.fromkeys(("", "bencode", "terms", "errors", "config", "events", "views", "text", "units"), 0),
    **dict.fromkeys(("ipsec_mb", "lanes"), 0),
    "metainfo": 1,
    **dict.fromkeys(
        ("pieces", "net", "external", "choker", "peerbook", "schedule", "ratelimit", "rates", "selection", "hub"), 2
    ),
    **dict.fromkeys(("peer", "dht", "tracker", "storage"), 3),
    "swarm": 4,
    **dict.fromkeys(("session", "crowd", "handle", "library", "create", "verify", "settings"), 5),
    "cli": 6,
    **dict.fromkeys(("tui", "__main__"), 7),
}
"""Room -> floor. A room is a folder or a module right under `torrent/`; "" is `torrent` itself: its names are lazy."""

NEIGHBOURS = 3
"""The floor whose rooms do not know each other: the swarm brings them together."""

SHELLS = {
    "torrent.__main__",
    "torrent.cli",
    "torrent.create",
    "torrent.dht.crawl",
    "torrent.dht.node",
    "torrent.handle",
    "torrent.ipsec_mb",
    "torrent.lanes",
    "torrent.library",
    "torrent.net",
    "torrent.peer.connection",
    "torrent.peer.establish",
    "torrent.session",
    "torrent.settings",
    "torrent.storage.checking",
    "torrent.storage.descriptors",
    "torrent.storage.disk",
    "torrent.storage.files",
    "torrent.storage.hashing",
    "torrent.storage.journal",
    "torrent.storage.opening",
    "torrent.storage.positioned",
    "torrent.storage.reading",
    "torrent.storage.records",
    "torrent.storage.store",
    "torrent.storage.workers",
    "torrent.swarm.announcer",
    "torrent.swarm.lifecycle",
    "torrent.swarm.recruit",
    "torrent.swarm.tasks",
    "torrent.swarm.throttle",
    "torrent.tracker.client",
    "torrent.tracker.endpoint",
    "torrent.tracker.fetch",
    "torrent.tracker.resolve",
    "torrent.tracker.server",
    "torrent.verify",
    "tui",
}
"""Modules, or whole folders, that may touch loops, sockets, threads, clocks and files. Everything else is a core."""

OUTSIDE_WORLD = {
    *("asyncio", "socket", "select", "selectors", "ssl", "threading", "multiprocessing", "concurrent", "subprocess"),
    *("time", "signal", "shutil", "tempfile", "fcntl", "mmap", "aiofiles", "aiohttp", "uvloop", "logging.handlers"),
}
OUTSIDE_CALLS = {
    "os": {
        *("open", "read", "write", "pread", "pwrite", "preadv", "pwritev", "stat", "lstat", "fstat", "fsync", "rename"),
        *("replace", "remove", "unlink", "mkdir", "makedirs", "listdir", "scandir", "walk", "statvfs", "urandom"),
        *("getenv", "environ", "getcwd", "posix_fallocate", "ftruncate", "truncate", "symlink", "link"),
    },
    "random": {
        *("random", "randint", "randrange", "choice", "choices", "shuffle", "sample", "getrandbits", "randbytes"),
        *("uniform", "seed", "SystemRandom"),
    },
    "datetime": {"now", "today", "utcnow"},
    "pathlib": {"Path", "PosixPath", "WindowsPath"},
}
"""Calls a core may not make: the module itself may still be imported for its pure parts (random.Random, PurePath)."""

INTERFACE = {"rich", "textual", "click", "tui"}
MOST_LINES = 400
NO_NAMESAKE = {"__init__", "__main__"}
FORBIDDEN = {
    "an open end": re.compile(r"\b(TODO|FIXME|XXX)\b"),
    "a stub": re.compile(r"\braise NotImplementedError\b"),
    "a path outside the project": re.compile(r"\.\./shared|(?<![\w-])/work/"),
    "a machine's own folder": re.compile(r"/(home|Users)/[a-z]+/(?!\.\.\.)|/root/\."),
}
FORBIDDEN_FREE = {"tests/test_architecture.py"}


def is_shell(name: str) -> bool:
    return any(name == shell or name.startswith(f"{shell}.") for shell in SHELLS)


def report(faults: list[str]) -> None:
    assert not faults, f"{len(faults)} found:\n" + "\n".join(faults)


def test_every_room_has_a_floor() -> None:
    report([f"{m.relative}: room {m.room!r} has no floor" for m in MODULES if m.room not in FLOORS])


def test_imports_go_down() -> None:
    faults = []
    for module in MODULES:
        for found, target in ours(module):
            if module.name == "torrent" or room_of(target) in (module.room, "tui") or target == "torrent":
                continue
            here, there = FLOORS[module.room], FLOORS.get(room_of(target), -1)
            # Rooms of one floor may share, as long as no circle comes of it; the four neighbours never do.
            if there > here or (there == here == NEIGHBOURS):
                faults.append(f"{module.relative}:{found.line} (floor {here}) imports {target} (floor {there})")
    report(faults)


def test_only_the_screens_may_import_the_lazy_face_of_the_engine() -> None:
    faults = []
    for module in MODULES:
        if FLOORS.get(module.room, 0) >= 6 or module.name == "torrent":
            continue
        for found, target in ours(module):
            if target == "torrent" and set(found.names) - {"__version__"}:
                faults.append(f"{module.relative}:{found.line} imports {', '.join(found.names)} from torrent")
    report(faults)


def test_no_module_stands_in_a_circle() -> None:
    edges: dict[str, set[str]] = {module.name: set() for module in MODULES}
    for module in MODULES:
        for found, target in ours(module):
            if not found.lazy and not found.typing and module.name != "torrent" and target != module.name:
                edges[module.name].add(target)
    state: dict[str, int] = {}
    trail: list[str] = []
    circles: list[str] = []

    def visit(name: str) -> None:
        state[name] = 1
        trail.append(name)
        for target in sorted(edges.get(name, ())):
            if state.get(target) == 1:
                circles.append(" -> ".join([*trail[trail.index(target) :], target]))
            elif target not in state:
                visit(target)
        trail.pop()
        state[name] = 2

    for name in sorted(edges):
        if name not in state:
            visit(name)
    report(circles)


def test_other_rooms_are_entered_by_their_face() -> None:
    faults = []
    for module in MODULES:
        for found, target in ours(module):
            if room_of(target) == module.room or not target.startswith("torrent.") or target.count(".") < 2:
                continue
            by_face = found.target.count(".") == 1 and target.rsplit(".", 1)[1] in exported(room_of(target))
            if not by_face:
                faults.append(f"{module.relative}:{found.line} imports {target}, behind the face of its room")
    report(faults)


def test_cores_do_not_touch_the_world() -> None:
    faults = []
    for module in MODULES:
        if is_shell(module.name):
            continue
        bound: dict[str, str] = {}
        for found in imports(module):
            if found.typing:
                continue
            top = found.target.split(".")[0]
            if (top in OUTSIDE_WORLD or found.target in OUTSIDE_WORLD) and not _pure_socket(found):
                faults.append(f"{module.relative}:{found.line} imports {found.target}")
            if top in OUTSIDE_CALLS:
                bound[top] = top
                bad = set(found.names) & OUTSIDE_CALLS[top]
                if bad and top != "datetime":
                    faults.append(f"{module.relative}:{found.line} imports {', '.join(sorted(bad))} from {top}")
        for node in ast.walk(module.tree):
            if isinstance(node, ast.Attribute):
                owner = ast.unparse(node.value)
                if (owner in bound and node.attr in OUTSIDE_CALLS[owner]) or (
                    node.attr in OUTSIDE_CALLS["datetime"] and owner.split(".")[-1] in ("datetime", "date")
                ):
                    faults.append(f"{module.relative}:{node.lineno} uses {ast.unparse(node)}")
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("open", "input"):
                faults.append(f"{module.relative}:{node.lineno} calls {node.func.id}()")
        waits = [n.lineno for n in ast.walk(module.tree) if isinstance(n, ast.AsyncFunctionDef | ast.Await)]
        if waits:
            faults.append(f"{module.relative}:{min(waits)} is asynchronous")
    report(faults)


PURE_SOCKET = {"inet_aton", "inet_ntoa", "inet_ntop", "inet_pton", "AF_INET", "AF_INET6"}
"""Converting addresses is arithmetic, wherever the functions live."""


def _pure_socket(found: Import) -> bool:
    return found.target == "socket" and bool(found.names) and set(found.names) <= PURE_SOCKET


def test_the_engine_never_imports_an_interface() -> None:
    faults = []
    for module in MODULES:
        if FLOORS.get(module.room, 0) >= 6:
            continue
        for found in imports(module):
            if found.target.split(".")[0] in INTERFACE:
                faults.append(f"{module.relative}:{found.line} imports {found.target}")
    report(faults)


def test_only_lazily_does_anybody_reach_the_screens() -> None:
    faults = []
    for module in MODULES:
        if module.room in ("tui", ""):
            continue
        for found in imports(module):
            if found.target.split(".")[0] in ("tui", "textual") and not (found.lazy and module.room == "cli"):
                faults.append(f"{module.relative}:{found.line} imports {found.target}")
    report(faults)


def test_files_stay_short() -> None:
    long = {m.relative: len(m.path.read_text(encoding="utf-8").splitlines()) for m in MODULES}
    report([f"{name}: {lines} lines (at most {MOST_LINES})" for name, lines in long.items() if lines > MOST_LINES])


def test_every_module_has_a_namesake_test() -> None:
    faults = []
    for module in MODULES:
        if module.path.stem in NO_NAMESAKE or not has_content(module.tree):
            continue
        inside = module.path.relative_to(ROOT)
        under = Path(*inside.parts[1:]) if inside.parts[0] == "torrent" else inside
        test = ROOT / "tests" / under.with_name(f"test_{under.name}")
        if not test.is_file():
            faults.append(f"{module.relative}: no {test.relative_to(ROOT)}")
    report(faults)


def test_every_module_says_which_question_it_answers() -> None:
    report([f"{m.relative}: no docstring" for m in MODULES if has_content(m.tree) and not ast.get_docstring(m.tree)])


def test_no_leftovers_stand_in_the_tree() -> None:
    faults = []
    for path in project_files():
        name = path.relative_to(ROOT).as_posix()
        if name in FORBIDDEN_FREE or path.stat().st_size > 2_000_000:
            continue
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        for number, line in enumerate(text.splitlines(), 1):
            faults += [f"{name}:{number} holds {what}" for what, shape in FORBIDDEN.items() if shape.search(line)]
    report(faults)


def test_the_architecture_document_names_every_room() -> None:
    document = ROOT / "docs" / "architecture.md"
    assert document.is_file(), "docs/architecture.md is missing"
    text = document.read_text(encoding="utf-8")
    rooms = {module.room for module in MODULES} - {"", "__main__"}
    report(
        [
            f"docs/architecture.md does not name {room!r}"
            for room in sorted(rooms)
            if not re.search(rf"\b{room}\b", text)
        ]
    )


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("import asyncio", True),
        ("from time import monotonic", True),
        ("import random\nrandom.shuffle([])", True),
        ("import os\nos.stat('x')", True),
        ("open('x')", True),
        ("async def f(): pass", True),
        ("import random\nrandom.Random(1).shuffle([])", False),
        ("from socket import inet_pton, AF_INET6", False),
        ("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import asyncio", False),
    ],
)
def test_the_check_of_cores_can_fail(source: str, expected: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """A law nobody can break proves nothing: this one catches what it should and lets the rest be."""
    module = Module("torrent.pieces.sample", ROOT / "torrent" / "pieces" / "sample.py", ast.parse(source))
    monkeypatch.setitem(globals(), "MODULES", [module])
    if expected:
        with pytest.raises(AssertionError, match="sample"):
            test_cores_do_not_touch_the_world()
    else:
        test_cores_do_not_touch_the_world()
