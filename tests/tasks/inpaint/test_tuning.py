"""Choosing parameters on hidden known pixels, and running the choice."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from edlrr_cli.baselines import untouched
from edlrr_cli.baselines.registry import METHODS
from edlrr_cli.baselines.result import Result
from edlrr_cli.errors import NumericsError, UsageError
from edlrr_cli.tasks.inpaint.baseline import inpaint_by_baseline
from edlrr_cli.tasks.inpaint.holdout import held_out
from edlrr_cli.tasks.inpaint.tuning import tune

WHERE = {"device": torch.device("cpu"), "dtype": torch.float64}
LEVEL = 0.5


@pytest.fixture
def scene():
    known = np.random.default_rng(0).random((20, 30)) >= 0.3
    return np.full((20, 30, 3), LEVEL), known


@pytest.fixture
def painter(monkeypatch):
    """A method that paints the holes with a level, and breaks down on purpose; it tells what it saw."""
    seen = []

    def paint(
        image,
        known,
        *,
        device,
        dtype,
        callback=None,
        level: float = 0.0,
        shift: float = 0.0,
        seed: int = 0,
    ):
        seen.append({"known": known, "image": image, "level": level, "shift": shift, "seed": seed})
        if level < 0:
            raise NumericsError("paint is sour")
        if level > 1:
            raise torch.linalg.LinAlgError("paint is thick")
        raw = np.where(known[..., None], image, level + shift)
        return Result(raw, 0, "direct")

    monkeypatch.setattr(untouched, "untouched", paint)

    def with_grid(**grid):
        monkeypatch.setitem(METHODS, "untouched", dataclasses.replace(METHODS["untouched"], grid=grid))
        return seen

    return with_grid


def test_the_least_error_on_the_hidden_pixels_wins(painter, scene):
    seen = painter(level=(0.1, 0.6, 0.4), shift=(0.0, 0.1))
    image, known = scene
    tuning = tune("untouched", image, known, **WHERE, seed=3)
    assert tuning.params == {"level": 0.4, "shift": 0.1, "seed": 0}
    assert [score.params for score in tuning.scores] == [
        {"level": level, "shift": shift} for level in (0.1, 0.6, 0.4) for shift in (0.0, 0.1)
    ]
    errors = [abs(level + shift - LEVEL) for level in (0.1, 0.6, 0.4) for shift in (0.0, 0.1)]
    assert [score.rmse for score in tuning.scores] == pytest.approx(errors, abs=1e-12)
    assert tuning.rmse == pytest.approx(0, abs=1e-12)
    hidden = held_out(known, 0.05, np.random.default_rng(3))
    assert all((run["known"] == (known & ~hidden)).all() for run in seen)
    assert hidden.sum() == round(0.05 * known.sum())


def test_errors_are_those_of_the_clipped_image(painter, scene):
    painter(level=(0.2, 1.0), shift=(5.0,))
    image, known = np.ones_like(scene[0]), scene[1]
    assert [score.rmse for score in tune("untouched", image, known, **WHERE).scores] == [0.0, 0.0]


def test_what_breaks_down_loses(painter, scene):
    painter(level=(-1.0, 2.0, 0.0))
    tuning = tune("untouched", *scene, **WHERE)
    assert tuning.params["level"] == 0.0
    assert [score.rmse is None for score in tuning.scores] == [True, True, False]
    painter(level=(-1.0, -2.0))
    with pytest.raises(NumericsError, match="every setting of its grid failed"):
        tune("untouched", *scene, **WHERE)


def test_without_a_choice_nothing_is_run(painter, scene):
    seen = painter()
    published = {"level": 0.0, "shift": 0.0, "seed": 0}
    assert tune("untouched", *scene, **WHERE).params == published
    painter(level=(0.1, 0.2))
    given = tune("untouched", *scene, **WHERE, fixed={"level": 0.3})
    assert (given.params, given.scores, given.rmse) == ({**published, "level": 0.3}, (), None)
    tiny = np.array([[True, False]])
    assert tune("untouched", np.zeros((1, 2, 3)), tiny, **WHERE).params == published
    assert not seen


def test_fixed_parameters_reach_every_run(painter, scene):
    seen = painter(level=(0.1, 0.2))
    tuning = tune("untouched", *scene, **WHERE, fixed={"shift": 0.3})
    assert [run["shift"] for run in seen] == [0.3, 0.3]
    assert tuning.params == {"level": 0.2, "shift": 0.3, "seed": 0}


def test_the_choice_is_run_on_all_known_pixels(painter, scene):
    seen = painter(level=(0.4, 0.9))
    image, known = scene
    result = inpaint_by_baseline("untouched", image, known, tuned=True, device="cpu", seed=5)
    assert (seen[-1]["known"] == known).all()
    assert [run["seed"] for run in seen] == [5, 5, 5]
    assert result.params == {"level": 0.4, "shift": 0.0, "seed": 5}
    assert result.held_out_psnr == pytest.approx(20)
    assert (result.restored == np.where(known[..., None], image, 0.4)).all()
    assert (result.iterations, result.stop, result.device) == (0, "direct", "cpu")


def test_without_tuning_the_published_values_run(painter, scene):
    seen = painter(level=(0.4, 0.9))
    result = inpaint_by_baseline("untouched", *scene, params={"seed": 7}, device="cpu", seed=5)
    assert result.params == {"level": 0.0, "shift": 0.0, "seed": 7}
    assert (result.tuning, result.held_out_psnr, len(seen)) == (None, None, 1)


def test_breakdowns_and_wrong_names_are_told(painter, scene):
    painter()
    with pytest.raises(NumericsError, match="paint is sour"):
        inpaint_by_baseline("untouched", *scene, params={"level": -1.0}, device="cpu")
    with pytest.raises(NumericsError, match="method untouched failed"):
        inpaint_by_baseline("untouched", *scene, params={"level": 2.0}, device="cpu")
    with pytest.raises(UsageError, match="unknown parameter 'levle'; did you mean 'level'"):
        inpaint_by_baseline("untouched", *scene, params={"levle": 2.0}, tuned=True, device="cpu")
    with pytest.raises(UsageError, match="unknown method 'irn'"):
        inpaint_by_baseline("irn", *scene, device="cpu")
