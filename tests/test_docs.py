"""Do the documents tell the truth: commands and options, the example, links, tests and settings they name?"""

from __future__ import annotations

import asyncio
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from torrent import Config, Metainfo, Session, events, session
from torrent.cli.app import group
from torrent.config import NetConfig
from torrent.hub import Subscription
from torrent.peer import connection, pipeline, wire
from torrent.peerbook import book
from torrent.settings import SETTINGS, shown
from torrent.swarm import leech, member, seed
from torrent.tracker import TrackerServer, announce, fetch, http, tiers

ROOT = Path(__file__).parents[1]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("sample_torrents/*.md")])
README = (ROOT / "README.md").read_text(encoding="utf-8")
USAGE = (ROOT / "docs" / "usage.md").read_text(encoding="utf-8")


def commands(command: click.Command, name: str, above: click.Context | None) -> Iterator[tuple[str, click.Command]]:
    context = click.Context(command, info_name=name, parent=above)
    if not isinstance(command, click.Group):
        yield context.command_path, command
        return
    for inner in command.list_commands(context):
        found = command.get_command(context, inner)
        assert found is not None
        yield from commands(found, inner, context)


COMMANDS = dict(commands(group, "torrent", None))


def section(text: str, title: str) -> str:
    """Return what stands under a heading, up to the next one of its level."""
    found = re.search(rf"^## {re.escape(title)}\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    assert found, f"there is no section {title!r}"
    return found[1]


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def options(command: click.Command) -> set[str]:
    return {
        name
        for param in command.params
        if isinstance(param, click.Option) and not param.hidden
        for name in [*param.opts, *param.secondary_opts]
    }


COMMON = set.intersection(*(options(command) for command in COMMANDS.values()))


def test_the_common_options_are_told_once() -> None:
    told = set(re.findall(r"`(--?[a-z][\w-]*)", section(USAGE, "Options of every command")))
    assert told >= COMMON >= {"--verbose", "--quiet", "--color", "--config"}


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_of_a_command_is_told_and_no_other(name: str) -> None:
    text = section(USAGE, f"`{name}`")
    rows = re.findall(r"^\| (`-.*?) \|", text.replace(r"\|", "/"), re.MULTILINE)
    told = {option for row in rows for option in re.findall(r"`(--?[a-z][\w-]*)", row)}
    assert told == options(COMMANDS[name]) - COMMON


def test_every_section_about_a_command_has_its_command() -> None:
    assert set(re.findall(r"^## `(torrent [a-z ]+)`$", USAGE, re.MULTILINE)) == set(COMMANDS)


def test_every_setting_is_told_with_its_default() -> None:
    rows = dict(re.findall(r"^\| `([a-z]+\.[a-z_]+)` \| (.*?) \|", section(USAGE, "Settings"), re.MULTILINE))
    defaults = {}
    for name, setting in SETTINGS.items():
        value = shown(name, setting.default)
        defaults[name] = (str(value).lower() if isinstance(value, bool) else str(value)) or ""
    assert {name: default.strip("` ") for name, default in rows.items()} == defaults


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_shown_commands_exist(document: Path) -> None:
    """Every `$ torrent ...` line names a command that is there and options that it takes."""
    lines = "\n".join(blocks(document.read_text(encoding="utf-8"), "console")).splitlines()
    for line in lines:
        if not line.startswith("$ torrent "):
            continue
        words = shlex.split(line[len("$ torrent ") :])
        known = [name for name in COMMANDS if words[: name.count(" ")] == name.split()[1:]]
        given = {word for word in words if re.match(r"-[a-zA-Z-]", word)}
        if not known:
            assert given <= {"--help", "--version"}, line
            continue
        assert given <= options(COMMANDS[known[0]]) | {"-h", "--help"}, line


def test_shown_make_targets_exist() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    for document in DOCUMENTS:
        used = set(re.findall(r"(?:^\$ |`)make ([a-z]+)", document.read_text(encoding="utf-8"), re.MULTILINE))
        assert used <= targets, document.name
    assert {"demo", "test"} <= set(re.findall(r"^\$ make ([a-z]+)", README, re.MULTILINE))


def slug(heading: str) -> str:
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(document: Path) -> None:
    text = re.sub(r"^```.*?^```", "", document.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        path = (document.parent / name).resolve() if name else document
        assert path.exists(), target
        if anchor:
            headings = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
            assert anchor in {slug(heading) for heading in headings}, target


def test_the_table_of_beps_names_tests_that_exist() -> None:
    text = (ROOT / "docs" / "beps.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\d+) \| .*? \| (.*?) \| (.*?) ?\|$", text, re.MULTILINE)
    assert len(rows) > 30
    for number, state, tests in rows:
        named = re.findall(r"`(tests/[\w/.]+?)(?:::(\w+))?`", tests)
        assert bool(named) != bool(re.match(r"(no|not yet)\b", state)), (
            f"BEP {number}: a claim and its test go together"
        )
        for file, test in named:
            assert (ROOT / file).is_file(), f"BEP {number}: {file}"
            assert not test or f"def {test}(" in (ROOT / file).read_text(encoding="utf-8"), f"BEP {number}: {test}"


def test_modules_named_beside_a_danger_exist() -> None:
    text = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
    named = re.findall(r"`([\w/]+\.py)`", text)
    assert len(named) > 10
    assert [name for name in named if not (ROOT / "torrent" / name).is_file()] == []


def test_names_in_the_architecture_exist() -> None:
    """`Class.method` and `Class` in the life of a block are in the source."""
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    source = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "torrent").rglob("*.py"))
    for owner, name in re.findall(r"`([A-Z]\w+)\.(\w+)`", text):
        assert re.search(rf"^class {owner}\b", source, re.MULTILINE), owner
        assert re.search(rf"\b(def {name}\(|{name}\b.*=|{name}: )", source), f"{owner}.{name}"
    for name in re.findall(r"`((?:torrent|\w+)/[\w/]+\.py)`", text):
        inside = ROOT / name if name.startswith(("torrent/", "tests/")) else ROOT / "torrent" / name
        assert inside.is_file(), name


def test_the_table_of_limits_has_the_figures_of_the_code() -> None:
    kib, mib, default = 1024, 1024 * 1024, Config()
    figures = {
        "bytes of unfinished pieces": f"{default.disk.memory // mib} MiB",
        "pieces of one torrent with the disk threads": f"{leech.LOST_MOST - 2} of 256 KiB or more",
        "one read from a socket": f"{connection.GULP // kib} KiB",
        "requests to one peer": f"{pipeline.QUEUE_MOST // mib} MiB, `net.pipeline` ({default.net.pipeline})",
        "requests of one peer": f"{member.MOST_ASKED}, announced as `reqq` | rejected; {member.FLOOD} refused",
        "bytes on their way": f"{seed.RUN // kib} KiB",
        "bytes queued for a peer": f"{member.MOST_BACKLOG // mib} MiB",
        "blocks nobody asked for": f"{leech.UNASKED_MOST}",
        "silence of a peer that owes": f"{leech.STALL_SECONDS:.0f} s",
        "a handshake": f"{connection.HANDSHAKE_SECONDS:.0f} s",
        "silence of a connection": f"{connection.IDLE_SECONDS:.0f} s",
        "accepted streams": f"{session.MOST_PENDING}",
        "connections": f"{default.net.max_peers}, `net.max_peers_per_torrent` {default.net.max_peers_per_torrent}, "
        f"`net.half_open` {default.net.half_open}",
        "known addresses": f"{book.CAP}",
        "a message": f"{wire.MAX_EXTENDED // mib} MiB",
        "announces of one torrent": f"{tiers.MAX_IN_FLIGHT}",
        "an answer of a tracker": f"{http.MAX_BODY // mib} MiB, {announce.MAX_PEERS} peers, "
        f"{fetch.MAX_REDIRECTS} redirects",
        "open files": f"{default.disk.open_files}",
    }
    text = section((ROOT / "docs" / "architecture.md").read_text(encoding="utf-8"), "Back-pressure and limits")
    rows = re.findall(r"^\| ([a-z].*?)\|\n", text, re.MULTILINE)
    for start, figure in figures.items():
        row = next(row for row in rows if row.startswith(start))
        assert re.search(rf"(?<!\d){re.escape(figure)}(?!\d)", row), (row, figure)


def test_the_architecture_names_every_part_of_a_swarm() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    parts = {path.name for path in (ROOT / "torrent" / "swarm").glob("*.py")} - {"__init__.py"}
    assert {part for part in parts if f"{part}`" not in text} == set()


@pytest.fixture
def shared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with album.torrent, whose tracker knows a seed on this machine; every port is a free one."""
    from torrent.net import listen as any_port

    monkeypatch.setattr(session, "listen", lambda factory, port, bind="": any_port(factory, 0, bind))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_example_has_ten_lines() -> None:
    code = blocks(section(README, "From Python"), "python")[0]
    assert len([line for line in code.splitlines() if line.strip()]) <= 11


@pytest.mark.parametrize(("document", "says"), [("README.md", "album"), ("docs/library.md", "album: 128003 bytes in")])
async def test_an_example_downloads_from_a_seed(
    shared: Path, capsys: pytest.CaptureFixture[str], document: str, says: str
) -> None:
    from torrent.create import create

    code = blocks((ROOT / document).read_text(encoding="utf-8"), "python")[0]
    data = shared / "source" / "album"
    data.mkdir(parents=True)
    (data / "one.bin").write_bytes(bytes(range(256)) * 500)
    (data / "two.txt").write_text("two")
    async with TrackerServer("127.0.0.1", 0) as tracker:
        raw = create(data, version="v1", trackers=[[tracker.url]])
        (shared / "album.torrent").write_bytes(raw)
        config = Config(net=NetConfig(port=0, bind="127.0.0.1"))
        async with Session(config) as seeder:
            watch = seeder.hub.subscribe()
            await seeder.add(Metainfo.from_bytes(raw), data.parent, seed_only=True)
            async with asyncio.timeout(60):
                await announced(watch)
                await asyncio.to_thread(exec, compile(code, document, "exec"), {"__name__": "__main__"})
    result = shared / "downloads" / "album"
    out = capsys.readouterr().out.strip()
    assert says in out and out.endswith("downloads/album")
    assert {path.name: path.read_bytes() for path in result.iterdir()} == {
        path.name: path.read_bytes() for path in data.iterdir()
    }


async def announced(watch: Subscription) -> None:
    """Return when a tracker has answered, which is when it knows the seed."""
    told = asyncio.Event()
    watch.on_event = told.set
    while not any(isinstance(event, events.TrackerAnswered) for event in watch.pop()):
        told.clear()
        await told.wait()


def test_the_example_that_creates_and_verifies_runs(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    code = blocks((ROOT / "docs" / "library.md").read_text(encoding="utf-8"), "python")
    monkeypatch.chdir(ROOT)
    exec(compile(code[1], "library.md", "exec"), {})
    magnet, verdict = capsys.readouterr().out.split()
    assert magnet.startswith("magnet:?xt=urn:btih:") and verdict == "True"


def test_every_name_of_the_face_is_told() -> None:
    import torrent

    text = section(
        (ROOT / "docs" / "library.md").read_text(encoding="utf-8").replace("# Using", "## Using", 1),
        "Using it from Python",
    )
    told = set(re.findall(r"`(\w+)`", "".join(re.findall(r"^\| (.*?) \|", text, re.MULTILINE))))
    assert told == set(torrent.__all__) - {"__version__"}
