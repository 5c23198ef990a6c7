"""Restore scans of slides by their infrared plane: the time per slide, and the pictures of the guide.

    python docs/examples/scans.py --sizes 1800x1200,5400x3600 -o scans.json
    python docs/examples/scans.py --pictures pictures

A slide is made of mirrored copies of a sample image, as a TIFF with 16 bits and infrared as its fourth
channel, with synthetic dust. The pictures need chromium, which shows the page of ``edlrr mask``.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
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
PICTURE_PX = (240, 360)
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
    cover = dust_cover(
        size_px, rng, specks=round(SPECKS * megapixels) + 10, hairs=round(HAIRS * megapixels) + 2
    )
    damaged = painted(clean, cover, level=0.0)
    plane = infrared_plane(damaged, clean, cover, rng, transmission=TRANSMISSION)
    samples = np.rint(65535 * np.dstack([damaged.pixels, plane])).astype(np.uint16)
    tifffile.imwrite(
        path, samples, photometric="rgb", extrasamples=["unspecified"], compression="zlib", predictor=2
    )


def measure(size_px: tuple[int, int], folder: Path) -> dict[str, Any]:
    """Return the row of a slide: seconds of the whole command, the computation among them, and what was found."""
    slide, result = folder / "slide.tif", folder / "clean.tif"
    write_slide(slide, size_px)
    command = [*EDLRR, "inpaint", slide, "--mask", "ir", "-o", result, "--json", "--quiet", "--overwrite"]
    start = time.perf_counter()
    ended = subprocess.run(list(map(str, command)), stdout=subprocess.PIPE, text=True, check=True)
    seconds = time.perf_counter() - start
    record = json.loads(ended.stdout)
    return {
        "size_px": list(size_px),
        "seconds": round(seconds, 2),
        "seconds_filling": round(record["seconds"], 2),
        "missing_fraction": record["missing_fraction"],
        "quality": record["quality"],
    }


def draw(folder: Path) -> None:
    """Make the pictures: a slide before and after, and the page on which its mask is reviewed."""
    folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as scratch:
        slide, figure, page = (Path(scratch) / name for name in ("slide.tif", "figure.png", "review.html"))
        write_slide(slide, PICTURE_PX, seed=3)
        restore = [*EDLRR, "inpaint", slide, "--mask", "ir", "--figure", figure, "-q"]
        search = [*EDLRR, "mask", slide, "--kind", "ir", "--report", page, "-q"]
        for command in (restore, search):
            subprocess.run(list(map(str, command)), check=True)
        shot = Path(scratch) / "page.png"
        browser = ["chromium", "--headless", "--no-sandbox", "--hide-scrollbars", "--window-size=1000,760"]
        subprocess.run(
            [*browser, f"--screenshot={shot}", page.as_uri()], check=True, stderr=subprocess.DEVNULL
        )
        for name, path in (("scan.jpg", figure), ("review.jpg", shot)):
            with Image.open(path) as image:
                image.convert("RGB").save(folder / name, quality=QUALITY, optimize=True)


def sizes(text: str) -> list[tuple[int, int]]:
    """Parse sizes such as ``1800x1200,5400x3600``, width first."""
    pairs = [each.split("x") for each in text.split(",")]
    return [(int(height), int(width)) for width, height in pairs]


def main() -> None:
    """Measure the sizes, or make the pictures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--sizes", type=sizes, default=sizes("1800x1200,3600x2400,5400x3600"))
    parser.add_argument("--pictures", type=Path, help="make the pictures in this folder instead")
    parser.add_argument("-o", "--output", type=Path, help="write the numbers as JSON")
    given = parser.parse_args()
    if given.pictures is not None:
        draw(given.pictures)
        return
    with TemporaryDirectory() as folder:
        rows = [measure(size, Path(folder)) for size in given.sizes]
    parameters = {"sample": SAMPLE.name, "specks": SPECKS, "hairs": HAIRS, "transmission": TRANSMISSION}
    publish("scans", parameters, rows, given.output)


if __name__ == "__main__":
    main()
