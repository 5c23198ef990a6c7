"""``edlrr train``: the options, and what is said at the end."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from edlrr_cli.cli.options import FILE, common_options, report_options
from edlrr_cli.cli.tell import tell
from edlrr_cli.cli.train.options import resolve, training_options


@click.command(short_help="Train a denoising network with the low-rank term.")
@click.option("--data", type=FILE, required=True, help="Folder of clean pictures; colour becomes gray.")
@click.option("-o", "--output", type=FILE, required=True, help="Weights, a .safetensors.")
@click.option("--resume", is_flag=True, help="Go on from the checkpoint of an interrupted run.")
@report_options
@training_options
@common_options
def train(
    *,
    data: Path,
    output: Path,
    resume: bool,
    as_json: bool,
    overwrite: bool,
    quiet: bool,
    **flags: Any,
) -> None:
    """Train a network for edlrr denoise --model on the pictures of a folder.

    \b
    edlrr train --data photos/ -o model.safetensors --time-budget 60m
    edlrr train --data photos/ -o s25.safetensors --arch dncnn --sigma 25 --lam 0.01 --steps 80000
    torchrun --nproc-per-node 4 -m edlrr_cli train --data photos/ -o big.safetensors --steps 80000

    The loss is the error of the predicted noise on patches; --lam adds the low-rank penalty of full images.
    Beside the weights come a log, .csv, and its plot, .png. After Ctrl-C or a kill --resume goes on from the
    checkpoint, to the same weights as without the interruption if the length is given in steps.
    """
    config = resolve(flags)
    from edlrr_cli.cli.train.run import Manner, run

    record = run(data, output, config, Manner(resume=resume, overwrite=overwrite, quiet=quiet))
    if record is not None:
        tell(record, _lines(record), as_json=as_json, quiet=quiet)


def _lines(record: dict[str, Any]) -> list[tuple[str, str]]:
    psnr = ", ".join(f"{value:.2f} dB at {level}" for level, value in record["psnr"].items())
    return [
        ("weights", record["output"]),
        ("log", record["log"]),
        ("steps", f"{record['num_steps']} in {record['seconds']:.0f} s"),
        ("held-out images", psnr),
    ]
