"""What do all torrents of a process share on their way to the disk? (shell)

`Disk` owns the threads, the pool of descriptors, the budget of piece buffers and the claims on paths, and opens
torrents. Opening decides what of a torrent is there already: the steps are in `torrent.storage.opening`, the weighing
of the record in `torrent.storage.resume`. Whatever step fails, nothing stays claimed, locked or open.
"""

from __future__ import annotations

import asyncio
import os
import posixpath
import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import NamedTuple

from torrent import lanes
from torrent.config import DiskConfig
from torrent.errors import DiskError, LocalError
from torrent.metainfo import Metainfo
from torrent.storage import opening
from torrent.storage.buffers import Buffers
from torrent.storage.checking import Progress, check_pieces
from torrent.storage.claims import Claims
from torrent.storage.descriptors import Descriptors
from torrent.storage.failures import disk_error
from torrent.storage.files import Tree
from torrent.storage.journal import Claim, Journal
from torrent.storage.layout import Layout
from torrent.storage.records import Locks, Record, boot_id
from torrent.storage.resume import Resume, ResumeError, fits
from torrent.storage.store import Store, Totals, make_links
from torrent.storage.workers import Workers
from torrent.text import safe_text

FOLDER_SECONDS = 1.0
"""How long what a download folder resolves to is believed."""

MANY_FOLDERS = 1000

CHECKS = 4
"""Torrents whose files are hashed at once: a thousand that read side by side would only seek."""


class _Found(NamedTuple):
    """What a look at the disk told: what to believe, what to hash, the state of every place, and the record."""

    trusted: int
    doubtful: list[int]
    states: dict[int, os.stat_result]
    past: Resume | None
    boot: str
    notes: tuple[str, ...]


class Disk:
    """Everything between the torrents of a process and the disk. `state_dir` None: no resume records are kept."""

    def __init__(self, config: DiskConfig, state_dir: Path | None, *, boot: str | None = None) -> None:
        lanes.use(config.hashing)
        self.buffers = Buffers(config.memory)
        self.free_space = opening.free_space
        self._state_dir = state_dir
        self._boot = boot
        self._pool = Descriptors(config.open_files)
        self._claims = Claims()
        self._workers = Workers(max(2, config.threads), "disk")
        self._background = Workers(1, "disk-sync")
        self._stores: set[Store] = set()
        self._locks = Locks(state_dir)
        self._checks = asyncio.Semaphore(CHECKS)
        self._folders: dict[Path, tuple[float, asyncio.Future[tuple[Path, str]]]] = {}

    async def open(
        self,
        metainfo: Metainfo,
        directory: Path,
        *,
        wanted: frozenset[int] | None = None,
        preallocate: str = "sparse",
        check: bool = False,
        on_progress: Progress | None = None,
    ) -> Store:
        """Open the files of a torrent below `directory` and find out which pieces are there.

        `wanted`: indices of the files to download (None: all). `check`: believe no record, hash everything.
        `on_progress(done, total)` counts bytes hashed. `InputError` if another torrent or process has the files,
        `DiskFullError` if they cannot fit, `DiskError`.
        """
        run = self._workers.run
        directory, real = await self._resolved(Path(directory))
        every = layout_of(metainfo)
        chosen = frozenset(every.real) if wanted is None else wanted & frozenset(every.real)
        owner = object()
        record = Record(self._state_dir, metainfo.hex, directory, real=real, locks=self._locks)
        tree = Tree(directory, every, self._pool)
        try:
            survey = None
            if len(chosen) < len(every.real):
                survey = await run(partial(opening.survey, tree))
                tree.layout = layout_of(metainfo, chosen | frozenset(place for place in survey if place != every.part))
            layout = tree.layout
            tree.executable = frozenset(index for index in layout.real if "x" in metainfo.files[index].attr)
            self._claims.take(owner, real, map(layout.path, (*layout.placed, layout.part)))
            look = partial(self._look, tree, metainfo, record, survey, chosen, preallocate, check)
            found = await run(look)
            have = found.trusted
            if found.doubtful:
                async with self._checks:
                    have |= await check_pieces(self._workers, tree, metainfo, found.doubtful, on_progress)
                await run(partial(self._prepare, tree, have, chosen, preallocate))
            proofs = {place: opening.proof(tree.stat(place)) for place in tree.present - set(found.states)}
            proofs |= {place: opening.proof(found.states[place]) for place in tree.present & set(found.states)}
            past = found.past
            journal = Journal(metainfo, tree, record, found.boot, proofs, last=past, needed=layout.needed(chosen))
            synced = past.synced & have if past is not None else 0
            totals = Totals(past.uploaded, past.downloaded) if past is not None else Totals()
            links = links_of(metainfo, layout)
            store = Store(
                metainfo,
                tree,
                journal,
                self._workers,
                self._background,
                have=have,
                synced=synced,
                wanted=chosen,
                totals=totals,
                notes=found.notes,
                links=links,
                on_closed=lambda: self._closed(owner, store),
            )
            await self._first_record(store, journal, Claim(have, synced, totals.uploaded, totals.downloaded))
            if links and store.complete:
                await run(partial(make_links, tree, links))
            if store.complete:
                tree.close()  # nobody may ever ask for it: what is needed is opened when it is
        except BaseException as error:
            self._claims.give(owner)
            tree.close()
            record.unlock()
            if isinstance(error, OSError):
                raise disk_error(error, "open", str(directory)) from error
            if isinstance(error, MemoryError):
                raise DiskError(f"cannot open {safe_text(str(directory))}: out of memory") from error
            raise
        self._stores.add(store)
        return store

    async def _resolved(self, directory: Path) -> tuple[Path, str]:
        """Return a folder as an absolute path, and with its links resolved; a burst of torrents asks the disk once."""
        known = self._folders.get(directory)
        if known is None or time.monotonic() >= known[0]:
            if len(self._folders) >= MANY_FOLDERS:
                self._folders.clear()
            asked = asyncio.ensure_future(self._workers.run(partial(_absolute, directory)))
            known = self._folders[directory] = (time.monotonic() + FOLDER_SECONDS, asked)
        return await asyncio.shield(known[1])

    def _look(
        self,
        tree: Tree,
        metainfo: Metainfo,
        record: Record,
        survey: dict[int, os.stat_result] | None,
        chosen: frozenset[int],
        preallocate: str,
        check: bool,
    ) -> _Found:
        """Do all that can be done before anything is hashed; if nothing has to be, prepare the files too."""
        record.lock()
        states = opening.survey(tree) if survey is None else survey
        tree.present = set(states)
        opening.migrate(tree)
        if len(tree.present) != len(states):
            states = opening.survey(tree)
        boot = boot_id() if self._boot is None else self._boot
        past, note = _load(record, metainfo, tree.layout)
        known = opening.weigh(tree, metainfo, past, states, boot_id=boot, check=check)
        if not known.doubtful:
            self._prepare(tree, known.trusted, chosen, preallocate)
        notes = tuple(filter(None, (note, *known.notes)))
        return _Found(known.trusted, known.doubtful, states, past, boot, notes)

    def _prepare(self, tree: Tree, have: int, chosen: frozenset[int], preallocate: str) -> None:
        if tree.layout.needed(chosen) & ~have:
            opening.require_space(tree, have, chosen, self.free_space(tree.root))
        opening.prepare(tree, have, chosen, preallocate)

    async def _first_record(self, store: Store, journal: Journal, claim: Claim) -> None:
        """Have the record say that the torrent is open before anything can be written.

        Of a complete torrent nothing will be: its record is saved when there is something new to say, or soon. Should a
        file be written nevertheless, its new time speaks against a record that says all ended well.
        """
        if store.complete:
            if not journal.says(claim):
                store.touch()
            return
        try:
            await self._background.run(partial(journal.save, claim, sync=False))
        except LocalError as error:
            store.notes += (str(error),)

    async def close(self) -> None:
        """Close every store and end the threads; takes a few seconds at most."""
        await asyncio.gather(*(store.close() for store in self._stores))
        await self._workers.close()
        await self._background.close()

    def _closed(self, owner: object, store: Store) -> None:
        self._claims.give(owner)
        self._stores.discard(store)


def layout_of(metainfo: Metainfo, placed: frozenset[int] | None = None) -> Layout:
    """Return the layout of a torrent; `placed` are the files on disk as themselves (None: all)."""
    return Layout(metainfo.files, piece_length=metainfo.piece_length, length=metainfo.length, placed=placed)


def links_of(metainfo: Metainfo, layout: Layout) -> Mapping[int, str]:
    """Return the symlinks (BEP 47) to create and where they lead: only to placed files, or folders of them."""
    asked = {file.index: tuple(file.symlink) for file in metainfo.files if file.is_symlink and file.symlink}
    if not asked:
        return {}
    targets: set[tuple[str, ...]] = set()
    for index in layout.placed:
        path = layout.files[index].path
        targets.update(path[:depth] for depth in range(1, len(path) + 1))
    links = {}
    for index, target in asked.items():
        if target in targets:
            folder = metainfo.files[index].path[:-1]
            links[index] = posixpath.relpath("/".join(target), "/".join(folder) or ".")
    return links


def _absolute(directory: Path) -> tuple[Path, str]:
    return Path(directory).absolute(), os.path.realpath(directory)


def _load(record: Record, metainfo: Metainfo, layout: Layout) -> tuple[Resume | None, str]:
    past, note = record.load()
    if past is not None:
        try:
            fits(past, metainfo.hex, layout)
        except ResumeError as error:
            return None, f"what was known of this download is lost ({error}); files are checked again"
    return past, note
