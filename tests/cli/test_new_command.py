"""A new command needs one Job; batches, --jobs, --report, --json and --skip-existing follow."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from PIL import Image, ImageOps

from edlrr_cli.cli.app import App
from edlrr_cli.cli.job_options import JobCommand, job_options
from edlrr_cli.cli.run import run_jobs
from edlrr_cli.errors import InputError
from edlrr_cli.pipelines.destination import Destination
from edlrr_cli.pipelines.inputs import Selection
from edlrr_cli.pipelines.job import Job


@dataclass(frozen=True, kw_only=True)
class MirrorJob(Job[Image.Image, Image.Image]):
    """An image that is mirrored."""

    command = "mirror"

    def read(self, monitor):
        self.check()
        try:
            return Image.open(self.input).copy()
        except OSError as error:
            raise InputError(f"{self.input} is not an image") from error

    def compute(self, inputs, monitor):
        return ImageOps.mirror(inputs)

    def write(self, inputs, result, monitor):
        result.save(self.output)
        return {"status": "ok", "input": self.input, "output": self.output, "width_px": result.width}


@click.command(cls=JobCommand)
@click.argument("images", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path))
@job_options
def mirror(*, images, output, options):
    def make_job(source, target):
        return MirrorJob(input=source.path, output=target, overwrite=options.overwrite)

    selection = Selection(images, recursive=options.batch.recursive)
    return run_jobs(MirrorJob, make_job, selection, Destination(output, options.suffix, "mirrored"), options)


@pytest.fixture
def call(tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    for name in "ab":
        Image.linear_gradient("L").rotate(90).resize((12, 8)).save(folder / f"{name}.png")
    (folder / "c.png").write_bytes(b"not an image")
    group = App(name="toy", commands_in={})
    group.get_command = lambda context, name: mirror

    def run(*more, images=folder):
        arguments = ["mirror", images, "-o", tmp_path / "out", *more]
        return CliRunner().invoke(group, [str(each) for each in arguments])

    return run


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_one_job_makes_a_command(call, tmp_path, jobs):
    page = tmp_path / "page.html"
    ended = call("--json", "--jobs", jobs, "--report", page)
    assert ended.exit_code == 1
    records = [json.loads(line) for line in ended.stdout.splitlines()]
    assert sorted(record["status"] for record in records) == ["error", "ok", "ok"]
    assert ended.stderr.splitlines()[-1].startswith("2 done, 1 failed, ")
    with Image.open(tmp_path / "in/a.png") as before, Image.open(tmp_path / "out/a.png") as after:
        assert ImageOps.mirror(before).tobytes() == after.tobytes()
    text = page.read_text(encoding="utf-8")
    assert "edlrr mirror: 2 done, 1 failed" in text
    statuses = [json.loads(line)["status"] for line in call("--json", "--skip-existing").stdout.splitlines()]
    assert sorted(statuses) == ["error", "skipped", "skipped"]
