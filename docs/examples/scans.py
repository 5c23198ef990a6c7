"""Restore scans of slides by their infrared plane: the time per slide, and the figures of the guide.

    python docs/examples/scans.py --sizes 1800x1200,3600x2400 -o scans.json
    python docs/examples/scans.py --figures figures

A slide is made of mirrored copies of a sample image, as a TIFF with 16 bits and infrared as its fourth
channel, with synthetic dust. The figures need chromium, which shows the page of ``edlrr mask``.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image
from publish import publish

from edlrr_cli.bench.defects import dust_cover, infrared_plane, painted

SAMPLE = Path(__file__).parents[2] / "sample_images" / "coffee.png"
SPECKS, HAIRS = 30, 1  # per megapixel
TRANSMISSION = 0.62  # of the infrared, by dust
EDLRR = (sys.executable, "-m", "edlrr_cli")
WAYS = {
    "default": (),
    "--quality fast": ("--quality", "fast"),
    "--method biharmonic": ("--method", "biharmonic"),
}
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1"}
FIGURE_PX = (240, 300)
QUALITY = 85

Pixels = NDArray[np.float64]


def write_slide(path: Path, size_px: tuple[int, int], seed: int = 0) -> None:
    """Write a dusty scan of (height, width), with its infrared plane as the fourth channel."""
    rng = np.random.default_rng(seed)
    with Image.open(SAMPLE) as image:
        sample = np.asarray(image.convert("RGB")) / 255.0
    missing = [max(side - have, 0) for side, have in zip(size_px, sample.shape, strict=False)]
    padding = [(0, missing[0]), (0, missing[1]), (0, 0)]
    clean = np.pad(sample, padding, mode="symmetric")[: size_px[0], : size_px[1]]
    megapixels = size_px[0] * size_px[1] / 1e6
    specks, hairs = round(SPECKS * megapixels) + 10, round(HAIRS * megapixels) + 2
    cover = dust_cover(size_px, rng, specks=specks, hairs=hairs)
    damaged = painted(clean, cover, level=0.0)
    plane = infrared_plane(clean, cover, rng, transmission=TRANSMISSION)
    samples = np.rint(65535 * np.dstack([damaged.pixels, plane])).astype(np.uint16)
    layout = {"compression": "zlib", "predictor": 2}
    tifffile.imwrite(path, samples, photometric="rgb", extrasamples=["unspecified"], **layout)


def run(command: str, folder: Path, *options: str) -> str:
    """Run a command on one thread, and return what it prints."""
    words = [*EDLRR, *command.split(), *options]
    ended = subprocess.run(words, cwd=folder, env=ENVIRONMENT, stdout=subprocess.PIPE, text=True, check=True)
    return ended.stdout


def measure(size_px: tuple[int, int], folder: Path) -> Iterator[dict[str, Any]]:
    """Yield the row of each way to restore a slide.

    The seconds are those of the processor, on which other programs have no influence.
    """
    write_slide(folder / "slide.tif", size_px)
    for name, options in WAYS.items():
        before = _processor_seconds()
        printed = run("inpaint slide.tif --mask ir -o clean.tif --json -q --overwrite", folder, *options)
        yield {
            "size_px": list(size_px),
            "options": name,
            "seconds": round(_processor_seconds() - before, 1),
            "missing_fraction": json.loads(printed)["missing_fraction"],
        }


def _processor_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def draw(folder: Path) -> None:
    """Make the figures: a slide before and after, and the page on which its mask is reviewed."""
    folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as name:
        scratch = Path(name)
        write_slide(scratch / "slide.tif", FIGURE_PX, seed=3)
        run("inpaint slide.tif --mask ir --figure figure.png -q", scratch)
        run("mask slide.tif --kind ir --report review.html -q", scratch)
        page, shot = scratch / "review.html", scratch / "review.png"
        browser = ["chromium", "--headless", "--no-sandbox", "--hide-scrollbars", "--window-size=1000,900"]
        browser += [f"--screenshot={shot}", page.as_uri()]
        subprocess.run(browser, check=True, stderr=subprocess.DEVNULL)
        for title, path in (("scan.jpg", scratch / "figure.png"), ("review.jpg", shot)):
            with Image.open(path) as image:
                image.convert("RGB").save(folder / title, quality=QUALITY, optimize=True)


def sizes(text: str) -> list[tuple[int, int]]:
    """Parse sizes such as ``1800x1200,5400x3600``, width first."""
    pairs = [each.split("x") for each in text.split(",")]
    return [(int(height), int(width)) for width, height in pairs]


def main() -> None:
    """Measure the sizes, or make the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--sizes", type=sizes, default=sizes("1800x1200,3600x2400"))
    parser.add_argument("--figures", type=Path, help="make the figures in this folder instead")
    parser.add_argument("-o", "--output", type=Path, help="write the numbers as JSON")
    given = parser.parse_args()
    if given.figures is not None:
        draw(given.figures)
        return
    with TemporaryDirectory() as folder:
        rows = [row for size in given.sizes for row in measure(size, Path(folder))]
    parameters = {"sample": SAMPLE.name, "specks": SPECKS, "hairs": HAIRS, "transmission": TRANSMISSION}
    publish("scans", parameters, rows, given.output)


if __name__ == "__main__":
    main()
