from __future__ import annotations

import numpy as np
import pytest
import torch

from edlrr_cli.lrr.series import make_function
from edlrr_cli.tasks.inpaint.fill import fill
from edlrr_cli.tasks.inpaint.lowrank.similar_patches import Effort, _groups_at, lower_group_ranks

from .conftest import quality, tensor

EFFORT = Effort()
H = make_function("exact-laplace")


def rings(size=56, channels=3):
    """Of no low rank as a matrix, but full of similar patches."""
    y, x = np.mgrid[:size, :size]
    wave = 0.5 + 0.3 * np.sin(0.9 * np.hypot(y - 5, x + 20))
    return np.stack([wave * (1 - 0.2 * c) for c in range(channels)], axis=-1)


def damaged(image, fraction=0.5, seed=0):
    known = np.random.default_rng(seed).random(image.shape[:2]) >= fraction
    return tensor(fill(np.where(known[..., None], image, 0.0), known, "biharmonic")), torch.from_numpy(known)


def alone(start, known, **settings):
    """Lower the penalty in one image."""
    return lower_group_ranks(start[None], known[None], H, **settings)[0]


@pytest.mark.parametrize("channels", [1, 3])
def test_similar_patches_help_where_matrices_cannot(channels):
    image = rings(channels=channels)
    start, known = damaged(image)
    assert quality(alone(start, known), image) > quality(start, image) + 3


def test_known_pixels_stay_and_the_start_is_not_modified():
    start, known = damaged(rings(32))
    before = start.clone()
    X = alone(start, known)
    assert torch.equal(X[:, known], before[:, known])
    assert torch.equal(start, before)
    assert not torch.equal(X, before)


def test_the_same_twice():
    start, known = damaged(rings(32))
    assert torch.equal(alone(start, known), alone(start, known))


@pytest.mark.parametrize("shape", [(2, 2), (1, 40), (3, 50), (6, 7), (9, 30)])
def test_images_smaller_than_a_patch_or_a_search(shape):
    X = torch.rand(3, *shape, generator=torch.Generator().manual_seed(0))
    known = torch.ones(shape, dtype=torch.bool)
    known[0, 0] = known[-1, -1] = False
    result = alone(X, known)
    assert result.isfinite().all()
    assert torch.equal(result[:, known], X[:, known])


def test_a_flat_image_stays_flat():
    known = torch.rand(20, 20, generator=torch.Generator().manual_seed(0)) > 0.3
    X = torch.full((1, 20, 20), 0.25)
    assert torch.allclose(alone(X, known), X, atol=1e-6)


def test_groups_without_a_hole_are_left_out():
    known = torch.ones(64, 64, dtype=torch.bool)
    X = tensor(rings(64))
    assert _groups_at(X.permute(1, 2, 0)[None].contiguous(), ~known[None], 0, EFFORT) == []
    assert torch.equal(alone(X, known), X)


def test_noise_is_no_structure():
    """What is smaller than the noise of the known pixels must not be continued into the hole."""
    image = rings(48)
    noise = 0.1 * np.random.default_rng(1).standard_normal(image.shape)
    start, known = damaged((image + noise).clip(0, 1))
    hole = ~known.numpy()
    errors = [
        np.square(alone(start, known, least_error=torch.tensor([least])).permute(1, 2, 0).numpy() - image)[
            hole
        ]
        for least in (0.0, 0.1)
    ]
    assert errors[1].mean() < 0.8 * errors[0].mean()


def test_no_round_begins_when_time_is_up():
    start, known = damaged(rings(32))
    reported = []
    answers = iter([True, False])
    alone(start, known, progress=lambda *of: reported.append(of[:3]), time_left=lambda: next(answers))
    assert reported == [(0, 1, 8)]


def test_a_batch_comes_to_what_each_comes_to_alone():
    pairs = [damaged(rings(40) * fraction, fraction, seed) for seed, fraction in enumerate((0.3, 0.5, 0.7))]
    starts, known = (torch.stack(parts) for parts in zip(*pairs, strict=True))
    least = torch.tensor([0.0, 0.02, 0.0])
    together = lower_group_ranks(starts, known, H, least_error=least)
    for index, pair in enumerate(pairs):
        X = alone(*pair, least_error=least[index : index + 1])
        assert (together[index] - X).abs().max() < 1e-4


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_gpu_agrees():
    start, known = damaged(rings())
    here = alone(start, known)
    there = alone(start.cuda(), known.cuda()).cpu()
    assert (here - there).abs().max() < 5e-3
