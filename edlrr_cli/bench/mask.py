"""Masks of synthetic defects of known truth, and what is restored with them instead of the true masks."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from edlrr_cli.bench.defects import (
    Bools,
    Damaged,
    Pixels,
    dust_cover,
    infrared_plane,
    logo_cover,
    painted,
    scratch_cover,
)
from edlrr_cli.bench.record import Row
from edlrr_cli.metrics import psnr
from edlrr_cli.tasks.masking.dust import find_dust
from edlrr_cli.tasks.masking.found import Found
from edlrr_cli.tasks.masking.infrared import find_infrared
from edlrr_cli.tasks.masking.overlay import find_overlay
from edlrr_cli.tasks.masking.scratches import find_scratches

NAME = "mask"
PHOTOS = ("astronaut", "camera", "chelsea", "coffee", "rocket")
"""Photographs that are installed with scikit-image."""

_SIDE_PX = 400
_NUM_SHARING, _SHARING_PX = 20, 256
# The restored overlays are of these images out of those that share it.
_NUM_RESTORED = 3

PARAMETERS = {
    "images": f"of scikit-image: {', '.join(PHOTOS)}; the longer side scaled to {_SIDE_PX} pixels",
    "dust": "40 specks of 1 to 5 pixels, 3 hairs; one level and one opacity of 0.6 to 1 in each image",
    "scratches": "10 arcs of 1 to 3 pixels; one level and one opacity of 0.6 to 1 in each image",
    "ir": "20 specks and 3 hairs that let 0.62 or 0.92 of the infrared through; leak 0.05 to 0.25, noise "
    "0.005 to 0.01, displacement up to 4 pixels",
    "overlay": f"a badge with text, shared by {_NUM_SHARING} windows of {_SHARING_PX} x {_SHARING_PX} pixels",
    "truth": "a pixel of which at least a tenth is covered",
    "psnr": "of the whole image in dB, restored by scikit-image's inpaint_biharmonic, which is fast",
}

Rng = np.random.Generator


@dataclass(frozen=True, eq=False)
class Case:
    """A damaged image and its search.

    Attributes:
        defect: What it is damaged by.
        image: Name of the image.
        restores: Whether it is restored with both masks.
    """

    defect: str
    image: str
    clean: Pixels
    damaged: Damaged
    find: Callable[[], Found]
    restores: bool = True


def photographs() -> dict[str, Pixels]:
    """Return the photographs by name, shape (h, w, c), k / 255."""
    from skimage import data, transform

    found = {}
    for name in PHOTOS:
        pixels = np.atleast_3d(getattr(data, name)()) / 255.0
        factor = _SIDE_PX / max(pixels.shape[:2])
        size = tuple(round(factor * side) for side in pixels.shape[:2])
        scaled = transform.resize(pixels, size, anti_aliasing=True)  # type: ignore[no-untyped-call]
        found[name] = np.rint(255 * scaled) / 255
    return found


def cases(seed: int) -> Iterator[Case]:
    """Yield the damaged images."""
    photos = photographs()
    for index, (name, clean) in enumerate(photos.items()):
        rng = np.random.default_rng([seed, index])
        yield _painted_case("dust", name, clean, rng)
        yield _painted_case("scratches", name, clean, rng)
        for transmission in (0.62, 0.92):
            yield _infrared_case(name, clean, transmission, rng)
    yield from _overlay_cases(photos, np.random.default_rng([seed, len(photos)]))


def _painted_case(kind: str, name: str, clean: Pixels, rng: Rng) -> Case:
    size = clean.shape[0], clean.shape[1]
    if kind == "dust":
        cover, find = dust_cover(size, rng, specks=40, hairs=3), find_dust
    else:
        cover, find = scratch_cover(size, rng, scratches=10), find_scratches
    damaged = painted(clean, cover, level=float(rng.integers(2)), opacity=rng.uniform(0.6, 1))
    return Case(kind, name, clean, damaged, partial(find, damaged.pixels))


def _infrared_case(name: str, clean: Pixels, transmission: float, rng: Rng) -> Case:
    size = clean.shape[0], clean.shape[1]
    cover = dust_cover(size, rng, specks=20, hairs=3)
    damaged = painted(clean, cover, level=float(rng.integers(2)), opacity=min(1.0, 2 * (1 - transmission)))
    plane = infrared_plane(
        clean,
        cover,
        rng,
        transmission=transmission,
        leak=rng.uniform(0.05, 0.25),
        noise=rng.uniform(0.005, 0.01),
        shift_px=(int(rng.integers(-4, 5)), int(rng.integers(-4, 5))),
    )
    find = partial(find_infrared, damaged.pixels, plane)
    return Case(f"ir, {transmission:g} of clean film", name, clean, damaged, find)


def _overlay_cases(photos: Mapping[str, Pixels], rng: Rng) -> Iterator[Case]:
    """Yield images that share a badge, white or black, opaque or not; all of a kind have one mask."""
    windows = [_window(photos, rng) for _ in range(_NUM_SHARING)]
    cover = logo_cover((_SHARING_PX, _SHARING_PX))
    for level, opacity in ((1.0, 1.0), (1.0, 0.4), (0.0, 0.6)):
        damaged = [painted(clean, cover, level=level, opacity=opacity) for clean in windows]
        planes = [each.pixels.mean(axis=2) for each in damaged]
        for index in range(_NUM_RESTORED):
            name = f"window {index + 1}, level {level:g}, opacity {opacity:g}"
            yield Case("overlay", name, windows[index], damaged[index], partial(find_overlay, planes))


def _window(photos: Mapping[str, Pixels], rng: Rng) -> Pixels:
    """Return a random window of a random photograph in color, maybe mirrored."""
    from skimage import data

    name = rng.choice([name for name in photos if name != "camera"])
    whole = np.asarray(getattr(data, str(name))(), float) / 255
    top, left = (int(rng.integers(side - _SHARING_PX)) for side in whole.shape[:2])
    window = whole[top : top + _SHARING_PX, left : left + _SHARING_PX]
    return window[:, ::-1] if rng.integers(2) else window


def measure(case: Case) -> Row:
    """Return the row of a case: how its mask agrees with the truth, and what is restored with each."""
    started = time.perf_counter()
    found = case.find()
    seconds = time.perf_counter() - started
    truth = case.damaged.hole
    row: Row = {"kind": "case", "defect": case.defect, "image": case.image, "score": round(found.score, 3)}
    row |= {"truth_fraction": float(truth.mean()), **agreement(found.hole, truth)}
    restored = {"psnr_damaged": psnr(case.damaged.pixels, case.clean, data_range=1.0)}
    masks = {"true": truth, "made": found.hole, "dilated": found.dilated(1).hole}
    restored |= {f"psnr_{name}": _restored(case, hole) for name, hole in masks.items()}
    return row | restored | {"seconds": round(seconds, 3)}


def agreement(hole: Bools, truth: Bools) -> dict[str, float]:
    """Return recall, false positives as a fraction of the image, precision, F-measure and IoU.

    Example:
        >>> hole, truth = np.array([[True, True, False, False]]), np.array([[True, False, True, False]])
        >>> agreement(hole, truth)["f_measure"], agreement(hole, truth)["false_fraction"]
        (0.5, 0.25)
    """
    both, found, true = float((hole & truth).sum()), float(hole.sum()), float(truth.sum())
    return {
        "recall": both / max(true, 1),
        "false_fraction": (found - both) / hole.size,
        "precision": both / max(found, 1),
        "f_measure": 2 * both / max(found + true, 1),
        "iou": both / max(found + true - both, 1),
    }


def _restored(case: Case, hole: Bools) -> float:
    """Return the PSNR of the image restored with a mask; of the damaged one if the mask is empty."""
    from skimage.restoration import inpaint_biharmonic

    pixels = case.damaged.pixels
    if hole.any():
        restored = inpaint_biharmonic(pixels, hole, channel_axis=-1, split_into_regions=True)
        pixels = restored.clip(0, 1)
    return float(psnr(pixels, case.clean, data_range=1.0))


def clean_rows() -> Iterator[Row]:
    """Yield what is wrongly found in each photograph without damage."""
    for name, pixels in photographs().items():
        for defect, find in (("dust", find_dust), ("scratches", find_scratches)):
            yield {"kind": "clean", "defect": defect, "image": name, "false_fraction": find(pixels).fraction}


def means(rows: Sequence[Row]) -> list[Row]:
    """Return the means over the images by defect."""
    keys = ("truth_fraction", "recall", "false_fraction", "precision", "f_measure", "iou", "score", "seconds")
    found: list[Row] = []
    for defect in dict.fromkeys(row["defect"] for row in rows if row["kind"] == "case"):
        group = [row for row in rows if row["kind"] == "case" and row["defect"] == defect]
        mean: dict[str, Any] = {"kind": "mean", "defect": defect, "num_images": len(group)}
        for key in (*keys, "psnr_damaged", "psnr_true", "psnr_made", "psnr_dilated"):
            mean[key] = float(np.mean([row[key] for row in group]))
        found.append(mean)
    return found
