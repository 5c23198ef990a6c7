"""Images of floats and of CMYK through the commands: known pixels bit by bit, and what is refused."""

from __future__ import annotations

import json

import numpy as np
import pytest
import tifffile
from PIL import Image

from edlrr_cli.errors import EXIT_OUTPUT
from edlrr_cli.media.exr import encode_exr
from edlrr_cli.media.images import read_image

SIDE_PX = 40
QUICK = ("--prior", "global", "--steps", "20", "--device", "cpu")
HOLE = np.zeros((SIDE_PX, SIDE_PX), bool)
HOLE[10:14, 5:30] = HOLE[20:33, 25:28] = True


def waves(num_channels: int) -> np.ndarray:
    """Values on 0..1."""
    y, x = np.mgrid[:SIDE_PX, :SIDE_PX] / 6
    return np.stack([0.5 + 0.5 * np.sin(x + k) * np.cos(y) for k in range(num_channels)], axis=2)


def write(path, kind: str, values: np.ndarray) -> None:
    if kind == "cmyk":
        inks = np.rint(values * 255).astype(np.uint8)
        Image.frombytes("CMYK", (SIDE_PX, SIDE_PX), inks.tobytes()).save(path)
    elif kind == "exr":
        path.write_bytes(encode_exr((80 * values - 20).astype(np.float16)))
    else:
        tifffile.imwrite(path, 80 * values - 20, photometric="rgb")


@pytest.fixture(params=[("cmyk", ".tif", 4), ("exr", ".exr", 3), ("float", ".tif", 3)], ids=lambda p: p[0])
def files(request, tmp_path):
    kind, suffix, num_channels = request.param
    clean = waves(num_channels)
    write(tmp_path / f"clean{suffix}", kind, clean)
    write(tmp_path / f"in{suffix}", kind, np.where(HOLE[..., None], 1.0, clean))
    Image.fromarray(HOLE).save(tmp_path / "mask.png")
    return tmp_path / f"in{suffix}", tmp_path / f"clean{suffix}", tmp_path / "mask.png"


def stored(path) -> np.ndarray:
    sample = read_image(path)
    return sample.pixels if sample.ranged is None else sample.ranged.values


def test_inpaint_keeps_known_pixels(run, files):
    image, clean, mask = files
    figure, errors = image.with_name("figure.png"), image.with_name("errors.png")
    how = ("--reference", clean, "--mask-mode", "white", "--figure", figure, "--error-map", errors)
    quick = ("--quality", "fast", "--device", "cpu", "--steps", "20")
    result = run("inpaint", image, "--mask", mask, *how, *quick, "--json")
    assert result.exit_code == 0, result.stderr
    record = json.loads(result.stdout)
    assert record["psnr"] > record["psnr_input"] + 10
    assert record["ssim"] > 0.9
    before, after = stored(image), stored(image.with_name(f"in_restored{image.suffix}"))
    assert after.dtype == before.dtype
    np.testing.assert_array_equal(after[~HOLE], before[~HOLE])
    assert (after[HOLE] != before[HOLE]).all(axis=1).mean() > 0.9
    for path in (figure, errors):
        with Image.open(path) as drawn:
            assert drawn.mode == ("RGB" if path == figure else "L")


@pytest.mark.parametrize("method", ["network", "tv"])
def test_denoise_reduces_noise(run, files, method):
    _, clean, _ = files
    how = ("--add-noise", "20", "--sigma", "20", "--method", method, "--device", "cpu")
    result = run("denoise", clean, *how, "--json")
    assert result.exit_code == 0, result.stderr
    record = json.loads(result.stdout)
    assert record["psnr"] > record["psnr_input"] + 5


def test_another_format_is_refused_before_the_work(run, files):
    image, _, mask = files
    out = image.with_name("out.png")
    result = run("inpaint", image, "--mask", mask, "--mask-mode", "white", "-o", out, *QUICK)
    assert result.exit_code == EXIT_OUTPUT
    assert "PNG cannot keep" in result.stderr
    assert result.stderr.count("\n") == 1
    assert not out.exists()


def test_a_gif_goes_to_png(run, tmp_path):
    Image.fromarray(np.rint(255 * waves(3)).astype(np.uint8)).save(tmp_path / "in.gif")
    Image.fromarray(HOLE).save(tmp_path / "mask.png")
    mask = ("--mask", tmp_path / "mask.png", "--mask-mode", "white")
    assert run("inpaint", tmp_path / "in.gif", *mask, *QUICK).exit_code == 0
    with Image.open(tmp_path / "in.gif") as before, Image.open(tmp_path / "in_restored.png") as after:
        colors = np.asarray(before.convert("RGB"))
        np.testing.assert_array_equal(np.asarray(after)[~HOLE], colors[~HOLE])


def save_stack(path, values, **settings):
    tifffile.imwrite(path, np.rint(values * 60000).astype(np.uint16), **{"metadata": None, **settings})


def test_a_mask_in_which_white_is_0_marks_the_hole_of_every_page(run, tmp_path):
    clean, image, out = waves(3), tmp_path / "in.tif", tmp_path / "in_restored.tif"
    save_stack(image, np.stack([clean, clean, clean]), photometric="rgb", tile=(16, 16))
    mask = np.where(HOLE, 0, 65535).astype(np.uint16)
    tifffile.imwrite(tmp_path / "mask.tif", mask, photometric="miniswhite", compression="zlib", predictor=2)
    result = run("inpaint", image, "--mask", tmp_path / "mask.tif", *QUICK)
    assert result.exit_code == 0, result.stderr
    assert result.stderr.count("white marks the hole") == 3
    before, after = tifffile.imread(image), tifffile.imread(out)
    np.testing.assert_array_equal(after[:, ~HOLE], before[:, ~HOLE])
    assert all((after[page][HOLE] != before[page][HOLE]).any() for page in range(3))


@pytest.mark.parametrize("command", ["inpaint", "denoise"])
def test_one_page_is_restored_and_the_others_are_kept(run, tmp_path, command):
    image, out = tmp_path / "in.tif", tmp_path / "out.tif"
    save_stack(image, np.stack([waves(3) * scale for scale in (1.0, 0.9, 0.8)]), photometric="rgb")
    Image.fromarray(HOLE).save(tmp_path / "mask.png")
    how = ("--mask", tmp_path / "mask.png", *QUICK) if command == "inpaint" else ("--sigma", 10)
    result = run(command, image, *how, "--page", 2, "-o", out)
    assert result.exit_code == 0, result.stderr
    assert "in.tif: page 2 of 3 pages was read" in result.stderr
    before, after = tifffile.imread(image), tifffile.imread(out)
    np.testing.assert_array_equal(after[[0, 2]], before[[0, 2]])
    assert (after[1] != before[1]).any()
    result = run(command, image, *how, "--page", 2, "-o", tmp_path / "out.png")
    assert "the other pages were left out, since PNG cannot hold them" in result.stderr
    result = run(command, image, *how, "--page", 4, "-o", tmp_path / "none.tif")
    assert (result.exit_code, result.stderr.count("\n")) == (3, 1)
    assert "in.tif has 3 pages, no page 4; name another" in result.stderr


@pytest.mark.parametrize("command", ["inpaint", "denoise"])
def test_infrared_is_kept_in_tiff_and_refused_elsewhere(run, tmp_path, command):
    image = tmp_path / "in.tif"
    save_stack(image, waves(4), photometric="rgb", extrasamples=[0])
    Image.fromarray(HOLE).save(tmp_path / "mask.png")
    how = ("--mask", tmp_path / "mask.png", "--mask-mode", "white", *QUICK)
    how = how if command == "inpaint" else ("--method", "tv")
    result = run(command, image, *how, "-o", tmp_path / "out.tif")
    assert result.exit_code == 0, result.stderr
    assert "channel 4 is neither color nor transparency" in result.stderr
    np.testing.assert_array_equal(
        tifffile.imread(tmp_path / "out.tif")[..., 3], tifffile.imread(image)[..., 3]
    )
    result = run(command, image, *how, "-o", tmp_path / "out.png")
    assert result.exit_code == EXIT_OUTPUT
    assert not (tmp_path / "out.png").exists()
