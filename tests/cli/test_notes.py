"""What is lost or assumed stands in the record, whether it is shown or not."""

from __future__ import annotations

import json
import struct

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

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


LOSSY = "JPEG is lossy: known pixels are not kept exactly"
NO_TEXTS = "left out, since JPEG cannot hold it: PNG texts (Title), PNG color space (gAMA)"


@pytest.fixture
def titled(scene):
    """The damaged image with what JPEG files cannot hold."""
    texts = PngInfo()
    texts.add_text("Title", "a wave")
    texts.add(b"gAMA", struct.pack(">I", 100_000))
    with Image.open(scene.damaged) as image:
        image.load()
    image.save(scene.damaged, pnginfo=texts)
    return scene


@pytest.mark.parametrize("quiet", [(), ("-q",)])
@pytest.mark.parametrize("as_json", [(), ("--json",)])
def test_what_another_format_cannot_hold_is_reported(run, titled, quiet, as_json):
    for arguments in (
        titled.arguments("--prior", "global"),
        ["denoise", titled.damaged, "--method", "tv", "--sigma", "10"],
    ):
        result = run(*arguments, "--format", "jpg", "--overwrite", *quiet, *as_json)
        assert result.exit_code == 0, result.stderr
        if as_json:
            assert json.loads(result.stdout)["notes"][:2] == [LOSSY, NO_TEXTS]
        for note in (LOSSY, NO_TEXTS):
            assert (f"{titled.damaged}: {note}\n" in result.stderr) == (not quiet)


@pytest.mark.parametrize(("jobs", "as_json"), [("1", ()), ("1", ("--json",)), ("2", ())])
def test_a_batch_tells_the_notes_with_the_names(run, titled, jobs, as_json):
    asked = (
        "--method",
        "tv",
        "--sigma",
        "10",
        "--format",
        "jpg",
        "-o",
        titled.folder / "out",
        "--jobs",
        jobs,
    )
    result = run("denoise", titled.damaged, titled.clean, *asked, *as_json)
    assert result.exit_code == 0, result.stderr
    *reported, summary = result.stderr.splitlines()
    expected = [(titled.damaged, LOSSY), (titled.damaged, NO_TEXTS), (titled.clean, LOSSY)]
    assert sorted(reported) == sorted(f"{path}: {note}" for path, note in expected)
    assert summary.startswith("2 done")
    if as_json:
        notes = {record["input"]: record["notes"] for record in map(json.loads, result.stdout.splitlines())}
        assert notes == {str(titled.damaged): [LOSSY, NO_TEXTS], str(titled.clean): [LOSSY]}
        assert not run("denoise", titled.damaged, titled.clean, *asked, "--overwrite", "-q").stderr


def test_nothing_is_reported_where_nothing_is_lost(run, titled):
    for more in ((), ("--format", "jpg", "--strip-metadata")):
        result = run("denoise", titled.damaged, "--method", "tv", "--sigma", "10", "--json", *more)
        assert json.loads(result.stdout)["notes"] == (
            [LOSSY, "left out, since JPEG cannot hold it: PNG color space (gAMA)"] if more else []
        )


def test_denoise_records_that_it_found_next_to_no_noise(run, tmp_path):
    Image.new("L", (64, 64), 90).save(tmp_path / "flat.png")
    result = run("denoise", tmp_path / "flat.png", "--method", "tv", "--json")
    assert result.exit_code == 0, result.stderr
    (note,) = json.loads(result.stdout)["notes"]
    assert note == (
        "the estimated noise is 0 of 255, next to nothing; if the image is noisy, set its level with --sigma"
    )
    assert note in result.stderr
    result = run("denoise", tmp_path / "flat.png", "--method", "tv", "--sigma", "0", "--json", "--overwrite")
    assert json.loads(result.stdout)["notes"] == []


def test_inpaint_records_that_it_found_next_to_no_noise(run, scene):
    Image.new("L", (32, 32), 90).save(scene.damaged)
    result = run(*scene.arguments("--json", "--prior", "global", "--noise", "auto"))
    assert result.exit_code == 0, result.stderr
    assert "next to nothing; if the image is noisy, set its level with --noise" in result.stderr
    assert "next to nothing" in json.loads(result.stdout)["notes"][-1]
