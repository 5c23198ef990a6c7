"""The compiled kernels against torch, for every kind of processor that this one can run."""

from __future__ import annotations

import pytest
import torch

from edlrr_cli.lrr.matrices.groups import Groups, find_groups
from edlrr_cli.lrr.matrices.windows import WindowSize, windows_at
from edlrr_cli.lrr.native import library
from edlrr_cli.lrr.native.eigenvectors import principal
from edlrr_cli.lrr.series import make_function
from edlrr_cli.lrr.weights import weights_of

HERE = torch.backends.cpu.get_cpu_capability().lower()


@pytest.fixture(params=library.PROCESSORS)
def both(request, monkeypatch):
    """A function that computes with the kernels for a kind of processor, and with torch."""
    order = library.PROCESSORS
    if HERE in order and order.index(request.param) < order.index(HERE):
        pytest.skip(f"this processor is no {request.param}")
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: request.param.upper())
    library.kernels.cache_clear()
    compiled = library.kernels()
    if compiled is None or library.processor() != request.param:
        library.kernels.cache_clear()
        pytest.skip(f"installed without kernels for {request.param}")

    def compute(call):
        results = []
        for kernels in (compiled, None):
            monkeypatch.setattr(library, "kernels", lambda kernels=kernels: kernels)
            results.append(call())
        return results

    yield compute
    monkeypatch.undo()
    library.kernels.cache_clear()


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


def low_rank(shape, rank, seed=0):
    """Matrices of a rank, with noise of a thousandth."""
    generator = torch.Generator().manual_seed(seed)
    b, k, n = shape
    factors = [torch.randn(size, generator=generator) for size in ((b, k, rank), (b, rank, n), shape)]
    return factors[0] @ factors[1] + 1e-3 * factors[2]


@pytest.mark.parametrize(
    ("shape", "rank"), [((5, 1, 4), 1), ((19, 7, 12), 2), ((33, 36, 147), 3), ((4, 64, 9), 9)]
)
@pytest.mark.parametrize("transposed", [False, True])
def test_eigenvectors_are_orthonormal_and_diagonalize(both, shape, rank, transposed):
    S = low_rank(shape, rank)
    if transposed:
        S = S.mT.contiguous().mT
    (U, squares), none = both(lambda: principal(S))
    assert none is None
    U, precise = U.double(), S.double()
    torch.testing.assert_close(U.mT @ U, torch.eye(shape[1]).double().expand_as(U), rtol=0, atol=1e-5)
    D = U.mT @ precise @ precise.mT @ U
    largest = D.diagonal(dim1=1, dim2=2).amax(1)[:, None]
    torch.testing.assert_close(
        D / largest[..., None], torch.diag_embed(squares / largest).double(), rtol=0, atol=1e-5
    )


@pytest.mark.parametrize(
    "S", [torch.zeros(3, 5, 8), torch.ones(2, 6, 6), torch.eye(9)[None], 1e-30 * torch.ones(1, 4, 4)]
)
def test_eigenvectors_of_degenerate_matrices(both, S):
    (U, squares), _ = both(lambda: principal(S))
    torch.testing.assert_close(U @ U.mT, torch.eye(S.shape[1]).expand_as(U), rtol=0, atol=1e-5)
    expected = torch.linalg.svdvals(S.double()).square()
    torch.testing.assert_close(squares.sort(1).values.flip(1).double(), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    "S", [torch.full((2, 3, 4), torch.nan), torch.zeros(1, 65, 70), torch.zeros(1, 3, 4).double()]
)
def test_other_matrices_are_left_to_torch(both, S):
    assert both(lambda: principal(S)) == [None, None]


@pytest.mark.parametrize("name", ["nuclear", "laguerre-gamma", "exact-laplace", "exact-mcp"])
def test_the_same_weights(both, name):
    S, tau = low_rank((40, 36, 147), 5), torch.linspace(1, 30, 40)
    fast, slow = both(lambda: weights_of(S, make_function(name), tau))
    torch.testing.assert_close(fast.matrices, slow.matrices, rtol=0, atol=2e-4)
    torch.testing.assert_close(fast.value, slow.value, rtol=1e-4, atol=0)
    torch.testing.assert_close(fast.rank, slow.rank, rtol=1e-4, atol=0)
