"""``edlrr doctor``: the installed packages, the devices, and a test."""

from __future__ import annotations

import platform
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version

import click

from edlrr_cli import __version__
from edlrr_cli.cli.console import print_record
from edlrr_cli.cli.options import common_options
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
_OPTIONAL = {
    "opencv": "opencv-contrib-python-headless",
    "bm3d": "bm3d",
    "cluster": "distributed",
    "HEIC": "pillow-heif",
    "JPEG XL": "pillow-jxl-plugin",
}


@click.command(short_help="Print what is installed and test it.")
@click.option("--json", "as_json", is_flag=True, help="Report as one JSON object on stdout.")
@common_options
def doctor(*, as_json: bool) -> int:
    """Print versions, devices and image formats, and restore a small image as a test.

    The exit code is 1 if the result of the test is wrong.
    """
    from edlrr_cli.pipelines.self_test import abilities, self_test

    record = {
        "edlrr": __version__,
        "python": f"{platform.python_version()} ({sys.executable})",
        "system": platform.platform(),
        "packages": {name: _version(name) for name in _PACKAGES},
        "optional": {name: _version(package) for name, package in _OPTIONAL.items()},
        **abilities(),
        **self_test(),
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
