"""The files of a training run: weights, checkpoint, log and curve, side by side."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import torch

from edlrr_cli.errors import InputError, OutputError
from edlrr_cli.media.files import check_target, write_atomic
from edlrr_cli.pipelines.failures import Record

STATE_KEYS = ("settings", "count", "elapsed_s", "network", "averaged", "optimizer", "entries", "unlogged")
"""What a checkpoint holds: the state of the trainer, and the log of the run."""


@dataclass(frozen=True)
class Entry:
    """A line of the log, means since the line before.

    Attributes:
        seconds: Seconds of training so far.
        rank: The low-rank term, without lambda; None without one.
        psnr: Mean PSNR in dB on the held-out images, over the noise levels measured.
    """

    step: int
    seconds: float
    lr: float
    data: float
    rank: float | None
    psnr: float


@dataclass(frozen=True)
class Files:
    """Where a run writes; all names follow from that of the weights."""

    weights: Path

    @property
    def checkpoint(self) -> Path:
        """Return the file that a run goes on from."""
        return self.weights.with_suffix(".checkpoint")

    @property
    def log(self) -> Path:
        """Return the table of the course of the run."""
        return self.weights.with_suffix(".csv")

    @property
    def curve(self) -> Path:
        """Return the plot of it."""
        return self.weights.with_suffix(".png")

    def check(self, *, resume: bool, overwrite: bool) -> None:
        """Refuse, before the work, what could not be written or must not be replaced.

        Raises:
            OutputError: A file is in the way, or cannot be written, or its name is not valid.
        """
        if self.weights.suffix != ".safetensors":
            raise OutputError(f"output {self.weights}: weights must end with .safetensors", "change the name")
        for path in (self.weights, self.log, self.curve):
            check_target(path, overwrite=overwrite or resume)
        if self.checkpoint.exists() and not (resume or overwrite):
            raise OutputError(
                f"{self.checkpoint} belongs to an interrupted run", "pass --resume to go on, or --overwrite"
            )

    def save_checkpoint(self, state: Record) -> None:
        """Write a state whole or not at all.

        Raises:
            OutputError: Writing failed.
        """
        stream = io.BytesIO()
        torch.save(state, stream)
        write_atomic(self.checkpoint, stream.getvalue())

    def load_checkpoint(self) -> Record:
        """Read the state back; nothing in the file is run.

        Raises:
            InputError: There is none, or it is damaged.
        """
        if not self.checkpoint.exists():
            raise InputError(f"{self.checkpoint}: no such file", "start without --resume")
        try:
            state: Record = torch.load(self.checkpoint, map_location="cpu", weights_only=True)
            return {name: state[name] for name in STATE_KEYS}
        except Exception as error:  # zipfile, pickle and torch raise what they like
            raise InputError(f"{self.checkpoint} is damaged", "start anew with --overwrite") from error

    def write_log(self, entries: Sequence[Entry]) -> None:
        """Write the table.

        Raises:
            OutputError: Writing failed.
        """
        stream = io.StringIO()
        table = csv.writer(stream, lineterminator="\n")
        names = [field.name for field in fields(Entry)]
        table.writerow(names)
        for entry in entries:
            values = [getattr(entry, name) for name in names]
            table.writerow([f"{value:.6g}" if isinstance(value, float) else value for value in values])
        write_atomic(self.log, stream.getvalue().encode())
