"""Transparent pixels on the command line: their colors are neither looked at nor changed."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from edlrr_cli.media.images import read_image

SIDE = 64
Y, X = np.mgrid[:SIDE, :SIDE]
CLEAN = np.stack([120 + 60 * np.sin(X / 7), 100 + X, 150 - Y], axis=2)
VISIBLE = np.hypot(Y - 32, X - 32) < 24
EDGE = VISIBLE & (np.hypot(Y - 32, X - 32) > 22)
HOLE = (np.abs(Y - 32) < 4) & (np.abs(X - 55) < 6)  # across the edge of what is visible
MAGENTA = (255, 0, 255)


def cut_out(folder: Path, noise: float = 0.0, color: tuple[float, ...] = MAGENTA) -> Path:
    """Write a cut-out with a soft edge."""
    alpha = np.where(EDGE, 128, np.where(VISIBLE, 255, 0))
    noisy = CLEAN + noise * np.random.default_rng(0).standard_normal(CLEAN.shape)
    values = np.where(VISIBLE[..., None], noisy, color).clip(0, 255).astype(np.uint8)
    Image.fromarray(np.dstack([values, alpha.astype(np.uint8)])).save(folder / "image.png")
    Image.fromarray(HOLE).save(folder / "mask.png")
    return folder / "image.png"


def levels(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        assert image.mode == "RGBA"
        return np.asarray(image).copy()


@pytest.mark.parametrize("method", [("--prior", "global", "--steps", "20"), ("--method", "biharmonic")])
def test_inpaint_looks_at_visible_pixels_alone(run, tmp_path, method):
    outputs = []
    for name, color in (("one", MAGENTA), ("two", (0, 0, 0))):
        (tmp_path / name).mkdir()
        image = cut_out(tmp_path / name, color=color)
        out = tmp_path / name / "out.png"
        result = run("inpaint", image, "--mask", tmp_path / name / "mask.png", "-o", out, "--json", *method)
        assert result.exit_code == 0, result.stderr
        assert json.loads(result.stdout)["missing_fraction"] == pytest.approx(HOLE.mean())
        before, after = levels(image), levels(out)
        np.testing.assert_array_equal(after[~HOLE], before[~HOLE])
        np.testing.assert_array_equal(after[..., 3], before[..., 3])
        outputs.append(after)
    np.testing.assert_array_equal(outputs[0][HOLE], outputs[1][HOLE])
    error = outputs[0][..., :3].astype(float) - CLEAN
    assert np.sqrt(np.square(error)[HOLE & VISIBLE].mean()) < 8


def test_transparency_still_marks_a_hole_where_it_is_asked_to(run, tmp_path):
    image, out = cut_out(tmp_path), tmp_path / "out.png"
    arguments = ("--mask", image, "--mask-mode", "alpha", "--prior", "global", "--steps", "5", "-o", out)
    assert run("inpaint", image, *arguments).exit_code == 0
    opaque = VISIBLE & ~EDGE
    np.testing.assert_array_equal(levels(out)[opaque], levels(image)[opaque])
    assert (levels(out)[~VISIBLE, :3] != MAGENTA).any(axis=1).mean() > 0.9


def test_a_mask_that_leaves_nothing_visible_is_refused(refused, tmp_path):
    image = cut_out(tmp_path)
    Image.fromarray(VISIBLE).save(tmp_path / "mask.png")
    message = refused(3, "inpaint", image, "--mask", tmp_path / "mask.png", "--mask-mode", "white")
    assert "that is not transparent" in message


@pytest.mark.parametrize("premultiplied", [False, True])
def test_huge_floats_under_alpha_0_neither_count_nor_change(run, tmp_path, premultiplied):
    values = np.dstack([CLEAN / 200, VISIBLE]).astype("f4")
    values[~VISIBLE, :3] = 0 if premultiplied else 1e6
    image, out = tmp_path / "image.tif", tmp_path / "out.tif"
    extra = "assocalpha" if premultiplied else "unassalpha"
    tifffile.imwrite(image, values, photometric="rgb", extrasamples=[extra])
    Image.fromarray(HOLE).save(tmp_path / "mask.png")
    arguments = ("--mask", tmp_path / "mask.png", "--prior", "global", "--steps", "20", "-o", out)
    result = run("inpaint", image, *arguments)
    assert result.exit_code == 0, result.stderr
    restored = tifffile.imread(out)
    np.testing.assert_array_equal(restored[~HOLE], values[~HOLE])
    assert np.abs(restored[..., :3] - CLEAN / 200)[HOLE & VISIBLE].mean() < 0.05

    denoised = tmp_path / "denoised.tif"
    assert run("denoise", image, "--method", "tv", "--sigma", "5", "-o", denoised).exit_code == 0
    np.testing.assert_array_equal(tifffile.imread(denoised)[~VISIBLE], values[~VISIBLE])
    assert np.abs(tifffile.imread(denoised)[..., :3] - CLEAN / 200)[VISIBLE].mean() < 0.05


def test_denoise_looks_at_visible_pixels_alone(run, tmp_path):
    image, out = cut_out(tmp_path, noise=20), tmp_path / "out.png"
    result = run("denoise", image, "-o", out, "--json")
    assert result.exit_code == 0, result.stderr
    assert json.loads(result.stdout)["sigma"] == pytest.approx(20, rel=0.1)
    before, after = levels(image), levels(out)
    np.testing.assert_array_equal(after[~VISIBLE], before[~VISIBLE])
    errors = [np.square(of[..., :3].astype(float) - CLEAN)[EDGE].mean() for of in (before, after)]
    assert errors[1] < errors[0] / 4


def test_images_denoised_as_one_batch_have_their_own_transparency(run, tmp_path):
    for name, color in (("one", MAGENTA), ("two", (0, 0, 0))):
        (tmp_path / name).mkdir()
        cut_out(tmp_path / name, noise=20, color=color)
    folder = tmp_path / "out"
    arguments = ("denoise", tmp_path, "--recursive", "-o", folder, "--jobs", "1", "-q")
    Image.fromarray(CLEAN.astype(np.uint8)).save(tmp_path / "opaque.png")
    (tmp_path / "one" / "mask.png").unlink()
    (tmp_path / "two" / "mask.png").unlink()
    assert run(*arguments).exit_code == 0
    first, second = (levels(folder / name / "image.png") for name in ("one", "two"))
    np.testing.assert_array_equal(first[VISIBLE], second[VISIBLE])
    np.testing.assert_array_equal(first[~VISIBLE, :3], np.broadcast_to(MAGENTA, first[~VISIBLE, :3].shape))
    assert not second[~VISIBLE, :3].any()


def test_semi_transparent_pixels_are_known(tmp_path):
    sample = read_image(cut_out(tmp_path))
    np.testing.assert_array_equal(sample.visible, VISIBLE)
