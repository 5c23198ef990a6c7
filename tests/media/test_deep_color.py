"""16 bits per color channel: exact in and out, checked by readers and writers that are not ours."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms

from edlrr_cli.errors import InputError, OutputError
from edlrr_cli.media import deep_color
from edlrr_cli.media.images import read_image
from edlrr_cli.media.masks import read_mask
from edlrr_cli.media.save import check_output, save_image
from edlrr_cli.media.still_image import StillImage
from edlrr_cli.media.tags.tiff import directory
from edlrr_cli.media.tiff_encoder import encode_tiff

AS_8 = ("16 bits per color channel were read as 8",)
MODES = {2: "LA;16", 3: "RGB;16", 4: "RGBA;16"}


def levels(num_channels: int, height: int = 7, width: int = 5) -> np.ndarray:
    values = np.random.default_rng(num_channels).integers(0, 65536, (height, width, num_channels))
    values.flat[0], values.flat[1] = 0, 65535
    return values.astype(np.uint16)


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(values: np.ndarray, *, extra: bytes = b"", interlaced: bool = False) -> bytes:
    """The plainest PNG of 16 bits, by its definition."""
    height, width, num_channels = values.shape
    passes = [values[0::8, 0::8], values[0::8, 4::8], values[4::8, 0::4], values[0::4, 2::4]]
    passes += [values[2::4, 0::2], values[0::2, 1::2], values[1::2]]
    rows = [row for part in (passes if interlaced else [values]) if part.size for row in part]
    pixels = zlib.compress(b"".join(b"\0" + row.astype(">u2").tobytes() for row in rows))
    color_type = {1: 0, 2: 4, 3: 2, 4: 6}[num_channels]
    header = struct.pack(">IIBBBBB", width, height, 16, color_type, 0, 0, interlaced)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + extra + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
    )


def tiff(values: np.ndarray, **settings: object) -> bytes:
    stream = io.BytesIO()
    alpha = {"extrasamples": ["unassalpha"]} if values.shape[-1] == 4 else {}
    settings = {"planarconfig": "contig", "software": False, "metadata": None, **alpha, **settings}
    tifffile.imwrite(stream, values, photometric="rgb", **settings)
    return stream.getvalue()


def ppm(values: np.ndarray) -> bytes:
    return b"P6 %d %d 65535\n" % values.shape[1::-1] + values.astype(">u2").tobytes()


def stored(path: Path) -> np.ndarray:
    """What an independent reader finds."""
    if path.suffix == ".tif":
        return tifffile.imread(path)
    values = pytest.importorskip("cv2").imread(str(path), -1)
    return values[..., [2, 1, 0, 3][: values.shape[2]]]


def read(folder: Path, content: bytes) -> StillImage:
    (folder / "in").write_bytes(content)
    return read_image(folder / "in")


def whole(sample: StillImage) -> np.ndarray:
    values = np.rint(sample.pixels * 65535).astype(np.uint16)
    np.testing.assert_array_equal(sample.pixels, values / np.float64(65535))
    return values if sample.alpha is None else np.dstack([values, sample.alpha])


SOURCES = {
    "png_la": (png, 2, {}),
    "png": (png, 3, {}),
    "png_alpha": (png, 4, {}),
    "png_interlaced": (png, 4, {"interlaced": True}),
    "tiff": (tiff, 3, {}),
    "tiff_alpha": (tiff, 4, {}),
    "tiff_big_endian": (tiff, 3, {"byteorder": ">"}),
    "tiff_deflate": (tiff, 4, {"compression": "zlib", "predictor": True}),
    "tiff_strips": (tiff, 3, {"rowsperstrip": 2}),
    "ppm": (ppm, 3, {}),
}


@pytest.mark.parametrize("source", SOURCES)
def test_every_level_is_read(tmp_path: Path, source: str) -> None:
    make, num_channels, settings = SOURCES[source]
    values = levels(num_channels)
    sample = read(tmp_path, make(values, **settings))
    np.testing.assert_array_equal(whole(sample), values)
    assert (sample.mode, sample.peak, sample.notes) == (MODES[num_channels], 65535, ())


def test_lzw_as_other_programs_write_it(tmp_path: Path) -> None:
    cv2, values = pytest.importorskip("cv2"), levels(3)
    lzw = [cv2.IMWRITE_TIFF_COMPRESSION, 5]
    sample = read(tmp_path, cv2.imencode(".tif", np.ascontiguousarray(values[..., ::-1]), lzw)[1].tobytes())
    np.testing.assert_array_equal(whole(sample), values)


@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize("num_channels", [3, 4])
@pytest.mark.parametrize("width", [2, 5, 301])  # FFmpeg pads rows
def test_what_is_written_is_what_was_read(tmp_path: Path, suffix: str, num_channels: int, width: int) -> None:
    values = levels(num_channels, width=width)
    sample, out = read(tmp_path, png(values)), tmp_path / f"out{suffix}"
    save_image(out, sample.pixels, like=sample, overwrite=False)
    np.testing.assert_array_equal(stored(out), values)
    again = read_image(out)
    assert again.mode == sample.mode
    np.testing.assert_array_equal(whole(again), values)


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_gray_with_alpha_is_kept(tmp_path: Path, suffix: str) -> None:
    values, out = levels(2), tmp_path / f"out{suffix}"
    sample = read(tmp_path, png(values))
    save_image(out, sample.pixels, like=sample, overwrite=False)
    np.testing.assert_array_equal(whole(read_image(out)), values)


@pytest.mark.parametrize("num_channels", [1, 3])
def test_transparent_color_becomes_alpha(tmp_path: Path, num_channels: int) -> None:
    values = levels(num_channels)
    values[2, 3] = values[4, 1]
    near = values[0, 0].copy()
    near[-1] ^= 1  # in 8 bits the same
    values[0, 1] = near
    for key, positions in ((values[4, 1], {(2, 3), (4, 1)}), (near, {(0, 1)})):
        sample = read(tmp_path, png(values, extra=chunk(b"tRNS", key.astype(">u2").tobytes())))
        assert sample.alpha.dtype == np.uint16
        assert set(np.unique(sample.alpha)) == {0, 65535}
        assert {tuple(position) for position in np.argwhere(sample.alpha == 0)} == positions
        np.testing.assert_array_equal(whole(sample)[..., :-1], values)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_orientation_is_applied_once(tmp_path: Path, orientation: int, suffix: str) -> None:
    upright = levels(3)
    turned = {
        1: upright, 2: upright[:, ::-1], 3: upright[::-1, ::-1], 4: upright[::-1],
        5: upright.swapaxes(0, 1), 6: np.rot90(upright, 1), 7: upright[::-1, ::-1].swapaxes(0, 1),
        8: np.rot90(upright, -1),
    }[orientation]  # fmt: skip
    exif = Image.Exif()
    exif[274], exif[315] = orientation, "A. Painter"
    content = (
        png(turned, extra=chunk(b"eXIf", exif.tobytes()[6:]))
        if suffix == ".png"
        else tiff(turned, extratags=[(274, 3, 1, orientation, True), (315, 2, 11, "A. Painter", True)])
    )
    sample = read(tmp_path, content)
    np.testing.assert_array_equal(whole(sample), upright)
    save_image(tmp_path / "out.png", sample.pixels, like=sample, overwrite=False)
    np.testing.assert_array_equal(stored(tmp_path / "out.png"), upright)
    with Image.open(tmp_path / "out.png") as image:
        assert dict(image.getexif()) == {315: "A. Painter"}


@pytest.mark.parametrize("source", [".png", ".tif"])
@pytest.mark.parametrize("target", [".png", ".tif"])
def test_metadata_travel(tmp_path: Path, source: str, target: str) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    exif = Image.Exif()
    exif[271], exif[33432] = "Maker", "(c) someone"
    exif[0x8769] = {0x9003: "2020:01:02 03:04:05"}
    exif[0x8825] = {1: "N"}
    settings: dict[str, Any] = {"dpi": (300.0, 200.0), "icc_profile": profile}
    content = (
        deep_color.encode_deep_png(levels(4), exif=exif.tobytes(), **settings)
        if source == ".png"
        else encode_tiff(levels(4), tiffinfo=directory(exif.tobytes(), {}), **settings)
    )
    sample, out = read(tmp_path, content), tmp_path / f"out{target}"
    save_image(out, sample.pixels, like=sample, overwrite=False)
    np.testing.assert_array_equal(stored(out), levels(4))
    with Image.open(out) as image:
        kept = image.getexif()
        assert (kept[271], kept[33432]) == ("Maker", "(c) someone")
        assert kept.get_ifd(0x8769)[0x9003] == "2020:01:02 03:04:05"
        assert kept.get_ifd(0x8825)[1] == "N"
        assert image.info["icc_profile"] == profile
        assert image.info["dpi"] == pytest.approx((300, 200), rel=1e-3)


def test_no_metadata_are_invented(tmp_path: Path) -> None:
    sample = read(tmp_path, png(levels(3)))
    save_image(tmp_path / "out.png", sample.pixels, like=sample, overwrite=False)
    with Image.open(tmp_path / "out.png") as image:
        image.load()
        assert image.info == {}


@pytest.mark.parametrize("suffix", [".jpg", ".webp", ".bmp"])
@pytest.mark.parametrize("num_channels", [2, 3, 4])
def test_formats_without_16_bits_are_refused(tmp_path: Path, suffix: str, num_channels: int) -> None:
    values = levels(num_channels)
    if num_channels != 3:
        values[..., -1] = 65535
    sample = read(tmp_path, png(values))
    with pytest.raises(OutputError, match="cannot keep 16 bits per pixel"):
        check_output(tmp_path / f"out{suffix}", overwrite=False, like=sample)


def test_faint_transparency_is_transparency(tmp_path: Path) -> None:
    values = levels(4)
    values[..., 3] = 65534
    with pytest.raises(OutputError, match="transparency"):
        check_output(tmp_path / "out.jpg", overwrite=False, like=read(tmp_path, png(values)))


@pytest.mark.parametrize("make", [png, tiff, ppm])
def test_truncated_files_are_refused(tmp_path: Path, make) -> None:
    content = make(levels(3, 40, 30))
    for fraction in (0.02, 0.1, 0.3, 0.5, 0.7, 0.9, 0.98):
        with pytest.raises(InputError, match=r"truncated or corrupt|known kind") as caught:
            read(tmp_path, content[: int(fraction * len(content))])
        assert "\n" not in str(caught.value)


def test_a_file_without_its_end_mark_is_whole(tmp_path: Path) -> None:
    values = levels(3)
    np.testing.assert_array_equal(whole(read(tmp_path, png(values)[:-12])), values)


def test_size_is_judged_before_anything_is_decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deep_color, "_levels_of", lambda _: pytest.fail("decoded"))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 20)
    with pytest.raises(InputError, match="million pixels"):
        read(tmp_path, png(levels(3)))


def test_ffmpeg_may_not_take_a_larger_size_than_pillow_found() -> None:
    huge = png(levels(3, 400, 400))
    with Image.open(io.BytesIO(png(levels(3)))) as small:
        assert deep_color.decode_deep_color(huge, small) is None


@pytest.mark.parametrize("wrong", [lambda deep: deep[::-1], lambda deep: deep[:-1], lambda _: None])
def test_pixels_that_differ_from_pillows_are_not_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wrong
) -> None:
    right = deep_color._levels_of
    monkeypatch.setattr(deep_color, "_levels_of", lambda frame: wrong(right(frame)))
    values = levels(3)
    sample = read(tmp_path, png(values))
    assert (sample.mode, sample.notes) == ("RGB", AS_8)
    np.testing.assert_array_equal(np.rint(sample.pixels * 255), values >> 8)


def test_eight_bits_stay_eight(tmp_path: Path) -> None:
    Image.fromarray((levels(4) >> 8).astype(np.uint8)).save(tmp_path / "in.png")
    sample = read_image(tmp_path / "in.png")
    assert (sample.mode, sample.peak, sample.alpha.dtype, sample.notes) == ("RGBA", 255, np.uint8, ())


def test_an_alpha_of_16_bits_marks_the_hole(tmp_path: Path) -> None:
    hole = np.zeros((20, 20), bool)
    hole[5:9, 6:12] = True
    mask = np.full((20, 20, 4), 65535, np.uint16)
    mask[hole, 3] = 30000
    (tmp_path / "mask.png").write_bytes(png(mask))
    sample = read(tmp_path, png(levels(3, 20, 20)))
    np.testing.assert_array_equal(read_mask(tmp_path / "mask.png", sample, mode="alpha").known, ~hole)
