"""The sweep over thresholds against counting at each of them."""

from __future__ import annotations

import numpy as np
import pytest

from edlrr_cli.errors import UsageError
from edlrr_cli.metrics.detection import Counts, count
from edlrr_cli.metrics.thresholds import Best, Sweep


def test_as_counted_at_every_threshold():
    rng = np.random.default_rng(0)
    frames = [
        (
            rng.choice([0, 50, 85, 170, 255], (9, 8)),
            (rng.random((9, 8)) * 60).round(2),
            rng.random((9, 8)) > 0.2,
        )
        for _ in range(3)
    ]
    sweep, thresholds = Sweep(), [10, 15.25, 20, 49.5]
    for truth, difference, region in frames:
        sweep.add(difference.astype(np.float32), truth, region=region)
    values = {}
    for threshold in thresholds:
        counts = [count(difference > threshold, truth, region=region) for truth, difference, region in frames]
        values[threshold] = sum(counts, Counts()).scores()["f_measure"]
    best = max(values, key=lambda threshold: values[threshold])
    assert sweep.best(thresholds) == Best(pytest.approx(values[best]), best)
    for threshold in thresholds:
        assert sweep.best([threshold]) == Best(pytest.approx(values[threshold]), threshold)
    assert sweep.best().f_measure >= values[best]


def test_a_difference_equal_to_the_threshold_is_background():
    sweep = Sweep()
    sweep.add(np.array([[10.0, 10.25, 255.0]]), np.array([[0, 255, 255]]))
    assert sweep.best([10, 20]) == Best(1.0, 10.0)
    assert sweep.best() == Best(1.0, 10.0)


def test_nothing_moves():
    sweep = Sweep()
    assert sweep.best() is None
    sweep.add(np.ones((2, 2)), np.zeros((2, 2), int))
    assert sweep.best([10]) is None


def test_shapes_must_agree():
    with pytest.raises(UsageError, match="shape"):
        Sweep().add(np.ones((2, 2)), np.zeros((2, 3), int))
