"""The test matrices, the definition, and the scalar recursions behind the bias."""

from __future__ import annotations

import pytest
import torch

from edlrr_cli.bench.accuracy import projection_after, root_after
from edlrr_cli.bench.images import photo, text_hole
from edlrr_cli.bench.matrices import definition, image_like, image_spectrum, svdvals_penalty
from edlrr_cli.bench.regularizer import methods_for, parse_shape
from edlrr_cli.errors import UsageError
from edlrr_cli.lrr.series import make_function


@pytest.mark.parametrize("count", [1, 2, 7, 300])
def test_the_spectrum_falls_and_ends_at_the_condition_number(count):
    plain, tailed = image_spectrum(count), image_spectrum(count, condition=1e6)
    assert plain[0] == tailed[0] == 20
    assert plain[-1] == pytest.approx(20 / count**1.2)
    assert bool((tailed.diff() < 0).all())
    if count > 1:
        assert tailed[-1] == pytest.approx(20e-6)
        assert torch.equal(tailed[: (count + 1) // 2], plain[: (count + 1) // 2])


def test_the_matrix_has_the_spectrum_and_follows_the_seed():
    S = image_like((2, 9, 6), seed=3)
    torch.testing.assert_close(torch.linalg.svdvals(S), image_spectrum(6).expand(2, 6))
    assert torch.equal(S, image_like((2, 9, 6), seed=3))
    assert not torch.equal(S, image_like((2, 9, 6), seed=4))


@pytest.mark.parametrize("reg", ["nuclear", "laguerre-gamma", "exact-laplace"])
def test_the_definition_agrees_with_autograd_through_svdvals(reg):
    S, h = image_like((2, 9, 6), seed=0).requires_grad_(), make_function(reg)
    value, gradient = definition(S, h)
    by_autograd = svdvals_penalty(S, h)
    torch.testing.assert_close(by_autograd, value)
    torch.testing.assert_close(torch.autograd.grad(by_autograd.sum(), S)[0], gradient)


def test_every_method_computes_its_definition():
    S = image_like((2, 9, 6), seed=0)
    for reg in ("nuclear", "laguerre-gamma", "exact-scad"):
        for name, method in methods_for(reg, S.shape, S.device).items():
            value, gradient = method.run(S)
            if name != "estimator":
                torch.testing.assert_close((value, gradient), definition(S, method.h))


def test_the_recursions_converge():
    sigma = image_spectrum(8)
    torch.testing.assert_close(root_after(sigma, 60), sigma)
    torch.testing.assert_close(projection_after(sigma, 40, sigma[0]), torch.ones_like(sigma))


@pytest.mark.parametrize("text", ["", "3", "3x", "3x-4", "3x0", "axb", "3x4,5x6"])
def test_refuses_what_is_no_shape(text):
    with pytest.raises(UsageError, match="is no shape"):
        parse_shape(text)


@pytest.mark.parametrize("size_px", [32, 300])
def test_the_photograph_has_8_bits_and_text_in_it(size_px):
    pixels, hole = photo(size_px), text_hole(size_px, size_px)
    assert pixels.shape == (size_px, size_px, 3)
    assert abs(pixels * 255 - (pixels * 255).round()).max() < 1e-9
    assert 0.02 < hole.mean() < 0.4
