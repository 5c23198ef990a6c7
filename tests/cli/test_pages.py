"""``edlrr inpaint`` of TIFF files with several pages: which are restored, their masks, records and files."""

from __future__ import annotations

import json

import numpy as np
import pytest
import tifffile
from PIL import Image
from skimage import data

from edlrr_cli.bench.defects import dust_cover, infrared_plane, painted

QUICK = ("--prior", "global", "--fill", "mean", "--steps", 5, "-q")
SIZE_PX = (40, 48)
HOLES = np.zeros((3, *SIZE_PX), bool)
HOLES[0, 5:9, 6:12] = HOLES[1, 20:24, 30:40] = HOLES[2, 30:33, 4:9] = True


def pages():
    photo = data.astronaut()
    return np.stack([photo[80 * index :, 200:][: SIZE_PX[0], : SIZE_PX[1]] for index in range(3)])


def write(path, *values, **settings):
    """Write pages; each may be a pair of values and settings of its own."""
    with tifffile.TiffWriter(path, **settings) as file:
        for value in values:
            array, own = value if isinstance(value, tuple) else (value, {})
            photometric = "rgb" if array.ndim == 3 else "minisblack"
            file.write(array, **{"photometric": photometric, "metadata": None, **own})
    return path


def mask_of(path, *holes):
    return write(path, *(np.uint8(255) * hole for hole in holes))


def stored(path):
    with tifffile.TiffFile(path) as file:
        return [page.asarray() for page in file.pages]


def changed(before, after):
    return (before != after).any(axis=2)


@pytest.mark.parametrize("num_masks", [1, 3])
@pytest.mark.parametrize("compression", [None, "zlib"])
def test_every_page_is_restored_in_its_own_hole(run, tmp_path, num_masks, compression):
    values = pages()
    own = {} if compression is None else {"compression": compression, "predictor": True, "tile": (16, 16)}
    image = write(tmp_path / "in.tif", *((each, own) for each in values))
    mask = mask_of(tmp_path / "mask.tif", *HOLES[:num_masks])
    result = run("inpaint", image, "--mask", mask, *QUICK, "-o", tmp_path / "out.tif", "--json")
    assert result.exit_code == 0, result.stderr
    after = stored(tmp_path / "out.tif")
    assert len(after) == 3
    for index, hole in enumerate(HOLES if num_masks == 3 else HOLES[[0, 0, 0]]):
        differs = changed(values[index], after[index])
        assert differs[hole].mean() > 0.5
        assert not differs[~hole].any()
    record = json.loads(result.stdout)
    assert [page["page"] for page in record["pages"]] == [1, 2, 3]
    fractions = [page["missing_fraction"] for page in record["pages"]]
    assert record["missing_fraction"] == pytest.approx(np.mean(fractions))
    assert record["notes"][0].startswith("page 1: ")


@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_single_page_takes_its_own_mask(run, tmp_path, number):
    values = pages()
    image, mask = write(tmp_path / "in.tif", *values), mask_of(tmp_path / "mask.tif", *HOLES)
    saved = tmp_path / "saved.png"
    options = ("--page", number, "--save-mask", saved, "--json", *QUICK, "-o", tmp_path / "out.tif")
    result = run("inpaint", image, "--mask", mask, *options)
    assert result.exit_code == 0, result.stderr
    np.testing.assert_array_equal(np.asarray(Image.open(saved)) > 0, HOLES[number - 1])
    record = json.loads(result.stdout)
    assert (record["page"], record["pages"]) == (number, None)
    for index, after in enumerate(stored(tmp_path / "out.tif")):
        assert changed(values[index], after).any() == (index == number - 1)


def test_pages_of_another_kind_and_previews_are_kept_as_stored(run, tmp_path):
    values, rng = pages(), np.random.default_rng(0)
    others = [
        (rng.integers(0, 255, (10, 12, 3)).astype(np.uint8), {"subfiletype": 1}),
        rng.integers(0, 65535, SIZE_PX).astype(np.uint16),
        rng.integers(0, 255, (20, 24, 3)).astype(np.uint8),
        (HOLES[0], {"subfiletype": 4}),
    ]
    image = write(tmp_path / "in.tif", others[0], values[0], others[1], values[1], *others[2:])
    mask = mask_of(tmp_path / "mask.tif", HOLES[0])
    result = run("inpaint", image, "--mask", mask, *QUICK[:-1], "-o", tmp_path / "out.tif")
    assert result.exit_code == 0, result.stderr
    assert "pages 2, 4 differ in size or kind and are kept as they are" in result.stderr
    assert "a preview page is kept as it is, and shows the image before" in result.stderr
    before, after = stored(image), stored(tmp_path / "out.tif")
    assert len(after) == len(before)
    for index in (0, 2, 4, 5):
        np.testing.assert_array_equal(after[index], before[index])
    for index in (1, 3):
        np.testing.assert_array_equal(changed(before[index], after[index]) & ~HOLES[0], False)
        assert changed(before[index], after[index]).any()


def test_a_stack_behind_one_page_is_restored_as_pages(run, tmp_path):
    values = pages()[..., 0].copy()
    tifffile.imwrite(tmp_path / "in.tif", values, truncate=True, photometric="minisblack")
    mask = mask_of(tmp_path / "mask.tif", *HOLES)
    result = run("inpaint", tmp_path / "in.tif", "--mask", mask, *QUICK, "-o", tmp_path / "out.tif")
    assert result.exit_code == 0, result.stderr
    after = stored(tmp_path / "out.tif")
    for index, hole in enumerate(HOLES):
        np.testing.assert_array_equal(after[index][~hole], values[index][~hole])
        assert (after[index] != values[index]).any()


@pytest.mark.parametrize("byteorder", ["<", ">"])
@pytest.mark.parametrize("bigtiff", [False, True])
def test_byte_order_and_bigtiff_remain(run, tmp_path, byteorder, bigtiff):
    values = [257 * each.astype(np.uint16) for each in pages()[:2]]
    image = write(tmp_path / "in.tif", *values, byteorder=byteorder, bigtiff=bigtiff)
    mask = mask_of(tmp_path / "mask.tif", HOLES[0])
    result = run("inpaint", image, "--mask", mask, *QUICK, "-o", tmp_path / "out.tif")
    assert result.exit_code == 0, result.stderr
    with tifffile.TiffFile(tmp_path / "out.tif") as file:
        assert (file.byteorder, file.is_bigtiff) == (byteorder, bigtiff)
        for page, before in zip(file.pages, values, strict=True):
            after = page.asarray()
            np.testing.assert_array_equal(after[~HOLES[0]], before[~HOLES[0]])
            assert (after != before).any()
    if not (bigtiff and byteorder == ">"):  # which Pillow does not read
        with Image.open(tmp_path / "out.tif") as read:
            assert read.n_frames == 2


def test_pages_from_and_to_streams(run, tmp_path):
    image, mask = write(tmp_path / "in.tif", *pages()), mask_of(tmp_path / "mask.tif", *HOLES)
    named = run("inpaint", image, "--mask", mask, *QUICK, "-o", tmp_path / "out.tif")
    assert named.exit_code == 0, named.stderr
    piped = run("inpaint", "-", "--mask", mask, *QUICK, "-o", "-", piped=image.read_bytes())
    assert piped.exit_code == 0, piped.stderr
    assert piped.stdout_bytes == (tmp_path / "out.tif").read_bytes()


def test_pages_in_a_batch_and_on_the_page_of_reports(run, tmp_path):
    image, mask = write(tmp_path / "in.tif", *pages()), mask_of(tmp_path / "mask.tif", *HOLES)
    files = ("-o", tmp_path / "out", "--report", tmp_path / "page.html")
    result = run("inpaint", image, image, "--mask", mask, "--jobs", 1, *QUICK[:-1], *files)
    assert result.exit_code == 0, result.stderr
    assert "page 3" in (tmp_path / "page.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("kind", ["dust", "ir"])
def test_edlrr_mask_searches_every_page(run, tmp_path, kind):
    """The pages of a folder's scan; for infrared, each is followed by its plane."""
    rng = np.random.default_rng(0)
    ramp = np.linspace(0.3, 0.6, 96)[:, None, None] * np.ones((1, 128, 3))
    clean = data.chelsea()[50:146, 60:188] / 255 if kind == "ir" else ramp
    covers = [dust_cover((96, 128), rng, specks=8, hairs=0) for _ in range(2)]
    scans = [painted(clean, cover, level=0.0) for cover in covers]
    written = []
    for scan, cover in zip(scans, covers, strict=True):
        written.append(np.rint(65535 * scan.pixels).astype(np.uint16))
        if kind == "ir":
            plane = infrared_plane(clean, cover, rng, transmission=0.6)
            written.append(np.rint(65535 * plane).astype(np.uint16))
    folder, masks, out = tmp_path / "scans", tmp_path / "masks", tmp_path / "out"
    folder.mkdir()
    image = write(folder / "a.tif", *written)
    page = ("--report", tmp_path / "page.html")
    made = run("mask", folder, "--kind", kind, "-o", masks, "--jobs", 1, "--json", *page)
    assert made.exit_code == 0, made.stderr
    numbers = [1, 3] if kind == "ir" else [1, 2]
    assert [each["page"] for each in json.loads(made.stdout)["pages"]] == numbers
    assert f"page {numbers[1]}" in (tmp_path / "page.html").read_text(encoding="utf-8")
    found = stored(masks / "a.tif")
    assert len(found) == len(written)
    for number, scan in zip(numbers, scans, strict=True):
        assert (found[number - 1] > 0)[scan.hole].mean() > 0.7
    restored = run("inpaint", folder, "--mask", masks, "-o", out, "--jobs", 1, *QUICK)
    assert restored.exit_code == 0, restored.stderr
    for index, (before, after) in enumerate(zip(written, stored(out / "a.tif"), strict=True)):
        assert (before != after).any() == (index + 1 in numbers)
        assert not (before != after)[found[index] == 0].any()
    refused_png = run("mask", image, "--kind", kind, "-o", tmp_path / "a.png")
    assert (refused_png.exit_code, "PNG has one page, and 2 of" in refused_png.stderr) == (4, True)


@pytest.mark.parametrize(
    ("options", "exit_code", "message"),
    [
        (
            ("--figure", "f.png"),
            2,
            "--figure is for one page, and 3 of in.tif are restored; name one",
        ),
        (("--save-mask", "m.png"), 2, "--save-mask is for one page"),
        (
            ("--mask", "two.tif"),
            3,
            "mask two.tif has 2 pages, and in.tif has 3; give it one page, or one",
        ),
        (("--reference", "two.tif"), 3, "reference two.tif has 2 pages, and in.tif has 3"),
    ],
)
def test_what_does_not_fit_the_pages_is_refused(refused, tmp_path, monkeypatch, options, exit_code, message):
    monkeypatch.chdir(tmp_path)
    write("in.tif", *pages())
    mask_of("mask.tif", HOLES[0])
    mask_of("two.tif", *HOLES[:2])
    shown = refused(exit_code, "inpaint", "in.tif", "--mask", "mask.tif", *QUICK, *options)
    assert message in shown


def test_a_corrupt_page_is_named(run, refused, tmp_path):
    image = write(tmp_path / "in.tif", *((each, {"compression": "zlib"}) for each in pages()))
    mask, content = mask_of(tmp_path / "mask.tif", HOLES[0]), bytearray(image.read_bytes())
    with tifffile.TiffFile(image) as file:
        start, length = file.pages[1].dataoffsets[0], file.pages[1].databytecounts[0]
    content[start + 8 : start + length] = bytes(length - 8)
    image.write_bytes(content)
    command = ("inpaint", image, "--mask", mask, *QUICK, "-o", tmp_path / "out.tif")
    shown = refused(3, *command)
    assert f"page 2: {image} is truncated or corrupt" in shown
    assert "or restore other pages with --page" in shown
    assert not (tmp_path / "out.tif").exists()
    assert run(*command, "--page", 3).exit_code == 0


def test_other_formats_take_the_first_page_with_a_note(run, tmp_path):
    image, mask = write(tmp_path / "in.tif", *pages()), mask_of(tmp_path / "mask.tif", HOLES[0])
    result = run("inpaint", image, "--mask", mask, *QUICK[:-1], "-o", tmp_path / "out.png")
    assert result.exit_code == 0, result.stderr
    assert "the first of 3 pages was read" in result.stderr
    assert "the other pages were left out, since PNG cannot hold them" in result.stderr


def noisy_pages(rng):
    """Return pages with noise of different strength, clean ones, and the strengths."""
    clean, levels = pages(), (8, 25, 40)
    noise = rng.standard_normal(clean.shape) * np.array(levels)[:, None, None, None]
    return np.rint(clean + noise).clip(0, 255).astype(np.uint8), clean, levels


def test_denoise_restores_every_page_by_its_own_noise(run, tmp_path):
    values, clean, levels = noisy_pages(np.random.default_rng(0))
    preview = (values[0][::4, ::4], {"subfiletype": 1})
    image = write(tmp_path / "in.tif", *((each, {"compression": "zlib"}) for each in values), preview)
    reference, page = write(tmp_path / "clean.tif", *clean), tmp_path / "page.html"
    options = ("--reference", reference, "--report", page, "--noise-type", "white", "--json")
    result = run("denoise", image, "-o", tmp_path / "out.tif", *options)
    assert result.exit_code == 0, result.stderr
    record = json.loads(result.stdout)
    assert [each["page"] for each in record["pages"]] == [1, 2, 3]
    assert (record["page"], record["sigma"], record["method"]) == (1, None, "network")
    sigmas = [each["sigma"] for each in record["pages"]]
    assert sigmas == sorted(sigmas)
    assert sigmas[2] - sigmas[0] > 15
    for each in record["pages"]:
        assert each["psnr"] > each["psnr_input"]
    after = stored(tmp_path / "out.tif")
    assert len(after) == 4
    np.testing.assert_array_equal(after[3], preview[0])
    errors = [np.square(after[index].astype(float) - clean[index]).mean() ** 0.5 for index in range(3)]
    assert all(error < level for error, level in zip(errors, levels, strict=True))
    assert "page 3, denoised" in page.read_text(encoding="utf-8")
    printed = run("denoise", image, "-o", tmp_path / "out.tif", "--overwrite", "--sigma", 25)
    assert "out.tif, 3 pages" in printed.stdout
    assert "page 3" in printed.stdout


def test_denoise_takes_one_page(run, refused, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    values, *_ = noisy_pages(np.random.default_rng(0))
    write("in.tif", *values)
    shown = refused(2, "denoise", "in.tif", "--figure", "f.png", "-o", "out.tif")
    assert "--figure is for one page, and 3 of in.tif are restored; name one with --page" in shown
    result = run("denoise", "in.tif", "--page", 2, "--figure", "f.png", "-o", "out.tif", "--json")
    assert result.exit_code == 0, result.stderr
    record = json.loads(result.stdout)
    assert (record["page"], record["pages"]) == (2, None)
    changed_pages = [(a != b).any() for a, b in zip(values, stored("out.tif"), strict=True)]
    assert changed_pages == [False, True, False]
    result = run("denoise", "in.tif", "-o", "out.png")
    assert result.exit_code == 0, result.stderr
    assert "the first of 3 pages was read" in result.stderr


def test_denoise_names_a_corrupt_page(refused, tmp_path):
    values, *_ = noisy_pages(np.random.default_rng(0))
    image = write(tmp_path / "in.tif", *((each, {"compression": "zlib"}) for each in values))
    content = bytearray(image.read_bytes())
    with tifffile.TiffFile(image) as file:
        start, length = file.pages[1].dataoffsets[0], file.pages[1].databytecounts[0]
    content[start + 8 : start + length] = bytes(length - 8)
    image.write_bytes(content)
    shown = refused(3, "denoise", image, "--sigma", 25, "-o", tmp_path / "out.tif", "-q")
    assert f"page 2: {image} is truncated or corrupt" in shown
    assert "or restore other pages with --page" in shown
    assert not (tmp_path / "out.tif").exists()
