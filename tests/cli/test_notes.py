"""What is lost or assumed stands in the record, whether it is shown or not."""

from __future__ import annotations

import json

import pytest
from PIL import Image

LOSS = "the EXIF data are corrupt and were dropped"


@pytest.fixture
def lossy(scene):
    """The damaged image with EXIF data that cannot be kept."""
    with Image.open(scene.damaged) as image:
        image.load()
    image.save(scene.damaged, exif=b"Exif\x00\x00no directory")
    return scene


@pytest.mark.parametrize("quiet", [(), ("-q",)])
def test_inpaint_records_its_notes(run, lossy, quiet):
    result = run(*lossy.arguments("--json", "--prior", "global", *quiet))
    assert result.exit_code == 0, result.stderr
    first, about_mask = json.loads(result.stdout)["notes"]
    assert first == LOSS
    assert about_mask.startswith("mask: white marks the hole")
    assert (LOSS in result.stderr) == (not quiet)


@pytest.mark.parametrize("quiet", [(), ("-q",)])
def test_denoise_records_its_notes(run, lossy, quiet):
    result = run("denoise", lossy.damaged, "--method", "tv", "--add-noise", "5", "--json", *quiet)
    assert result.exit_code == 0, result.stderr
    assert json.loads(result.stdout)["notes"] == [LOSS, "noise of level 5 was added, as an experiment"]
    assert (LOSS in result.stderr) == (not quiet)


def test_denoise_records_that_it_found_next_to_no_noise(run, tmp_path):
    Image.new("L", (64, 64), 90).save(tmp_path / "flat.png")
    result = run("denoise", tmp_path / "flat.png", "--method", "tv", "--json")
    assert result.exit_code == 0, result.stderr
    (note,) = json.loads(result.stdout)["notes"]
    assert note == (
        "the estimated noise is 0 of 255, next to nothing; if the image is noisy, set its level with --sigma"
    )
    assert note in result.stderr
    said = run("denoise", tmp_path / "flat.png", "--method", "tv", "--sigma", "0", "--json", "--overwrite")
    assert json.loads(said.stdout)["notes"] == []


def test_inpaint_records_that_it_found_next_to_no_noise(run, scene):
    Image.new("L", (32, 32), 90).save(scene.damaged)
    result = run(*scene.arguments("--json", "--prior", "global", "--noise", "auto"))
    assert result.exit_code == 0, result.stderr
    assert "next to nothing; if the image is noisy, set its level with --noise" in result.stderr
    assert "next to nothing" in json.loads(result.stdout)["notes"][-1]
