"""f-MDT Tucker against its definition: every window of the image written out, no FFT."""

from __future__ import annotations

import itertools
import logging
import re

import numpy as np
import pytest
import torch


def embedded(Z, windows):
    """H(Z)[a, b, i, j, channel] = Z[i + a, j + b, channel], wrapped around."""
    shifts = itertools.product(*map(range, windows))
    rolled = [np.roll(Z, (-a, -b), axis=(0, 1)) for a, b in shifts]
    return np.stack(rolled).reshape(*windows, *Z.shape)


def averaged(H):
    """The image whose windows are nearest to H: the mean of all copies of a pixel."""
    copies = [np.roll(H[a, b], (a, b), axis=(0, 1)) for a, b in np.ndindex(H.shape[:2])]
    return np.mean(copies, axis=0)


def along(H, A, n):
    """The product of a tensor with a matrix along mode n."""
    return np.moveaxis(np.tensordot(A, H, axes=(1, n)), 0, n)


def gram(Z, F, n, windows):
    """G_n: of the windows, compressed along the other direction, unfolded along direction n."""
    compressed = along(embedded(Z, windows), F[1 - n].T, 1 - n)
    unfolded = np.moveaxis(compressed, n, 0).reshape(windows[n], -1)
    return unfolded @ unfolded.T


def start(shape, windows, seed):
    """The X and F that the method starts from."""
    generator = torch.Generator().manual_seed(seed)
    height, width, channels = shape
    X = torch.rand(channels, height, width, generator=generator, dtype=torch.float64)
    F = [torch.randn(window, 1, generator=generator, dtype=torch.float64).numpy() for window in windows]
    return X.permute(1, 2, 0).numpy(), [column / np.linalg.norm(column) for column in F]


def transcription(image, known, windows, atol, steps, seed=0):
    """X, ranks and cost after each of the steps."""
    W = known[..., None]
    X, F = start(image.shape, windows, seed)
    ranks, costs, reported = [1, 1], [], []
    for step in range(1, steps + 1):
        Z = np.where(W, image, X)
        for n in (0, 1):
            vectors = np.linalg.svd(gram(Z, F, n, windows))[0]
            F[n] = vectors[:, : ranks[n]]
        H = embedded(Z, windows)
        for n in (0, 1):
            H = along(H, F[n] @ F[n].T, n)
        X = averaged(H)
        E = W * (image - X)
        costs.append((E**2).sum() / (known.sum() * image.shape[2]))
        reported.append((X, tuple(ranks), costs[-1]))
        if step > 3 and abs(costs[-1] - costs[-2]) < atol:
            residuals = [
                np.trace(gram(E, F, n, windows)) if ranks[n] < windows[n] else -np.inf for n in (0, 1)
            ]
            ranks[int(np.argmax(residuals))] += 1
    return reported


@pytest.mark.parametrize("steps", [1, 4, 7, 10])
def test_every_step_is_that_of_the_explicit_windows(steps, sample, hole, complete):
    image, known = sample(7, 9, 2, rank=4), hole(7, 9)
    *_, (X, ranks, cost) = transcription(image, known, (4, 4), atol=1e-2, steps=steps)
    result = complete("mdt-tucker", image, known, window_px=4, atol=1e-2, max_iterations=steps)
    assert np.abs(result.raw - X).max() < 1e-10
    assert result.history[-1][1] == pytest.approx(cost, rel=1e-9)
    assert ranks != (1, 1) or steps < 5


def test_windows_are_no_larger_than_the_image(sample, hole, complete):
    image, known = sample(3, 6, 1), hole(3, 6)
    *_, (X, _, _) = transcription(image, known, (3, 6), atol=1e-2, steps=7)
    result = complete("mdt-tucker", image, known, window_px=32, atol=1e-2, max_iterations=7)
    assert np.abs(result.raw - X).max() < 1e-10


def test_the_windows_come_ever_nearer_to_their_subspace_at_fixed_ranks(hole, complete):
    # One row only: its subspace is then the best one, and the distance the tail of the spectrum.
    image, known = np.random.default_rng(0).random((1, 40, 3)), hole(1, 40)
    distances = []
    for steps in range(25):
        X = complete("mdt-tucker", image, known, window_px=6, atol=0.0, max_iterations=steps).raw
        G = gram(np.where(known[..., None], image, X), [np.eye(1), np.eye(6)], 1, (1, 6))
        distances.append(np.linalg.eigvalsh(G)[:-1].sum())
    assert np.diff(distances).max() < 1e-10
    assert distances[-1] < distances[1] - 0.1


def test_recovers_an_image_whose_windows_are_of_low_rank(hole, complete):
    y, x = np.arange(30.0), np.arange(40.0)
    wave = np.outer(np.cos(2 * np.pi * y / 30 + 0.4), np.cos(4 * np.pi * x / 40 + 1.0))
    image, known = 0.5 + 0.4 * np.stack([wave, -wave], axis=2), hole(30, 40, rate=0.5)
    # Of 3 dimensions are the windows down, and of 3 those across: a constant, a cosine and a sine.
    result = complete("mdt-tucker", image, known, window_px=8, max_rank=3, atol=1e-13, target=0.0)
    assert result.stop == "tolerance"
    assert np.abs(result.raw - image).max() < 1e-4


def test_full_ranks_keep_the_known_pixels_and_say_so(sample, hole, complete, caplog):
    image, known = sample(20, 26), hole(20, 26)
    with caplog.at_level(logging.INFO, logger="edlrr_cli.baselines.mdt_tucker"):
        result = complete("mdt-tucker", image, known, window_px=6, target=1e-20)
    assert result.stop == "tolerance"
    assert np.abs(result.raw - image)[known].max() < 1e-10
    assert re.search(r"stopped at ranks 6 x 6, cost \d\.\d\de-\d\d", caplog.text)


def test_no_rank_grows_beyond_its_cap(hole, complete, caplog):
    # Only the columns differ, so the residual of that direction is the larger one at its cap too.
    columns = np.random.default_rng(0).random((1, 26, 3))
    image, known = np.repeat(columns, 20, axis=0), hole(20, 26)
    with caplog.at_level(logging.INFO, logger="edlrr_cli.baselines.mdt_tucker"):
        result = complete("mdt-tucker", image, known, window_px=8, max_rank=3, max_iterations=100)
    assert result.stop == "tolerance"
    assert "stopped at ranks 3 x 3" in caplog.text


def test_the_tolerance_is_absolute_so_that_it_means_pixels_on_0_to_1(sample, hole, complete):
    image, known = sample(20, 26), hole(20, 26)
    settings = {"window_px": 8, "max_rank": 2}
    as_given = complete("mdt-tucker", image, known, **settings)
    bytes_unscaled = complete("mdt-tucker", 255 * image, known, **settings)
    bytes_scaled = complete("mdt-tucker", 255 * image, known, **settings, atol=1e-4 * 255**2)
    # They differ by the random X in the holes, which is on 0..1 always.
    assert abs(as_given.iterations - bytes_scaled.iterations) <= 1
    assert bytes_unscaled.iterations > 2 * as_given.iterations
