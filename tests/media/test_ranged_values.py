"""Float images, TIFF and EXR: known pixels bit by bit, hostile files in one line."""

from __future__ import annotations

import functools
import io
import struct
import warnings
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from edlrr_cli.errors import InputError, NumericsError, OutputError
from edlrr_cli.media.exr import encode_exr
from edlrr_cli.media.images import read_image, read_reference
from edlrr_cli.media.masks import read_mask
from edlrr_cli.media.save import as_written, check_output, save_image
from edlrr_cli.media.tags.tiff import directory
from edlrr_cli.media.tiff_encoder import encode_tiff

SHAPE = (21, 34)


def floats(num_channels: int, dtype: str = "f4", seed: int = 0) -> np.ndarray:
    """High dynamic range: negative values, a negative zero, tiny ones and ones far beyond 1."""
    values = np.random.default_rng(seed).standard_normal((*SHAPE, num_channels)) ** 5
    values.flat[:4] = -0.0, 1e-7, 6e4, -3.5
    return values.astype(dtype)


def bits(values: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(values).view(np.uint8)


def plain_exr(
    values: dict[str, np.ndarray],
    *,
    shown: tuple[int, int, int, int] | None = None,
    aspect: float = 1.0,
    more: Sequence[tuple[str, str, bytes]] = (),
) -> bytes:
    """Write EXR without compression by the letter of the format, with which FFmpeg has to agree."""
    height, width = next(iter(values.values())).shape
    types = {"uint32": 0, "float16": 1, "float32": 2}
    window = (0, 0, width - 1, height - 1)
    listed = b"".join(
        name.encode() + struct.pack("<xI4xII", types[str(plane.dtype)], 1, 1)
        for name, plane in sorted(values.items())
    )
    attributes = [
        ("channels", "chlist", listed + b"\0"),
        ("compression", "compression", b"\0"),
        ("dataWindow", "box2i", struct.pack("<4i", *window)),
        ("displayWindow", "box2i", struct.pack("<4i", *(shown or window))),
        ("lineOrder", "lineOrder", b"\0"),
        ("pixelAspectRatio", "float", struct.pack("<f", aspect)),
        ("screenWindowCenter", "v2f", struct.pack("<2f", 0, 0)),
        ("screenWindowWidth", "float", struct.pack("<f", 1)),
        *more,
    ]
    header = b"\x76\x2f\x31\x01\x02\0\0\0"
    for name, kind, data in attributes:
        header += name.encode() + b"\0" + kind.encode() + b"\0" + struct.pack("<I", len(data)) + data
    header += b"\0"
    rows = [b"".join(values[name][y].tobytes() for name in sorted(values)) for y in range(height)]
    chunks = [struct.pack("<iI", y, len(row)) + row for y, row in enumerate(rows)]
    starts = len(header) + 8 * height + np.cumsum([0, *map(len, chunks[:-1])])
    return header + starts.astype("<u8").tobytes() + b"".join(chunks)


LAYOUTS = {
    "strips": {},
    "strips of 5 rows": {"rowsperstrip": 5},
    "tiles": {"tile": (16, 16)},
    "deflate": {"compression": "zlib"},
    "deflated tiles": {"tile": (16, 32), "compression": "zlib"},
    "big endian": {"byteorder": ">"},
    "BigTIFF": {"bigtiff": True},
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("num_channels", [1, 3, 4])
def test_every_layout_of_tiff_is_read(tmp_path: Path, layout: str, num_channels: int) -> None:
    values, path = floats(num_channels), tmp_path / "in.tif"
    kind = {} if num_channels == 1 else {"photometric": "rgb"}
    tifffile.imwrite(path, values.squeeze(), **kind, **LAYOUTS[layout])
    image = read_image(path)
    np.testing.assert_array_equal(image.ranged.values, values[..., :3])
    assert (image.alpha is None) == (num_channels < 4)


def by_pillow(compression: str) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(floats(1).squeeze()).save(stream, "TIFF", compression=compression)
    return stream.getvalue()


def test_packbits_are_read(tmp_path: Path) -> None:
    (tmp_path / "in.tif").write_bytes(by_pillow("packbits"))
    np.testing.assert_array_equal(read_image(tmp_path / "in.tif").ranged.values, floats(1))


def test_lzw_is_read(tmp_path: Path) -> None:
    (tmp_path / "in.tif").write_bytes(by_pillow("tiff_lzw"))
    np.testing.assert_array_equal(read_image(tmp_path / "in.tif").ranged.values, floats(1))


def test_planes_of_a_tiff_are_read(tmp_path: Path) -> None:
    values = floats(3)
    planes = np.moveaxis(values, 2, 0)
    tifffile.imwrite(tmp_path / "in.tif", planes, planarconfig="separate", photometric="rgb")
    np.testing.assert_array_equal(read_image(tmp_path / "in.tif").ranged.values, values)


@pytest.mark.parametrize(
    ("suffix", "num_channels", "dtype"),
    [(".tif", number, dtype) for number in (1, 2, 3, 4) for dtype in ("f2", "f4", "f8")]
    + [(".exr", number, dtype) for number in (1, 3, 4) for dtype in ("f2", "f4")],
)
def test_what_is_written_is_what_was_read(tmp_path: Path, suffix: str, num_channels: int, dtype: str) -> None:
    values = floats(num_channels, dtype)
    path, out = tmp_path / f"in{suffix}", tmp_path / f"out{suffix}"
    path.write_bytes(encode_tiff(values) if suffix == ".tif" else encode_exr(values))
    image = read_image(path)
    assert image.pixels.min() == 0
    assert image.pixels.max() == 1
    changed = image.pixels.copy()
    changed[5:9, 3] = [[1.5], [-2.0], [0.25], [1.0]]
    save_image(out, changed, like=image, overwrite=False)
    again = read_image(out)
    known = np.ones(SHAPE, bool)
    known[5:9, 3] = False
    stored, colors = again.ranged.values, image.ranged.values
    assert stored.dtype == np.dtype(dtype)
    np.testing.assert_array_equal(bits(stored[known]), bits(colors[known]))
    # Restored values stay within those of the image.
    low, high = colors.min(), colors.max()
    expected = np.array([high, low, low + 0.25 * (float(high) - float(low)), high])
    np.testing.assert_allclose(stored[5:9, 3, 0], expected, rtol=1e-3)
    np.testing.assert_array_equal(image.ranged.normalized(stored), as_written(changed, image))
    assert again.mode == image.mode
    if image.alpha is not None:
        np.testing.assert_array_equal(bits(again.alpha), bits(image.alpha))


def test_values_within_0_and_1_are_taken_as_they_are(tmp_path: Path) -> None:
    values = np.linspace(0.25, 0.5, 12, dtype=np.float32).reshape(3, 4)
    tifffile.imwrite(tmp_path / "in.tif", values)
    np.testing.assert_array_equal(read_image(tmp_path / "in.tif").pixels[..., 0], values)


@pytest.mark.parametrize("value", [0.0, 5.0, -1e30])
def test_a_constant_image_round_trips(tmp_path: Path, value: float) -> None:
    tifffile.imwrite(tmp_path / "in.tif", np.full((4, 4), value, np.float32))
    image = read_image(tmp_path / "in.tif")
    save_image(tmp_path / "out.tif", image.pixels + 0.0, like=image, overwrite=False)
    assert (tifffile.imread(tmp_path / "out.tif") == np.float32(value)).all()


def test_the_range_is_that_of_known_pixels(tmp_path: Path) -> None:
    """A hole full of -9999 neither squeezes the image nor comes back."""
    values, hole = floats(1, seed=3), np.zeros(SHAPE, bool)
    hole[4:9, 5:9] = True
    damaged = np.where(hole[..., None], np.float32(-9999), values)
    tifffile.imwrite(tmp_path / "in.tif", damaged.squeeze())
    tifffile.imwrite(tmp_path / "clean.tif", values.squeeze())
    image = read_image(tmp_path / "in.tif").within(~hole)
    assert (image.ranged.low, image.ranged.high) == (values[~hole].min(), values[~hole].max())
    assert image.pixels.min() == 0
    save_image(tmp_path / "out.tif", image.pixels, like=image, overwrite=False)
    written = tifffile.imread(tmp_path / "out.tif")
    np.testing.assert_array_equal(bits(written[~hole]), bits(values.squeeze()[~hole]))
    assert written[hole].min() >= values[~hole].min()
    reference = read_reference(tmp_path / "clean.tif", image)
    np.testing.assert_array_equal(reference[~hole], image.pixels[~hole])


def test_integers_are_no_reference_for_floats(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "in.tif", floats(1).squeeze())
    Image.new("L", SHAPE[::-1]).save(tmp_path / "clean.png")
    with pytest.raises(InputError, match="34 x 21 pixels gray, the image is 34 x 21 pixels gray of floats"):
        read_reference(tmp_path / "clean.png", read_image(tmp_path / "in.tif"))


@pytest.mark.parametrize("high", [1.0, 255.0])
@pytest.mark.parametrize("suffix", [".tif", ".exr"])
def test_a_mask_may_be_floats(tmp_path: Path, high: float, suffix: str) -> None:
    hole = np.zeros((*SHAPE, 1), np.float32)
    hole[3:7, 4:9] = high
    path = tmp_path / f"mask{suffix}"
    path.write_bytes(encode_exr(hole) if suffix == ".exr" else encode_tiff(hole))
    Image.new("L", SHAPE[::-1]).save(tmp_path / "in.png")
    reading = read_mask(path, read_image(tmp_path / "in.png"), mode="white")
    np.testing.assert_array_equal(~reading.known, hole[..., 0] > 0)


def test_metadata_of_a_float_tiff_travel(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[270], exif[315] = "a probe", "someone"
    profile = bytes(16) + b"RGB " + bytes(108)
    content = encode_tiff(
        floats(3), dpi=(300, 300), tiffinfo=directory(exif.tobytes(), {}), icc_profile=profile
    )
    (tmp_path / "in.tif").write_bytes(content)
    image = read_image(tmp_path / "in.tif")
    assert image.dpi == (300, 300)
    assert image.icc_profile == profile
    kept = Image.Exif()
    kept.load(image.exif)
    assert dict(kept) == {270: "a probe", 315: "someone"}
    save_image(tmp_path / "out.tif", image.pixels, like=image, overwrite=False)
    assert (tmp_path / "out.tif").read_bytes() == content


def test_orientation_of_a_float_tiff_is_applied(tmp_path: Path) -> None:
    values = floats(3)
    tifffile.imwrite(tmp_path / "in.tif", values, photometric="rgb", extratags=[(274, 3, 1, 6)])
    np.testing.assert_array_equal(read_image(tmp_path / "in.tif").ranged.values, np.rot90(values, -1))


@pytest.mark.parametrize("dtype", ["f2", "f4"])
@pytest.mark.parametrize("names", ["RGB", "ABGR", "Y", "AY"])
def test_exr_is_read_exactly(tmp_path: Path, dtype: str, names: str) -> None:
    planes = {name: floats(1, dtype, seed)[..., 0] for seed, name in enumerate(names)}
    (tmp_path / "in.exr").write_bytes(plain_exr(planes))
    image = read_image(tmp_path / "in.exr")
    colors = [planes[name] for name in ("RGB" if "R" in names else "Y")]
    np.testing.assert_array_equal(bits(image.ranged.values), bits(np.stack(colors, axis=2)))
    if "A" in names:
        np.testing.assert_array_equal(bits(image.alpha), bits(planes["A"]))
    assert image.notes == ()


def test_what_exr_loses_is_reported(tmp_path: Path) -> None:
    planes = {name: floats(1)[..., 0] for name in ("R", "G", "B", "Z")}
    (tmp_path / "in.exr").write_bytes(plain_exr(planes, shown=(0, 0, 39, 29)))
    image = read_image(tmp_path / "in.exr")
    assert image.size_px == (30, 40)
    assert image.notes == ("the channels Z were left out", "the data window became the display window")
    more = [("owner", "string", b"me"), ("chromaticities", "chromaticities", bytes(32))]
    content = plain_exr(planes, aspect=2.0, more=more)
    (tmp_path / "in.exr").write_bytes(content)
    reported = "attributes of the EXR file were left out: pixelAspectRatio, owner, chromaticities"
    assert read_image(tmp_path / "in.exr").notes == ("the channels Z were left out", reported)
    image = read_image(tmp_path / "in.exr")
    save_image(tmp_path / "out.exr", image.pixels, like=image, overwrite=False)
    assert not read_image(tmp_path / "out.exr").notes


@pytest.mark.parametrize(
    ("name", "dtype", "num_channels", "fault"),
    [
        ("a.png", "f4", 3, "PNG cannot keep floats"),
        ("a.jpg", "f2", 1, "JPEG cannot keep floats"),
        ("a.exr", "f8", 3, "EXR cannot keep floats of 64 bits"),
        ("a.exr", "f4", 2, "EXR cannot keep gray with transparency"),
    ],
)
def test_a_format_that_loses_is_refused(
    tmp_path: Path, name: str, dtype: str, num_channels: int, fault: str
) -> None:
    (tmp_path / "in.tif").write_bytes(encode_tiff(floats(num_channels, dtype)))
    with pytest.raises(OutputError, match=fault) as caught:
        check_output(tmp_path / name, overwrite=False, like=read_image(tmp_path / "in.tif"))
    assert ".tif" in caught.value.remedy


def test_integers_do_not_become_exr(tmp_path: Path) -> None:
    Image.new("L", (4, 4)).save(tmp_path / "in.png")
    with pytest.raises(OutputError, match=r"EXR cannot keep whole numbers; write a \.png file"):
        check_output(tmp_path / "a.exr", overwrite=False, like=read_image(tmp_path / "in.png"))


def test_nan_is_not_written(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "in.tif", floats(1).squeeze())
    image = read_image(tmp_path / "in.tif")
    with pytest.raises(NumericsError):
        save_image(tmp_path / "o.tif", image.pixels * np.nan, like=image, overwrite=False)


@functools.cache
def tiff(**settings: object) -> bytes:
    stream = io.BytesIO()
    tifffile.imwrite(stream, floats(3), photometric="rgb", **settings)
    return stream.getvalue()


def with_tag(content: bytes, tag: int, value: int) -> bytes:
    """Exchange the value of a tag of one number."""
    position = content.index(struct.pack("<H", tag), struct.unpack_from("<I", content, 4)[0])
    return content[: position + 8] + struct.pack("<I", value) + content[position + 12 :]


def exr_of(width: int) -> bytes:
    content = plain_exr({"Y": floats(1)[..., 0]})
    return content.replace(struct.pack("<4i", 0, 0, 33, 20), struct.pack("<4i", 0, 0, width - 1, 20))


def infinite(name: str) -> bytes:
    return plain_exr({name: np.full((4, 4), np.inf, np.float32)})


BAD = {
    "claims of a TIFF": (lambda: with_tag(tiff(), 257, 50_000_000), "million pixels"),
    "rows of a TIFF": (lambda: with_tag(tiff(), 257, 500), "incomplete|missing"),
    "strip beyond the end": (lambda: with_tag(tiff(), 273, 999_999), "incomplete"),
    "no strip": (lambda: with_tag(tiff(), 279, 0), "incomplete"),
    "bomb": (lambda: bomb(), "incomplete"),
    "end of a TIFF": (lambda: tiff()[:-1], "incomplete"),
    "end of a deflated TIFF": (lambda: tiff(compression="zlib")[:-900], "incomplete"),
    "five channels": (lambda: many_channels(), "5 channels of floats"),
    "LERC": (lambda: with_tag(tiff(), 259, 34887), "compressed as LERC, which is not supported; save it"),
    "far apart": (lambda: encode_tiff(np.array([[[-1e308], [1e308]]] * 2)), "from -1e"),
    "inf": (lambda: infinite("Y"), "no pixel has a value"),
    "width of an EXR": (lambda: exr_of(2**26), "million pixels"),
    "negative width": (lambda: exr_of(-5), "corrupt"),
    "end of an EXR": (lambda: plain_exr({"Y": floats(1)[..., 0]})[:-1], "ends too early"),
    "channels of an EXR": (lambda: infinite("Z"), "no channels R, G, B or Y"),
    "whole numbers": (lambda: plain_exr({"Y": np.zeros((4, 4), np.uint32)}), "no channels R, G, B or Y"),
    "compression": (lambda: exr_with(b"compression\0compression\0\1\0\0\0", 9), "not read exactly"),
    "parts": (lambda: infinite("Y")[:5] + b"\x10" + infinite("Y")[6:], "several parts"),
    "one row": (lambda: plain_exr({"Y": np.zeros((1, 4), np.float32)}), "4 x 1 pixels"),
}


def bomb() -> bytes:
    """A strip that inflates to a thousand times what the image needs."""
    content = tiff(compression="zlib", rowsperstrip=SHAPE[0])
    strip = zlib.compress(bytes(10_000_000))
    return with_tag(with_tag(content, 273, len(content)), 279, len(strip)) + strip


def many_channels() -> bytes:
    stream = io.BytesIO()
    tifffile.imwrite(stream, floats(5), photometric="minisblack", planarconfig="contig")
    return stream.getvalue()


def exr_with(before: bytes, value: int) -> bytes:
    content = plain_exr({"Y": floats(1)[..., 0]})
    position = content.index(before) + len(before)
    return content[:position] + bytes([value]) + content[position + 1 :]


@pytest.mark.parametrize("name", BAD)
def test_bad_file_is_refused_in_one_line(tmp_path: Path, name: str) -> None:
    make, fault = BAD[name]
    path = tmp_path / "in"
    path.write_bytes(make())
    with pytest.raises(InputError, match=fault) as caught:
        read_image(path)
    assert caught.value.message.startswith(str(path))
    assert caught.value.remedy
    assert "\n" not in str(caught.value)


def test_a_damaged_block_of_an_exr_is_not_black(tmp_path: Path) -> None:
    """FFmpeg says so in its log and returns the rest."""
    content = bytearray(encode_exr(np.ones((64, 64, 3), np.float32)))
    content[-5] ^= 0xFF
    (tmp_path / "in.exr").write_bytes(content)
    with pytest.raises(InputError, match="corrupt"):
        read_image(tmp_path / "in.exr")


SOUND = {
    "plain tiff": tiff,
    "deflated tiles": lambda: tiff(compression="zlib", tile=(16, 16)),
    "packbits": lambda: by_pillow("packbits"),
    "exr": lambda: encode_exr(floats(3, "f2")),
    "gray exr": lambda: plain_exr({"Y": floats(1)[..., 0]}),
}


@pytest.mark.parametrize("kind", SOUND)
def test_fuzzed_files_give_an_image_or_an_input_error(
    tmp_path: Path, kind: str, capfd: pytest.CaptureFixture[str]
) -> None:
    sound, path, chance = SOUND[kind](), tmp_path / "in", np.random.default_rng(0)
    lines = []
    for number in range(120):
        content = bytearray(sound)
        if number % 3 == 0:
            del content[int(chance.integers(4, len(content))) :]
        elif number % 3 == 1:  # mostly headers, which are at one end or the other
            for position in chance.integers(4, min(len(content), 700), 3):
                content[position if number % 2 else -position] = chance.integers(256)
        else:
            content[4:] = chance.bytes(500)
        path.write_bytes(content)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            try:
                image = read_image(path)
            except InputError as error:
                lines.append(str(error))
            else:
                assert np.isfinite(image.pixels).all()
    assert len(lines) > 80
    assert "\n" not in "".join(lines)
    out, reported = capfd.readouterr()
    # Of what is no TIFF of floats any more Pillow's libtiff tells by itself.
    assert out == "".join(line for line in reported.splitlines() if not line.startswith("TIFF")) == ""
