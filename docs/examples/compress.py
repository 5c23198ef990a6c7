"""Compress the layers of a small network: train it with the low-rank term, then cut each layer to its rank.

    python docs/examples/compress.py --widths 64,256 -o compress.json

The network classifies the digits of scikit-learn. The same training runs without the term, with it in
two ways, and with the same penalty through an SVD; the runs take their steps in turn, so that their times
can be compared.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from publish import publish
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from terms import RENEWED_EVERY, TERMS, Term, effective_rank
from torch import Tensor, nn

REG, WEIGHT = "exact-gamma", 0.01
BATCH, LR, MOMENTUM = 128, 0.3, 0.9
TAIL = 0.01  # fraction of a layer's sum of squares that may be cut


class Training:
    """A network of one hidden matrix of width x width, and its training, step by step."""

    def __init__(self, width: int, method: str, num_steps: int, seed: int) -> None:
        torch.manual_seed(seed)
        wide, hidden = nn.Linear(64, width), nn.Linear(width, width)
        self.network = nn.Sequential(wide, nn.ReLU(), hidden, nn.ReLU(), nn.Linear(width, 10))
        self.layers = (wide, hidden)
        self.terms: list[Term] = [TERMS[method](REG) for _ in self.layers]
        self.optimizer = torch.optim.SGD(self.network.parameters(), lr=LR, momentum=MOMENTUM)
        self.schedule = torch.optim.lr_scheduler.OneCycleLR(self.optimizer, LR, total_steps=num_steps)
        self.generator = torch.Generator().manual_seed(seed)
        self.seconds = 0.0

    def step(self, images: Tensor, labels: Tensor) -> None:
        """Take a step of stochastic gradient descent: cross entropy plus the term of each layer."""
        start = time.perf_counter()
        batch = torch.randint(len(images), (BATCH,), generator=self.generator)
        loss = nn.functional.cross_entropy(self.network(images[batch]), labels[batch])
        for term, layer in zip(self.terms, self.layers, strict=True):
            loss = loss + WEIGHT * term(layer.weight)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        self.schedule.step()
        self.seconds += time.perf_counter() - start

    @torch.no_grad()
    def accuracy(self, images: Tensor, labels: Tensor) -> float:
        """Return the fraction of the images that is classified correctly."""
        return float((self.network(images).argmax(1) == labels).float().mean())

    @torch.no_grad()
    def cut(self, ranks: Sequence[int] | None = None) -> list[int]:
        """Cut the layers to given ranks, or to their effective ranks, which are returned."""
        found = []
        for index, layer in enumerate(self.layers):
            U, sigma, Vh = torch.linalg.svd(layer.weight, full_matrices=False)
            rank = effective_rank(sigma, TAIL) if ranks is None else ranks[index]
            layer.weight.copy_(U[:, :rank] * sigma[:rank] @ Vh[:rank])
            found.append(rank)
        return found

    def num_weights(self, ranks: Sequence[int]) -> int:
        """Return the number of weights of the layers if each is stored in the shorter form, W or (U, V)."""
        shapes = [layer.weight.shape for layer in self.layers]
        return sum(min(m * n, rank * (m + n)) for (m, n), rank in zip(shapes, ranks, strict=True))


def compare(width: int, num_steps: int, seed: int) -> list[dict[str, Any]]:
    """Train by every method, in turn, and return one row for each."""
    pixels, digits = load_digits(return_X_y=True)
    parts = train_test_split(pixels.astype("float32") / 16, digits, test_size=0.25, random_state=seed)
    images, test_images, labels, test_labels = map(torch.from_numpy, parts)
    runs = {method: Training(width, method, num_steps, seed) for method in TERMS}
    for _ in range(num_steps):
        for run in runs.values():
            run.step(images, labels)
    trained = {method: run.accuracy(test_images, test_labels) for method, run in runs.items()}
    ranks = {method: run.cut() for method, run in reversed(runs.items()) if method != "without the term"}
    ranks["without the term"] = runs["without the term"].cut(ranks["majorizer"])
    return [
        {
            "width": width,
            "method": method,
            "seed": seed,
            "seconds": run.seconds / num_steps,
            "accuracy": trained[method],
            "accuracy_cut": run.accuracy(test_images, test_labels),
            "ranks": ranks[method],
            "weights_kept": run.num_weights(ranks[method]) / (width * (64 + width)),
        }
        for method, run in runs.items()
    ]


def main() -> None:
    """Print the table, and write the record."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--widths", default="64,128,256,512,1024", help="widths of the hidden layer")
    parser.add_argument("--steps", type=int, default=120)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("-o", "--output", type=Path, help="also write the numbers, as JSON")
    options = parser.parse_args()
    rows = [
        row
        for width in map(int, options.widths.split(","))
        for seed in range(options.seeds)
        for row in compare(width, options.steps, seed)
    ]
    parameters = {"reg": REG, "weight": WEIGHT, "renewed_every": RENEWED_EVERY, "tail": TAIL}
    parameters |= {"batch": BATCH, "lr": LR, "momentum": MOMENTUM, "steps": options.steps}
    publish("compress", parameters, rows, options.output)


if __name__ == "__main__":
    main()
