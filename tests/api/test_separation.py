"""A video split from Python: the outputs and the report are those of the command."""

from __future__ import annotations

import inspect
import json
from dataclasses import fields

import numpy as np
import pytest
from PIL import Image

import edlrr_cli
from edlrr_cli.errors import OutputError, UsageError
from edlrr_cli.pipelines.bgsep.settings import Encoding
from edlrr_cli.tasks.bgsep.config import Config


@pytest.fixture
def frames(tmp_path):
    folder = tmp_path / "frames"
    folder.mkdir()
    for index in range(6):
        frame = np.full((24, 32, 3), 90, np.uint8)
        frame[8:14, 3 + 4 * index :][:, :4] = 250
        Image.fromarray(frame).save(folder / f"{index}.png")
    return folder


def test_a_video_is_split_from_python(frames, tmp_path):
    record = edlrr_cli.separate(frames, str(tmp_path / "out"), method="median", mask_format="png")
    assert record["frames"] == 6
    assert record == json.loads((tmp_path / "out/report.json").read_text())
    assert {path.name for path in (tmp_path / "out").iterdir()} == set(record["outputs"])
    with pytest.raises(OutputError, match="exists already"):
        edlrr_cli.separate(frames, tmp_path / "out", method="median", mask_format="png")
    with pytest.raises(UsageError, match="lam"):
        edlrr_cli.separate(frames, tmp_path / "other", lam=-1.0)


def test_settings_and_defaults_are_those_of_the_command():
    parameters = inspect.signature(edlrr_cli.separate).parameters
    for field in (*fields(Config), *fields(Encoding)):
        assert parameters[field.name].default == field.default
