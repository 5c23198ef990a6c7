"""Images in and out: exact round trips, one line for every bad file, nothing else ever raised."""

from __future__ import annotations

import functools
import io
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from edlrr_cli.errors import InputError, NumericsError, OutputError, UsageError
from edlrr_cli.media.deep_color import encode_deep_png
from edlrr_cli.media.images import read_image
from edlrr_cli.media.save import check_output, save_image, write_png
from edlrr_cli.media.still_image import StillImage
from edlrr_cli.media.tags.tiff import directory
from edlrr_cli.media.tiff_encoder import encode_tiff

LOSSLESS = (".png", ".tif", ".bmp", ".webp")


def levels(shape: tuple[int, ...], peak: int = 255, seed: int = 0) -> np.ndarray:
    """Random integers that include 0 and the peak."""
    values = np.random.default_rng(seed).integers(0, peak + 1, shape)
    values.flat[0], values.flat[1] = 0, peak
    return values.astype(np.uint16 if peak > 255 else np.uint8)


@functools.cache  # it holds the second in which it was made
def rgb_profile() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def write(path: Path, values: np.ndarray, **settings: object) -> Path:
    Image.fromarray(values).save(path, **settings)
    return path


def copy_of(path: Path, out: Path, *, overwrite: bool = False) -> StillImage:
    sample = read_image(path)
    save_image(out, sample.pixels, like=sample, overwrite=overwrite)
    return sample


@pytest.mark.parametrize("suffix", LOSSLESS)
def test_every_8_bit_level_round_trips(tmp_path: Path, suffix: str) -> None:
    values = np.dstack([np.arange(256, dtype=np.uint8).reshape(16, 16)] * 3)
    values[..., 1] = values[::-1, :, 1]
    sample = copy_of(write(tmp_path / "in.png", values), tmp_path / f"out{suffix}")
    assert sample.pixels.shape == (16, 16, 3)
    assert sample.pixels.dtype == np.float64
    assert sample.pixels.min() == 0.0
    assert sample.pixels.max() == 1.0
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / f"out{suffix}")), values)


def test_values_are_rounded_not_truncated_and_clipped(tmp_path: Path) -> None:
    sample = read_image(write(tmp_path / "in.png", levels((2, 3))))
    pixels = np.array([[0.6, 1.4, 254.6], [-30.0, 300.0, 100.49]])[..., None] / 255
    save_image(tmp_path / "out.png", pixels, like=sample, overwrite=False)
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "out.png")), [[1, 1, 255], [0, 255, 100]])


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_16_bit_gray_keeps_its_depth(tmp_path: Path, suffix: str) -> None:
    values = levels((7, 5), peak=65535)
    sample = copy_of(write(tmp_path / f"in{suffix}", values), tmp_path / f"out{suffix}")
    assert (sample.mode, sample.peak, sample.pixels.shape) == ("I;16", 65535, (7, 5, 1))
    assert sample.pixels.max() == 1.0
    with Image.open(tmp_path / f"out{suffix}") as image:
        assert image.mode == "I;16"
        np.testing.assert_array_equal(np.asarray(image), values)


def test_16_bit_pgm_and_big_endian_tiff_are_16_bit(tmp_path: Path) -> None:
    values = levels((3, 4), peak=65535)
    (tmp_path / "a.pgm").write_bytes(b"P5 4 3 65535\n" + values.astype(">u2").tobytes())
    Image.frombytes("I;16B", (4, 3), values.astype(">u2").tobytes()).save(tmp_path / "b.tif")
    for name in ("a.pgm", "b.tif"):
        sample = read_image(tmp_path / name)
        assert sample.mode == "I;16"
        np.testing.assert_array_equal(np.rint(sample.pixels[..., 0] * 65535), values)


@pytest.mark.parametrize("mode", ["LA", "RGBA"])
@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_alpha_is_kept_bit_by_bit(tmp_path: Path, mode: str, suffix: str) -> None:
    values = levels((6, 5, len(mode)))
    sample = copy_of(write(tmp_path / "in.png", values), tmp_path / f"out{suffix}")
    np.testing.assert_array_equal(sample.alpha, values[..., -1])
    with Image.open(tmp_path / f"out{suffix}") as image:
        assert image.mode == mode
        np.testing.assert_array_equal(np.asarray(image), values)


def test_webp_keeps_colors_under_full_transparency(tmp_path: Path) -> None:
    values = levels((6, 5, 4))
    values[..., 3] = 0
    copy_of(write(tmp_path / "in.png", values), tmp_path / "out.webp")
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "out.webp")), values)


@pytest.mark.parametrize(
    ("mode", "suffix", "expected"),
    [
        ("1", ".png", "L"),
        ("L", ".jpg", "L"),
        ("P", ".gif", "RGB"),
        ("RGB", ".jpg", "RGB"),
        ("YCbCr", ".tif", "RGB"),
        ("PA", ".tif", "RGBA"),
    ],
)
def test_other_modes_become_gray_or_rgb(tmp_path: Path, mode: str, suffix: str, expected: str) -> None:
    path = tmp_path / f"in{suffix}"
    Image.fromarray(levels((8, 8, 3))).convert(mode if mode != "PA" else "P").convert(mode).save(path)
    sample = read_image(path)
    assert sample.mode == expected
    assert sample.pixels.shape == (8, 8, 1 if expected == "L" else 3)


def test_one_bit_image_is_black_and_white(tmp_path: Path) -> None:
    Image.fromarray(np.eye(4, dtype=bool)).save(tmp_path / "in.png")
    np.testing.assert_array_equal(read_image(tmp_path / "in.png").pixels[..., 0], np.eye(4))


def test_transparent_palette_and_color_key_become_alpha(tmp_path: Path) -> None:
    image = Image.fromarray(np.array([[0, 1], [1, 1]], np.uint8))
    image.putpalette([10, 20, 30, 200, 100, 50])
    image.save(tmp_path / "palette.png", transparency=0)
    Image.fromarray(np.full((2, 2, 3), 9, np.uint8)).save(tmp_path / "key.png", transparency=(9, 9, 9))
    Image.fromarray(np.full((2, 2), 9, np.uint8)).save(tmp_path / "gray.png", transparency=9)
    palette = read_image(tmp_path / "palette.png")
    np.testing.assert_array_equal(palette.alpha, [[0, 255], [255, 255]])
    np.testing.assert_allclose(palette.pixels[1, 1] * 255, [200, 100, 50])
    assert not read_image(tmp_path / "key.png").alpha.any()
    gray = read_image(tmp_path / "gray.png")
    assert gray.mode == "LA"
    assert not gray.alpha.any()


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif"])
def test_orientation_is_applied_once(tmp_path: Path, orientation: int, suffix: str) -> None:
    upright = np.zeros((16, 24), np.uint8)
    upright[:8, :8] = 255  # the bright corner is at the top left
    stored = {
        1: upright, 2: upright[:, ::-1], 3: upright[::-1, ::-1], 4: upright[::-1],
        5: upright.T, 6: np.rot90(upright, 1), 7: upright[::-1, ::-1].T, 8: np.rot90(upright, -1),
    }[orientation]  # fmt: skip
    exif = Image.Exif()
    exif[274], exif[315] = orientation, "A. Painter"
    path = write(tmp_path / f"in{suffix}", np.ascontiguousarray(stored), exif=exif.tobytes())
    sample = copy_of(path, tmp_path / "out.png")
    np.testing.assert_allclose(sample.pixels[..., 0], upright / 255, atol=0.02)
    with Image.open(tmp_path / "out.png") as image:
        assert image.size == (24, 16)
        assert dict(image.getexif()) == {315: "A. Painter"}


def test_orientation_of_16_bit_gray(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[274] = 6
    values = levels((3, 5), peak=65535)
    sample = read_image(write(tmp_path / "in.png", values, exif=exif.tobytes()))
    np.testing.assert_array_equal(np.rint(sample.pixels[..., 0] * 65535), np.rot90(values, -1))


@pytest.mark.parametrize("source", [".jpg", ".png", ".tif", ".webp"])
@pytest.mark.parametrize("target", [".jpg", ".png", ".tif", ".webp"])
def test_metadata_travel_between_formats(tmp_path: Path, source: str, target: str) -> None:
    exif = Image.Exif()
    exif[271], exif[33432] = "Maker", "(c) someone"
    exif[0x8769] = {0x9003: "2020:01:02 03:04:05"}
    exif[0x8825] = {1: "N"}
    settings = {"exif": exif.tobytes(), "icc_profile": rgb_profile(), "dpi": (300, 300)}
    path = write(tmp_path / f"in{source}", levels((16, 16, 3)), **settings)
    copy_of(path, tmp_path / f"out{target}")
    with Image.open(tmp_path / f"out{target}") as image:
        kept = image.getexif()
        assert (kept[271], kept[33432]) == ("Maker", "(c) someone")
        assert kept.get_ifd(0x8769)[0x9003] == "2020:01:02 03:04:05"
        assert kept.get_ifd(0x8825)[1] == "N"
        assert image.info["icc_profile"] == rgb_profile()
        if "webp" not in source + target:
            assert image.info["dpi"] == pytest.approx((300, 300), rel=1e-3)


def test_profile_of_another_color_space_is_dropped(tmp_path: Path) -> None:
    path = write(tmp_path / "in.png", levels((4, 4)), icc_profile=rgb_profile())
    assert read_image(path).icc_profile == b""


def test_corrupt_exif_costs_the_exif_only(tmp_path: Path) -> None:
    path = write(tmp_path / "in.jpg", levels((16, 16, 3)), exif=b"Exif\0\0II*\0\x08\0\0\0\xff\xff garbage")
    sample = read_image(path)
    assert sample.exif == b""


def test_first_frame_of_an_animation(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (4, 4), color) for color in ("red", "blue")]
    frames[0].save(tmp_path / "in.gif", save_all=True, append_images=frames[1:])
    np.testing.assert_array_equal(read_image(tmp_path / "in.gif").pixels[0, 0], [1, 0, 0])


def bad_files(folder: Path) -> dict[str, tuple[Path, str]]:
    whole = write(folder / "whole.png", levels((40, 40, 3))).read_bytes()
    contents = {
        "empty": (b"", "empty"),
        "text": (b"this is no image" * 9, "not an image"),
        "truncated": (whole[: len(whole) // 2], "truncated or corrupt"),
        "header": (whole[:20], "not an image|truncated or corrupt"),
    }
    for name, (content, _) in contents.items():
        (folder / name).write_bytes(content)
    write(folder / "single", np.zeros((1, 1), np.uint8), format="PNG")
    write(folder / "line", np.zeros((1, 9), np.uint8), format="PNG")
    Image.fromarray(np.array([[np.nan] * 2, [-np.inf] * 2], np.float32)).save(folder / "float", format="TIFF")
    faults = {name: fault for name, (_, fault) in contents.items()}
    faults |= {"absent": "no such file", ".": "is a folder", "nul\0": "cannot be opened|no such file"}
    faults |= {
        "single": "1 x 1",
        "line": "9 x 1",
        "float": "no pixel has a value",
    }
    return {name: (folder / name, fault) for name, fault in faults.items()}


@pytest.mark.parametrize(
    "name",
    ["empty", "text", "truncated", "header", "absent", ".", "nul\0", "single", "line", "float"],
)
def test_bad_file_is_named_with_fault_and_remedy(tmp_path: Path, name: str) -> None:
    path, fault = bad_files(tmp_path)[name]
    with pytest.raises(InputError, match=fault) as caught:
        read_image(path)
    assert str(path) in caught.value.message
    assert caught.value.remedy
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("limit", [100, 300], ids=["error", "warning"])
def test_decompression_bomb_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: int) -> None:
    path = write(tmp_path / "bomb.png", np.zeros((20, 20), np.uint8))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)
    with pytest.raises(InputError, match="million pixels"):
        read_image(path)


@pytest.mark.parametrize("channels", [1, 3])
def test_missing_rows_of_a_tiff_are_not_black(tmp_path: Path, channels: int) -> None:
    whole = write(tmp_path / "in.tif", levels((5, 4, channels)).squeeze()).read_bytes()
    height = struct.pack("<HHLL", 257, 4, 1, 5)
    assert whole.count(height) == 1
    (tmp_path / "in.tif").write_bytes(whole.replace(height, struct.pack("<HHLL", 257, 4, 1, 500)))
    with pytest.raises(InputError, match="rows are missing"):
        read_image(tmp_path / "in.tif")


def test_postscript_is_never_run(tmp_path: Path) -> None:
    Image.new("RGB", (4, 4)).save(tmp_path / "in.eps")
    with pytest.raises(InputError, match="known kind"):
        read_image(tmp_path / "in.eps")


def test_existing_output_is_refused_until_overwrite(tmp_path: Path) -> None:
    path, out = write(tmp_path / "in.png", levels((4, 4))), tmp_path / "out.png"
    out.write_bytes(b"precious")
    with pytest.raises(OutputError, match="--overwrite"):
        copy_of(path, out)
    assert out.read_bytes() == b"precious"
    copy_of(path, out, overwrite=True)
    assert read_image(out).format == "PNG"
    assert sorted(file.name for file in tmp_path.iterdir()) == ["in.png", "out.png"]


def test_output_must_not_be_an_input(tmp_path: Path) -> None:
    path = write(tmp_path / "in.png", levels((4, 4)))
    (tmp_path / "link.png").symlink_to(path)
    for out in (path, tmp_path / "link.png", tmp_path / "." / "in.png"):
        with pytest.raises(OutputError, match="input"):
            check_output(out, tmp_path / "absent", path, overwrite=True)


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("out.gif", "extension '.gif'"),
        ("out", "extension ''"),
        ("missing/out.png", "does not exist"),
        ("in.png/out.png", "not a folder|cannot be written"),
        ("folder.png", "is a folder"),
        ("x" * 300 + ".png", "cannot be written"),
    ],
)
def test_impossible_output_is_refused_beforehand(tmp_path: Path, name: str, fault: str) -> None:
    write(tmp_path / "in.png", levels((4, 4)))
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(OutputError, match=fault) as caught:
        check_output(tmp_path / name, overwrite=True)
    assert caught.value.remedy


def test_unwritable_folder_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edlrr_cli.media.files.os.access", lambda *_: False)  # root may write anywhere
    with pytest.raises(OutputError, match="not writable"):
        check_output(tmp_path / "out.png", overwrite=False)


@pytest.mark.parametrize("suffix", [".jpg", ".bmp"])
def test_transparency_is_never_dropped_unsaid(tmp_path: Path, suffix: str) -> None:
    sample = read_image(write(tmp_path / "in.png", levels((4, 4, 4))))
    with pytest.raises(OutputError, match="transparency"):
        check_output(tmp_path / f"out{suffix}", overwrite=False, like=sample)


def test_opaque_alpha_is_no_obstacle(tmp_path: Path) -> None:
    values = levels((4, 4, 4))
    values[..., 3] = 255
    copy_of(write(tmp_path / "in.png", values), tmp_path / "out.bmp")
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "out.bmp")), values[..., :3])


@pytest.mark.parametrize("suffix", [".jpg", ".bmp", ".webp"])
def test_16_bits_are_never_dropped_unsaid(tmp_path: Path, suffix: str) -> None:
    sample = read_image(write(tmp_path / "in.png", levels((4, 4), peak=65535)))
    with pytest.raises(OutputError, match="16 bits"):
        check_output(tmp_path / f"out{suffix}", overwrite=False, like=sample)


def test_too_long_side_for_webp(tmp_path: Path) -> None:
    sample = read_image(write(tmp_path / "in.png", np.zeros((2, 16384), np.uint8)))
    with pytest.raises(OutputError, match="16383"):
        check_output(tmp_path / "out.webp", overwrite=False, like=sample)


def test_wrong_pixels_are_refused_and_leave_nothing(tmp_path: Path) -> None:
    sample = read_image(write(tmp_path / "in.png", levels((4, 4))))
    with pytest.raises(NumericsError):
        save_image(tmp_path / "out.png", np.full((4, 4, 1), np.nan), like=sample, overwrite=False)
    with pytest.raises(UsageError, match=r"\(4, 4, 1\)"):
        save_image(tmp_path / "out.png", np.zeros((4, 4)), like=sample, overwrite=False)
    assert [file.name for file in tmp_path.iterdir()] == ["in.png"]


def test_failed_write_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, out = write(tmp_path / "in.png", levels((4, 4))), tmp_path / "out.png"
    out.write_bytes(b"old")

    def disk_full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", disk_full)
    with pytest.raises(OutputError, match="No space left"):
        copy_of(path, out, overwrite=True)
    assert out.read_bytes() == b"old"
    assert len(list(tmp_path.iterdir())) == 2


def seed_files() -> dict[str, bytes]:
    """Small valid files of every kind, with metadata where the kind has them."""
    exif = Image.Exif()
    exif[274], exif[315] = 6, "A. Painter"
    exif[0x8769] = {0x9003: "2020:01:02 03:04:05"}
    color, gray = Image.fromarray(levels((12, 9, 3))), Image.fromarray(levels((12, 9), peak=65535))
    cases = {
        "png": (color, {"format": "PNG", "exif": exif.tobytes(), "dpi": (72, 72)}),
        "png16": (gray, {"format": "PNG"}),
        "palette": (color.quantize(8), {"format": "PNG", "transparency": 1}),
        "jpeg": (color, {"format": "JPEG", "exif": exif.tobytes()}),
        "tiff": (color, {"format": "TIFF", "exif": exif.tobytes()}),
        "tiff_lzw": (color, {"format": "TIFF", "compression": "tiff_lzw"}),
        "bmp": (color, {"format": "BMP"}),
        "webp": (color, {"format": "WEBP", "exif": exif.tobytes()}),
        "gif": (color, {"format": "GIF"}),
    }
    files = {}
    for name, (image, settings) in cases.items():
        stream = io.BytesIO()
        image.save(stream, **settings)
        files[name] = stream.getvalue()
    deep, metadata = levels((12, 9, 4), peak=65535), {"exif": exif.tobytes(), "dpi": (72.0, 72.0)}
    tags = directory(exif.tobytes(), {})
    files |= {
        "PNG 16": encode_deep_png(deep, **metadata),
        "TIFF 16": encode_tiff(deep, dpi=(72.0, 72.0), tiffinfo=tags),
    }
    return files | {"PPM 16": b"P6 9 12 65535\n" + deep[..., :3].tobytes()}


def mutate(content: bytes, rng: np.random.Generator) -> bytes:
    """Flip a few bytes, or cut the end, or both; half of the flips hit the header."""
    data = bytearray(content)
    for _ in range(rng.integers(0, 5)):
        reach = len(data) if rng.random() < 0.5 else min(len(data), 80)
        data[rng.integers(reach)] = rng.integers(256)
    if rng.random() < 0.4:
        data = data[: rng.integers(1, len(data))]
    return bytes(data)


@pytest.mark.parametrize("kind", seed_files())
def test_fuzzed_files_give_an_image_or_an_input_error(tmp_path: Path, kind: str) -> None:
    content, rng = seed_files()[kind], np.random.default_rng(7)
    path, num_read = tmp_path / "fuzzed", 0
    for _ in range(150):
        path.write_bytes(mutate(content, rng))
        try:
            sample = read_image(path)
        except InputError as error:
            assert str(path) in error.message  # noqa: PT017
            continue
        num_read += 1
        assert sample.pixels.ndim == 3
        assert sample.pixels.min() >= 0
        assert sample.pixels.max() <= 1
        if sample.pixels.size < 10_000:
            suffix = ".png" if sample.peak > 255 else str(rng.choice([".png", ".tif", ".webp"]))
            save_image(tmp_path / f"out{suffix}", sample.pixels, like=sample, overwrite=True)
    assert num_read > 5


@pytest.mark.parametrize(
    ("dtype", "channels"), [(np.uint8, 1), (np.uint8, 3), (np.uint16, 1), (np.uint16, 3)]
)
def test_integer_pixels_come_back(tmp_path: Path, dtype: type, channels: int) -> None:
    pixels = np.random.default_rng(0).integers(0, np.iinfo(dtype).max, (5, 7, channels)).astype(dtype)
    write_png(tmp_path / "a.png", pixels)
    read = read_image(tmp_path / "a.png")
    np.testing.assert_array_equal(np.rint(read.pixels * read.peak), pixels)
