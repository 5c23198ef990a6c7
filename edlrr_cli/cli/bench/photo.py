"""``edlrr bench photo``: denoising of simulated photographs with known truth."""

from __future__ import annotations

from pathlib import Path

import click

from edlrr_cli.cli.bench.common import POSITIVE, Measured, counted, device_option, output_options, publish
from edlrr_cli.cli.options import FILE
from edlrr_cli.media.files import check_target


@click.command(cls=Measured)
@click.option("--data", type=FILE, required=True, help="Folder of clean color images.")
@click.option("--every", type=POSITIVE, default=1, show_default=True, help="Step between the images used.")
@click.option("--white", is_flag=True, help="White noise of 15, 25 and 50 of 255 instead of cameras.")
@device_option
@output_options
def photo(*, data: Path, every: int, white: bool, device: str, output: Path, overwrite: bool) -> None:
    """Denoise images with the noise of cameras, and compare with the truth.

    \b
    edlrr bench photo --data Kodak24/ -o photo.json
    edlrr bench photo --data CBSD68/ --white -o photo_white.json

    The cameras, their seeds and their parameters are in the record; none of them is used in training. Beside
    edlrr denoise: its estimate of white noise, its network for gray on brightness and color differences,
    non-local means, and BM3D if it is installed; the latter two receive the level of the error.
    """
    check_target(output, overwrite=overwrite)
    from edlrr_cli.bench import photo as benchmark

    comparison = benchmark.Comparison(data, every, white=white, device=device)
    rows = [*counted(comparison.rows(), comparison.num_rows, "{method}, {camera}")]
    name = benchmark.WHITE_NAME if white else benchmark.NAME
    publish(output, name, benchmark.describe(), rows, device=device)
