"""Settings are values: immutable, complete with their sentence, and sane when nothing is said."""

from dataclasses import FrozenInstanceError, fields, replace

import pytest

from torrent.config import Config, NetConfig

SECTIONS = {field.name: getattr(Config(), field.name) for field in fields(Config)}
UNITS = {"", "rate", "size", "time"}


@pytest.mark.parametrize("section", SECTIONS)
def test_every_setting_says_what_it_does_and_in_which_unit(section):
    for field in fields(SECTIONS[section]):
        assert len(field.metadata["doc"]) > 10, field.name
        assert field.metadata["unit"] in UNITS
        assert isinstance(getattr(SECTIONS[section], field.name), str | bool | int | float)


def test_nothing_can_be_changed_behind_anybodys_back():
    config = Config()
    with pytest.raises(FrozenInstanceError):
        config.net.port = 1
    with pytest.raises(FrozenInstanceError):
        config.net = NetConfig()
    changed = replace(config, net=replace(config.net, port=1))
    assert config.net.port != changed.net.port and config == Config()


def test_the_defaults_promise_what_is_written_elsewhere():
    config = Config()
    assert config.download.preallocate == "sparse"
    assert config.net.limit_down == config.net.limit_up == 0
    assert config.net.max_peers_per_torrent <= config.net.max_peers
    assert config.tracker.stop_timeout <= 5.0
    assert config.disk.memory + 100 * 1024 * 1024 <= 200 * 1024 * 1024
    assert config.disk.threads >= 2
    assert (config.seed.ratio, config.seed.time) == (0.0, 0.0)
