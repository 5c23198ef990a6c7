"""The counts of changedetection.net on masks made by hand."""

from __future__ import annotations

import numpy as np
import pytest

from edlrr_cli.errors import UsageError
from edlrr_cli.metrics.detection import Counts, count

#          static  shadow  outside  unknown  moving
TRUTH = np.array([[0, 50, 85, 170, 255], [0, 50, 85, 170, 255]])
FOUND = np.array([[1, 1, 1, 1, 1], [0, 0, 0, 0, 0]], bool)


def test_shadow_is_background_and_two_labels_do_not_count():
    assert count(FOUND, TRUTH) == Counts(1, 2, 1, 2, 1)


def test_only_the_region_counts():
    region = np.zeros((2, 5), bool)
    region[:, 4] = True
    assert count(FOUND, TRUTH, region=region) == Counts(1, 0, 1, 0, 0)


def test_scores_by_hand():
    scores = Counts(true_positive=6, false_positive=2, false_negative=4, true_negative=88).scores()
    assert scores == pytest.approx(
        {
            "recall": 0.6,
            "specificity": 88 / 90,
            "false_positive_rate": 2 / 90,
            "false_negative_rate": 0.4,
            "percent_wrong": 6.0,
            "precision": 0.75,
            "f_measure": 2 * 0.75 * 0.6 / 1.35,
        }
    )


def test_frames_are_pooled_not_averaged():
    frames = [Counts(9, 1, 0, 0), Counts(0, 0, 10, 0)]
    assert sum(frames, Counts()).scores()["recall"] == pytest.approx(9 / 19)


def test_nothing_to_divide_by_is_none():
    scores = count(np.zeros((2, 2), bool), np.zeros((2, 2), int)).scores()
    assert scores["recall"] is scores["precision"] is scores["f_measure"] is None
    assert scores["specificity"] == 1
    assert set(Counts().scores().values()) == {None}


def test_shapes_must_agree():
    with pytest.raises(UsageError, match="shape"):
        count(FOUND, TRUTH[:1])
    with pytest.raises(UsageError, match="shape"):
        count(FOUND, TRUTH, region=FOUND[:1])
