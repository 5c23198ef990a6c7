"""``edlrr mask`` from the command line: masks, pages, records and errors."""

from __future__ import annotations

import json

import numpy as np
import pytest
import tifffile
from PIL import Image
from skimage import data

from edlrr_cli.bench.defects import dust_cover, infrared_plane, logo_cover, painted


def save(path, pixels):
    Image.fromarray(np.rint(255 * pixels).astype(np.uint8)).save(path)


@pytest.fixture
def dusty(tmp_path):
    """Return a folder of a dusty image in a subfolder and a clean one."""
    folder = tmp_path / "scans"
    (folder / "sub").mkdir(parents=True)
    ramp = np.linspace(0.3, 0.6, 96)[:, None, None] * np.ones((1, 128, 3))
    damaged = painted(ramp, dust_cover((96, 128), np.random.default_rng(1), specks=12, hairs=1), level=1.0)
    save(folder / "sub/a.png", damaged.pixels)
    save(folder / "b.jpg", ramp)
    return folder


def test_inpaint_takes_the_masks_as_they_are(run, dusty, tmp_path):
    masks, page = tmp_path / "masks", tmp_path / "review.html"
    made = run("mask", dusty, "--recursive", "--kind", "dust", "-o", masks, "--report", page, "--json")
    assert made.exit_code == 0, made.stderr
    records = {record["input"][-5:]: record for record in map(json.loads, made.stdout.splitlines())}
    found, clean = records["a.png"], records["b.jpg"]
    assert found["num_defects"] > 5
    assert 0 < found["fraction"] < 0.1
    assert 0.5 <= found["score"] <= 1
    assert (clean["fraction"], clean["score"]) == (0, 0)
    assert clean["notes"] == ["nothing found, the mask is empty"]
    with Image.open(masks / "sub/a.png") as mask:
        assert (mask.mode, mask.size) == ("L", (128, 96))
        assert set(np.unique(mask)) == {0, 255}
    text = page.read_text(encoding="utf-8")
    assert "edlrr mask: 2 done" in text
    assert "% of the pixels" in text
    restored = run(
        *("inpaint", dusty / "sub/a.png", "--mask", masks / "sub", "-o", tmp_path / "a.png"),
        *("--prior", "global", "--steps", "5"),
    )
    assert restored.exit_code == 0, restored.stderr


def test_a_single_image_into_a_folder_and_beside_itself(run, dusty, tmp_path):
    image = dusty / "sub/a.png"
    report = run("mask", image, "--kind", "dust", "-o", tmp_path / "new")
    assert report.stdout.splitlines()[0].split() == ["mask", str(tmp_path / "new/a.png")]
    assert (tmp_path / "new/a.png").is_file()
    run("mask", image, "--kind", "scratches")
    assert (dusty / "sub/a_mask.png").is_file()


def test_masks_that_exist_are_kept(run, refused, dusty, tmp_path):
    arguments = ("mask", dusty / "sub/a.png", "--kind", "dust", "-o", tmp_path / "a.png")
    assert run(*arguments).exit_code == 0
    assert "exists already" in refused(4, *arguments)
    assert run(*arguments, "--skip-existing").stdout.startswith("skipped")


@pytest.fixture
def film(tmp_path):
    """Return a folder of a color slide with its infrared beside it, and a black-and-white one."""
    folder, rng = tmp_path / "film", np.random.default_rng(0)
    folder.mkdir()
    photo = data.chelsea()[50:178, 60:220] / 255.0
    cover = dust_cover(photo.shape[:2], rng, specks=10, hairs=1)
    damaged = painted(photo, cover, level=0.0)
    plane = infrared_plane(photo, cover, rng, transmission=0.62)
    for name, pixels in {"a": damaged.pixels, "a_IR": plane}.items():
        tifffile.imwrite(folder / f"{name}.tif", np.rint(65535 * pixels).astype(np.uint16))
    silver = np.dstack([photo, photo.mean(axis=2)])
    stored = np.rint(65535 * silver).astype(np.uint16)
    tifffile.imwrite(folder / "b.tif", stored, photometric="rgb", extrasamples=["unspecified"])
    return folder


@pytest.mark.parametrize("named", ["folder", "files"])
def test_infrared_of_a_folder(run, film, tmp_path, named):
    images = [film] if named == "folder" else sorted(film.iterdir())
    ended = run("mask", *images, "--kind", "ir", "-o", tmp_path / "masks", "--json", "--quiet")
    assert ended.exit_code == 1
    records = {record["status"]: record for record in map(json.loads, ended.stdout.splitlines())}
    assert records["ok"]["infrared"] == "a_IR.tif"
    assert records["ok"]["num_defects"] > 5
    assert "black-and-white film and Kodachrome" in records["error"]["error"]
    assert [path.name for path in (tmp_path / "masks").iterdir()] == ["a.png"]


def test_an_image_without_infrared_is_refused(refused, dusty):
    assert "has no infrared plane" in refused(3, "mask", dusty / "b.jpg", "--kind", "ir")


@pytest.fixture
def branded(tmp_path):
    """Return a folder of eight images with one logo, one of another size, and one that is no image."""
    folder, rng, photo = tmp_path / "branded", np.random.default_rng(0), data.coffee() / 255.0
    folder.mkdir()
    cover = logo_cover((96, 120))
    for index in range(8):
        top, left = rng.integers(300), rng.integers(480)
        window = photo[top : top + 96, left : left + 120]
        save(folder / f"{index}.png", painted(window, cover, level=1.0, opacity=0.7).pixels)
    save(folder / "small.png", photo[:50, :50])
    (folder / "text.png").write_text("not an image")
    return folder


def test_one_overlay_for_all_images(run, branded, tmp_path):
    ended = run("mask", branded, "--kind", "overlay", "-o", tmp_path / "masks", "--jobs", "1")
    assert ended.exit_code == 1
    assert ended.stderr.splitlines()[-1].startswith("8 done, 2 failed")
    assert "at least 5 images of one size, got 1" in ended.stderr
    masks = [(tmp_path / f"masks/{index}.png").read_bytes() for index in range(8)]
    assert len(set(masks)) == 1
    with Image.open(tmp_path / "masks/0.png") as mask:
        found, truth = np.asarray(mask) > 0, logo_cover((96, 120)) >= 0.1
    assert (found & truth).sum() / (found | truth).sum() >= 0.8


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (("--kind", "dist"), "unknown kind 'dist'; did you mean 'dust'?"),
        ((), "Missing option '--kind'"),
        (("--kind", "dust", "--sensitivity", "0"), "sensitivity must be more than 0, got 0.0"),
        (("--kind", "dust", "--dilate", "-1"), "dilate must be 0 or more, got -1"),
    ],
)
def test_settings_that_make_no_sense(refused, dusty, flags, message):
    assert message in refused(2, "mask", dusty / "b.jpg", *flags)


def test_a_mask_is_a_png(refused, dusty, tmp_path):
    (tmp_path / "x").mkdir()
    shown = refused(4, "mask", dusty / "b.jpg", "--kind", "dust", "-o", dusty / "b.jpg")
    assert "b.jpg" in shown
