"""A job whose device has too little memory is computed on the CPU."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from edlrr_cli.pipelines.job import Job


@dataclass(frozen=True, kw_only=True)
class Failing(Job[str, str]):
    """A job that fails on any device."""

    message: str
    asked: list[str]
    device: str = "cuda"

    def read(self, monitor):
        return ""

    def compute(self, inputs, monitor):
        self.asked.append(self.device)
        raise RuntimeError(self.message)

    def on_cpu(self):
        return replace(self, device="cpu")

    def write(self, inputs, result, monitor):
        return {}


@pytest.mark.parametrize(
    ("message", "asked"), [("something else", ["cuda"]), ("CUDA error: out of memory", ["cuda", "cpu"])]
)
def test_other_faults_are_raised_and_the_cpu_is_tried_once(message, asked):
    job = Failing(input=Path("in"), output=Path("out"), message=message, asked=[])
    with pytest.raises(RuntimeError, match=message):
        job.run()
    assert job.asked == asked
