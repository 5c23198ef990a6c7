"""Mask files: which pixels are known. The polarity of masks is decided only here.

Inside the program True means known. In a file the hole may be white, black or transparent. One
rule covers all three: a pixel is missing if it lies at least ``threshold`` levels of 255 away from
the color of the known pixels, which is black, white or opaque respectively.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import numpy as np
from numpy.typing import NDArray

from edlrr_cli.dilation import dilated
from edlrr_cli.errors import InputError, UsageError
from edlrr_cli.media.cmyk import to_rgb
from edlrr_cli.media.formats import MASK_MODES
from edlrr_cli.media.images import read_image
from edlrr_cli.media.labels import labeled_pixels
from edlrr_cli.media.still_image import StillImage
from edlrr_cli.media.undefined import refuse_undefined

_BoolArray = NDArray[np.bool_]
_OPPOSITE = {"white": "black", "black": "white"}
SET_MODE = "pass --mask-mode white or --mask-mode black (what marks the hole)"
CLEAR_FRACTION = 0.25  # a side below it is clearly the smaller; random drops of up to 75 % stay undecided
_CONSTANT_FRACTION = 0.95  # a part is constant if this fraction of it has one color
_NUM_SAMPLES = 100_000  # pixels, evenly spread over a part, that decide whether it is constant
_CONSTANT_TOLERANCE = 4.5 / 255  # JPEG compression leaves flat holes nearly flat
_FAINT_LEVELS = 16  # marks fainter than this come from JPEG more often than from anti-aliasing
_NOISY_FRACTION = 0.2  # if more of the hole is that faint, the evidence suggests --mask-threshold


@dataclass(frozen=True, eq=False)
class MaskReading:
    """A mask and its interpretation.

    Attributes:
        known: Bool, shape (h, w); True = known pixel.
        mode: What marked the hole: "white", "black" or "alpha".
        missing_fraction: Fraction of pixels to be restored, in [0, 1), after dilation.
        evidence: One sentence for the user: the mode, the fraction, the reason for this interpretation, and
            the losses on reading.
    """

    known: _BoolArray
    mode: str
    missing_fraction: float
    evidence: str


@dataclass(frozen=True)
class Polarity:
    """One interpretation of the mask: missing pixels, the certain and the suspiciously faint among them."""

    mode: str
    missing: _BoolArray
    certain: _BoolArray
    faint: _BoolArray

    @property
    def possible(self) -> bool:
        """Whether some pixels are missing, and not all."""
        return bool(self.missing.any() and not self.missing.all())


def read_mask(
    path: Path,
    image: StillImage,
    *,
    mode: str = "auto",
    threshold: int | None = None,
    dilate: int = 0,
    page: int = 1,
) -> MaskReading:
    """Read a mask file and decide which pixels of ``image`` are known.

    Modes: "white" marks the hole with anything that is not black, "black" with anything that is
    not white, "alpha" with anything that is not opaque. Paint on a transparent layer is composited
    onto the color of the known pixels, so intermediate values of anti-aliased text are missing
    with either polarity. "auto" applies these rules:

    1. A transparency that is not constant marks the hole.
    2. If the pixels under one polarity have one constant color in ``image`` (95 % of the
       certain ones within 4 levels) and those under the other do not, they are the hole.
    3. The side that covers less than 25 % is the hole.

    Conflicting or missing evidence raises an error. A polarity under which no pixel or every pixel
    would be missing is excluded beforehand. A mask without any mark, which is black all over with "auto",
    leaves nothing to restore.

    In a label image of integers, "white" and "auto" mark the hole with every label but 0, "black" with 0;
    with "auto" the evidence must agree. With a threshold, labels are read as gray levels.

    Args:
        path: Image file of the same size as ``image``; for mode "alpha" it may be the same file.
        image: The damaged image; not modified.
        mode: One of `MASK_MODES`.
        threshold: 1 to 255; minimum distance of a missing pixel from the color of the known
            pixels, in levels of 255. None: 1 level.
        dilate: Radius in pixels of the disk by which the hole is dilated.
        page: Page of the mask, from 1.

    Returns:
        The mask and its interpretation.

    Raises:
        UsageError: The mode is unknown, the threshold outside 1..255 or the dilation negative.
        InputError: The file is unreadable, of another size, marks every pixel, has no mark that reaches the
            threshold, has no transparency for mode "alpha", or "auto" cannot decide.
    """
    check_mask_settings(mode, threshold, dilate)
    mask = _read_marks(path, threshold, page)
    _check_size(path, mask, image)
    if mode == "auto":
        polarity, reason = _decide(path, mask, image, threshold)
    else:
        polarity, reason = _read_as(path, mode, mask, threshold), "as requested"
    _check_extent(path, polarity, mask)
    missing = dilated(polarity.missing, dilate)
    if missing.all():
        raise InputError(f"mask {path} leaves no pixel known after --dilate {dilate}", "dilate less")
    fraction = float(missing.mean())
    marks = f"{_subject(polarity.mode, mask)} marks the hole"
    evidence = f"{marks} ({reason}): {100 * fraction:.3g} % missing"
    phrases = [evidence + _threshold_hint(polarity), *mask.notes]
    return MaskReading(~missing, polarity.mode, fraction, "; ".join(phrases))


def white_pixels(path: Path) -> _BoolArray:
    """Return the pixels of a mask file that are not black, or the labels other than 0, shape (h, w).

    Raises:
        InputError: The file is unreadable.
    """
    return polarity_of("white", _read_marks(path, None), None).missing


def check_mask_settings(mode: str, threshold: int | None, dilate: int) -> None:
    """Refuse settings of `read_mask` outside of their domains.

    Raises:
        UsageError: One is.
    """
    if mode not in MASK_MODES:
        raise UsageError(f"--mask-mode: expected one of {', '.join(MASK_MODES)}, got {mode!r}")
    if threshold is not None and not 1 <= threshold <= 255:
        raise UsageError(f"--mask-threshold: expected 1 to 255, got {threshold}")
    if dilate < 0:
        raise UsageError(f"--dilate: expected 0 or more pixels, got {dilate}")


@dataclass(frozen=True, eq=False)
class _Labels(StillImage):
    """A label image: white where the label is not 0."""


def _read_marks(path: Path, threshold: int | None, page: int = 1) -> StillImage:
    """Read a mask file, labels as black and white unless a threshold is given."""
    image = read_image(path, page)
    refuse_undefined(f"mask {path}", image.undefined)
    has_white = image.ranged is None or image.ranged.are_floats
    if not has_white and threshold is not None:
        raise InputError(
            f"mask {path} has labels of a type that --mask-threshold does not apply to",
            "leave --mask-threshold out",
        )
    if image.ranged is not None and image.ranged.values.any() and not image.pixels.any():
        raise InputError(
            f"mask {path} has one value only, which is neither black nor white", "use a black-and-white file"
        )
    labeled = labeled_pixels(image) if threshold is None else None
    if labeled is None and not has_white and not image.pixels.any():
        labeled = np.zeros(image.size_px, bool)
    if labeled is not None:
        return _Labels(labeled[..., None].astype(np.float64), None, "L", "", b"", b"", None, ())
    if not has_white:
        raise InputError(
            f"mask {path} is neither black nor white, and has no labels", "use a black-and-white file"
        )
    return image


def _check_size(path: Path, mask: StillImage, image: StillImage) -> None:
    if mask.size_px == image.size_px:
        return
    sizes = [f"{width} x {height}" for height, width in (mask.size_px, image.size_px)]
    problem = f"mask {path} is {sizes[0]} pixels, the image is {sizes[1]} (width x height)"
    if mask.size_px == image.size_px[::-1] and mask.is_turned != image.is_turned:
        turned, other = ("image", "mask") if image.is_turned else ("mask", "image")
        raise InputError(
            f"{problem}: the EXIF orientation turns the {turned} by 90 degrees, and not the {other}",
            f"turn the {other} likewise, or save the {turned} without its orientation tag",
        )
    raise InputError(problem, f"give --mask a file of {sizes[1]} pixels")


def _check_extent(path: Path, polarity: Polarity, mask: StillImage) -> None:
    other = f"--mask-mode {_OPPOSITE.get(polarity.mode, 'white')}"
    if not polarity.missing.any() and _distance(polarity.mode, mask).any():
        raise InputError(
            f"mask {path} marks no pixel as missing with mode {polarity.mode}",
            f"try {other} or a lower --mask-threshold",
        )
    if polarity.missing.all():
        raise InputError(
            f"mask {path} leaves no pixel known with mode {polarity.mode}",
            f"try {other} or a higher --mask-threshold, such as 128",
        )


def _distance(mode: str, mask: StillImage) -> NDArray[np.float64]:
    """Return the distance of each mask pixel from the color of the known pixels, 0..1."""
    opacity = np.float64(1.0) if mask.alpha is None else mask.alpha / mask.peak
    if mode == "alpha":
        return np.broadcast_to(1.0 - opacity, mask.size_px)
    colors = to_rgb(mask.pixels)
    paint = colors.max(axis=2) if mode == "white" else 1.0 - colors.min(axis=2)
    distance: NDArray[np.float64] = paint * opacity
    return distance


def polarity_of(mode: str, mask: StillImage, threshold: int | None) -> Polarity:
    """Return one interpretation of a mask, or of a part of it; the arguments are those of `read_mask`."""
    distance = _distance(mode, mask)
    level, levels = (1, max(mask.peak, 255)) if threshold is None else (threshold, 255)
    missing = distance >= (level - 0.5) / levels
    if threshold is not None:
        return Polarity(mode, missing, missing, np.zeros_like(missing))
    certain = missing & (distance >= distance.max())
    faint = missing & ~certain & (distance < _FAINT_LEVELS / 255.0)
    return Polarity(mode, missing, certain, faint)


def _read_as(path: Path, mode: str, mask: StillImage, threshold: int | None) -> Polarity:
    if mode == "alpha" and mask.alpha is None:
        raise InputError(f"mask {path} has no transparency for --mask-mode alpha", SET_MODE)
    return polarity_of(mode, mask, threshold)


def _decide(path: Path, mask: StillImage, image: StillImage, threshold: int | None) -> tuple[Polarity, str]:
    """Return the polarity that the evidence supports, and the reason as a phrase."""
    if mask.alpha is not None and np.ptp(mask.alpha) > 0:
        return _decide_alpha(path, mask, image, threshold)
    modes = ("white",) if isinstance(mask, _Labels) else ("white", "black")
    readings = [polarity_of(mode, mask, threshold) for mode in modes]
    possible = [reading for reading in readings if reading.possible]
    if not possible and _is_black(mask):
        return readings[0], "the mask is black all over"
    if not possible:
        _raise_unreadable(path, mask)
    chosen, *others = possible
    hole, known = chosen.certain, ~chosen.missing
    if hole.sum() + known.sum() < hole.size / 2:
        raise InputError(
            f"mask {path} is mostly neither black nor white",
            "give --mask a black-and-white file, or set --mask-mode and --mask-threshold 128",
        )
    flat, small = _flatness_vote(image, hole, known), _area_vote(hole, known)
    if flat * small < 0 or flat + small == 0:
        problem = "the evidence conflicts" if flat * small < 0 else "there is no evidence"
        raise InputError(f"mask {path}: {problem} whether white or black marks the hole", SET_MODE)
    if flat + small < 0 and not others:
        subject = _subject(chosen.mode, mask)
        raise InputError(f"mask {path}: the area of {subject} looks like the known pixels", SET_MODE)
    reasons = ["those pixels are one constant color in the image"] * (flat != 0)
    reasons += ["it is the smaller area"] * (small != 0)
    return (chosen if flat + small > 0 else others[0]), " and ".join(reasons)


def _is_black(mask: StillImage) -> bool:
    """Whether a mask is black and opaque all over."""
    is_opaque = mask.alpha is None or bool((mask.alpha == mask.peak).all())
    return is_opaque and not to_rgb(mask.pixels).any()


def _raise_unreadable(path: Path, mask: StillImage) -> NoReturn:
    """Raise an error that explains why neither white nor black can mark the hole."""
    if (mask.alpha is None or mask.alpha.all()) and (to_rgb(mask.pixels) == 1).all():
        raise InputError(
            f"mask {path} is white all over, and leaves no pixel known",
            "pass --mask-mode black if black marks the hole, of which there is none",
        )
    if np.ptp(mask.pixels, axis=(0, 1)).max() == 0:
        raise InputError(
            f"mask {path} has one color only and marks nothing", "paint the hole in white on black"
        )
    raise InputError(
        f"mask {path} has no black and no white pixels, one of which would be the known ones",
        "give --mask a black-and-white file, or set --mask-mode and --mask-threshold 128",
    )


def _decide_alpha(
    path: Path, mask: StillImage, image: StillImage, threshold: int | None
) -> tuple[Polarity, str]:
    """Use the transparency unless the opaque part looks like paint on a transparent layer."""
    reading = polarity_of("alpha", mask, threshold)
    known = ~reading.missing
    flat, small = _flatness_vote(image, reading.certain, known), _area_vote(reading.certain, known)
    painted = known.any() and _is_constant(_samples(mask.pixels, known))
    if flat < 0 or (flat == 0 and small < 0 and painted):
        raise InputError(
            f"mask {path} is transparent, but its opaque part looks like the hole",
            "pass --mask-mode alpha (transparent marks the hole), white or black (paint marks it)",
        )
    return reading, "the mask is transparent there"


def _flatness_vote(image: StillImage, hole: _BoolArray, known: _BoolArray) -> int:
    """Return 1 if the hole is one color in the image and the rest is not, -1 if reversed, else 0."""
    flat_hole, flat_known = (
        bool(part.any()) and _is_constant(_samples(image.pixels, part)) for part in (hole, known)
    )
    return int(flat_hole) - int(flat_known)


def _area_vote(hole: _BoolArray, known: _BoolArray) -> int:
    """Return 1 if the hole is clearly the smaller part, -1 if it is clearly the larger, else 0."""
    fraction = hole.sum() / (hole.sum() + known.sum())
    return int(fraction < CLEAR_FRACTION) - int(fraction > 1 - CLEAR_FRACTION)


def _samples(pixels: NDArray[np.float64], where: _BoolArray) -> NDArray[np.float64]:
    """Return at most `_NUM_SAMPLES` pixels (n, c), evenly spread over a part of an image."""
    indices = np.flatnonzero(where)
    return pixels.reshape(-1, pixels.shape[2])[indices[:: math.ceil(len(indices) / _NUM_SAMPLES)]]


def _is_constant(colors: NDArray[np.float64]) -> bool:
    """Whether nearly all colors, shape (n, c), are close to their median."""
    deviation = np.abs(colors - np.median(colors, axis=0)).max(axis=1)
    return float((deviation <= _CONSTANT_TOLERANCE).mean()) >= _CONSTANT_FRACTION


def _subject(mode: str, mask: StillImage) -> str:
    if isinstance(mask, _Labels):
        return "every label but 0" if mode == "white" else "label 0"
    return "transparency" if mode == "alpha" else mode


def _threshold_hint(polarity: Polarity) -> str:
    fraction = polarity.faint.sum() / max(polarity.missing.sum(), 1)
    if fraction < _NOISY_FRACTION:
        return ""
    return f"; {100 * fraction:.0f} % of the marks are very faint, --mask-threshold 128 would leave them out"
