"""Make every sample image, mask and damaged copy, and record them in REGISTRY.toml.

    python sample_images/make_samples.py

Needs nothing but the package's own dependencies: the photographs are the freely licensed ones
that scikit-image ships. White marks the hole in every mask.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from registry import FOLDER, Entry, record
from skimage import data

SIDE_PX = 300
SEED = 2023
Pixels = NDArray[np.uint8]


PHOTOGRAPHS = {
    "brick": ("scikit-image data.brick (cc0textures.com, Bricks25)", "CC0Textures", "CC0-1.0"),
    "cat": ("scikit-image data.chelsea", "Stefan van der Walt", "CC0-1.0"),
    "coffee": ("scikit-image data.coffee", "Rachel Michetti", "CC0-1.0"),
    "rocket": (
        "scikit-image data.rocket (flickr.com/photos/spacexphotos/16511594820)",
        "SpaceX",
        "public domain",
    ),
}
"""Name: origin, author, licence, as the docstrings of `skimage.data` state them."""

DAMAGES = (
    ("coffee", "text", 255),
    ("rocket", "scratches", 255),
    ("brick", "blocks", 0),
    ("brick", "drop50", 0),
    ("cat", "drop50", 0),
)
"""Image, mask, gray level painted into the hole."""

NOISE = ("cat", 25)
"""Image, standard deviation of the white Gaussian noise added to it."""


def make_photographs() -> dict[str, tuple[Pixels, str]]:
    """Return name: (300 x 300 image, how it was made)."""
    coffee = (
        Image.fromarray(data.coffee())
        .crop((100, 0, 500, 400))
        .resize((SIDE_PX, SIDE_PX), Image.Resampling.BOX)
    )
    rocket = (
        Image.fromarray(data.rocket())
        .crop((140, 27, 540, 427))
        .resize((SIDE_PX, SIDE_PX), Image.Resampling.BOX)
    )
    return {
        "brick": (data.brick()[:SIDE_PX, :SIDE_PX], "rows 0..299, columns 0..299"),
        "cat": (data.chelsea()[:, 50 : 50 + SIDE_PX], "columns 50..349"),
        "coffee": (np.asarray(coffee), "rows 0..399, columns 100..499, box-averaged to 300 x 300"),
        "rocket": (np.asarray(rocket), "rows 27..426, columns 140..539, box-averaged to 300 x 300"),
    }


def make_masks() -> dict[str, tuple[Pixels, str]]:
    """Return name: (300 x 300 mask with white holes, how it was made)."""
    rng = np.random.default_rng(SEED)
    drop = np.where(rng.random((SIDE_PX, SIDE_PX)) < 0.5, 255, 0).astype(np.uint8)
    return {
        "text": (text_mask(), "seven lines of anti-aliased text, 19 px high"),
        "scratches": (scratch_mask(rng), f"24 anti-aliased random arcs, 1 to 3 px wide, seed {SEED}"),
        "blocks": (block_mask(rng), f"30 random squares of 8 to 20 px, seed {SEED}"),
        "drop50": (drop, f"every pixel with probability 0.5, seed {SEED}"),
    }


def text_mask() -> Pixels:
    """Draw lines of text over the whole image."""
    image = Image.new("L", (SIDE_PX, SIDE_PX))
    font = ImageFont.load_default(size=19)
    lines = (
        "A picture is a matrix, and",
        "most pictures are nearly of",
        "low rank: a few singular",
        "values carry what we see.",
        "Fill in what is missing so",
        "that the rest stays as it is",
        "and the rank stays small.",
    )
    for index, line in enumerate(lines):
        ImageDraw.Draw(image).text((16, 12 + 41 * index), line, fill=255, font=font)
    return np.asarray(image)


def scratch_mask(rng: np.random.Generator) -> Pixels:
    """Draw random arcs at four times the size and average them down."""
    zoom = 4
    image = Image.new("L", (SIDE_PX * zoom, SIDE_PX * zoom))
    draw = ImageDraw.Draw(image)
    for _ in range(24):
        start, bend, end = rng.uniform(0, SIDE_PX * zoom, (3, 2))
        along = np.linspace(0, 1, 60)[:, None]
        bend = (start + end) / 2 + 0.25 * (bend - start)
        curve = (1 - along) ** 2 * start + 2 * along * (1 - along) * bend + along**2 * end
        draw.line(
            [tuple(point) for point in curve], fill=255, width=int(rng.integers(1, 4)) * zoom, joint="curve"
        )
    return np.asarray(image.resize((SIDE_PX, SIDE_PX), Image.Resampling.BOX))


def block_mask(rng: np.random.Generator) -> Pixels:
    """Paint random squares."""
    mask = np.zeros((SIDE_PX, SIDE_PX), np.uint8)
    for _ in range(30):
        side = int(rng.integers(8, 21))
        top, left = rng.integers(0, SIDE_PX - side, 2)
        mask[top : top + side, left : left + side] = 255
    return mask


def damage(image: Pixels, mask: Pixels, level: int) -> Pixels:
    """Blend one gray level into the image where the mask is white."""
    weight = mask / 255.0
    if image.ndim == 3:
        weight = weight[..., None]
    return np.rint((1 - weight) * image + weight * level).astype(np.uint8)


def add_noise(image: Pixels, level: int) -> Pixels:
    """Add noise to every channel; what leaves 0..255 is cut off, as in any 8-bit file."""
    noise = level * np.random.default_rng(SEED).standard_normal(image.shape)
    return np.rint(image + noise).clip(0, 255).astype(np.uint8)


def save(name: str, pixels: Pixels) -> str:
    """Write a PNG and return its file name."""
    file = f"{name}.png"
    Image.fromarray(pixels).save(FOLDER / file, optimize=True)
    return file


def main() -> None:
    """Write all files and record them."""
    photographs, masks = make_photographs(), make_masks()
    own = ("made by make_samples.py", "the edlrr authors", "CC0-1.0")
    entries = []
    for name, (pixels, made) in photographs.items():
        entries.append(Entry(save(name, pixels), "picture", *PHOTOGRAPHS[name], made))
    for name, (pixels, made) in masks.items():
        entries.append(Entry(save(f"mask_{name}", pixels), "mask", *own, made))
    for image, mask, level in DAMAGES:
        pixels = damage(photographs[image][0], masks[mask][0], level)
        made = f"{image}.png with gray level {level} blended in where mask_{mask}.png is white"
        entries.append(Entry(save(f"{image}_{mask}", pixels), "damaged", *PHOTOGRAPHS[image], made))
    image, level = NOISE
    pixels = add_noise(photographs[image][0], level)
    made = f"{image}.png with white Gaussian noise of standard deviation {level}, seed {SEED}"
    entries.append(Entry(save(f"{image}_noise{level}", pixels), "noisy", *PHOTOGRAPHS[image], made))
    record(entries)


if __name__ == "__main__":
    main()
