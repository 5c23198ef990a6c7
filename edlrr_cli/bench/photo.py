"""Denoising of photographs with known truth: by cameras that no network was trained on, or white noise."""

from __future__ import annotations

import io
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.nn import functional

from edlrr_cli.baselines.denoisers import DENOISERS
from edlrr_cli.bench.record import Row
from edlrr_cli.media.formats import require_images
from edlrr_cli.media.gray import read_levels
from edlrr_cli.metrics import psnr, ssim
from edlrr_cli.pipelines.denoisers import load_denoiser
from edlrr_cli.tasks.denoise.config import Config
from edlrr_cli.tasks.denoise.run import denoise
from edlrr_cli.tasks.device import resolve_device
from edlrr_cli.tasks.simulated_camera import Camera, photograph

NAME, WHITE_NAME = "photo", "photo_white"

Pixels = NDArray[np.float64]
Call = Callable[[Pixels, float], Pixels]

PARAMETERS = {
    "scores": "mean PSNR and SSIM against the image developed without noise and compression, 8 bits, peak 1",
    "gain": "of PSNR over the noisy image, mean and least of the images",
    "level": "nlm and bm3d receive the standard deviation of the error of each image; edlrr estimates",
    "seed": "CRC-32 of camera/image",
    "white": "of 15, 25 and 50 of 255, by numpy.random.default_rng(seed), neither clipped nor rounded",
    "apart": "interpolation by Malvar et al., 2004, libjpeg, Lanczos; white balances outside the training's",
}


@dataclass(frozen=True)
class Setting:
    """A camera, and what happens to its image; see `edlrr_cli.tasks.simulated_camera.Camera`.

    Attributes:
        quality: JPEG quality of the file.
        subsampling: 4:4:4, 4:2:2 or 4:2:0 as Pillow numbers them.
    """

    shot: float
    read: float
    red: float
    blue: float
    crosstalk: float
    sharpening: float
    scale: float
    quality: int
    subsampling: int


CAMERAS = {
    "daylight": Setting(0.0008, 0.0012, 2.6, 1.1, 0.5, 0.3, 1.0, 92, 0),
    "indoors": Setting(0.004, 0.004, 1.1, 2.8, 0.8, 0.4, 1.0, 90, 1),
    "night": Setting(0.016, 0.012, 1.05, 3.0, 0.8, 0.2, 1.0, 88, 2),
    "phone": Setting(0.010, 0.006, 2.6, 1.1, 1.0, 0.8, 1.0, 75, 2),
    "messenger": Setting(0.012, 0.008, 1.1, 2.7, 1.0, 0.6, 0.6, 60, 2),
}
WHITE = {f"white {level}": level / 255 for level in (15, 25, 50)}


class Comparison:
    """Every method on the images of a folder.

    Args:
        every: Step between the images that are used.
        white: Levels of white noise instead of cameras.

    Raises:
        DeviceError: The device does not exist.
        InputError: There are no images.
    """

    def __init__(self, data: Path, every: int, *, white: bool, device: str) -> None:
        self._calls = _methods(str(resolve_device(device)))
        self._paths = require_images(data)[::every]
        self._cameras = tuple(WHITE if white else CAMERAS)

    @property
    def num_rows(self) -> int:
        """Return the number of the rows."""
        return len(self._cameras) * len(self._calls)

    def rows(self) -> Iterator[Row]:
        """Yield the rows of each camera, or level of white noise."""
        for camera in self._cameras:
            yield from scores(camera, self._paths, self._calls)


def describe() -> dict[str, object]:
    """Return the parameters of the run."""
    return {**PARAMETERS, "cameras": {name: asdict(setting) for name, setting in CAMERAS.items()}}


def _methods(device: str) -> dict[str, Call]:
    """Return the denoisers: maps of pixels and the level of the error to clean pixels."""
    denoiser = load_denoiser()
    found: dict[str, Call] = {
        "noisy": lambda pixels, sigma: pixels,
        "edlrr": lambda pixels, sigma: denoise(pixels, Config(device=device), denoiser).pixels,
        "edlrr:white": lambda pixels, sigma: (
            denoise(pixels, Config(device=device, noise_type="white"), denoiser).pixels
        ),
        "edlrr:gray": lambda pixels, sigma: (
            denoise(pixels, Config(device=device), replace(denoiser, color=None)).pixels
        ),
        "nlm": DENOISERS["nlm"],
    }
    if find_spec("bm3d"):
        found["bm3d"] = DENOISERS["bm3d"]
    return found


def scores(camera: str, paths: Sequence[Path], calls: dict[str, Call]) -> Iterator[Row]:
    """Yield the means of every method over the images of a camera."""
    values: dict[str, list[tuple[float, float]]] = {method: [] for method in calls}
    for path in paths:
        noisy, truth = taken(camera, path)
        level = float(np.sqrt(np.square(noisy - truth).mean()))
        for method, call in calls.items():
            pixels = np.rint(call(noisy, level).clip(0, 1) * 255) / 255
            similarity = ssim(pixels, truth, data_range=1.0) or np.nan  # None for tiny images
            values[method].append((psnr(pixels, truth, data_range=1.0), similarity))
    before = np.array(values["noisy"])[:, 0]
    for method, pairs in values.items():
        quality, similarities = np.array(pairs).T
        yield {
            "kind": "score",
            "camera": camera,
            "method": method,
            "psnr": round(float(quality.mean()), 3),
            "ssim": round(float(similarities.mean()), 4),
            "gain": round(float((quality - before).mean()), 3),
            "least_gain": round(float((quality - before).min()), 3),
            "num_images": len(paths),
        }


def taken(camera: str, path: Path) -> tuple[Pixels, Pixels]:
    """Return an image as a camera stores it, or with white noise, and its truth, shape (h, w, 3)."""
    seed, levels = zlib.crc32(f"{camera}/{path.stem}".encode()), read_levels(path, color=True)
    if camera in WHITE:
        truth = levels.transpose(1, 2, 0) / 255
        return truth + WHITE[camera] * np.random.default_rng(seed).standard_normal(truth.shape), truth
    setting, clean = CAMERAS[camera], torch.from_numpy(levels)[None].float() / 255
    clean = clean[..., : clean.shape[2] // 2 * 2, : clean.shape[3] // 2 * 2]
    generator = torch.Generator().manual_seed(seed)
    developed = photograph(clean, _camera(setting), generator, interpolate=interpolate_malvar)
    photo, reference = (_resized(image, setting.scale) for image in developed)
    stream = io.BytesIO()
    photo.save(stream, "jpeg", quality=setting.quality, subsampling=setting.subsampling)
    return np.asarray(Image.open(stream)) / 255, np.asarray(reference) / 255


def _camera(setting: Setting) -> Camera:
    return Camera(
        shot=torch.tensor([setting.shot]),
        read=torch.tensor([setting.read]),
        red=torch.tensor([setting.red]),
        blue=torch.tensor([setting.blue]),
        crosstalk=torch.tensor([setting.crosstalk]),
        sharpening=torch.tensor([setting.sharpening]),
    )


def _resized(image: Tensor, scale: float) -> Image.Image:
    levels = (255 * image[0]).round().to(torch.uint8).permute(1, 2, 0).numpy()
    whole = Image.fromarray(levels)
    if scale == 1:
        return whole
    return whole.resize([round(side * scale) for side in whole.size], Image.Resampling.LANCZOS)


# Kernels of Malvar et al., times 8: green at red or blue; red at green between two reds in its row; red at
# blue. Those of blue are the same, and between two reds in a column the second is transposed.
_GREEN = ((0, 0, -1, 0, 0), (0, 0, 2, 0, 0), (-1, 2, 4, 2, -1), (0, 0, 2, 0, 0), (0, 0, -1, 0, 0))
_ROW = ((0, 0, 0.5, 0, 0), (0, -1, 0, -1, 0), (-1, 4, 5, 4, -1), (0, -1, 0, -1, 0), (0, 0, 0.5, 0, 0))
_CROSS = ((0, 0, -1.5, 0, 0), (0, 2, 0, 2, 0), (-1.5, 0, 6, 0, -1.5), (0, 2, 0, 2, 0), (0, 0, -1.5, 0, 0))


def interpolate_malvar(sampled: Tensor) -> Tensor:
    """Interpolate the samples of a Bayer sensor with the gradients of the other colors.

    Args and returns: as in `edlrr_cli.tasks.simulated_camera.interpolate_bilinear`.

    Source: Malvar, He, Cutler, "High-quality linear interpolation for demosaicing of Bayer-patterned color
        images", 2004.
    """
    mosaic = functional.pad(sampled.sum(1, keepdim=True), (2, 2, 2, 2), mode="reflect")
    row = sampled.new_tensor(_ROW)
    kernels = torch.stack([sampled.new_tensor(_GREEN), row, row.mT, sampled.new_tensor(_CROSS)])
    green, by_row, by_column, across = functional.conv2d(mosaic, kernels[:, None] / 8).unbind(1)
    full = sampled.clone()
    full[:, 1, ::2, ::2], full[:, 1, 1::2, 1::2] = green[:, ::2, ::2], green[:, 1::2, 1::2]
    for channel, other in ((0, 2), (2, 0)):
        top = channel // 2  # red is in even rows and columns, blue in odd ones
        full[:, channel, top::2, 1 - top :: 2] = by_row[:, top::2, 1 - top :: 2]
        full[:, channel, 1 - top :: 2, top::2] = by_column[:, 1 - top :: 2, top::2]
        there = other // 2
        full[:, channel, there::2, there::2] = across[:, there::2, there::2]
    return full
