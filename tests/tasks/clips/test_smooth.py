"""Smooth interpolation: constants and ramps are continued, known values kept."""

from __future__ import annotations

import torch

from edlrr_cli.tasks.clips.smooth import interpolate_smoothly


def test_known_values_are_kept_and_a_constant_is_continued():
    known = (torch.rand(2, 1, 21, 34, generator=torch.Generator().manual_seed(0)) > 0.7).float()
    values = torch.full((2, 3, 21, 34), 0.25)
    torch.testing.assert_close(interpolate_smoothly(values * known, known), values)


def test_values_stay_within_those_known():
    ramp = torch.linspace(0, 1, 40).expand(1, 1, 30, 40)
    known = torch.ones(1, 1, 30, 40)
    known[..., 8:20, 12:28] = 0
    found = interpolate_smoothly(ramp * known, known)
    assert torch.equal(found[known > 0], ramp[known > 0])
    assert found.min() >= 0
    assert found.max() <= 1
    assert (found - ramp).abs().max() < 0.2


def test_nothing_known_is_zero():
    zero = torch.zeros(1, 1, 5, 7)
    assert torch.equal(interpolate_smoothly(zero + 3, zero), zero)
