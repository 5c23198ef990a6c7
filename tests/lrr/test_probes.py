from __future__ import annotations

import pytest
import torch

from edlrr_cli.errors import UsageError
from edlrr_cli.lrr.probes import gaussian_probes, sign_probes_all


def test_shape_dtype_and_seed():
    S = torch.zeros(2, 3, 5, dtype=torch.float64)
    first = gaussian_probes(S, 4, generator=torch.Generator().manual_seed(1))
    again = gaussian_probes(S.shape, 4, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    other = gaussian_probes(S, 4, generator=torch.Generator().manual_seed(2))
    assert first.shape == (2, 3, 4)
    assert first.dtype == torch.float64
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert not torch.equal(first[0], first[1])


def test_global_random_state_is_untouched():
    before = torch.get_rng_state()
    gaussian_probes((3, 3), 4, generator=torch.Generator())
    assert torch.equal(before, torch.get_rng_state())


def test_moments():
    g = gaussian_probes((4, 4), 100_000, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    covariance = g @ g.T / g.shape[1]
    # standard errors: 1/sqrt(N) off the diagonal, sqrt(2/N) on it
    assert (covariance - torch.eye(4)).abs().max() < 5 * (2 / g.shape[1]) ** 0.5


def test_sign_probes_are_all_of_them_and_average_to_the_trace():
    signs = sign_probes_all(6)
    assert signs.shape == (6, 64)
    assert len({tuple(column.tolist()) for column in signs.T}) == 64
    assert torch.equal(signs @ signs.T / 64, torch.eye(6).double())
    A = torch.randn(6, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    mean = (signs * (A @ signs)).sum(0).mean()
    torch.testing.assert_close(mean, A.trace(), rtol=1e-13, atol=1e-13)


def test_refuses_bad_arguments():
    with pytest.raises(UsageError, match="length"):
        sign_probes_all(21)
    with pytest.raises(UsageError, match="num_probes"):
        gaussian_probes((2, 2), 0, generator=torch.Generator())
    with pytest.raises(UsageError, match="S_or_shape"):
        gaussian_probes((2,), 1, generator=torch.Generator())
