"""The benchmark of masks: its cases, its rows and its table."""

from __future__ import annotations

from itertools import islice

import numpy as np
import pytest

from edlrr_cli.bench import mask
from edlrr_cli.bench.mask_tables import summary

NUM_CASES = 4 * len(mask.PHOTOS) + 9


@pytest.fixture(scope="module")
def cases():
    return list(mask.cases(0))


def test_the_cases_are_those_of_the_seed(cases):
    assert len(cases) == NUM_CASES
    for one, same, other in zip(cases, mask.cases(0), islice(mask.cases(1), 4), strict=False):
        assert (one.defect, one.image) == (same.defect, same.image)
        np.testing.assert_array_equal(one.damaged.pixels, same.damaged.pixels)
        assert (one.damaged.pixels != other.damaged.pixels).any()


def test_damage_is_where_the_truth_says(cases):
    for case in cases:
        differs = np.abs(case.damaged.pixels - case.clean).max(axis=2) > 0.12
        assert not (differs & ~case.damaged.hole).any()


def test_a_perfect_mask_restores_as_the_true_one(cases):
    case = cases[0]
    found = case.find()
    perfect = type(found)(case.damaged.hole, 1.0)
    row = mask.measure(type(case)(case.defect, case.image, case.clean, case.damaged, lambda: perfect))
    assert (row["recall"], row["f_measure"], row["iou"]) == (1, 1, 1)
    assert row["psnr_made"] == row["psnr_true"] > row["psnr_damaged"]


def test_the_table_has_means_and_clean_photographs():
    row = {
        "kind": "case",
        "defect": "dust",
        "image": "a",
        "truth_fraction": 0.01,
        "score": 0.7,
        "seconds": 0.1,
    }
    row |= {"recall": 0.5, "false_fraction": 0.001, "precision": 0.8, "f_measure": 0.6, "iou": 0.4}
    row |= {"psnr_damaged": 20.0, "psnr_true": 40.0, "psnr_made": 39.0, "psnr_dilated": 39.5}
    (mean,) = mask.means([row, {**row, "recall": 0.7}])
    assert mean["recall"] == pytest.approx(0.6)
    text = summary([mean, {"kind": "clean", "defect": "dust", "image": "a", "false_fraction": 0.0002}])
    assert (
        "| dust | 2 | 1.00 % | 0.600 | 0.10 % | 0.600 | 0.400 | 20.00 | 40.00 | 39.00 | 39.50 | 0.10 |"
        in text
    )
    assert "dust 0.020 % (at most 0.020 %)" in text
