"""``edlrr inpaint`` of images that are not read whole: the same as in memory, region by region from disk."""

from __future__ import annotations

import json

import numpy as np
import pytest
import tifffile
from PIL import Image
from skimage import data

from edlrr_cli.dilation import dilated
from edlrr_cli.media import large_image, large_writer, tiff_segments
from edlrr_cli.tasks.inpaint import regions

QUICK = ("--method", "biharmonic", "-q", "--overwrite")
SIZE_PX = (150, 200)
TILED = {"tile": (32, 48), "compression": "zlib", "predictor": True}


@pytest.fixture
def large(monkeypatch):
    """Let every TIFF file be too large for the memory, in small regions and bands."""
    monkeypatch.setattr(large_image, "LARGE_BYTES", 0)
    monkeypatch.setattr("edlrr_cli.media.bitmap._BAND_PX", 200 * 7)
    for name, value in (("_CELL_PX", 64), ("_MARGIN_PX", 24), ("MOST_MARGIN_PX", 48)):
        monkeypatch.setattr(regions, name, value)


def photo(kind="rgb16"):
    levels = data.astronaut()[: SIZE_PX[0], 180 : 180 + SIZE_PX[1]].astype(np.uint16) * 257
    levels = levels + np.arange(200, dtype=np.uint16)[:, None] % 7
    gray = levels.mean(2).astype(np.uint16)
    return {
        "rgb16": levels,
        "rgb8": (levels // 257).astype(np.uint8),
        "gray16": gray,
        "gray8": (gray // 257).astype(np.uint8),
        "float": (gray / 65535 * 3 - 1).astype(np.float32),
        "rgba": np.dstack([levels, np.where(gray > 9000, 65535, 20000).astype(np.uint16)]),
        "rgb+ir": np.dstack([levels, gray]),
        "cmyk": np.dstack([levels, gray]),
        "int32": gray.astype(np.int32) - 4000,
    }[kind]


def dust():
    hole = np.zeros(SIZE_PX, bool)
    for top, left in ((5, 5), (48, 62), (62, 98), (140, 190), (63, 127), (100, 31)):
        hole[top : top + 4, left : left + 5] = True
    return hole


def write(path, values, **settings):
    photometric = "rgb" if values.ndim == 3 else "minisblack"
    tifffile.imwrite(path, values, **{"photometric": photometric, "metadata": None, **settings})
    return path


def save_mask(path, hole):
    Image.fromarray(np.uint8(255) * hole).save(path)
    return path


def segments(path, page=0):
    """Return the strips or tiles as stored."""
    with tifffile.TiffFile(path) as file, path.open("rb") as stream:
        found = []
        for start, count in zip(file.pages[page].dataoffsets, file.pages[page].databytecounts, strict=True):
            stream.seek(start)
            found.append(stream.read(count))
        return found


def tags(path):
    skipped = {273, 279, 324, 325}
    with tifffile.TiffFile(path) as file:
        return [{tag.code: tag.value for tag in page.tags if tag.code not in skipped} for page in file.pages]


def holed(hole, tall, wide):
    """Return which of the tiles have missing pixels, row by row."""
    rows, columns = (range(0, size, step) for size, step in zip(SIZE_PX, (tall, wide), strict=True))
    return [bool(hole[y : y + tall, x : x + wide].any()) for y in rows for x in columns]


LAYOUTS = {
    "tiles of 16 bits": ("rgb16", TILED),
    "strips": ("rgb16", {"rowsperstrip": 7, "compression": "lzma"}),
    "one strip": ("gray16", {}),
    "planes": ("rgb16", {**TILED, "planarconfig": "separate", "photometric": "rgb"}),
    "big-endian": ("gray16", {**TILED, "byteorder": ">"}),
    "white is 0": ("gray8", {**TILED, "photometric": "miniswhite", "predictor": False}),
    "floats": ("float", {**TILED, "predictor": False}),
    "integers": ("int32", {"rowsperstrip": 16, "compression": "zlib"}),
    "alpha": ("rgba", {**TILED, "extrasamples": ["unassalpha"]}),
    "infrared": ("rgb+ir", {**TILED, "extrasamples": ["unspecified"]}),
    "CMYK": ("cmyk", {**TILED, "photometric": "separated"}),
    "a BigTIFF": ("rgb8", {**TILED, "bigtiff": True}),
    "no predictor": ("gray8", {"rowsperstrip": 16, "compression": "zlib", "predictor": False}),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_file_is_that_of_the_image_in_memory(run, tmp_path, request, layout):
    """Tags and known pixels are the same, and what was restored is close."""
    kind, settings = LAYOUTS[layout]
    values, hole = photo(kind), dust()
    missing = np.broadcast_to(hole if values.ndim == 2 else hole[..., None], values.shape)
    if settings.get("planarconfig"):
        values, missing = (np.ascontiguousarray(np.moveaxis(each, 2, 0)) for each in (values, missing))
    settings = {**settings, "resolution": (600, 600), "extratags": [(271, 2, 0, "Scanner", True)]}
    image, mask = write(tmp_path / "in.tif", values, **settings), save_mask(tmp_path / "mask.png", hole)
    command = ("inpaint", image, "--mask", mask, *QUICK)
    assert run(*command, "-o", tmp_path / "whole.tif").exit_code == 0
    request.getfixturevalue("large")
    result = run(*command, "-o", tmp_path / "parts.tif", "--json")
    assert result.exit_code == 0, result.stderr
    record = json.loads(result.stdout)
    assert "the image was not read whole: 6 regions" in record["notes"][-1]
    assert record["missing_fraction"] == pytest.approx(hole.mean())
    assert tags(tmp_path / "parts.tif") == tags(tmp_path / "whole.tif")
    before, whole, parts = (tifffile.imread(tmp_path / f"{name}.tif") for name in ("in", "whole", "parts"))
    np.testing.assert_array_equal(parts[~missing], before[~missing])
    assert (parts != before)[missing].any()
    assert np.abs(parts.astype(np.float64) - whole).max() < 0.02 * np.ptp(before.astype(np.float64))


def test_tiles_without_holes_are_copied_byte_by_byte(run, tmp_path, large, monkeypatch):
    hole, encoded, compress = dust(), [], tiff_segments.zlib.compress
    image, mask = write(tmp_path / "in.tif", photo(), **TILED), save_mask(tmp_path / "mask.png", hole)
    monkeypatch.setattr("zlib.compress", lambda data: encoded.append(1) or compress(data))
    result = run("inpaint", image, "--mask", mask, *QUICK, "-o", tmp_path / "out.tif")
    assert result.exit_code == 0, result.stderr
    changed = holed(hole, 32, 48)
    pairs = zip(segments(image), segments(tmp_path / "out.tif"), strict=True)
    assert [before != after for before, after in pairs] == changed
    assert len(encoded) == sum(changed) < len(changed) / 2


def test_only_the_regions_of_holes_are_decoded(run, tmp_path, large, monkeypatch):
    hole, decoded, read = np.zeros(SIZE_PX, bool), [], tiff_segments._read_segment
    hole[10:13, 10:13] = True
    image, mask = write(tmp_path / "in.tif", photo(), **TILED), save_mask(tmp_path / "mask.png", hole)

    def counting(path, page, parts, stream, index, *others):
        decoded.append(index)
        return read(path, page, parts, stream, index, *others)

    monkeypatch.setattr(tiff_segments, "_read_segment", counting)
    result = run("inpaint", image, "--mask", mask, *QUICK, "-o", tmp_path / "out.tif")
    assert result.exit_code == 0, result.stderr
    assert set(decoded) == {0, 5}  # what the margin of 24 pixels reaches of five tiles of 32 x 48 in a row


def test_the_default_restores_as_well_as_in_memory(run, tmp_path, large):
    hole = dust()
    values = photo("gray8")
    image = write(tmp_path / "in.tif", np.where(hole, 0, values).astype(np.uint8), **TILED)
    mask = save_mask(tmp_path / "mask.png", hole)
    result = run("inpaint", image, "--mask", mask, "-o", tmp_path / "out.tif", "--steps", 20)
    assert result.exit_code == 0, result.stderr
    assert "mixture" in result.stdout
    assert "expected PSNR" in result.stdout
    after = tifffile.imread(tmp_path / "out.tif")
    np.testing.assert_array_equal(after[~hole], values[~hole])
    assert np.square(after[hole] / 255 - values[hole] / 255).mean() < 0.01


def mask_of(name, path, hole):
    """Write a mask, and return the options that it needs."""
    levels = np.uint8(255) * hole
    if name == "tiles.tif":
        write(path, levels, tile=(16, 16), compression="zlib")
    elif name == "1 bit.tif":
        tifffile.imwrite(path, hole, photometric="minisblack", rowsperstrip=8)
    elif name == "labels.tif":
        tifffile.imwrite(path, hole * np.int32(7), photometric="minisblack")
    elif name == "alpha.png":
        Image.fromarray(np.dstack([levels, levels, levels, 255 - levels])).save(path)
        return ("--mask-mode", "alpha")
    elif name == "faint.png":
        Image.fromarray(np.where(hole, 200, 20).astype(np.uint8)).save(path)
        return ("--mask-mode", "white", "--mask-threshold", 100)
    elif name == "16 bits.png":
        Image.fromarray(np.uint16(257) * levels).save(path)
    elif name == "black.png":
        Image.fromarray(255 - levels).save(path)
    else:
        Image.fromarray(levels).convert({"1 bit.png": "1", "palette.png": "P"}.get(name, "L")).save(path)
    return ()


@pytest.mark.parametrize(
    "name",
    [
        *("1 bit.png", "16 bits.png", "black.png", "palette.png", "alpha.png", "faint.png"),
        *("1 bit.tif", "tiles.tif", "labels.tif", "mask.bmp"),
    ],
)
def test_masks_of_every_kind_mark_the_same(run, tmp_path, large, name):
    hole, mask, output = dust(), tmp_path / name, tmp_path / "out.tif"
    image, options = write(tmp_path / "in.tif", photo("gray16"), **TILED), mask_of(name, mask, hole)
    result = run("inpaint", image, "--mask", mask, *options, *QUICK, "-o", output, "--dilate", 1, "--json")
    assert result.exit_code == 0, result.stderr
    record, grown = json.loads(result.stdout), dilated(hole, 1)
    assert record["mask_mode"] == {"black.png": "black", "alpha.png": "alpha"}.get(name, "white")
    assert record["missing_fraction"] == pytest.approx(grown.mean())
    changed = tifffile.imread(output) != photo("gray16")
    assert not changed[~grown].any()
    assert changed[hole].mean() > 0.9


def test_the_image_and_boxes_mark_the_hole(run, tmp_path, large):
    values, hole = photo("float"), dust()
    values[hole] = np.nan
    image, output = write(tmp_path / "in.tif", values, tile=(32, 48)), tmp_path / "out.tif"
    command = ("inpaint", image, "--mask", "nan", "--box", "20,40,10,5", *QUICK)
    result = run(*command, "-o", output, "--json")
    assert result.exit_code == 0, result.stderr
    assert "pixels without a value" in json.loads(result.stdout)["notes"][0]
    after = tifffile.imread(output)
    assert np.isfinite(after).all()
    hole[40:45, 20:30] = True
    np.testing.assert_array_equal(after[~hole], values[~hole])
    assert (after != values)[40:45, 20:30].mean() > 0.9
    rgba = photo("rgba")
    rgba[hole, 3] = 0
    write(image, rgba, **TILED, extrasamples=["unassalpha"])
    result = run("inpaint", image, "--mask", "alpha", *QUICK, "-o", output)
    assert result.exit_code == 0, result.stderr
    after = tifffile.imread(output)
    assert (after[hole, 3] == 65535).all()


def test_an_interruption_leaves_the_output_before(run, tmp_path, large, monkeypatch):
    image = write(tmp_path / "in.tif", photo(), **TILED)
    mask, output = save_mask(tmp_path / "mask.png", dust()), tmp_path / "out.tif"
    output.write_bytes(b"before")

    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(large_writer, "encode_segment", interrupted)
    assert run("inpaint", image, "--mask", mask, *QUICK, "-o", output).exit_code == 130
    assert output.read_bytes() == b"before"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.tif", "mask.png", "out.tif"]


def test_a_baseline_ends_where_it_is_canceled(run, tmp_path, large, monkeypatch):
    """As after Ctrl-C, when the regions that are being restored are told to stop."""

    def canceled(call, items, *, num_threads, stop):
        stop.set()
        return map(call, items)

    monkeypatch.setattr(regions, "map_in_threads", canceled)
    image, output = write(tmp_path / "in.tif", photo(), **TILED), tmp_path / "out.tif"
    mask = save_mask(tmp_path / "mask.png", dust())
    result = run("inpaint", image, "--mask", mask, "--method", "irnn", "-o", output)
    assert "CancelledError" in result.stderr
    assert not output.exists()


def test_all_pages_of_one_kind_are_restored(run, tmp_path, large):
    first, second = photo("gray16"), photo("gray16")[::-1]
    image, hole = tmp_path / "in.tif", dust()
    with tifffile.TiffWriter(image) as file:
        for values, own in ((first, TILED), (first[::8, ::8], {"subfiletype": 1}), (second, TILED)):
            file.write(values, photometric="minisblack", metadata=None, **own)
    mask, output = save_mask(tmp_path / "mask.png", hole), tmp_path / "out.tif"
    result = run("inpaint", image, "--mask", mask, *QUICK[:2], "-o", output, "--json")
    assert result.exit_code == 0, result.stderr
    assert "a preview page is kept as it is" in result.stderr
    assert [page["page"] for page in json.loads(result.stdout)["pages"]] == [1, 2]
    with tifffile.TiffFile(output) as file:
        pages = [page.asarray() for page in file.pages]
    for before, after in ((first, pages[0]), (second, pages[2])):
        np.testing.assert_array_equal(after[~hole], before[~hole])
        assert (after != before)[hole].mean() > 0.9
    np.testing.assert_array_equal(pages[1], first[::8, ::8])


def test_holes_beyond_the_reach_of_a_region_are_named(run, tmp_path, large):
    values, hole = photo("gray16")[:24], np.zeros((24, 200), bool)
    image, mask = write(tmp_path / "in.tif", values, **TILED), tmp_path / "mask.png"
    output = tmp_path / "out.tif"
    command = ("inpaint", image, "--mask", mask, "--mask-mode", "white", *QUICK[:2], "-o", output)
    hole[10:13, 2:198] = True
    save_mask(mask, hole)
    result = run(*command)
    assert result.exit_code == 0, result.stderr
    assert "4 regions have a hole that continues beyond them" in result.stderr
    assert (tifffile.imread(output) != values)[hole].mean() > 0.9
    hole[:, :140] = True
    save_mask(mask, hole)
    result = run(*command, "--overwrite")
    assert result.exit_code == 0, result.stderr
    assert "1200 missing pixels are 48 pixels or more from known ones, and were left" in result.stderr
    after = tifffile.imread(output)
    np.testing.assert_array_equal(after[:, :50], values[:, :50])
    assert (after != values)[:, 50:140].mean() > 0.9


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (("--reference", "in.tif"), "--reference"),
        (("--figure", "f.png"), "--figure"),
        (("--save-mask", "m.png"), "--save-mask"),
        (("--noise", "auto"), "--noise"),
        (("--prior", "global"), "--prior global"),
        (("--mask-color", "red"), "--mask-color"),
        (("-o", "out.png"), "the output out.png, which is not a TIFF file,"),
    ],
)
def test_what_needs_all_of_the_image_is_refused(refused, run, tmp_path, large, monkeypatch, options, reason):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "in.tif", photo("gray8"), **TILED)
    save_mask(tmp_path / "mask.png", dust())
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 20_000)
    command = ("inpaint", "in.tif", "--mask", "mask.png", "--steps", 2, *options)
    shown = refused(2, *command)
    assert f"in.tif is too large for the memory, and {reason} needs all of it" in shown


def test_an_image_within_the_limit_is_read_whole_for_them(run, tmp_path, large):
    image = write(tmp_path / "in.tif", photo("gray8"), **TILED)
    mask = save_mask(tmp_path / "mask.png", dust())
    result = run("inpaint", image, "--mask", mask, *QUICK, "--reference", image, "-o", tmp_path / "out.tif")
    assert result.exit_code == 0, result.stderr


def test_an_image_of_which_nothing_is_missing_is_copied(run, tmp_path, large):
    image = write(tmp_path / "in.tif", photo("gray8"), **TILED)
    mask, output = save_mask(tmp_path / "mask.png", np.zeros(SIZE_PX, bool)), tmp_path / "out.tif"
    result = run("inpaint", image, "--mask", mask, *QUICK[:2], "-o", output)
    assert result.exit_code == 0, result.stderr
    assert "nothing is missing, the image is kept as it is" in result.stderr
    assert output.read_bytes() == image.read_bytes()
    output.unlink()
    result = run("inpaint", image, "--mask", mask, "--skip-clean", *QUICK, "-o", output, "--json")
    assert json.loads(result.stdout)["status"] == "skipped"
    assert not output.exists()


@pytest.mark.parametrize(
    ("mask", "message"),
    [
        (np.zeros((150, 199), np.uint8), "mask mask.png is 199 x 150 pixels, the image is 200 x 150"),
        (np.full(SIZE_PX, 255, np.uint8), "mask mask.png is white all over"),
        (np.full(SIZE_PX, 100, np.uint8), "mask mask.png is mostly neither black nor white"),
        (np.uint8(255) * (np.arange(200) % 2)[None].repeat(150, 0).astype(np.uint8), "there is no evidence"),
    ],
)
def test_unfit_masks_are_refused(refused, tmp_path, large, monkeypatch, mask, message):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "in.tif", photo("gray8"), **TILED)
    Image.fromarray(mask).save("mask.png")
    assert message in refused(3, "inpaint", "in.tif", "--mask", "mask.png", "-o", "out.tif")


def test_a_page_shows_the_numbers(run, tmp_path, large):
    image = write(tmp_path / "in.tif", photo("gray8"), **TILED)
    mask, page = save_mask(tmp_path / "mask.png", dust()), tmp_path / "page.html"
    options = ("-o", tmp_path / "out.tif", "--report", page)
    result = run("inpaint", image, "--mask", mask, *QUICK, *options)
    assert result.exit_code == 0, result.stderr
    assert "0.4 % of the pixels" in page.read_text(encoding="utf-8")


def test_a_corrupt_tile_is_named_and_nothing_is_written(refused, tmp_path, large):
    hole = dust()
    image, mask = write(tmp_path / "in.tif", photo("gray16"), **TILED), save_mask(tmp_path / "m.png", hole)
    content = bytearray(image.read_bytes())
    with tifffile.TiffFile(image) as file:
        start, length = file.pages[0].dataoffsets[0], file.pages[0].databytecounts[0]
    content[start + 8 : start + length] = bytes(length - 8)
    image.write_bytes(content)
    shown = refused(3, "inpaint", image, "--mask", mask, *QUICK, "-o", tmp_path / "out.tif")
    assert f"{image} is truncated or corrupt" in shown
    assert not (tmp_path / "out.tif").exists()
