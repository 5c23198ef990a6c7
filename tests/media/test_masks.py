"""Masks: True is known, whatever the polarity of the file; ambiguity is refused, never guessed."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageFilter

from edlrr_cli.errors import InputError, UsageError
from edlrr_cli.media.images import read_image
from edlrr_cli.media.masks import MaskReading, read_mask
from edlrr_cli.media.still_image import StillImage

SAMPLES = Path(__file__).parents[2] / "sample_images"
SIDE = 64


def photograph(seed: int = 1) -> np.ndarray:
    """A smooth color image with large black and white parts, as photographs have."""
    rng = np.random.default_rng(seed)
    noise = Image.fromarray(rng.integers(0, 256, (SIDE, SIDE, 3)).astype(np.uint8))
    values = np.asarray(noise.filter(ImageFilter.GaussianBlur(2))).copy()
    values[: SIDE // 3] = 0
    values[-SIDE // 8 :] = 255
    return values


def image_of(folder: Path, values: np.ndarray, suffix: str = ".png") -> StillImage:
    Image.fromarray(values).save(folder / f"image{suffix}")
    return read_image(folder / f"image{suffix}")


def mask_file(folder: Path, values: np.ndarray, name: str = "mask.png") -> Path:
    Image.fromarray(values).save(folder / name)
    return folder / name


def drop(fraction: float) -> np.ndarray:
    return np.random.default_rng(5).random((SIDE, SIDE)) < fraction


def bar() -> np.ndarray:
    hole = np.zeros((SIDE, SIDE), bool)
    hole[10:40, 20:26] = True
    return hole


def gray_levels(hole: np.ndarray, polarity: str) -> np.ndarray:
    return np.where(hole == (polarity == "white"), 255, 0).astype(np.uint8)


def damaged(values: np.ndarray, hole: np.ndarray, color: tuple[int, int, int]) -> np.ndarray:
    result = values.copy()
    result[hole] = color
    return result


def assert_hole(reading: MaskReading, hole: np.ndarray) -> None:
    assert reading.known.dtype == np.bool_
    np.testing.assert_array_equal(reading.known, ~hole)
    assert reading.missing_fraction == pytest.approx(hole.mean())


@pytest.mark.parametrize("polarity", ["white", "black"])
def test_explicit_polarity_true_is_known(tmp_path: Path, polarity: str) -> None:
    path = mask_file(tmp_path, gray_levels(bar(), polarity))
    sample = image_of(tmp_path, photograph())
    reading = read_mask(path, sample, mode=polarity)
    assert_hole(reading, bar())
    assert reading.mode == polarity
    other = {"white": "black", "black": "white"}[polarity]
    assert_hole(read_mask(path, sample, mode=other), ~bar())


@pytest.mark.parametrize("polarity", ["white", "black"])
def test_in_between_pixels_are_missing_under_both_polarities(tmp_path: Path, polarity: str) -> None:
    values = gray_levels(bar(), polarity)
    values[0, :5] = (1, 100, 128, 200, 254)
    hole = bar()
    hole[0, :5] = True
    reading = read_mask(mask_file(tmp_path, values), image_of(tmp_path, photograph()), mode=polarity)
    assert_hole(reading, hole)


@pytest.mark.parametrize(
    ("polarity", "threshold", "missing"),
    [
        ("white", 1, (0, 1, 1, 1)),
        ("white", 128, (0, 0, 1, 1)),
        ("white", 255, (0, 0, 0, 1)),
        ("black", 1, (1, 1, 1, 0)),
        ("black", 127, (1, 1, 1, 0)),
        ("black", 128, (1, 1, 0, 0)),
        ("black", 255, (1, 0, 0, 0)),
    ],
)
def test_threshold_counts_levels_from_the_known_color(
    tmp_path: Path, polarity: str, threshold: int, missing: tuple[int, ...]
) -> None:
    values = gray_levels(bar(), polarity)
    values[0, :4] = (0, 127, 128, 255)
    reading = read_mask(
        mask_file(tmp_path, values), image_of(tmp_path, photograph()), mode=polarity, threshold=threshold
    )
    np.testing.assert_array_equal(reading.known[0, :4], ~np.array(missing, bool))


@pytest.mark.parametrize("polarity", ["white", "black"])
@pytest.mark.parametrize("color", [(0, 0, 0), (255, 255, 255), (200, 30, 30)])
@pytest.mark.parametrize("fraction", [0.02, 0.3, 0.5, 0.7])
def test_auto_finds_random_drop_by_the_flat_holes(
    tmp_path: Path, polarity: str, color: tuple[int, int, int], fraction: float
) -> None:
    hole = drop(fraction)
    sample = image_of(tmp_path, damaged(photograph(), hole, color))
    reading = read_mask(mask_file(tmp_path, gray_levels(hole, polarity)), sample)
    assert_hole(reading, hole)
    assert reading.mode == polarity
    assert "one constant color" in reading.evidence
    assert f"{100 * hole.mean():.3g} % missing" in reading.evidence


@pytest.mark.parametrize("polarity", ["white", "black"])
def test_auto_survives_jpeg_damage(tmp_path: Path, polarity: str) -> None:
    hole = np.kron(np.random.default_rng(0).random((4, 4)) < 0.5, np.ones((16, 16))).astype(bool)
    Image.fromarray(damaged(photograph(), hole, (0, 0, 0))).save(tmp_path / "image.jpg", quality=90)
    reading = read_mask(mask_file(tmp_path, gray_levels(hole, polarity)), read_image(tmp_path / "image.jpg"))
    assert_hole(reading, hole)


@pytest.mark.parametrize("polarity", ["white", "black"])
def test_auto_takes_the_smaller_area_for_object_removal(tmp_path: Path, polarity: str) -> None:
    path = mask_file(tmp_path, gray_levels(bar(), polarity))
    reading = read_mask(path, image_of(tmp_path, photograph()))
    assert_hole(reading, bar())
    assert "smaller area" in reading.evidence


def test_auto_without_evidence_is_refused(tmp_path: Path) -> None:
    path = mask_file(tmp_path, gray_levels(drop(0.5), "white"))
    with pytest.raises(InputError, match=r"no evidence.*--mask-mode white or --mask-mode black") as caught:
        read_mask(path, image_of(tmp_path, photograph()))
    assert str(path) in caught.value.message


def test_auto_with_conflicting_evidence_is_refused(tmp_path: Path) -> None:
    page = np.full((SIDE, SIDE, 3), 255, np.uint8)  # with a stamp that is to be removed
    page[bar()] = np.random.default_rng(0).integers(0, 200, (int(bar().sum()), 3))
    with pytest.raises(InputError, match=r"conflicts.*--mask-mode white or --mask-mode black"):
        read_mask(mask_file(tmp_path, gray_levels(bar(), "white")), image_of(tmp_path, page))


def test_labels_zero_and_one_are_a_mask(tmp_path: Path) -> None:
    path = mask_file(tmp_path, bar().astype(np.uint8))
    assert_hole(read_mask(path, image_of(tmp_path, photograph())), bar())


def test_red_paint_on_black_and_one_bit_files_are_masks(tmp_path: Path) -> None:
    sample = image_of(tmp_path, photograph())
    red = np.zeros((SIDE, SIDE, 3), np.uint8)
    red[bar(), 0] = 255
    assert_hole(read_mask(mask_file(tmp_path, red), sample), bar())
    assert_hole(read_mask(mask_file(tmp_path, bar(), "bits.png"), sample), bar())


def test_colored_paint_on_white_is_a_hole_with_mode_black(tmp_path: Path) -> None:
    paint = np.full((SIDE, SIDE, 3), 255, np.uint8)
    paint[bar()] = (255, 0, 255)
    sample = image_of(tmp_path, photograph())
    assert_hole(read_mask(mask_file(tmp_path, paint), sample, mode="black"), bar())


def test_a_foggy_image_is_not_taken_for_a_flat_hole(tmp_path: Path) -> None:
    fog = np.random.default_rng(0).integers(110, 150, (SIDE, SIDE, 3)).astype(np.uint8)
    sample = image_of(tmp_path, damaged(fog, drop(0.5), (0, 0, 0)))
    assert_hole(read_mask(mask_file(tmp_path, gray_levels(drop(0.5), "black")), sample), drop(0.5))


def test_a_photograph_is_no_mask(tmp_path: Path) -> None:
    sample = image_of(tmp_path, photograph())
    noise = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE)).astype(np.uint8)
    with pytest.raises(InputError, match="neither black nor white"):
        read_mask(mask_file(tmp_path, noise), sample)


def test_jpeg_mask_gets_a_hint_and_a_threshold_mends_it(tmp_path: Path) -> None:
    sample = image_of(tmp_path, damaged(photograph(), bar(), (0, 0, 0)))
    Image.fromarray(gray_levels(bar(), "white")).save(tmp_path / "mask.jpg", quality=50)
    loose = read_mask(tmp_path / "mask.jpg", sample, mode="white")
    assert loose.missing_fraction > bar().mean()
    assert "--mask-threshold 128" in loose.evidence
    tight = read_mask(tmp_path / "mask.jpg", sample, threshold=128)
    assert_hole(tight, bar())
    assert "--mask-threshold" not in tight.evidence


def layer(color: int, alpha: np.ndarray) -> np.ndarray:
    return np.dstack([np.full((SIDE, SIDE, 3), color, np.uint8), alpha.astype(np.uint8)])


@pytest.mark.parametrize("mode", ["auto", "alpha"])
def test_transparency_marks_the_hole(tmp_path: Path, mode: str) -> None:
    alpha = np.where(bar(), 0, 255)
    alpha[0, 0] = 254
    hole = bar()
    hole[0, 0] = True
    reading = read_mask(mask_file(tmp_path, layer(255, alpha)), image_of(tmp_path, photograph()), mode=mode)
    assert_hole(reading, hole)
    assert reading.mode == "alpha"


@pytest.mark.parametrize("mode", ["auto", "alpha"])
def test_the_image_can_be_its_own_mask(tmp_path: Path, mode: str) -> None:
    hole = ~bar()  # a small cut-out: most of the image is transparent
    sample = image_of(tmp_path, np.dstack([photograph(), np.where(hole, 0, 255).astype(np.uint8)]))
    assert_hole(read_mask(tmp_path / "image.png", sample, mode=mode), hole)


def test_white_paint_on_a_transparent_layer(tmp_path: Path) -> None:
    path = mask_file(tmp_path, layer(255, np.where(bar(), 255, 0)))
    sample = image_of(tmp_path, photograph())
    with pytest.raises(InputError, match=r"opaque part looks like the hole.*--mask-mode"):
        read_mask(path, sample)
    assert_hole(read_mask(path, sample, mode="white"), bar())


def test_opaque_alpha_channel_says_nothing(tmp_path: Path) -> None:
    values = np.dstack([gray_levels(bar(), "black")] * 3 + [np.full((SIDE, SIDE), 255, np.uint8)])
    reading = read_mask(mask_file(tmp_path, values), image_of(tmp_path, photograph()))
    assert_hole(reading, bar())
    assert reading.mode == "black"


def test_dilate_grows_the_hole_by_a_disk(tmp_path: Path) -> None:
    hole = np.zeros((SIDE, SIDE), bool)
    hole[30, 30] = True
    path = mask_file(tmp_path, gray_levels(hole, "white"))
    reading = read_mask(path, image_of(tmp_path, photograph()), dilate=3)
    rows, columns = np.indices(hole.shape)
    np.testing.assert_array_equal(~reading.known, (rows - 30) ** 2 + (columns - 30) ** 2 <= 9)
    assert reading.missing_fraction == pytest.approx((~reading.known).mean())


@pytest.mark.parametrize(
    ("values", "settings", "fault"),
    [
        (np.zeros((SIDE, SIDE + 3), np.uint8), {}, r"67 x 64 pixels, the image is 64 x 64.*--mask"),
        (np.full((SIDE, SIDE), 255, np.uint8), {}, "white all over.*--mask-mode black"),
        (np.zeros((SIDE, SIDE), np.uint8), {"mode": "black"}, "no pixel known.*--mask-mode white"),
        (np.full((SIDE, SIDE), 255, np.uint8), {"mode": "white"}, "no pixel known.*--mask-mode black"),
        (np.full((SIDE, SIDE), 9, np.uint8), {"mode": "white"}, "no pixel known.*--mask-threshold"),
        (np.full((SIDE, SIDE), 9, np.uint8), {"mode": "white", "threshold": 10}, "lower --mask-threshold"),
        (np.full((SIDE, SIDE), 77, np.uint8), {}, "one color only"),
        (gray_levels(bar(), "white"), {"mode": "alpha"}, "no transparency.*--mask-mode white"),
        (gray_levels(bar(), "white"), {"mode": "white", "dilate": 99}, "after --dilate 99"),
    ],
)
def test_unfit_mask_is_named_with_the_flag_that_mends_it(
    tmp_path: Path, values: np.ndarray, settings: dict[str, object], fault: str
) -> None:
    path = mask_file(tmp_path, values)
    with pytest.raises(InputError, match=fault) as caught:
        read_mask(path, image_of(tmp_path, photograph()), **settings)
    assert str(path) in caught.value.message
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("suffix", "values", "settings"),
    [
        (".png", np.zeros((SIDE, SIDE), np.uint8), {}),
        (".png", np.zeros((SIDE, SIDE), np.uint8), {"threshold": 128, "dilate": 2}),
        (".jpg", np.zeros((SIDE, SIDE, 3), np.uint8), {"mode": "white"}),
        (".png", np.full((SIDE, SIDE), 255, np.uint8), {"mode": "black"}),
        (".png", np.dstack([np.zeros((SIDE, SIDE, 3), np.uint8), np.full((SIDE, SIDE), 255, np.uint8)]), {}),
        (".png", np.full((SIDE, SIDE, 4), 255, np.uint8), {"mode": "alpha"}),
        (".tif", np.zeros((SIDE, SIDE), np.int32), {}),
        (".tif", np.zeros((SIDE, SIDE), np.float32), {}),
    ],
)
def test_a_mask_without_a_mark_leaves_nothing_to_restore(
    tmp_path: Path, suffix: str, values: np.ndarray, settings: dict[str, object]
) -> None:
    path = tmp_path / f"mask{suffix}"
    if suffix == ".tif":
        tifffile.imwrite(path, values, photometric="minisblack")
    else:
        Image.fromarray(values).save(path)
    reading = read_mask(path, image_of(tmp_path, photograph()), **settings)
    assert reading.known.all()
    assert reading.missing_fraction == 0
    assert "0 % missing" in reading.evidence


def test_a_constant_without_a_known_range_is_no_mask(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "mask.tif", np.full((SIDE, SIDE), 5, np.float32), photometric="minisblack")
    with pytest.raises(InputError, match="one value only"):
        read_mask(tmp_path / "mask.tif", image_of(tmp_path, photograph()))


@pytest.mark.parametrize(
    ("settings", "flag"),
    [
        ({"mode": "grey"}, "--mask-mode"),
        ({"threshold": 0}, "--mask-threshold"),
        ({"threshold": 256}, "--mask-threshold"),
        ({"dilate": -1}, "--dilate"),
    ],
)
def test_senseless_settings_are_usage_errors(tmp_path: Path, settings: dict[str, object], flag: str) -> None:
    with pytest.raises(UsageError, match=flag):
        read_mask(tmp_path / "absent", image_of(tmp_path, photograph()), **settings)


def labels(*values: int) -> np.ndarray:
    """Squares of labels, so many pixels that one side clearly is the smaller."""
    image = np.zeros((SIDE, SIDE), np.int64)
    for index, value in enumerate(values):
        image[4 + 9 * index : 10 + 9 * index, 20:28] = value
    return image


@pytest.mark.parametrize("values", [(1, 100, 200), (1, 2, 3, 4, 5, 6), (1, 65535), (7,)])
@pytest.mark.parametrize("dtype", ["u2", "i2", "i4", "u4"])
def test_every_label_but_0_is_a_hole(tmp_path: Path, values: tuple[int, ...], dtype: str) -> None:
    image = labels(*values).astype(dtype)
    path = tmp_path / "labels.tif"
    tifffile.imwrite(path, image)
    sample = image_of(tmp_path, photograph())
    assert_hole(read_mask(path, sample), image != 0)
    assert_hole(read_mask(path, sample, mode="white"), image != 0)
    if dtype == "u2":
        Image.fromarray(image).save(tmp_path / "labels.png")
        assert_hole(read_mask(tmp_path / "labels.png", sample), image != 0)


def test_labels_beyond_16_bits_are_a_hole_and_a_threshold_is_refused(tmp_path: Path) -> None:
    path, image = tmp_path / "labels.tif", labels(70_000, 3_000_000_000)
    tifffile.imwrite(path, image.astype("u4"), compression="zlib", predictor=True)
    sample = image_of(tmp_path, photograph())
    reading = read_mask(path, sample)
    assert_hole(reading, image != 0)
    assert reading.evidence.startswith("every label but 0 marks the hole")
    with pytest.raises(InputError, match="--mask-threshold does not apply"):
        read_mask(path, sample, threshold=128)


def test_a_label_file_that_is_cut_off_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "labels.tif"
    tifffile.imwrite(path, labels(70_000).astype("u4"))
    path.write_bytes(path.read_bytes()[:-2000])
    with pytest.raises(InputError, match="truncated or corrupt"):
        read_mask(path, image_of(tmp_path, photograph()))


def test_further_pages_of_a_mask_are_not_passed_over_in_silence(tmp_path: Path) -> None:
    pages = [Image.fromarray(gray_levels(bar(), "white")) for _ in range(3)]
    pages[0].save(tmp_path / "mask.tif", save_all=True, append_images=pages[1:])
    reading = read_mask(tmp_path / "mask.tif", image_of(tmp_path, photograph()))
    assert_hole(reading, bar())
    assert reading.evidence.endswith("; the first of 3 pages was read")


def test_labels_are_turned_as_images_are(tmp_path: Path) -> None:
    path, image = tmp_path / "labels.tif", labels(1, 2)[:, :40]
    tifffile.imwrite(path, image.astype("u4"), extratags=[(274, 3, 1, 6, True)])
    sample = image_of(tmp_path, photograph()[:40])
    assert_hole(read_mask(path, sample), np.rot90(image, -1) != 0)


def test_a_polarity_of_labels_is_guessed_as_carefully_as_of_others(tmp_path: Path) -> None:
    sample = image_of(tmp_path, damaged(photograph(), bar(), (0, 0, 0)))
    path = mask_file(tmp_path, (~bar()).astype(np.uint8))
    with pytest.raises(InputError, match=r"every label but 0 looks like the known pixels.*--mask-mode"):
        read_mask(path, sample)
    reading = read_mask(path, sample, mode="black")
    assert_hole(reading, bar())
    assert reading.evidence.startswith("label 0 marks the hole")


def test_palette_labels_are_read_by_color_with_void_borders(tmp_path: Path) -> None:
    image = labels(1, 15, 20).astype(np.uint8)
    image[4, 20:28] = 255
    file = Image.fromarray(image).convert("P")
    colors = [0, 0, 0, 128, 0, 0, *[64] * 39, 192, 128, 128, *[64] * 12, 0, 64, 128]
    file.putpalette([*colors, *[0] * (765 - len(colors)), 224, 224, 192])
    file.putdata(list(image.ravel()))
    file.save(tmp_path / "voc.png")
    assert_hole(read_mask(tmp_path / "voc.png", image_of(tmp_path, photograph())), image != 0)


@pytest.mark.parametrize("peak", [1, 6, 255])
def test_float_masks_are_read_on_their_range(tmp_path: Path, peak: int) -> None:
    tifffile.imwrite(tmp_path / "mask.tif", peak * bar().astype("f4"))
    assert_hole(read_mask(tmp_path / "mask.tif", image_of(tmp_path, photograph())), bar())


def test_bool_tiff_is_a_mask(tmp_path: Path) -> None:
    assert_hole(read_mask(mask_file(tmp_path, bar(), "bits.tif"), image_of(tmp_path, photograph())), bar())


def test_16_bit_edges_are_missing_whatever_their_level(tmp_path: Path) -> None:
    values = np.where(bar(), 65535, 0).astype(np.uint16)
    values[0, :3] = (1, 100, 40_000)
    hole = bar()
    hole[0, :3] = True
    assert_hole(read_mask(mask_file(tmp_path, values), image_of(tmp_path, photograph())), hole)


def noise(dtype: str, least: int, most: int) -> np.ndarray:
    return np.random.default_rng(0).integers(least, most, (SIDE, SIDE)).astype(dtype)


@pytest.mark.parametrize(
    "values",
    [
        noise("u1", 1, 255),
        noise("u2", 0, 30_000),
        noise("u2", 500, 65_000),
        noise("i4", 0, 30_000),
        np.where(bar(), 200, 100).astype(np.uint8),
        labels(1, 1).astype(np.uint8) + 1,
        np.dstack([noise("u1", 30, 200)] * 3),
    ],
)
def test_what_has_neither_black_nor_white_is_refused_for_that(tmp_path: Path, values: np.ndarray) -> None:
    tifffile.imwrite(tmp_path / "mask.tif", values)
    sample = image_of(tmp_path, photograph())
    with pytest.raises(InputError, match=r"no black and no white|neither black nor white") as caught:
        read_mask(tmp_path / "mask.tif", sample)
    assert "black-and-white" in str(caught.value)


@pytest.mark.parametrize("suffix", [".png", ".tif", ".jpg"])
@pytest.mark.parametrize("turned", ["image", "mask"])
def test_a_size_that_differs_by_the_orientation_names_it(tmp_path: Path, turned: str, suffix: str) -> None:
    exif = Image.Exif()
    exif[274] = 6
    values, hole = photograph()[:40], gray_levels(bar(), "white")[:40]
    for name, levels in (("image", values), ("mask", hole)):
        settings = {"exif": exif} if turned == name else {}
        Image.fromarray(levels).save(tmp_path / f"{name}{suffix}", **settings)
    with pytest.raises(InputError, match=f"the EXIF orientation turns the {turned} by 90 degrees"):
        read_mask(tmp_path / f"mask{suffix}", read_image(tmp_path / f"image{suffix}"))


@pytest.mark.parametrize("kind", ["PNG", "BMP", "GIF", "TIFF", "WEBP", "JPEG"])
def test_fuzzed_masks_give_a_reading_or_an_input_error(tmp_path: Path, kind: str) -> None:
    sample, rng = image_of(tmp_path, photograph()), np.random.default_rng(11)
    stream = io.BytesIO()
    Image.fromarray(gray_levels(bar(), "white")).save(stream, format=kind)
    path, num_read = tmp_path / "fuzzed", 0
    for _ in range(60):
        content = bytearray(stream.getvalue())
        for _ in range(rng.integers(0, 4)):
            content[rng.integers(len(content))] = rng.integers(256)
        path.write_bytes(content[: rng.integers(1, len(content))] if rng.random() < 0.3 else content)
        try:
            reading = read_mask(path, sample)
        except InputError:
            continue
        num_read += 1
        assert reading.known.shape == sample.size_px
        assert 0 < reading.missing_fraction < 1
    assert num_read > 5


@pytest.mark.parametrize(
    ("image", "mask"),
    [
        ("coffee", "text"),
        ("rocket", "scratches"),
        ("brick", "blocks"),
        ("brick", "drop50"),
        ("cat", "drop50"),
    ],
)
def test_every_sample_pair_is_read_without_flags(image: str, mask: str) -> None:
    broken, whole = (read_image(SAMPLES / f"{name}.png") for name in (f"{image}_{mask}", image))
    reading = read_mask(SAMPLES / f"mask_{mask}.png", broken)
    assert reading.mode == "white"
    assert "--mask-threshold" not in reading.evidence, "anti-aliasing is no noise"
    np.testing.assert_array_equal(broken.pixels[reading.known], whole.pixels[reading.known])
