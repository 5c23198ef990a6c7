"""Shrinkage against the SVD, the definition."""

from __future__ import annotations

import pytest
import torch

from edlrr_cli.baselines.shrinkage import shrink_singular_values, soft, soft_columns, svt


@pytest.mark.parametrize("shape", [(9, 5), (5, 9), (2, 7, 7)])
@pytest.mark.parametrize("dtype", [torch.float64, torch.complex128])
def test_shrinks_as_the_svd_does(shape, dtype):
    Y = torch.randn(*shape, dtype=dtype, generator=torch.Generator().manual_seed(0))
    U, sigma, Vh = torch.linalg.svd(Y, full_matrices=False)
    wanted = (sigma - 1).clamp_min(0)
    X, shrunk = svt(Y, 1.0)
    torch.testing.assert_close(X, (U * wanted[..., None, :].to(dtype)) @ Vh, rtol=1e-10, atol=1e-12)
    torch.testing.assert_close(shrunk, wanted, rtol=1e-10, atol=1e-12)


def test_small_singular_values_survive_in_float32_too(matrix_with_spectrum):
    Y = matrix_with_spectrum([1.0, 1e-2, 1e-4], 40, 30, dtype=torch.float32)
    _, kept = shrink_singular_values(Y, lambda sigma: sigma)
    torch.testing.assert_close(
        kept[:3], torch.tensor([1.0, 1e-2, 1e-4], dtype=torch.float64), rtol=1e-3, atol=0
    )


def test_zero_stays_zero():
    X, sigma = svt(torch.zeros(2, 4, 3, dtype=torch.float64), 0.0)
    assert not X.any()
    assert not sigma.any()


def test_soft():
    assert soft(torch.tensor([-3.0, 0.5, 2.0]), 1.0).tolist() == [-2.0, 0.0, 1.0]


def test_soft_columns_shortens_each_column_and_drops_the_short_ones():
    X = torch.tensor([[3.0, 0.6, 0.0], [4.0, 0.8, 0.0]])
    wanted = torch.tensor([[1.8, 0.0, 0.0], [2.4, 0.0, 0.0]])
    torch.testing.assert_close(soft_columns(X, 2.0), wanted)
    torch.testing.assert_close(soft_columns(X.expand(2, 2, 3), torch.tensor([[[2.0]], [[0.0]]]))[1], X)
