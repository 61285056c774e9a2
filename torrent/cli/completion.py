"""`torrent completion`: how does a shell learn to complete our commands?"""

from __future__ import annotations

import click

from torrent.cli.options import Command

SHELLS = ("bash", "zsh", "fish")


@click.command("completion", cls=Command)
@click.argument("shell", type=click.Choice(SHELLS))
def command(shell: str) -> None:
    """Print the completion script for SHELL.

    bash: torrent completion bash >> ~/.bashrc

    zsh: torrent completion zsh > ~/.zfunc/_torrent

    fish: torrent completion fish > ~/.config/fish/completions/torrent.fish
    """
    from click.shell_completion import get_completion_class

    from torrent.cli.app import COMPLETE, group

    kind = get_completion_class(shell)
    assert kind is not None
    click.echo(kind(group, {}, "torrent", COMPLETE).source())
