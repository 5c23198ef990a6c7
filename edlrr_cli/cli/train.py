"""``edlrr train``: from flags to a training run."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import click

from edlrr_cli.cli.console import ConsoleMonitor, print_record
from edlrr_cli.cli.options import FILE, REG, Name, Parsed, common_options, options_of, report_options
from edlrr_cli.errors import UsageError
from edlrr_cli.networks.names import ARCHS
from edlrr_cli.tasks.training.config import PRECISIONS, TARGETS, Config
from edlrr_cli.tasks.training.levels import Levels

_UNITS_S = {"s": 1.0, "m": 60.0, "h": 3600.0}


def _seconds(text: str) -> float:
    """Parse a time such as ``90s``, ``60m`` or ``1.5h``."""
    found = re.fullmatch(r"(\d*\.?\d+)([smh])", text)
    if found is None:
        raise UsageError(f"time {text!r} has no unit", "write 90s, 60m or 1.5h")
    return float(found[1]) * _UNITS_S[found[2]]


_LEVELS = Parsed("level or range", Levels.parse)

_HELP = {
    "arch": f"Network: one of {', '.join(ARCHS)}.",
    "depth": "Its convolutions. [default: as published]",
    "width": "Its channels. [default: as published]",
    "color": "Train on RGB images, or on gray ones.",
    "scale": "Factor of the size of all images, at most 1; reduces the grain of JPEG files.",
    "sigma": "Level of the white noise of the patches on 0..255, or a range of them.",
    "camera": "Fraction of the patches with the noise of cameras instead; with --color.",
    "estimated": "Fraction of the patches whose noise level is estimated instead of known.",
    "reg": "Penalty on the singular values; 'edlrr show regs' lists them.",
    "gamma": "Shape of the penalty. [default: the penalty's own]",
    "lam": "Weight of the low-rank term; 0 trains without it.",
    "lrr_target": "Penalized matrix: the estimated clean image, or its error.",
    "lrr_sigma": "Noise level or range of the full images of that term. [default: that of the patches]",
    "lrr_every": "Steps between two evaluations of that term.",
    "lrr_images": "Full images in each of them.",
    "patch_px": "Side of the patches, a multiple of 8.",
    "batch": "Patches a step, and process.",
    "lr": "Largest learning rate of the one-cycle schedule.",
    "steps": "Steps in all.",
    "time_budget": "Time in all, such as 90s, 60m or 1.5h; the schedule fits into it.",
    "held_out": "Images kept for validation.",
    "precision": "Precision of the convolutions.",
    "device": "auto, cpu, cuda or cuda:N.",
    "seed": "Seed of the weights, patches and noise.",
}

_KINDS = {
    "arch": Name("arch", lambda: tuple(ARCHS)),
    "sigma": _LEVELS,
    "reg": REG,
    "lrr_target": click.Choice(TARGETS),
    "lrr_sigma": _LEVELS,
    "time_budget": Parsed("time", _seconds),
    "precision": click.Choice(PRECISIONS),
}


@click.command(short_help="Train a denoising network with the low-rank term.")
@click.option(
    "--data", type=FILE, required=True, help="Folder of clean images; without --color they become gray."
)
@click.option("-o", "--output", type=FILE, required=True, help="Weights, a .safetensors.")
@click.option("--resume", is_flag=True, help="Continue from the checkpoint; --steps may differ.")
@click.option("--keep-checkpoint", is_flag=True, help="Keep it at the end, for --resume with more steps.")
@report_options
@options_of((Config,), _HELP, _KINDS)
@common_options
def train(
    *,
    data: Path,
    output: Path,
    resume: bool,
    keep_checkpoint: bool,
    as_json: bool,
    overwrite: bool,
    quiet: bool,
    **flags: Any,
) -> None:
    """Train a network for edlrr denoise --model on the images of a folder.

    \b
    edlrr train --data photos/ -o model.safetensors --time-budget 60m
    edlrr train --data photos/ -o s25.safetensors --arch dncnn --sigma 25 --lam 0.01 --steps 80000
    torchrun --nproc-per-node 4 -m edlrr_cli train --data photos/ -o big.safetensors --steps 80000

    The loss is the error of the predicted noise on patches; --lam adds the low-rank penalty of full images.
    A log, .csv, and its plot, .png, are written beside the weights. After Ctrl-C or a kill --resume
    continues from the checkpoint, to the same weights as without the interruption if --steps is given.
    """
    config = resolve(flags)
    from edlrr_cli.pipelines.train import run

    monitor = ConsoleMonitor(quiet=quiet)
    record = run.train(
        data,
        output,
        config,
        resume=resume,
        keep_checkpoint=keep_checkpoint,
        overwrite=overwrite,
        monitor=monitor,
    )
    if record is not None:
        print_record(record, _lines(record), as_json=as_json, quiet=quiet)


def _lines(record: dict[str, Any]) -> list[tuple[str, str]]:
    psnr = ", ".join(f"{value:.2f} dB at {level}" for level, value in record["psnr"].items())
    return [
        ("weights", record["output"]),
        ("log", record["log"]),
        ("steps", f"{record['num_steps']} in {record['seconds']:.0f} s"),
        ("held-out images", psnr),
    ]


def resolve(flags: dict[str, Any]) -> Config:
    """Return the settings that the flags ask for; None means that the flag was not given.

    Raises:
        UsageError: A value is outside its domain.
    """
    return Config(**{name: value for name, value in flags.items() if value is not None})
