"""`torrent edit`: change what stands in a .torrent, and say whether it is still the same torrent.

Trackers, comment, web seeds and dates stand beside the info dictionary: the info-hash stays. The source tag and the
private flag are part of it: with them the torrent gets another hash, and other peers.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from torrent.cli import sources
from torrent.cli.create import _date, save
from torrent.cli.options import Command, json_option, tiers
from torrent.cli.output import current

if TYPE_CHECKING:
    from torrent.metainfo import Metainfo


@click.command("edit", cls=Command)
@click.argument("path", metavar="TORRENT", type=click.Path(path_type=Path))
@click.option(
    "-o", "--output", "target", metavar="FILE", type=click.Path(path_type=Path), help="Default: change it in place."
)
@click.option(
    "-t", "--tracker", "trackers", multiple=True, metavar="URL[,URL]", help="Replace all trackers; each -t a tier."
)
@click.option("--add-tracker", multiple=True, metavar="URL[,URL]", help="Add a tier; repeatable.")
@click.option("--remove-tracker", multiple=True, metavar="URL", help="Remove a tracker; repeatable.")
@click.option("--no-trackers", is_flag=True, help="Remove all trackers.")
@click.option("-w", "--web-seed", "web_seeds", multiple=True, metavar="URL", help="Replace all web seeds; repeatable.")
@click.option("--no-web-seeds", is_flag=True, help="Remove all web seeds.")
@click.option("--comment", help="Replace the comment; empty removes it.")
@click.option("--created-by", help="Replace who made it; empty removes it.")
@click.option("--date", callback=_date, metavar="DATE", help="Replace the creation date.")
@click.option("--no-date", is_flag=True, help="Remove the creation date.")
@click.option("--source", help="Replace the source tag; changes the info-hash.")
@click.option("--private/--public", default=None, help="Set or clear the private flag; changes the info-hash.")
@click.option("--force", is_flag=True, help="Let -o overwrite a file.")
@json_option
@click.pass_context
def command(ctx: click.Context, /, path: Path, target: Path | None, force: bool, **given: Any) -> None:
    """Change trackers, comment and more in TORRENT."""
    from torrent.metainfo import Metainfo, edit

    output = current(ctx)
    raw = sources.read_now(str(path))
    before = sources.parse(str(path), raw)
    changes = changes_of(before, given)
    if not changes:
        raise click.UsageError("nothing to change")
    edited = edit(raw, **changes)
    after = Metainfo.from_bytes(edited)
    save(target or path, edited, force=force or target is None)
    same = before.swarm_hashes == after.swarm_hashes
    if output.json:
        from torrent.cli.info import as_json

        output.record({**as_json(after), "path": str((target or path).absolute()), "same_info_hash": same})
        return
    output.say(f"{target or path}: {', '.join(changes).replace('_', ' ')} changed")
    if same:
        output.say(f"the info-hash stays {after.hex}")
    else:
        output.say(f"the info-hash was {before.hex} and is now {after.hex}: this is another torrent now", fg="yellow")


def changes_of(before: Metainfo, given: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments for `metainfo.edit` that the options ask for."""
    changes: dict[str, Any] = {}
    trackers = before.trackers
    if given["no_trackers"]:
        trackers = ()
    if given["trackers"]:
        trackers = tiers(given["trackers"])
    removed = set(given["remove_tracker"])
    trackers = tuple(kept for tier in trackers if (kept := tuple(url for url in tier if url not in removed)))
    trackers += tiers(given["add_tracker"])
    if trackers != before.trackers:
        changes["trackers"] = trackers
    if given["web_seeds"] or given["no_web_seeds"]:
        changes["web_seeds"] = given["web_seeds"]
    for name in ("comment", "created_by", "source", "private"):
        if given[name] is not None:
            changes[name] = given[name]
    if given["date"] is not None or given["no_date"]:
        changes["creation_date"] = given["date"]
    return changes
