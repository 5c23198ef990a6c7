"""The compiled kernels against torch, for every kind of processor that this one can run."""

from __future__ import annotations

import pytest
import torch

from edlrr_cli.lrr.matrices import native
from edlrr_cli.lrr.matrices.groups import Groups, find_groups
from edlrr_cli.lrr.matrices.windows import WindowSize, windows_at

HERE = torch.backends.cpu.get_cpu_capability().lower()


@pytest.fixture(params=native._PROCESSORS)
def both(request, monkeypatch):
    """A function that computes with the kernels for a kind of processor, and with torch."""
    order = native._PROCESSORS
    if HERE in order and order.index(request.param) < order.index(HERE):
        pytest.skip(f"this processor is no {request.param}")
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: request.param.upper())
    native.kernels.cache_clear()
    library = native.kernels()
    if library is None or native.processor() != request.param:
        native.kernels.cache_clear()
        pytest.skip(f"installed without kernels for {request.param}")

    def compute(call):
        results = []
        for kernels in (library, None):
            monkeypatch.setattr(native, "kernels", lambda kernels=kernels: kernels)
            results.append(call())
        return results

    yield compute
    monkeypatch.undo()
    native.kernels.cache_clear()


def product_of(matrices, X, weights, *, among_rows):
    total = torch.ones_like(X)
    matrices.add_product(total, X, weights, among_rows=among_rows)
    return total


@pytest.mark.parametrize("num_channels", [1, 3, 4])
@pytest.mark.parametrize("k", [1, 7, 28])
@pytest.mark.parametrize("patch_px", [2, 7])
def test_products_of_groups(both, num_channels, k, patch_px):
    generator = torch.Generator().manual_seed(k)
    X = torch.rand(2, 23, 31, num_channels, generator=generator)
    rows, columns = (torch.randint(side - patch_px + 1, (9, k), generator=generator) for side in (23, 31))
    image = torch.randint(2, (9, k), generator=generator)
    groups = Groups(image * 23 * 31 + rows * 31 + columns, patch_px, 31)
    weights = torch.rand(9, k, k, generator=generator)
    fast, slow = both(lambda: product_of(groups, X, weights, among_rows=True))
    torch.testing.assert_close(fast, slow, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("num_channels", [1, 3, 4])
@pytest.mark.parametrize("size", [(5, 2, 3), (16, 6, 10), (24, 10, 10), (40, 5, 20)])
def test_products_of_windows(both, num_channels, size):
    X = torch.rand(2, 45, 41, num_channels, generator=torch.Generator().manual_seed(0))
    (windows, *_) = windows_at(torch.ones(2, 45, 41, dtype=torch.bool), WindowSize(*size), 0)
    n = size[1] ** 2
    weights = torch.rand(len(windows), n, n, generator=torch.Generator().manual_seed(1))
    weights = weights + weights.mT
    fast, slow = both(lambda: product_of(windows, X, weights, among_rows=False))
    torch.testing.assert_close(fast, slow, rtol=1e-4, atol=1e-4 * float(slow.abs().max()))


@pytest.mark.parametrize(("num_channels", "shape"), [(1, (17, 22)), (3, (40, 9)), (1, (7, 7))])
def test_the_same_patches_match(both, num_channels, shape):
    """Few small integers, so that distances are exact and many are equal."""
    image = torch.randint(4, (num_channels, *shape), generator=torch.Generator().manual_seed(0)).float()
    settings = {"patch_px": 4, "stride_px": 3, "search_px": 6, "num_similar": 9}
    fast, slow = both(lambda: find_groups(image, **settings).corners)
    assert torch.equal(fast, slow)


@pytest.mark.parametrize("index", [0, 2])
def test_the_same_patches_match_in_several_images(both, index):
    images = torch.randint(4, (3, 2, 17, 22), generator=torch.Generator().manual_seed(0)).float()
    settings = {"patch_px": 4, "stride_px": 3, "search_px": 3, "num_similar": 20, "index": index}
    fast, slow = both(lambda: find_groups(images, **settings).corners)
    assert torch.equal(fast, slow)
