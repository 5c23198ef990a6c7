"""Multi-task regression with a low-rank weight matrix: the right half of an image from its left half.

    python docs/examples/multitask.py --cases digits,16 -o multitask.json

Each pixel of the right half is one task. The images are the digits of scikit-learn (32 features, 32 tasks)
or patches of its two photographs (N x 2N pixels: N^2 features, N^2 tasks). The same regression is fitted
without the term, with it in two ways, and with the same penalty through an SVD, in turn, each from the ridge
regression with a cross-validated weight.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from publish import publish
from sklearn.datasets import load_digits, load_sample_image
from sklearn.linear_model import RidgeCV
from terms import RENEWED_EVERY, TERMS, effective_rank, through_svd
from torch import Tensor

REG, WEIGHT = "nuclear", 0.05
LR = 0.003
TAIL = 1e-3
NUM_TRAINING, NUM_TEST = {"digits": 200, "16": 500, "32": 1000}, 1000
PHOTOGRAPHS, SPLIT_PX = ("china.jpg", "flower.jpg"), 400


@dataclass(frozen=True, eq=False)
class Split:
    """Left and right halves, without the mean of the left half of each image, shape (n, pixels)."""

    X: Tensor
    Y: Tensor

    @classmethod
    def of(cls, images: Tensor) -> Split:
        """Split images of shape (n, h, w)."""
        middle = images.shape[2] // 2
        X, Y = images[..., :middle].flatten(1), images[..., middle:].flatten(1)
        mean = X.mean(1, keepdim=True)
        return cls(X - mean, Y - mean)

    def rmse(self, W: Tensor) -> float:
        """Return the root mean square error of the prediction X W, in units of the pixels, [0, 1]."""
        return float((self.X @ W - self.Y).square().mean().sqrt())


def read(case: str, seed: int) -> tuple[Split, Split]:
    """Return images for training and for the test: of other digits, or of other parts of the photographs."""
    generator = torch.Generator().manual_seed(seed)

    def draw(images: Tensor, count: int) -> Tensor:
        return images[torch.randperm(len(images), generator=generator)[:count]]

    if case == "digits":
        images = draw(torch.from_numpy(load_digits().images).float() / 16, NUM_TRAINING[case] + NUM_TEST)
        return Split.of(images[: NUM_TRAINING[case]]), Split.of(images[NUM_TRAINING[case] :])
    grays = [torch.tensor(load_sample_image(name)).float().mean(-1) / 255 for name in PHOTOGRAPHS]
    side = int(case)
    training, test = (
        torch.cat([_patches(gray[:, columns], side) for gray in grays])
        for columns in (slice(SPLIT_PX), slice(SPLIT_PX, None))
    )
    return Split.of(draw(training, NUM_TRAINING[case])), Split.of(draw(test, NUM_TEST))


def _patches(gray: Tensor, side: int) -> Tensor:
    step = side // 4
    return gray.unfold(0, side, step).unfold(1, 2 * side, step).reshape(-1, side, 2 * side)


class Regression:
    """The minimization of |X W - Y|^2 / n + WEIGHT R(W) by Adam, step by step, from a start."""

    def __init__(self, training: Split, start: Tensor, method: str, num_steps: int) -> None:
        self.training = training
        self.W = start.clone().requires_grad_()
        self.term = TERMS[method](REG)
        self.optimizer = torch.optim.Adam([self.W], lr=LR)
        self.schedule = torch.optim.lr_scheduler.CosineAnnealingLR(self.optimizer, num_steps)
        self.seconds = 0.0

    def data_term(self) -> Tensor:
        """Return |X W - Y|^2 / n."""
        return (self.training.X @ self.W - self.training.Y).square().sum(1).mean()

    def step(self) -> None:
        """Take a step of Adam."""
        start = time.perf_counter()
        loss = self.data_term() + WEIGHT * self.term(self.W)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        self.schedule.step()
        self.seconds += time.perf_counter() - start

    @torch.no_grad()
    def objective(self) -> float:
        """Return the objective, with the exact penalty."""
        return float(self.data_term() + WEIGHT * through_svd(REG)(self.W))


def compare(case: str, num_steps: int, seed: int) -> list[dict[str, Any]]:
    """Fit by every method, in turn, and return one row for each."""
    training, test = read(case, seed)
    ridge = RidgeCV(alphas=[10.0**k for k in range(-4, 5)], fit_intercept=False).fit(training.X, training.Y)
    start = torch.from_numpy(ridge.coef_.T).float().contiguous()
    runs = {method: Regression(training, start, method, num_steps) for method in TERMS}
    for _ in range(num_steps):
        for run in runs.values():
            run.step()
    fitted = {"ridge, cross-validated": start, **{method: run.W.detach() for method, run in runs.items()}}
    return [
        {
            "case": case,
            "num_features": W.shape[0],
            "num_tasks": W.shape[1],
            "method": method,
            "seed": seed,
            "seconds": runs[method].seconds / num_steps if method in runs else None,
            "rmse": test.rmse(W),
            "objective": runs[method].objective() if method in runs else None,
            "rank": effective_rank(torch.linalg.svdvals(W), TAIL),
        }
        for method, W in fitted.items()
    ]


def main() -> None:
    """Print the table, and write the record."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cases", default=",".join(NUM_TRAINING), help=f"out of {', '.join(NUM_TRAINING)}")
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("-o", "--output", type=Path, help="also write the numbers, as JSON")
    options = parser.parse_args()
    rows = [
        row
        for case in options.cases.split(",")
        for seed in range(options.seeds)
        for row in compare(case, options.steps, seed)
    ]
    parameters = {"reg": REG, "weight": WEIGHT, "renewed_every": RENEWED_EVERY, "tail": TAIL, "lr": LR}
    parameters |= {"num_training": NUM_TRAINING, "num_test": NUM_TEST, "steps": options.steps}
    publish("multitask", parameters, rows, options.output)


if __name__ == "__main__":
    main()
