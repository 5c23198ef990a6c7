"""A training loop under bf16 autocast whose loss has the low-rank term, of the image or of its patches.

python docs/examples/autocast.py --term groups
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

import torch
from skimage import data
from torch import Tensor, nn

from edlrr_cli import LowRankRegularizer, PatchLowRank

TERMS: dict[str, Callable[[], nn.Module]] = {
    "image": lambda: LowRankRegularizer("laguerre-gamma"),
    "windows": lambda: PatchLowRank("windows"),
    "groups": lambda: PatchLowRank("groups"),
}
SIGMA, WEIGHT, SIDE_PX = 0.1, 1e-4, 48


def train(term: nn.Module, *, num_steps: int, batch: int = 4) -> list[float]:
    """Train a denoiser on crops of a photograph, and return the loss of each step."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    generator = torch.Generator().manual_seed(0)
    torch.manual_seed(0)
    photograph = torch.from_numpy(data.camera() / 255).float()
    crops = (
        photograph.unfold(0, SIDE_PX, SIDE_PX).unfold(1, SIDE_PX, SIDE_PX).reshape(-1, 1, SIDE_PX, SIDE_PX)
    )
    network = nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.Conv2d(16, 1, 3, padding=1, bias=False)
    ).to(device)
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)
    losses = []
    for _ in range(num_steps):
        clean = crops[torch.randint(len(crops), (batch,), generator=generator)].to(device)
        noisy = clean + SIGMA * torch.randn(clean.shape, generator=generator).to(device)
        with torch.autocast(device, dtype=torch.bfloat16):
            restored: Tensor = noisy - network(noisy)
            # The output is bfloat16; the term is computed in float32 and returns float32.
            loss = nn.functional.mse_loss(restored, clean) + WEIGHT * term(restored).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    return losses


def main() -> None:
    """Print the loss before and after."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--term", choices=TERMS, default="image")
    parser.add_argument("--steps", type=int, default=100)
    options = parser.parse_args()
    losses = train(TERMS[options.term](), num_steps=options.steps)
    print(f"loss {losses[0]:.4f} -> {losses[-1]:.4f} in {len(losses)} steps")


if __name__ == "__main__":
    main()
