"""``edlrr inpaint --mask ir``: the infrared plane wherever it is, combined with boxes, and refused."""

from __future__ import annotations

import json

import numpy as np
import pytest
import tifffile
from PIL import Image
from skimage import data

from edlrr_cli.bench.defects import dust_cover, infrared_plane, painted

QUICK = ("--prior", "global", "--fill", "mean", "--steps", 5, "-q")
SIZE_PX = (96, 120)


def levels(pixels):
    return np.rint(65535 * pixels).astype(np.uint16)


def scan(seed=0, *, transmission=0.62):
    """Return a dusty slide, its infrared plane, and where its dust is."""
    rng = np.random.default_rng(seed)
    photo = data.chelsea()[50:, 60:][: SIZE_PX[0], : SIZE_PX[1]] / 255.0
    cover = dust_cover(SIZE_PX, rng, specks=8, hairs=1)
    damaged = painted(photo, cover, level=0.0)
    plane = infrared_plane(photo, cover, rng, transmission=transmission)
    return levels(damaged.pixels), levels(plane), cover > 0.5


@pytest.fixture(scope="module")
def film():
    return scan()


def write(path, *pages, **settings):
    with tifffile.TiffWriter(path) as file:
        for page in pages:
            photometric = "rgb" if page.ndim == 3 else "minisblack"
            own = settings if page.ndim == 3 or "subfiletype" in settings else {}
            file.write(page, photometric=photometric, metadata=None, **own)
    return path


def stored(colors, plane, where, folder):
    """Write a scan with its infrared plane in one of the usual locations."""
    path = folder / "scan.tif"
    if where == "channel 4":
        return write(path, np.dstack([colors, plane]), extrasamples=["unspecified"])
    if where == "the channel declared as transparency":
        return write(path, np.dstack([colors, plane]), extrasamples=["unassalpha"])
    if where == "page 2":
        return write(path, colors, plane)
    if where == "page 2, called a mask":
        with tifffile.TiffFile(write(path, colors, plane, subfiletype=2), mode="r+b") as file:
            file.pages[1].tags[254].overwrite(4)
        return path
    write(folder / where, plane)
    return write(path, colors)


LOCATIONS = [
    *("channel 4", "the channel declared as transparency", "page 2", "page 2, called a mask"),
    *("scan_IR.tif", "scan.ir.tif"),
]


@pytest.mark.parametrize("where", LOCATIONS)
def test_dust_is_found_wherever_the_plane_is_which_is_kept(run, film, tmp_path, where):
    colors, plane, dust = film
    image, out, saved = stored(colors, plane, where, tmp_path), tmp_path / "out.tif", tmp_path / "saved.png"
    result = run("inpaint", image, "--mask", "ir", *QUICK, "-o", out, "--save-mask", saved, "--json")
    assert result.exit_code == 0, result.stderr
    hole = np.asarray(Image.open(saved)) > 0
    assert hole[dust].mean() > 0.95
    assert (hole & ~dust).mean() < 0.05
    with tifffile.TiffFile(image) as before, tifffile.TiffFile(out) as after:
        assert len(after.pages) == len(before.pages)
        restored = after.pages.first.asarray()
        np.testing.assert_array_equal(restored[~hole], before.pages.first.asarray()[~hole])
        np.testing.assert_array_equal(restored[..., 3:], before.pages.first.asarray()[..., 3:])
        for number in range(1, len(before.pages)):
            np.testing.assert_array_equal(after.pages[number].asarray(), plane)
    assert (restored[..., :3] != colors)[dust].any()
    record = json.loads(result.stdout)
    assert (record["mask"], record["mask_mode"]) == ("ir", "ir")
    assert record["settings"]["sensitivity"] == 1
    assert f"dust in the infrared plane ({where.partition(',')[0]})" in record["notes"][-1]


def test_the_mask_is_that_of_edlrr_mask(run, film, tmp_path):
    image, saved = stored(*film[:2], "channel 4", tmp_path), tmp_path / "saved.png"
    how = ("--sensitivity", 1.5, "--dilate", 1)
    assert run("mask", image, "--kind", "ir", *how, "-o", tmp_path / "mask.png").exit_code == 0
    named = run("inpaint", image, "--mask", tmp_path / "mask.png", *QUICK, "-o", tmp_path / "a.tif")
    assert named.exit_code == 0, named.stderr
    made = run("inpaint", image, "--mask", "ir", *how, *QUICK, "-o", tmp_path / "b.tif", "--save-mask", saved)
    assert made.exit_code == 0, made.stderr
    masks = [np.asarray(Image.open(path)) for path in (saved, tmp_path / "mask.png")]
    np.testing.assert_array_equal(*masks)
    assert (tmp_path / "a.tif").read_bytes() == (tmp_path / "b.tif").read_bytes()


def test_more_sensitivity_finds_fainter_dust(run, tmp_path):
    image = stored(*scan(transmission=0.97)[:2], "channel 4", tmp_path)
    found = []
    for sensitivity in (0.5, 2):
        saved = tmp_path / f"{sensitivity}.png"
        options = ("--sensitivity", sensitivity, "--save-mask", saved, "-o", tmp_path / f"{sensitivity}.tif")
        result = run("inpaint", image, "--mask", "ir", *options, *QUICK)
        assert result.exit_code == 0, result.stderr
        found.append((np.asarray(Image.open(saved)) > 0).sum())
    assert found[0] < found[1]


def test_it_combines_with_boxes(run, film, tmp_path):
    image, saved = stored(*film[:2], "channel 4", tmp_path), tmp_path / "saved.png"
    options = ("--mask", "ir", "--box", "3,4,10,6", "--save-mask", saved, "--json")
    result = run("inpaint", image, *options, *QUICK)
    assert result.exit_code == 0, result.stderr
    hole = np.asarray(Image.open(saved)) > 0
    assert hole[4:10, 3:13].all()
    assert hole[film[2]].mean() > 0.95
    assert "together" in json.loads(result.stdout)["notes"][-1]


def test_pairs_of_pages(run, tmp_path):
    """Two frames, each followed by its infrared plane."""
    frames = [scan(seed) for seed in (0, 1)]
    image = write(tmp_path / "scan.tif", *(page for frame in frames for page in frame[:2]))
    result = run("inpaint", image, "--mask", "ir", *QUICK, "-o", tmp_path / "out.tif", "--json")
    assert result.exit_code == 0, result.stderr
    assert [page["page"] for page in json.loads(result.stdout)["pages"]] == [1, 3]
    with tifffile.TiffFile(tmp_path / "out.tif") as file:
        for number, (colors, plane, dust) in zip((0, 2), frames, strict=True):
            np.testing.assert_array_equal(file.pages[number + 1].asarray(), plane)
            differs = (file.pages[number].asarray() != colors).any(axis=2)
            assert differs[dust].mean() > 0.5
            assert differs.mean() < 0.1


def test_a_pair_of_gray_pages(run, film, tmp_path):
    """Black-and-white film with dyes lets infrared through; its plane is a page of the same kind."""
    colors, plane, dust = film
    gray = colors.mean(axis=2).astype(np.uint16)
    image = write(tmp_path / "scan.tif", gray, plane)
    result = run("inpaint", image, "--mask", "ir", *QUICK, "-o", tmp_path / "out.tif")
    assert result.exit_code == 0, result.stderr
    with tifffile.TiffFile(tmp_path / "out.tif") as file:
        np.testing.assert_array_equal(file.pages[1].asarray(), plane)
        assert (file.pages.first.asarray() != gray)[dust].mean() > 0.5
    assert run("mask", image, "--kind", "ir", "-o", tmp_path / "mask.png").exit_code == 0


def test_a_folder_without_the_files_of_the_planes(run, film, tmp_path):
    folder = tmp_path / "film"
    folder.mkdir()
    stored(*film[:2], "scan_IR.tif", folder)
    write(folder / "plain.tif", film[0])
    result = run("inpaint", folder, "--mask", "ir", *QUICK, "-o", tmp_path / "out", "--jobs", 1, "--json")
    assert result.exit_code == 1
    records = {record["status"]: record for record in map(json.loads, result.stdout.splitlines())}
    assert records["ok"]["input"].endswith("scan.tif")
    assert "plain.tif has no infrared plane" in records["error"]["error"]
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["scan.tif"]


def test_a_stream(run, film, tmp_path):
    image = stored(*film[:2], "page 2", tmp_path)
    named = run("inpaint", image, "--mask", "ir", *QUICK, "-o", tmp_path / "out.tif")
    piped = run("inpaint", "-", "--mask", "ir", *QUICK, "-o", "-", piped=image.read_bytes())
    assert (named.exit_code, piped.exit_code) == (0, 0), piped.stderr
    assert piped.stdout_bytes == (tmp_path / "out.tif").read_bytes()


@pytest.mark.parametrize(
    ("options", "exit_code", "message"),
    [
        (
            ("plain.tif", "--mask", "ir"),
            3,
            "plain.tif has no infrared plane: no fourth channel, no page 2 in",
        ),
        (("silver.tif", "--mask", "ir"), 3, "silver.tif: the infrared plane shows the image itself"),
        (("plain.tif", "--mask", "ir", "--sensitivity", 0), 2, "sensitivity must be more than 0, got 0.0"),
        (
            ("plain.tif", "--mask", "nan", "--sensitivity", 2),
            2,
            "--sensitivity is for --mask ir; leave it out",
        ),
        (("gray.tif", "--mask", "ir"), 3, "gray.tif has no infrared plane"),
    ],
)
def test_what_cannot_be_searched_is_refused(
    refused, film, tmp_path, monkeypatch, options, exit_code, message
):
    monkeypatch.chdir(tmp_path)
    colors = film[0]
    write("plain.tif", colors)
    silver = np.dstack([colors, colors.mean(axis=2).astype(np.uint16)])
    write("silver.tif", silver, extrasamples=["unspecified"])
    write("gray.tif", *[colors[..., 0]] * 3)
    assert message in refused(exit_code, "inpaint", *options, *QUICK)


def test_a_clip_has_none(refused, tmp_path):
    (tmp_path / "a.mp4").write_bytes(b"clip")
    assert "--mask ir is for images" in refused(2, "inpaint", tmp_path / "a.mp4", "--mask", "ir")
