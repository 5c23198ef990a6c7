import pytest

from edlrr_cli.errors import UsageError
from edlrr_cli.networks.names import Size
from edlrr_cli.tasks.training.config import Config
from edlrr_cli.tasks.training.levels import Levels


@pytest.mark.parametrize(
    ("wrong", "reported"),
    [
        ({"arch": "dncn"}, "did you mean 'dncnn'"),
        ({"reg": "laguere-gamma"}, "did you mean 'laguerre-gamma'"),
        ({"lrr_target": "noise"}, "unknown lrr_target"),
        ({"lam": -1.0}, "lam must be 0 or more"),
        ({"lam": float("nan")}, "lam must be 0 or more"),
        ({"patch_px": 42}, "a multiple of 8"),
        ({"batch": 0}, "batch must be 1 or more"),
        ({"depth": 0}, "depth must be 1 or more"),
        ({"arch": "dncnn", "depth": 2}, "depth must be 3 or more"),
        ({"time_budget": 60.0}, "either steps or a time budget"),
        ({"steps": None}, "either steps or a time budget"),
    ],
)
def test_nonsense_is_refused(wrong, reported):
    with pytest.raises(UsageError, match=reported):
        Config(**{"steps": 1, **wrong})


def test_sizes_are_as_published_unless_said():
    assert Config(arch="dncnn", steps=1).size == Size(17, 64)
    assert Config(arch="dncnn-b", width=8, steps=1).size == Size(20, 8)


@pytest.mark.parametrize("text", ["25", "0-75", "2.5-10"])
def test_levels_are_written_as_they_are_read(text):
    assert str(Levels.parse(text)) == text


@pytest.mark.parametrize("text", ["", "x", "50-25", "-5", "0", "0-300", "1-2-3"])
def test_levels_that_are_none_are_refused(text):
    with pytest.raises(UsageError, match="noise level"):
        Levels.parse(text)
