"""``edlrr doctor``: what is installed, what is here to compute on, and whether it works."""

from __future__ import annotations

import platform
import sys
import time
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version

import click

from edlrr_cli import __version__
from edlrr_cli.cli.console import print_record
from edlrr_cli.cli.options import common_options
from edlrr_cli.cores import available_cores
from edlrr_cli.errors import EXIT_FAILURE, EXIT_OK

_PACKAGES = (
    "torch",
    "numpy",
    "scipy",
    "scikit-image",
    "pillow",
    "click",
    "tqdm",
    "av",
    "safetensors",
    "tifffile",
)
_OPTIONAL = {"opencv": "opencv-contrib-python-headless", "bm3d": "bm3d", "cluster": "distributed"}
# A picture of low rank is restored to this, in dB, or something is broken.
_SIDE_PX, _LEAST_PSNR = 64, 35.0


@click.command(short_help="Tell what is installed and test it.")
@click.option("--json", "as_json", is_flag=True, help="Report as one JSON object on stdout.")
@common_options
def doctor(*, as_json: bool) -> int:
    """Print versions, devices and picture formats, and restore a small picture to see that all works.

    The exit code is 1 if the picture comes out wrong.
    """
    from edlrr_cli.media.images import readable_formats

    record = {
        "edlrr": __version__,
        "python": f"{platform.python_version()} ({sys.executable})",
        "system": platform.platform(),
        "packages": {name: _version(name) for name in _PACKAGES},
        "optional": {name: _version(package) for name, package in _OPTIONAL.items()},
        "devices": list(_devices()),
        "formats": readable_formats(),
        **_self_test(),
    }
    print_record(record, _lines(record), as_json=as_json, quiet=False)
    return EXIT_OK if record["works"] else EXIT_FAILURE


def _lines(record: dict[str, object]) -> Iterator[tuple[str, str]]:
    for label, value in record.items():
        if isinstance(value, dict):
            pairs = (f"{name} {number or 'not installed'}" for name, number in value.items())
            yield label, ", ".join(pairs)
        elif isinstance(value, list):
            yield label, ", ".join(map(str, value))
        elif label not in ("works", "psnr", "seconds"):
            yield label, str(value)
    word = "works" if record["works"] else "does NOT work"
    yield "self-test", f"{word}: {record['psnr']:.1f} dB in {record['seconds']:.1f} s"


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _devices() -> Iterator[str]:
    import torch

    yield f"cpu ({available_cores()} cores, {torch.get_num_threads()} threads)"
    for index in range(torch.cuda.device_count()):
        memory = torch.cuda.get_device_properties(index).total_memory / 2**30
        yield f"cuda:{index} ({torch.cuda.get_device_name(index)}, {memory:.0f} GiB)"


def _self_test() -> dict[str, object]:
    """Restore waves with half of the pixels lost by whole channels, on the best device here."""
    import numpy as np

    from edlrr_cli.metrics import psnr
    from edlrr_cli.tasks.inpaint.config import Config
    from edlrr_cli.tasks.inpaint.restore import restore

    y, x = np.mgrid[:_SIDE_PX, :_SIDE_PX] / 5
    image = (0.5 + 0.2 * np.sin(x) * np.cos(y) + 0.2 * np.cos(x) * np.sin(2 * y))[..., None]
    known = np.random.default_rng(0).random(image.shape[:2]) < 0.5
    started = time.perf_counter()
    result = restore(np.where(known[..., None], image, 0.0), known, Config(prior="global"))
    quality = psnr(result.restored, image, data_range=1.0)
    kept = bool((result.restored[known] == image[known]).all())
    return {
        "device": result.device,
        "psnr": quality,
        "seconds": time.perf_counter() - started,
        "works": kept and quality > _LEAST_PSNR,
    }
