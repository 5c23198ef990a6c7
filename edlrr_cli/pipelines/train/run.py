"""One training run, from the folder of images to the weights."""

from __future__ import annotations

import math
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from types import FrameType

import torch

from edlrr_cli import __version__
from edlrr_cli.media.files import write_atomic
from edlrr_cli.media.formats import require_images
from edlrr_cli.media.gray import read_levels
from edlrr_cli.media.weights import write_weights
from edlrr_cli.pipelines.failures import Record
from edlrr_cli.pipelines.job import SILENT, Monitor
from edlrr_cli.pipelines.train.curve import draw_training
from edlrr_cli.pipelines.train.files import Entry, Files
from edlrr_cli.tasks.machine import machine
from edlrr_cli.tasks.training.config import Config
from edlrr_cli.tasks.training.distributed import joined
from edlrr_cli.tasks.training.trainer import Step, Trainer

_NUM_ENTRIES = 20
_CHECKPOINT_S = 30.0


def train(
    folder: Path,
    output: Path,
    config: Config,
    *,
    resume: bool = False,
    keep_checkpoint: bool = False,
    overwrite: bool = False,
    monitor: Monitor = SILENT,
) -> Record | None:
    """Train a network on the images of a folder and write it, its log and its curve.

    Returns:
        The record of the run; None in processes other than the leading one.

    Raises:
        KeyboardInterrupt: Ctrl-C or the system's request to end; its text says what is kept.
        EdlrrError: A file, a setting or the computation.
    """
    files = Files(output)
    with joined(config.device) as (process, device):
        if process.leads:
            files.check(resume=resume, overwrite=overwrite)
        paths = require_images(folder)
        images = [torch.from_numpy(read_levels(path, color=config.color)) for path in paths]
        trainer = Trainer(images, replace(config, device=device), process)
        session = _Session(trainer, files, monitor if process.leads else SILENT)
        if resume:
            session.resume()
        session.train()
        if not process.leads:
            return None
        about = {**trainer.about(), "version": __version__, "machine": machine(device)}
        write_weights(files.weights, trainer.weights(), about)
        if keep_checkpoint:
            session.checkpoint()
        else:
            files.checkpoint.unlink(missing_ok=True)
        return {"status": "done", "output": str(output), "log": str(files.log), **about}


class _Session:
    """The loop around the steps: validation, log, curve, checkpoints and progress."""

    def __init__(self, trainer: Trainer, files: Files, monitor: Monitor) -> None:
        self._trainer, self._files, self._monitor = trainer, files, monitor
        self.entries: list[Entry] = []
        self._steps: list[Step] = []
        self._saved = -math.inf  # the checkpoint of the first step shows early what cannot be written

    def resume(self) -> None:
        """Go on from the checkpoint."""
        state = self._files.load_checkpoint()
        self._trainer.load(state)
        self.entries = [Entry(**entry) for entry in state["entries"]]
        self._steps = [Step(**step) for step in state["unlogged"]]

    def train(self) -> None:
        """Take all steps that are left."""
        trainer = self._trainer
        config = trainer.config
        unit, total = ("step", config.steps) if config.steps else ("s", round(config.time_budget or 0))
        progress_of_all = self._monitor.progress(unit, total=total)
        with _asked_to_stop() as stopping, progress_of_all as advance:
            while (progress := trainer.progress) < 1:
                self._steps.append(trainer.step(progress))
                if trainer.progress >= (len(self.entries) + 1) / _NUM_ENTRIES:
                    self._log()
                if advance is not None:
                    psnr = f"{self.entries[-1].psnr:.2f} dB" if self.entries else ""
                    advance(round(trainer.progress * total), text=psnr)
                if trainer.process.agree(float(bool(stopping))):
                    self.checkpoint()
                    raise KeyboardInterrupt(f"{self._files.checkpoint} is kept, --resume goes on")
                if time.perf_counter() - self._saved > _CHECKPOINT_S:
                    self.checkpoint()
        if self._steps:
            self._log()
        if trainer.process.leads:
            self._draw()

    def _draw(self) -> None:
        write_atomic(self._files.curve, draw_training(self.entries, _title(self._trainer.config)))

    def _log(self) -> None:
        """Validate, and log the steps since the last time."""
        if not self._trainer.process.leads:
            self.entries.append(Entry(0, 0.0, 0.0, 0.0, None, 0.0))
            return
        psnr = self._trainer.validate()
        ranks = [step.rank for step in self._steps if step.rank is not None]
        last = self._steps[-1]
        self.entries.append(
            Entry(
                step=last.count,
                seconds=self._trainer.elapsed_s,
                lr=last.lr,
                data=sum(step.data for step in self._steps) / len(self._steps),
                rank=sum(ranks) / len(ranks) if ranks else None,
                psnr=sum(psnr.values()) / len(psnr),
            )
        )
        self._steps.clear()
        self._files.write_log(self.entries)

    def checkpoint(self) -> None:
        """Write the state, and draw the curve so far."""
        self._saved = time.perf_counter()
        if self._trainer.process.leads:
            logged = {
                "entries": [asdict(entry) for entry in self.entries],
                "unlogged": [asdict(step) for step in self._steps],
            }
            self._files.save_checkpoint({**self._trainer.state(), **logged})
            if self.entries:
                self._draw()


@contextmanager
def _asked_to_stop() -> Iterator[list[int]]:
    """Collect Ctrl-C and the system's request to end, so that a step is not torn apart."""
    signals: list[int] = []

    def remember(number: int, frame: FrameType | None) -> None:
        signals.append(number)

    before = {number: signal.signal(number, remember) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield signals
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _title(config: Config) -> str:
    term = f", {config.reg} on {config.lrr_target}, lambda {config.lam:g}" if config.lam else ""
    return f"{config.arch} {config.size.depth} x {config.size.width}, noise {config.sigma}{term}"
