from __future__ import annotations

import numpy as np
import pytest
import torch

from edlrr_cli.lrr.matrices.windows import windows_at
from edlrr_cli.lrr.series import make_function
from edlrr_cli.tasks.inpaint.fill import fill
from edlrr_cli.tasks.inpaint.lowrank import local_windows
from edlrr_cli.tasks.inpaint.lowrank.local_windows import Effort, _factors, lower_window_ranks
from edlrr_cli.tasks.inpaint.lowrank.majorizer import errors_of

from .conftest import quality, tensor

H = make_function("exact-laplace")


def waves(size=64, channels=3):
    """Two waves: each window of them, as a Hankel matrix, has rank 4."""
    y, x = np.mgrid[:size, :size]
    wave = 0.5 + 0.2 * np.sin(0.7 * x + 0.4 * y) + 0.2 * np.cos(0.9 * y - 0.2 * x)
    return np.stack([wave * (1 - 0.2 * c) for c in range(channels)], axis=-1)


def damaged(image, hole):
    return tensor(fill(np.where(hole[..., None], 0.0, image), ~hole, "biharmonic")), torch.from_numpy(~hole)


def alone(start, known, *effort):
    """Lower the penalty in one image."""
    return lower_window_ranks(start[None], known[None], H, *effort)[0]


def square(size, first, last):
    hole = np.zeros((size, size), bool)
    hole[first:last, first:last] = True
    return hole


@pytest.mark.parametrize("channels", [1, 3])
def test_waves_are_continued(channels):
    image = waves(channels=channels)
    start, known = damaged(image, square(64, 30, 35))
    assert quality(alone(start, known), image) > quality(start, image) + 15


def test_a_wide_hole_is_filled_in_smaller_images_first():
    """A cross of slow waves: no window of the image itself sees both sides of the hole."""
    y, x = np.mgrid[:120, :120]
    image = np.repeat((0.5 + 0.2 * np.sin(x / 6) + 0.2 * np.sin(y / 5))[..., None], 3, axis=2)
    start, known = damaged(image, square(120, 46, 74))
    assert list(_factors(known)) == [8, 4, 2]
    once = alone(start, known, Effort(coarse=False))
    assert quality(alone(start, known), image) > quality(once, image) + 3


@pytest.mark.parametrize(
    ("hole", "factors"),
    [
        (square(120, 50, 56), []),
        (square(120, 50, 57), [2]),
        (square(120, 50, 63), [4, 2]),
        (square(120, 40, 65), [8, 4, 2]),
        # One wide position among many narrow ones.
        (square(120, 50, 57) | (np.arange(120) % 6 < 2)[:, None], []),
        # Nothing of the smaller image would be known.
        (np.random.default_rng(0).random((120, 120)) < 0.9, []),
    ],
)
def test_smaller_images_are_for_holes_that_are_wide_in_them(hole, factors):
    assert list(_factors(torch.from_numpy(~hole))) == factors


def test_known_pixels_stay_and_the_start_is_not_modified():
    start, known = damaged(waves(), square(64, 20, 40))
    before = start.clone()
    X = alone(start, known)
    assert torch.equal(X[:, known], before[:, known])
    assert torch.equal(start, before)
    assert not torch.equal(X, before)
    assert torch.equal(alone(start, known), X)


@pytest.mark.parametrize("shape", [(2, 2), (1, 40), (3, 50), (6, 7), (9, 30), (17, 16)])
def test_images_smaller_than_a_window(shape):
    X = torch.rand(3, *shape, generator=torch.Generator().manual_seed(0))
    known = torch.ones(shape, dtype=torch.bool)
    known[0, 0] = known[-1, -1] = False
    result = alone(X, known)
    assert result.isfinite().all()
    assert torch.equal(result[:, known], X[:, known])


def test_windows_cover_every_hole_and_no_others():
    hole = torch.zeros(2, 70, 90, dtype=torch.bool)
    hole[0, 0, 0] = hole[0, 69, 89] = hole[1, 33, 40] = True
    for number in (0, 1):
        cover = torch.zeros(2, 70, 90, 1)
        windows = windows_at(hole, local_windows._SIZE, number)
        for some in windows:
            some.add_weights(cover, torch.ones(len(some)))
            assert (some.gather(hole.float()[..., None]).amax((1, 2)) > 0).all()
        assert (cover[hole] > 0).all()
        assert (cover == 0).any(2).any(1).all()


def test_adding_is_the_adjoint_of_gathering():
    X = torch.randn(2, 40, 33, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    hole = torch.ones(2, 40, 33, dtype=torch.bool)
    (windows,) = windows_at(hole, local_windows._SIZE, 0)
    S = windows.gather(X)
    other = torch.randn(S.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    total = torch.zeros_like(X)
    windows.add_patches(total, other)
    assert float((S * other).sum()) == pytest.approx(float((X * total).sum()))


def test_a_batch_comes_to_what_each_comes_to_alone():
    """The images are filled in different smaller images first, or in none."""
    holes = [square(64, 30, 35), square(64, 20, 40), np.random.default_rng(0).random((64, 64)) < 0.3]
    pairs = [damaged(waves() * fraction, hole) for fraction, hole in zip((1.0, 0.7, 0.4), holes, strict=True)]
    starts, known = (torch.stack(parts) for parts in zip(*pairs, strict=True))
    assert len({tuple(_factors(of)) for of in known}) > 1
    limits = {"least_error": torch.tensor([0.0, 0.01, 0.0]), "most_error": torch.tensor([1.0, 1.0, 0.005])}
    reported = []
    together = lower_window_ranks(starts, known, H, **limits, progress=lambda *of: reported.append(of))
    for index, pair in enumerate(pairs):
        mine = []
        own = {name: value[index : index + 1] for name, value in limits.items()}
        X = lower_window_ranks(
            pair[0][None], pair[1][None], H, **own, progress=lambda *of, mine=mine: mine.append(of[1:])
        )[0]
        assert (together[index] - X).abs().max() < 1e-4
        heard = [of[1:] for of in reported if of[0] == index]
        assert [of[:2] for of in heard] == [of[:2] for of in mine]
        assert [of[2] for of in heard] == pytest.approx([of[2] for of in mine], rel=1e-3)
        assert (heard[-1][3] - X).abs().max() < 1e-4


@pytest.mark.parametrize(
    ("least", "most", "errors"),
    [
        (0.0, None, [[0.04], [0.02], [0.01]]),
        (0.03, None, [[0.04], [0.03], [0.03]]),
        (0.0, 0.02, [[0.02], [0.01], [0.005]]),
        (0.0, 0.5, [[0.04], [0.02], [0.01]]),
        (0.015, 0.02, [[0.02], [0.015], [0.015]]),
    ],
)
def test_errors_shrink_within_their_bounds(least, most, errors):
    most = most and torch.tensor([most])
    torch.testing.assert_close(
        errors_of(0.04, 0.01, 3, least=torch.tensor([least]), most=most), torch.tensor(errors)
    )


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_gpu_agrees():
    start, known = damaged(waves(), square(64, 20, 40))
    here = alone(start, known)
    there = alone(start.cuda(), known.cuda()).cpu()
    assert (here - there).abs().max() < 5e-3
