"""``--mask nan``, ``--mask alpha``, ``--mask-color``, boxes, and what ``--save-mask`` writes of them."""

from __future__ import annotations

import json

import numpy as np
import pytest
import tifffile
from PIL import Image
from skimage import data

QUICK = ("--prior", "global", "--fill", "mean", "--steps", 5, "-q")
HOLE = np.zeros((48, 64), bool)
HOLE[10:16, 20:31] = True


def save(path, pixels):
    Image.fromarray(pixels).save(path)
    return path


def photograph():
    return data.astronaut()[:48, 180:244]


def mask_file(tmp_path, hole=HOLE):
    return save(tmp_path / "mask.png", np.uint8(255) * hole)


def restored(run, tmp_path, image, *options):
    """Return the exit code, stderr, and the pixels of the result."""
    out = tmp_path / f"out{image.suffix}"
    result = run("inpaint", image, *options, *QUICK, "-o", out, "--overwrite")
    read = tifffile.imread if image.suffix == ".tif" else lambda path: np.asarray(Image.open(path))
    return result, read(out) if result.exit_code == 0 else None


def test_pixels_without_a_value_are_restored_as_with_a_mask(run, tmp_path):
    values = photograph()[..., 0].astype(np.float32)
    values[HOLE] = np.nan
    tifffile.imwrite(tmp_path / "in.tif", values)
    _, expected = restored(run, tmp_path, tmp_path / "in.tif", "--mask", mask_file(tmp_path))
    result, pixels = restored(run, tmp_path, tmp_path / "in.tif", "--mask", "nan")
    assert result.exit_code == 0, result.stderr
    np.testing.assert_array_equal(pixels, expected)
    assert np.isfinite(pixels).all()


def test_transparent_pixels_are_restored_and_become_opaque(run, tmp_path):
    image = save(tmp_path / "in.png", np.dstack([photograph(), np.where(HOLE, 0, 255).astype(np.uint8)]))
    save(tmp_path / "plain.png", photograph())
    _, expected = restored(run, tmp_path, tmp_path / "plain.png", "--mask", mask_file(tmp_path))
    result, pixels = restored(run, tmp_path, image, "--mask", "alpha", "--save-mask", tmp_path / "saved.png")
    assert result.exit_code == 0, result.stderr
    np.testing.assert_array_equal(pixels[..., :3], expected)
    assert (pixels[..., 3] == 255).all()
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "saved.png")) > 0, HOLE)


def test_a_color_a_box_and_a_file_combine(run, tmp_path):
    pixels = photograph().copy()
    pixels[30:36, 5:20] = 255, 0, 255
    image, saved = save(tmp_path / "in.png", pixels), tmp_path / "saved.png"
    box = ("--box", "50,40,8,4")
    how = ("--mask", mask_file(tmp_path), "--mask-color", "#f0f", *box, "--save-mask", saved, "--json")
    result, by_parts = restored(run, tmp_path, image, *how)
    assert result.exit_code == 0, result.stderr
    whole = HOLE.copy()
    whole[30:36, 5:20] = whole[40:44, 50:58] = True
    np.testing.assert_array_equal(np.asarray(Image.open(saved)) > 0, whole)
    record = json.loads(result.stdout)
    assert record["save_mask"] == str(saved)
    assert record["settings"]["mask_color"] == "#f0f"
    assert "together" in record["notes"][-1]
    _, by_file = restored(run, tmp_path, image, "--mask", saved)
    np.testing.assert_array_equal(by_parts, by_file)


@pytest.mark.parametrize("how", [("--mask-color", "magenta"), ("--box", "20,10,11,6")])
def test_dilation_grows_every_kind(run, tmp_path, how):
    image = save(tmp_path / "in.png", np.where(HOLE[..., None], np.uint8([255, 0, 255]), photograph()))
    saved = tmp_path / "saved.png"
    result, _ = restored(run, tmp_path, image, *how, "--dilate", 2, "--save-mask", saved)
    assert result.exit_code == 0, result.stderr
    grown = np.asarray(Image.open(saved)) > 0
    assert grown[8, 25]
    assert grown[17, 25]
    assert not grown[7, 25]


@pytest.mark.parametrize(
    ("options", "exit_code", "message"),
    [
        ((), 2, "nothing marks the hole; give --mask, --box or --mask-color"),
        (("--mask-color", "pinkish"), 2, "'pinkish' is no color; write it as '#ff00ff' or by name"),
        (("--mask-color", "lime"), 3, "in.png has no pixel of the color lime; check the color"),
        (("--box", "0,0,64,48"), 2, "leave no pixel known; mark less"),
        (("--box", "1,1,3,3", "--save-mask", "in.png"), 4, "in.png"),
    ],
)
def test_what_marks_nothing_is_refused(run, tmp_path, monkeypatch, options, exit_code, message):
    monkeypatch.chdir(tmp_path)
    save(tmp_path / "in.png", photograph())
    result = run("inpaint", "in.png", *options, *QUICK)
    assert (result.exit_code, result.stderr.count("\n")) == (exit_code, 1), result.stderr
    assert message in result.stderr


def test_a_file_of_that_name_is_a_file(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    image = save(tmp_path / "in.png", photograph())
    mask_file(tmp_path).rename("nan")
    result, _ = restored(run, tmp_path, image, "--mask", "nan", "--mask-mode", "white")
    assert result.exit_code == 0, result.stderr
