"""Happenings are small frozen values that say which torrent they are about."""

import inspect
from dataclasses import FrozenInstanceError, fields, is_dataclass

import pytest

from torrent import events
from torrent.events import Event, Listening, PieceVerified, TorrentEvent

KINDS = [kind for _, kind in inspect.getmembers(events, inspect.isclass) if issubclass(kind, Event)]
SAMPLES = {"int": 1, "str": "x", "bool": True, "float": 1.0}


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_each_is_a_frozen_value_with_plain_fields_and_a_sentence(kind):
    assert is_dataclass(kind) and kind.__doc__ and kind.__doc__.endswith(".")
    values = {field.name: SAMPLES[str(field.type)] for field in fields(kind)}
    event = kind(**values)
    assert event == kind(**values) and hash(event) == hash(kind(**values))
    assert not hasattr(event, "__dict__")
    if values:
        with pytest.raises((FrozenInstanceError, TypeError)):
            setattr(event, next(iter(values)), None)


def test_all_but_those_of_the_session_say_which_torrent():
    of_the_session = {kind for kind in KINDS if not issubclass(kind, TorrentEvent)}
    assert of_the_session == {Event, Listening}
    assert [field.name for field in fields(PieceVerified)] == ["info_hash", "piece"]


def test_the_names_others_watch_for():
    assert {kind.__name__ for kind in KINDS} == {
        "Added",
        "Completed",
        "Event",
        "Listening",
        "PeerBanned",
        "PeerConnected",
        "PeerDisconnected",
        "PieceFailed",
        "PieceVerified",
        "Removed",
        "StatusChanged",
        "TorrentEvent",
        "TorrentFailed",
        "TrackerAnswered",
        "TrackerFailed",
    }
