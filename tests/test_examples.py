"""The scripts of docs/examples, run as a user runs them; skipped where their library is not installed."""

from __future__ import annotations

import os
import re
import runpy
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch

from edlrr_cli import lowrank_penalty
from edlrr_cli.bench.record import read_record
from edlrr_cli.bench.report import blocks

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "docs" / "examples"
needs_sklearn = pytest.mark.skipif(find_spec("sklearn") is None, reason="scikit-learn is not installed")


def run(name, *arguments):
    """Run an example, and return what it prints."""
    path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    result = subprocess.run(
        [sys.executable, EXAMPLES / name, *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


def load(name):
    return runpy.run_path(str(EXAMPLES / name))


@needs_sklearn
@pytest.mark.parametrize(
    ("name", "arguments", "num_rows"),
    [("compress", ("--widths", "16,24"), 16), ("multitask", ("--cases", "digits,16"), 20)],
)
def test_a_comparison_writes_the_table_that_it_prints(name, arguments, num_rows, tmp_path):
    output = tmp_path / "numbers.json"
    printed = run(f"{name}.py", *arguments, "--steps", 3, "--seeds", 2, "-o", output)
    record = read_record(output)
    assert record["command"].startswith("python ")
    assert len(record["rows"]) == num_rows
    assert printed == f"{blocks(record)['']}\n"
    assert printed.count("autograd through the SVD") == 2


@pytest.mark.parametrize("reg", ["nuclear", "exact-gamma", "laguerre-gamma"])
def test_the_terms_compared_are_one_penalty(reg):
    terms = load("terms.py")["TERMS"]
    generator = torch.Generator().manual_seed(0)
    W = torch.randn(12, 9, generator=generator, dtype=torch.float64).requires_grad_()
    expected = lowrank_penalty(W, reg)
    (gradient,) = torch.autograd.grad(expected, W)
    for name in ("lowrank_penalty", "autograd through the SVD"):
        value = terms[name](reg)(W)
        torch.testing.assert_close(value, expected)
        torch.testing.assert_close(torch.autograd.grad(value, W)[0], gradient, rtol=1e-6, atol=1e-9)
    assert terms["without the term"](reg)(W) == 0


def test_a_majorizer_is_renewed_every_few_steps():
    module = load("terms.py")
    term, every = module["majorized"]("exact-gamma"), module["RENEWED_EVERY"]
    first, second = (torch.diag(torch.tensor(diagonal)) for diagonal in ([3.0, 1.0], [3.0, 0.5]))
    values = [float(term(second if call else first)) for call in range(every + 1)]
    exact = [float(lowrank_penalty(W, "exact-gamma")) for W in (first, second)]
    assert values[0] == pytest.approx(exact[0], rel=0.01)
    assert values[1] == values[-2] > values[-1]
    assert values[-1] == pytest.approx(exact[1], rel=0.01)


def test_the_effective_rank_leaves_out_a_fraction_of_the_squares():
    effective_rank = load("terms.py")["effective_rank"]
    sigma = torch.tensor([3.0, 1.0, 0.1, 0.0])
    assert [effective_rank(sigma, tail) for tail in (0.5, 0.01, 1e-4, 0.0)] == [1, 2, 3, 3]


@pytest.mark.parametrize("term", ["image", "windows", "groups"])
def test_a_loop_under_autocast_trains_with_the_term(term):
    module = load("autocast.py")
    losses = module["train"](module["TERMS"][term](), num_steps=8, batch=1)
    without = module["train"](Zero(), num_steps=8, batch=1)
    assert losses[0] > without[0]
    assert sum(losses[4:]) < sum(losses[:4])


class Zero(torch.nn.Module):
    """No term, for comparison."""

    def forward(self, images):
        return images.new_zeros(len(images))


def test_a_prior_of_deepinv_removes_noise():
    installed = [sys.executable, "-W", "ignore", "-c", "import deepinv"]
    if find_spec("deepinv") is None or subprocess.run(installed, capture_output=True).returncode != 0:
        pytest.skip("deepinv is not installed")
    noisy, restored = map(float, re.findall(r"(-?\d+\.\d+) dB", run("deepinv_prior.py")))
    assert restored > noisy + 4
