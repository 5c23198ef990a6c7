"""TIFF files of every layout, depth and number of channels: exact in and out, or refused in one line."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from edlrr_cli.errors import InputError, OutputError
from edlrr_cli.media.images import read_image
from edlrr_cli.media.masks import read_mask
from edlrr_cli.media.save import check_output, save_image
from edlrr_cli.media.still_image import StillImage

SHAPE = (37, 53)
LAYOUTS: dict[str, dict[str, Any]] = {
    "strip": {},
    "strips": {"rowsperstrip": 5},
    "tiles": {"tile": (16, 32)},
    "deflate": {"compression": "zlib"},
    "predictor": {"compression": "zlib", "predictor": 2, "rowsperstrip": 7},
    "deflated tiles": {"compression": "zlib", "predictor": 2, "tile": (16, 16)},
    "LZMA": {"compression": "lzma"},
    "big endian": {"byteorder": ">", "compression": "zlib", "predictor": 2},
    "BigTIFF": {"bigtiff": True},
}


def levels(num_channels: int, dtype: str = "u2", shape: tuple[int, int] = SHAPE) -> np.ndarray:
    kind = np.dtype(dtype)
    values = np.random.default_rng(num_channels).integers(0, np.iinfo(kind).max + 1, (*shape, num_channels))
    values.flat[:2] = 0, np.iinfo(kind).max
    return values.astype(kind)


def write(path: Path, values: np.ndarray, photometric: str, **settings: Any) -> Path:
    tifffile.imwrite(path, values, photometric=photometric, metadata=None, **settings)
    return path


def by_hand(path: Path, pixels: bytes, **tags: Any) -> Path:
    """Write what no library does: one strip, with tags by their numbers."""
    directory: Any = ImageFileDirectory_v2()
    directory.tagtype[273] = directory.tagtype[279] = 4
    plain = {256: SHAPE[1], 257: SHAPE[0], 258: 8, 259: 1, 262: 1, 273: 0, 277: 1, 278: SHAPE[0]}
    for tag, value in {
        **plain,
        279: len(pixels),
        **{int(tag[1:]): value for tag, value in tags.items()},
    }.items():
        directory[tag] = value
    stream = io.BytesIO()
    directory.save(stream)
    path.write_bytes(stream.getvalue() + pixels)
    return path


def compressed(data: bytes, name: str) -> bytes:
    """Compress bytes by libtiff."""
    stream = io.BytesIO()
    tag = {278: 1}
    Image.frombytes("L", (len(data), 1), data).save(stream, "TIFF", compression=name, tiffinfo=tag)
    stream.seek(0)
    with tifffile.TiffFile(stream) as file:
        page = file.pages.first
        stream.seek(page.dataoffsets[0])
        return stream.read(page.databytecounts[0])


def whole(picture: StillImage) -> np.ndarray:
    """Return all channels as stored, in the order of a file that is written."""
    dtype = np.uint16 if picture.peak > 255 else np.uint8
    values = [np.rint(picture.pixels * picture.peak).astype(dtype)]
    values += [] if picture.alpha is None else [picture.alpha]
    values += [] if picture.extra is None else [picture.extra.values]
    return np.dstack(values)


def written(picture: StillImage, out: Path) -> np.ndarray:
    return written_as(picture.pixels, picture, out)


def written_as(pixels: np.ndarray, picture: StillImage, out: Path) -> np.ndarray:
    save_image(out, pixels, like=picture, overwrite=True)
    values = tifffile.imread(out)
    return values if values.ndim == 3 else values[..., None]


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", ["u1", "u2"])
@pytest.mark.parametrize(
    ("photometric", "num_channels", "extra", "mode"),
    [
        ("minisblack", 1, [], "L"),
        ("minisblack", 2, [2], "LA"),
        ("rgb", 3, [], "RGB"),
        ("rgb", 4, [2], "RGBA"),
        ("rgb", 4, [1], "RGBa"),
        ("rgb", 4, [0], "RGB"),
        ("separated", 4, [], "CMYK"),
    ],
)
def test_every_layout_comes_back_bit_by_bit(
    tmp_path: Path, layout: str, dtype: str, photometric: str, num_channels: int, extra: list[int], mode: str
) -> None:
    values = levels(num_channels, dtype)
    settings = {"extrasamples": extra} if extra else {}
    path = write(
        tmp_path / "in.tif",
        values.squeeze(),
        photometric,
        planarconfig="contig",
        **settings,
        **LAYOUTS[layout],
    )
    picture = read_image(path)
    np.testing.assert_array_equal(whole(picture), values)
    assert picture.mode == (mode if dtype == "u1" else {"L": "I;16"}.get(mode, f"{mode};16"))
    np.testing.assert_array_equal(written(picture, tmp_path / "out.tif"), values)
    again = read_image(tmp_path / "out.tif")
    assert again.mode == picture.mode
    np.testing.assert_array_equal(whole(again), values)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", ["u1", "u2"])
def test_white_may_be_0(tmp_path: Path, layout: str, dtype: str) -> None:
    values = levels(1, dtype)[..., 0]
    picture = read_image(write(tmp_path / "in.tif", values, "miniswhite", **LAYOUTS[layout]))
    np.testing.assert_array_equal(whole(picture)[..., 0], np.iinfo(values.dtype).max - values)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_planes_are_read(tmp_path: Path, layout: str) -> None:
    values = levels(4)
    planes = np.moveaxis(values, 2, 0)
    path = write(
        tmp_path / "in.tif", planes, "rgb", planarconfig="separate", extrasamples=[0], **LAYOUTS[layout]
    )
    np.testing.assert_array_equal(whole(read_image(path)), values)


@pytest.mark.parametrize("name", ["tiff_lzw", "zstd", "packbits", "lzma"])
@pytest.mark.parametrize("num_channels", [1, 3])
def test_every_lossless_compression_is_read(tmp_path: Path, name: str, num_channels: int) -> None:
    values = levels(num_channels)
    code = {"tiff_lzw": 5, "zstd": 50000, "packbits": 32773, "lzma": 34925}[name]
    tags = {"t258": (16,) * num_channels, "t259": code, "t262": 2 if num_channels == 3 else 1}
    path = by_hand(tmp_path / "in.tif", compressed(values.tobytes(), name), t277=num_channels, **tags)
    picture = read_image(path)
    assert picture.notes == ()
    np.testing.assert_array_equal(whole(picture), values)


@pytest.mark.parametrize("name", ["tiff_lzw", "zstd", "tiff_adobe_deflate"])
def test_floats_with_their_predictor_are_read(tmp_path: Path, name: str) -> None:
    values = np.random.default_rng(0).standard_normal(SHAPE).astype(np.float32)
    Image.fromarray(values).save(tmp_path / "in.tif", compression=name, tiffinfo={317: 3})
    with tifffile.TiffFile(tmp_path / "in.tif") as file:
        assert file.pages.first.predictor == 3
    np.testing.assert_array_equal(read_image(tmp_path / "in.tif").ranged.values[..., 0], values)


def test_the_predictor_of_floats_goes_from_pixel_to_pixel(tmp_path: Path) -> None:
    values = np.random.default_rng(0).standard_normal((*SHAPE, 3)).astype(">f4")
    planes = np.moveaxis(values.view(np.uint8).reshape(SHAPE[0], -1, 4), 2, 1).reshape(SHAPE[0], -1)
    coded = planes.copy()
    coded[:, 3:] -= planes[:, :-3]
    tags = {"t258": (32,) * 3, "t339": (3,) * 3, "t259": 8, "t262": 2, "t277": 3, "t317": 3}
    path = by_hand(tmp_path / "in.tif", zlib.compress(coded.tobytes()), **tags)
    np.testing.assert_array_equal(read_image(path).ranged.values, values)


def packed(values: np.ndarray, bits: int) -> bytes:
    digits = (values[..., None] >> np.arange(bits - 1, -1, -1)) & 1
    return np.packbits(digits.reshape(len(values), -1).astype(np.uint8), axis=1).tobytes()


@pytest.mark.parametrize("bits", [1, 2, 4, 6, 10, 12, 14])
@pytest.mark.parametrize("num_channels", [1, 3])
def test_packed_bits_reach_from_black_to_white(tmp_path: Path, bits: int, num_channels: int) -> None:
    highest = 2**bits - 1
    values = np.random.default_rng(0).integers(0, highest + 1, (*SHAPE, num_channels))
    values.flat[:2] = 0, highest
    tags = {"t258": (bits,) * num_channels, "t277": num_channels, "t262": 2 if num_channels == 3 else 1}
    picture = read_image(by_hand(tmp_path / "in.tif", packed(values, bits), **tags))
    peak = 255 if bits < 8 else 65535
    assert picture.peak == peak
    np.testing.assert_array_equal(whole(picture), np.rint(values * (peak / highest)))
    assert picture.notes == (
        (f"{bits} bits per channel became 16, black and white the same",) if bits > 8 else ()
    )


@pytest.mark.parametrize(("bits", "white"), [(8, 1), (1, 1), (1, 0)])
def test_bits_in_reverse_order(tmp_path: Path, bits: int, white: int) -> None:
    values = np.random.default_rng(0).integers(0, 2**bits, (*SHAPE, 1))
    reversed_bits = bytes(int(f"{byte:08b}"[::-1], 2) for byte in packed(values, bits))
    path = by_hand(tmp_path / "in.tif", reversed_bits, t258=bits, t262=white, t266=2)
    expected = values / (2**bits - 1)
    np.testing.assert_array_equal(read_image(path).pixels, expected if white else 1 - expected)


@pytest.mark.parametrize("dtype", ["i1", "i2", "i4", "u4", "i8", "u8"])
@pytest.mark.parametrize("num_channels", [1, 3])
def test_other_integers_keep_their_type(tmp_path: Path, dtype: str, num_channels: int) -> None:
    limits = np.iinfo(dtype)
    values = np.random.default_rng(0).integers(
        limits.min, limits.max, (*SHAPE, num_channels), dtype=dtype, endpoint=True
    )
    values.flat[:2] = limits.min, limits.max
    kind = "rgb" if num_channels == 3 else "minisblack"
    image = read_image(write(tmp_path / "in.tif", values.squeeze(), kind))
    assert image.notes == ()
    assert (image.pixels.min(), image.pixels.max()) == (0, 1)
    changed = image.pixels.copy()
    changed[3:9, 4:8] = np.linspace(-0.5, 1.5, 4)[:, None]
    stored = written_as(changed, image, tmp_path / "out.tif")
    assert stored.dtype == values.dtype
    known = np.ones(SHAPE, bool)
    known[3:9, 4:8] = False
    np.testing.assert_array_equal(stored[known], values[known])
    middle = stored[~known].reshape(6, 4, -1)[:, 1:3].astype(np.float64)
    expected = limits.min + (limits.max - limits.min) * np.array([1 / 6, 5 / 6])[:, None]
    np.testing.assert_allclose(middle, np.broadcast_to(expected, middle.shape), rtol=1e-9, atol=0.5)
    with pytest.raises(OutputError, match=rf"cannot keep {values.dtype.name} values; write a \.tif file"):
        check_output(tmp_path / "out.png", overwrite=False, like=image)


@pytest.mark.parametrize("dtype", ["u1", "u2", "f4"])
def test_an_infrared_channel_is_kept_and_is_no_transparency(tmp_path: Path, dtype: str) -> None:
    values = levels(4, "u2").astype(dtype)
    tags = {"extratags": [(274, 3, 1, 6)]}
    path = write(tmp_path / "in.tif", values, "rgb", extrasamples=[0], **tags)
    upright = np.rot90(values, -1)
    picture = read_image(path)
    assert picture.alpha is None
    assert picture.notes == ("channel 4 is neither color nor transparency: kept as it is, not restored",)
    changed = picture.pixels.copy()
    changed[3:9, 4:8] = 0.5
    save_image(tmp_path / "out.tif", changed, like=picture, overwrite=False)
    with tifffile.TiffFile(tmp_path / "out.tif") as file:
        assert tuple(file.pages.first.extrasamples) == (0,)
        stored = file.asarray()
    np.testing.assert_array_equal(stored[..., 3], upright[..., 3])
    known = np.ones(upright.shape[:2], bool)
    known[3:9, 4:8] = False
    np.testing.assert_array_equal(stored[known], upright[known])
    for name in ("out.png", "out.jpg", "out.exr"):
        with pytest.raises(
            OutputError, match=r"channels that are neither color nor transparency; write a \.tif"
        ):
            check_output(tmp_path / name, overwrite=False, like=picture)


def test_alpha_and_further_channels(tmp_path: Path) -> None:
    values = levels(5)
    picture = read_image(
        write(tmp_path / "in.tif", values, "rgb", planarconfig="contig", extrasamples=[0, 2])
    )
    np.testing.assert_array_equal(picture.alpha, values[..., 4])
    np.testing.assert_array_equal(written(picture, tmp_path / "out.tif"), values[..., [0, 1, 2, 4, 3]])
    with tifffile.TiffFile(tmp_path / "out.tif") as file:
        assert tuple(file.pages.first.extrasamples) == (2, 0)


def test_a_fourth_channel_without_a_meaning_is_taken_for_transparency_with_a_note(tmp_path: Path) -> None:
    values = levels(4, "u1")
    path = by_hand(tmp_path / "in.tif", values.tobytes(), t258=(8,) * 4, t262=2, t277=4)
    picture = read_image(path)
    assert (picture.mode, len(picture.notes)) == ("RGBA", 1)
    assert "channel 4 was taken for transparency" in picture.notes[0]


@pytest.mark.parametrize("dtype", ["u1", "u2"])
def test_colors_multiplied_with_alpha_are_divided_where_the_format_needs_it(
    tmp_path: Path, dtype: str
) -> None:
    values = levels(4, dtype)
    values[..., :3] = values[..., :3] * (values[..., 3:] / np.iinfo(dtype).max)
    values[0, 0] = 0
    picture = read_image(write(tmp_path / "in.tif", values, "rgb", extrasamples=[1]))
    save_image(tmp_path / "out.png", picture.pixels, like=picture, overwrite=False)
    straight = read_image(tmp_path / "out.png")
    np.testing.assert_array_equal(straight.alpha, values[..., 3])
    back = straight.pixels * (straight.alpha[..., None] / picture.peak)
    np.testing.assert_allclose(back * picture.peak, values[..., :3], atol=0.51)
    assert not straight.pixels[0, 0].any()


def test_restored_colors_stay_within_the_alpha_that_they_are_multiplied_with(tmp_path: Path) -> None:
    values = np.full((*SHAPE, 4), 200, np.uint8)
    values[3:6] = 50
    picture = read_image(write(tmp_path / "in.tif", values, "rgb", extrasamples=[1]))
    changed = picture.pixels.copy()
    changed[2:5] = 0.7
    stored = written_as(changed, picture, tmp_path / "out.tif")
    np.testing.assert_array_equal(stored[..., 3], values[..., 3])
    assert (stored[2, :, :3] == round(0.7 * 255)).all()
    assert (stored[3:6] == 50).all()


def test_16_bit_cmyk_is_refused_where_it_would_be_lost(tmp_path: Path) -> None:
    picture = read_image(write(tmp_path / "in.tif", levels(4), "separated", planarconfig="contig"))
    for name, fault in (
        ("a.png", "CMYK"),
        ("a.jpg", r"16 bits per pixel; write a \.tif"),
        ("a.exr", "whole"),
    ):
        with pytest.raises(OutputError, match=f"cannot keep {fault}"):
            check_output(tmp_path / name, overwrite=False, like=picture)


@pytest.mark.parametrize("layout", ["strip", "predictor", "tiles"])
@pytest.mark.parametrize("dtype", ["bool", "u1", "u2"])
def test_a_mask_in_which_white_is_0(tmp_path: Path, layout: str, dtype: str) -> None:
    hole = np.zeros((40, 40), bool)
    hole[5:9, 6:12] = True
    settings = LAYOUTS[layout] if dtype != "bool" else {}
    stored = ~hole if dtype == "bool" else np.where(hole, 0, np.iinfo(dtype).max).astype(dtype)
    mask = write(tmp_path / "mask.tif", stored, "miniswhite", **settings)
    write(tmp_path / "in.tif", levels(3, "u1", (40, 40)), "rgb")
    reading = read_mask(mask, read_image(tmp_path / "in.tif"), mode="auto")
    assert reading.mode == "white"
    np.testing.assert_array_equal(reading.known, ~hole)


def test_a_camera_raw_file_is_refused(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "in.tif") as file:
        file.write(levels(3, "u1", (8, 8)), photometric="rgb", subifds=1, subfiletype=1, metadata=None)
        file.write(levels(1)[..., 0], photometric="minisblack", metadata=None)
    with pytest.raises(InputError, match="has only a preview"):
        read_image(tmp_path / "in.tif")


def test_a_preview_before_the_image_is_passed_over(tmp_path: Path) -> None:
    values = levels(3)
    with tifffile.TiffWriter(tmp_path / "in.tif") as file:
        file.write(levels(3, "u1", (8, 8)), photometric="rgb", subfiletype=1, metadata=None)
        file.write(
            values, photometric="rgb", metadata=None, software=False, extratags=[(315, 2, 0, "A. Painter")]
        )
    picture = read_image(tmp_path / "in.tif")
    np.testing.assert_array_equal(whole(picture), values)
    assert picture.notes == ()
    exif = Image.Exif()
    exif.load(picture.exif)
    assert dict(exif) == {315: "A. Painter"}


@pytest.mark.parametrize("kind", ["smaller", "full"])
def test_sub_images_that_are_left_out_are_named(tmp_path: Path, kind: str) -> None:
    with tifffile.TiffWriter(tmp_path / "in.tif") as file:
        file.write(levels(3, "u1"), photometric="rgb", subifds=2, metadata=None)
        for _ in range(2):
            subfiletype = 1 if kind == "smaller" else 0
            file.write(levels(3, "u1", (8, 8)), photometric="rgb", subfiletype=subfiletype, metadata=None)
    notes = read_image(tmp_path / "in.tif").notes
    assert notes == (f"2 {'previews' if kind == 'smaller' else 'sub-images'} were left out",)


def sound(**settings: Any) -> bytes:
    stream = io.BytesIO()
    tifffile.imwrite(stream, levels(3), photometric="rgb", metadata=None, **settings)
    return stream.getvalue()


def with_tag(content: bytes, tag: int, value: int | None, kind: int | None = None) -> bytes:
    """Exchange the value of a tag, or its type."""
    start = struct.unpack_from("<I", content, 4)[0]
    entry = content.index(struct.pack("<H", tag), start)
    old_kind, count, old_value = struct.unpack_from("<HII", content, entry + 2)
    fresh = struct.pack("<HII", kind or old_kind, count, old_value if value is None else value)
    return content[: entry + 2] + fresh + content[entry + 12 :]


def bomb() -> bytes:
    content = sound(compression="zlib")
    strip = zlib.compress(bytes(50_000_000))
    return with_tag(with_tag(content, 273, len(content)), 279, len(strip)) + strip


BAD = {
    "claimed size": (lambda: with_tag(sound(), 257, 50_000_000), "million pixels"),
    "rows": (lambda: with_tag(sound(), 257, 500), "rows are missing|incomplete"),
    "tile size": (lambda: with_tag(sound(tile=(16, 16)), 322, 1 << 30), "million pixels"),
    "strip beyond the end": (lambda: with_tag(sound(), 273, 999_999), "incomplete"),
    "strip of no bytes": (lambda: with_tag(sound(), 279, 0), "incomplete"),
    "bomb": (bomb, "incomplete"),
    "end": (lambda: sound()[:-1], "incomplete"),
    "end of a deflated one": (lambda: sound(compression="zlib")[:-900], "incomplete"),
    "type of a layout tag": (lambda: with_tag(sound(), 262, None, 99), "a tag of the layout is damaged"),
    "text as a number": (lambda: with_tag(sound(), 259, None, 2), "a tag of the layout is damaged"),
    "LERC": (
        lambda: with_tag(sound(compression="zlib"), 259, 34887),
        "compressed as LERC, which is not supported",
    ),
    "JPEG 2000": (lambda: with_tag(sound(compression="zlib"), 259, 34712), "compressed as JPEG2000"),
    "16-bit JPEG": (
        lambda: with_tag(sound(compression="zlib"), 259, 7),
        "16 bits, which are not supported",
    ),
    "Lab": (lambda: with_tag(sound(), 262, 8), "colors of kind CIELAB, which are not supported"),
    "raw of a camera": (lambda: with_tag(sound(), 262, 32803), "colors of kind CFA, which are not supported"),
    "palette of three channels": (
        lambda: with_tag(sound(), 262, 3),
        "has 3 channels, of which 1 can be read",
    ),
    "unknown predictor": (lambda: with_tag(sound(compression="zlib", predictor=2), 317, 9), "predictor 9"),
    "complex": (lambda: gray("c8"), "samples of an unsupported type"),
    "signed 12 bits": (lambda: with_tag(with_tag(gray("i2"), 258, 12), 339, 2), "integers of 12 bits"),
    "24 bits": (lambda: with_tag(gray("u2"), 258, 24), "integers of 24 bits, which are not supported"),
    "too few channels": (lambda: with_tag(sound(), 262, 5), "channels are missing"),
    "multispectral": (lambda: with_tag(sound(), 262, 1), "has 3 channels"),
}


def gray(dtype: str) -> bytes:
    stream = io.BytesIO()
    tifffile.imwrite(stream, levels(1)[..., 0].astype(dtype), photometric="minisblack", compression="zlib")
    return stream.getvalue()


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_is_refused_in_one_line(tmp_path: Path, name: str) -> None:
    make, fault = BAD[name]
    (tmp_path / "in.tif").write_bytes(make())
    with pytest.raises(InputError, match=fault) as caught:
        read_image(tmp_path / "in.tif")
    assert caught.value.message.startswith(str(tmp_path / "in.tif"))
    assert caught.value.remedy
    assert "\n" not in str(caught.value)


def test_subsampled_colors_without_compression_are_refused(tmp_path: Path) -> None:
    tags = {"t258": (8,) * 3, "t262": 6, "t277": 3, "t530": (2, 2)}
    with pytest.raises(InputError, match="subsampled YCbCr colors"):
        read_image(by_hand(tmp_path / "in.tif", bytes(SHAPE[0] * SHAPE[1] * 3), **tags))
