"""Three families, so that a caller knows whose fault it is."""

from __future__ import annotations

import inspect

import pytest

from torrent import errors

CLASSES = [item for _, item in inspect.getmembers(errors, inspect.isclass) if item.__module__ == errors.__name__]
FAMILIES = (errors.InputError, errors.RemoteError, errors.LocalError)


@pytest.mark.parametrize("error", CLASSES)
def test_every_error_is_ours_and_of_exactly_one_family(error: type[errors.TorrentError]) -> None:
    assert issubclass(error, errors.TorrentError)
    if error is not errors.TorrentError:
        assert sum(issubclass(error, family) for family in FAMILIES) == 1
    assert error.__doc__


@pytest.mark.parametrize("error", CLASSES)
def test_a_message_and_a_hint(error: type[errors.TorrentError]) -> None:
    raised = error("it broke", hint="try again")
    assert str(raised) == "it broke"
    assert raised.hint == "try again"
    assert error("it broke").hint == ""


def test_a_full_disk_is_a_disk_error() -> None:
    assert issubclass(errors.DiskFullError, errors.DiskError)
