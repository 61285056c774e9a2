"""Which commands are there, and how does a run end?

`COMMANDS` names every command, its module and its sentence, so that help and completion load no command at all.
`run` is the one place that turns an exception into a line on standard error and an exit code (`exits`).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any

import click

from torrent.cli import exits
from torrent.cli.options import common_options
from torrent.cli.output import Output, current
from torrent.errors import TorrentError

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

COMMANDS: dict[str, str] = {
    "download": "Download torrents.",
    "seed": "Share a torrent, or a file or folder, with other peers.",
    "create": "Make a torrent from a file or folder.",
    "info": "Show what is in a torrent.",
    "verify": "Check files against a torrent.",
    "magnet": "Print the magnet link of a torrent.",
    "edit": "Change trackers, comment and more in a torrent.",
    "tracker": "Ask a tracker, or run one.",
    "config": "Show and change settings.",
    "completion": "Print the completion script for a shell.",
    "version": "Print the version.",
    "demo": "Run a tracker, a seeder and a download on this machine.",
}
COMPLETE = "_TORRENT_COMPLETE"
"""The variable by which a shell asks for completions."""

ALIASES = {"get": "download"}


class LazyGroup(click.Group):
    """A group that imports a command's module when the command is run, and not before."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        name = ALIASES.get(cmd_name, cmd_name)
        if name not in COMMANDS:
            return None
        command: click.Command = import_module(f"torrent.cli.{name}").command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if name not in COMMANDS and name not in ALIASES and not name.startswith("-"):
            import difflib

            close = difflib.get_close_matches(name, list(COMMANDS), n=1)
            ctx.fail(f"No such command {name!r}." + (f" Did you mean {close[0]!r}?" if close else ""))
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        from click.shell_completion import CompletionItem

        found = [CompletionItem(name, help=text) for name, text in COMMANDS.items() if name.startswith(incomplete)]
        return found + click.Command.shell_complete(self, ctx, incomplete)


def _print_version(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        from torrent import __version__

        current(ctx).data(f"torrent {__version__}")
        ctx.exit()


@click.pass_context
def _root(ctx: click.Context) -> None:
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


group = LazyGroup(
    "torrent",
    callback=_root,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    help="A BitTorrent client for the terminal.",
    epilog="Exit codes: 0 ok, 2 usage, 3 bad torrent, 4 disk, 5 verify failed, 6 no peers, 7 unfinished, 9 not found.",
    params=[
        click.Option(
            ["--version"],
            is_flag=True,
            is_eager=True,
            expose_value=False,
            callback=_print_version,
            help="Print the version.",
        ),
        *common_options(),
    ],
)


def run(argv: Sequence[str]) -> int:
    """Run one command line and return its exit code; everything that can be said has been said."""
    output = Output()
    output.argv = tuple(argv)
    for stream in (sys.stdout, sys.stderr):
        reconfigure: Any = getattr(stream, "reconfigure", None)
        if reconfigure:
            reconfigure(errors="backslashreplace")
    try:
        code = _run(argv, output)
        sys.stdout.flush()
        return code
    except BrokenPipeError:
        _abandon_stdout()
        return exits.PIPE


def _run(argv: Sequence[str], output: Output) -> int:
    try:
        return _invoke(argv, output)
    except BrokenPipeError:
        raise
    except (click.Abort, KeyboardInterrupt):
        return exits.INTERRUPTED
    except click.ClickException as error:
        text = error.format_message()
        output.error(text[:1].lower() + text[1:].rstrip("."))
        if isinstance(error, click.UsageError) and error.ctx is not None:
            sys.stderr.write(f"hint: {error.ctx.command_path} --help\n")
        return exits.USAGE
    except (TorrentError, OSError) as error:
        if output.verbosity > 1:
            _traceback()
        output.error(error)
        return exits.code_of(error)
    except Exception as error:
        if output.verbosity > 1:
            _traceback()
        output.error(error, what="unexpected")
        sys.stderr.write("hint: run it again with -vv and report what it prints\n")
        return exits.code_of(error)


def _invoke(argv: Sequence[str], output: Output) -> int:
    # Not `group.main`: it turns a closed pipe into exit 1 by itself.
    if os.environ.get(COMPLETE):
        from click.shell_completion import shell_complete

        return shell_complete(group, {}, "torrent", COMPLETE, os.environ[COMPLETE])
    try:
        with group.make_context("torrent", list(argv), obj=output) as ctx:
            result = group.invoke(ctx)
    except click.exceptions.Exit as leaving:
        return leaving.exit_code
    return result if isinstance(result, int) else exits.OK


def _traceback() -> None:
    import traceback

    traceback.print_exc()


def _abandon_stdout() -> None:
    """Send what is still buffered nowhere, so that the interpreter's last flush is silent."""
    try:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
    except (OSError, ValueError):
        return
