"""`torrent completion`: scripts for three shells, and answers that load no command."""

from __future__ import annotations

from typing import Any

import pytest


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_scripts(cli: Any, shell: str) -> None:
    result = cli("completion", shell)
    assert result.code == 0
    assert "_TORRENT_COMPLETE" in result.out


def test_an_unknown_shell(cli: Any) -> None:
    assert cli("completion", "tcsh").code == 2


def test_commands_and_options_are_completed(program: Any) -> None:
    env = {"_TORRENT_COMPLETE": "bash_complete", "COMP_WORDS": "torrent do", "COMP_CWORD": "1"}
    assert program(env=env).stdout == "plain,download\n"
    env = {"_TORRENT_COMPLETE": "bash_complete", "COMP_WORDS": "torrent download --seq", "COMP_CWORD": "2"}
    assert program(env=env).stdout == "plain,--sequential\n"
