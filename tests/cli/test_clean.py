"""Images of which nothing is missing: copied with a note, or left with ``--skip-clean``."""

from __future__ import annotations

import json

import numpy as np
import pytest
import tifffile
from PIL import Image
from skimage import data

QUICK = ("--prior", "global", "--fill", "mean", "--steps", 5)
SIZE_PX = (48, 64)
KEPT = "nothing is missing, the image is kept as it is"


def photograph():
    return data.astronaut()[: SIZE_PX[0], 180:][:, : SIZE_PX[1]]


def write(folder, name):
    path = folder / name
    Image.fromarray(photograph()).save(
        path, **({"quality": 60, "comment": "x"} if name.endswith("jpg") else {})
    )
    return path


def black(folder):
    path = folder / "black.png"
    Image.new("L", SIZE_PX[::-1]).save(path)
    return path


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.tif", "a.webp", "a.bmp"])
def test_the_file_is_copied_byte_by_byte(run, tmp_path, name):
    image, out = write(tmp_path, name), tmp_path / f"out{name[1:]}"
    result = run("inpaint", image, "--mask", black(tmp_path), *QUICK, "-o", out, "--json")
    assert result.exit_code == 0, result.stderr
    assert f"{image}: {KEPT}" in result.stderr
    assert "lossy" not in result.stderr
    assert out.read_bytes() == image.read_bytes()
    record = json.loads(result.stdout)
    assert (record["status"], record["missing_fraction"], record["stop"]) == ("ok", 0, "nothing missing")
    assert record["notes"][-1] == KEPT
    assert "0 % missing" in record["notes"][0]


@pytest.mark.parametrize("word", ["nan", "alpha"])
def test_words_that_mark_nothing(run, tmp_path, word):
    image, out = write(tmp_path, "a.png"), tmp_path / "out.png"
    result = run("inpaint", image, "--mask", word, *QUICK, "-o", out)
    assert result.exit_code == 0, result.stderr
    assert KEPT in result.stderr
    assert result.stdout.split()[:2] == ["copied", f"{out},"]
    assert out.read_bytes() == image.read_bytes()


def test_a_clean_infrared_plane(run, tmp_path):
    rng = np.random.default_rng(0)
    plane = np.clip(0.9 + 0.003 * rng.standard_normal(SIZE_PX), 0, 1)
    scan = np.dstack([photograph() / 255, plane])
    tifffile.imwrite(tmp_path / "a.tif", np.rint(65535 * scan).astype(np.uint16), photometric="rgb")
    result = run(
        "inpaint", tmp_path / "a.tif", "--mask", "ir", "--dilate", 2, *QUICK, "-o", tmp_path / "o.tif"
    )
    assert result.exit_code == 0, result.stderr
    assert KEPT in result.stderr
    assert (tmp_path / "o.tif").read_bytes() == (tmp_path / "a.tif").read_bytes()


@pytest.mark.parametrize(
    ("name", "options"),
    [("out.png", ()), ("out.jpg", ("--jpeg-quality", 80)), ("out.jpg", ("--strip-metadata",))],
)
def test_another_format_or_encoding_is_written(run, tmp_path, name, options):
    image, out = write(tmp_path, "a.jpg"), tmp_path / name
    result = run("inpaint", image, "--mask", black(tmp_path), *QUICK, *options, "-o", out)
    assert result.exit_code == 0, result.stderr
    assert KEPT in result.stderr
    assert out.read_bytes() != image.read_bytes()
    if name == "out.png":
        np.testing.assert_array_equal(np.asarray(Image.open(out)), np.asarray(Image.open(image)))


def test_all_outputs_of_a_clean_image(run, tmp_path):
    image = write(tmp_path, "a.png")
    files = {flag: tmp_path / f"{flag[2:]}.png" for flag in ("--figure", "--error-map", "--save-mask")}
    options = [part for pair in files.items() for part in pair]
    result = run("inpaint", image, "--mask", black(tmp_path), "--reference", image, *options, "--json")
    assert result.exit_code == 0, result.stderr
    assert not np.asarray(Image.open(files["--error-map"])).any()
    assert not np.asarray(Image.open(files["--save-mask"])).any()
    record = json.loads(result.stdout)
    assert (record["ssim"], record["psnr_missing"]) == (1, None)


@pytest.fixture
def scans(tmp_path):
    """Return a folder of a damaged and a clean image."""
    folder = tmp_path / "scans"
    folder.mkdir()
    write(folder, "clean.png")
    damaged = photograph().copy()
    damaged[10:13, 20:23] = 255
    Image.fromarray(damaged).save(folder / "damaged.png")
    return folder


@pytest.mark.parametrize("skip", [False, True])
def test_masks_that_edlrr_mask_wrote(run, scans, tmp_path, skip):
    masks, out = tmp_path / "masks", tmp_path / "out"
    made = run("mask", scans, "--kind", "dust", "--dilate", 1, "-o", masks, "--jobs", 1, "--quiet")
    assert made.exit_code == 0, made.stderr
    assert not np.asarray(Image.open(masks / "clean.png")).any()
    options = ("--report", tmp_path / "page.html", *(["--skip-clean"] if skip else []))
    result = run("inpaint", scans, "--mask", masks, "-o", out, *QUICK, "--jobs", 1, "--json", *options)
    assert result.exit_code == 0, result.stderr
    records = {record["input"][-9:]: record for record in map(json.loads, result.stdout.splitlines())}
    assert records["clean.png"]["status"] == ("skipped" if skip else "ok")
    assert sorted(path.name for path in out.iterdir()) == ["clean.png"] * (not skip) + ["damaged.png"]
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    if skip:
        assert "nothing is missing, no output was written" in text
        assert "1 skipped" in result.stderr.splitlines()[-1]
    else:
        assert (out / "clean.png").read_bytes() == (scans / "clean.png").read_bytes()


def test_a_single_clean_image_is_left(run, tmp_path):
    image, out = write(tmp_path, "a.png"), tmp_path / "out.png"
    result = run("inpaint", image, "--mask", black(tmp_path), "--skip-clean", *QUICK, "-o", out)
    assert result.exit_code == 0, result.stderr
    assert result.stdout.split()[0] == "skipped"
    assert not out.exists()


def test_streams(run, tmp_path):
    image = write(tmp_path, "a.jpg")
    result = run("inpaint", "-", "--mask", black(tmp_path), *QUICK, "-o", "-", piped=image.read_bytes())
    assert result.exit_code == 0, result.stderr
    assert result.stdout_bytes == image.read_bytes()


@pytest.mark.parametrize("mode", ["white", "black"])
def test_masks_of_everything_are_refused(refused, tmp_path, mode):
    path = tmp_path / "all.png"
    Image.new("L", SIZE_PX[::-1], 255 if mode == "white" else 0).save(path)
    image = write(tmp_path, "a.png")
    assert "no pixel known" in refused(3, "inpaint", image, "--mask", path, "--mask-mode", mode)
    if mode == "white":
        assert "white all over" in refused(3, "inpaint", image, "--mask", path)
