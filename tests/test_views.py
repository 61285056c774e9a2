"""Views are values a screen can keep: immutable, plain, and the same names for ever."""

import inspect
from dataclasses import fields, is_dataclass

import pytest

from torrent import views
from torrent.views import STATUSES, FileView, PeerView, SessionView, TorrentView, TrackerView

KINDS = [TorrentView, PeerView, TrackerView, FileView, SessionView]
PLAIN = {"str", "int", "float", "bool", "int | None", "float | None", "tuple[tuple[str, int], ...]"}


def test_these_are_all():
    found = {kind for _, kind in inspect.getmembers(views, inspect.isclass) if kind.__module__ == views.__name__}
    assert found == set(KINDS)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_each_is_a_frozen_value_of_plain_fields(kind):
    assert is_dataclass(kind) and kind.__dataclass_params__.frozen and hasattr(kind, "__slots__")
    assert {str(field.type) for field in fields(kind)} <= PLAIN


def test_statuses():
    assert STATUSES == ("checking", "downloading", "seeding", "finished", "paused", "waiting", "error", "stopped")
