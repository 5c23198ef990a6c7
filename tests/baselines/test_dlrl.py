"""DLRL against its formulas written out for one channel, with torch's own optimizer and scheduler."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from edlrr_cli.baselines.dlrl import _MatrixPower
from edlrr_cli.errors import NumericsError

SMALL = {"rank": 4, "factor_p": 1.0, "num_factors": 4, "scale": 1.0, "lr": 0.02, "max_iterations": 25}


def draws(height, width, channels, rank, scale, seed=0):
    """X_1, X_I, W_1, W_I of all channels, in the order in which they are drawn."""
    generator = torch.Generator().manual_seed(seed)
    sizes = ((height, rank), (rank, width), (1, height, rank), (1, rank, width))
    first, last, left, right = (
        torch.rand(channels, *size, generator=generator, dtype=torch.float64) for size in sizes
    )
    return [(scale * first[k], scale * last[k], left[k, 0], right[k, 0]) for k in range(channels)]


def chain(factors, size):
    product = torch.eye(size, dtype=torch.float64)
    for X in factors:
        product = product @ X
    return product


def factor(Y, W, p, principled):
    transposed = Y.shape[0] < 2 * Y.shape[1]
    if transposed:
        Y, W = Y.T, W.T
    gram = Y.T @ Y
    shift = 0.002 * gram.diagonal().max()
    if principled:
        values, Q = torch.linalg.eigh(gram + shift * torch.eye(len(gram), dtype=torch.float64))
        G = Q @ torch.diag(values ** ((p - 2) / 2)) @ Q.T / 2
    else:
        G = (gram + shift) ** ((p - 2) / 2) / 2
    X = torch.relu(W @ torch.linalg.pinv(G, rtol=1e-15) / 2)
    return X.T if transposed else X


def transcription(
    M, mask, drawn, *, principled, p=1.0, eta=0.1, weight_decay=0.15, rank, num_factors, lr, steps
):
    """One channel: every factor's step from the fixed X, with all products written out."""
    height = len(M)
    first, last, left, right = drawn
    X = [first, *[torch.eye(rank, dtype=torch.float64)] * (num_factors - 2), last]
    W = [left.clone(), *(torch.eye(rank, dtype=torch.float64) for _ in X[1:-1]), right.clone()]
    learnt = torch.tensor(eta, dtype=torch.float64)
    parameters = [T.requires_grad_() for T in (*W, learnt)]

    def forward():
        factors = []
        for i in range(num_factors):
            L = chain(X[:i], height)
            R = chain(X[i + 1 :], X[i].shape[1])
            lipschitz = learnt.clamp(1e-3, 1) * torch.linalg.norm(L, 2) ** 2 * torch.linalg.norm(R, 2) ** 2
            gradient = -L.T @ (mask * (M - L @ X[i] @ R)) @ R.T / lipschitz
            Y = X[i] - gradient if principled else X[i] + gradient
            factors.append(factor(Y, W[i], p, principled))
        return chain(factors, height)

    adam = torch.optim.Adam(parameters, lr=lr, betas=(0.90, 0.92), weight_decay=weight_decay)
    plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(adam, factor=0.1, patience=10, min_lr=1e-4 * lr)
    losses = []
    for _ in range(steps):
        loss = (mask * (M - forward())).square().sum() / 2
        adam.zero_grad()
        loss.backward()
        adam.step()
        losses.append(loss.item())
        plateau.step(loss.item())
        if adam.param_groups[0]["lr"] < 0.9e-3 * lr:
            break
    return forward().detach().numpy(), losses


@pytest.mark.parametrize("name", ["dlrl", "dlrl-principled"])
@pytest.mark.parametrize("change", [{}, {"num_factors": 2}, {"scale": 2.0}, {"rank": 9}])
def test_is_its_formulas(name, change, sample, hole, complete):
    image, known = sample(14, 17, 2, rank=3), hole(14, 17)
    settings = {**SMALL, **change}
    result = complete(name, image, known, **settings)
    total = 0
    for k, drawn in enumerate(draws(14, 17, 2, settings["rank"], settings["scale"])):
        X, losses = transcription(
            torch.from_numpy(image[..., k]),
            torch.from_numpy(known).double(),
            drawn,
            principled=name == "dlrl-principled",
            rank=settings["rank"],
            num_factors=settings["num_factors"],
            lr=settings["lr"],
            steps=settings["max_iterations"],
        )
        total = total + np.array(losses)
        np.testing.assert_allclose(result.raw[..., k], X, rtol=1e-6, atol=1e-6 * np.abs(X).max())
    np.testing.assert_allclose([loss for _, loss in result.history], total, rtol=1e-6)


def test_ends_where_the_scheduler_of_torch_ends(sample, hole, complete):
    image, known = sample(14, 17, 1, rank=3), hole(14, 17)
    settings = {"rank": 3, "num_factors": 2, "lr": 0.2}
    result = complete("dlrl-principled", image, known, **settings, max_iterations=2000)
    _, losses = transcription(
        torch.from_numpy(image[..., 0]),
        torch.from_numpy(known).double(),
        draws(14, 17, 1, 3, 1.0)[0],
        principled=True,
        p=2.0,
        eta=1.0,
        rank=3,
        num_factors=2,
        lr=0.2,
        steps=2000,
    )
    assert result.stop == "tolerance"
    assert result.iterations == len(losses)


def test_p_2_is_a_product_of_rectified_weights(sample, hole, complete):
    """Then the gain is I: after no step but the first, X is relu(W_1) relu(W_I), whatever eta is."""
    settings = {"num_factors": 2, "rank": 4, "lr": 0.0, "max_iterations": 1}
    image, known = sample(14, 17, 1), hole(14, 17)
    raw = complete("dlrl-principled", image, known, **settings).raw
    _, _, left, right = draws(14, 17, 1, 4, 1.0)[0]
    np.testing.assert_allclose(raw[..., 0], left @ right, atol=1e-12)


@pytest.mark.parametrize("name", ["dlrl", "dlrl-principled"])
def test_no_factor_is_negative_and_no_rank_too_large(name, sample, hole, complete):
    image, known = sample(24, 26, 1, rank=9), hole(24, 26)
    raw = complete(name, image, known, rank=3, max_iterations=30).raw[..., 0]
    assert raw.min() >= 0
    assert np.linalg.matrix_rank(raw, tol=1e-9 * np.linalg.norm(raw)) <= 3


def test_the_matrix_power_has_the_gradient_of_its_eigenvalues():
    generator = torch.Generator().manual_seed(0)
    Y = torch.randn(2, 5, 4, dtype=torch.float64, generator=generator, requires_grad=True)
    eye = torch.eye(4, dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda Y: _MatrixPower.apply(Y.mT @ Y + eye, 0.3), Y)
    # At I all eigenvalues coincide, and the derivative in the direction A is 0.3 A.
    A = torch.eye(4, dtype=torch.float64, requires_grad=True)
    (gradient,) = torch.autograd.grad(_MatrixPower.apply(A, 0.3).sum(), A)
    torch.testing.assert_close(gradient, torch.full((4, 4), 0.3, dtype=torch.float64))


def test_says_that_the_entrywise_power_is_not_a_number(sample, hole, complete):
    """The first product falls short of some pixels only: Y^T Y has negative entries."""
    with pytest.raises(NumericsError, match="nan"):
        complete("dlrl", sample(), hole(30, 36), scale=0.3)


def test_the_defaults_recover_an_image(sample, hole, complete):
    image, known = sample(40, 40, 1), hole(40, 40)
    result = complete("dlrl-principled", image, known, rank=4, lr=0.01, max_iterations=400)
    assert np.sqrt(np.mean((result.raw - image) ** 2)) < 0.02
