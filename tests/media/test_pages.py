"""Files of several images: a note names what is left out, and no description of a stack is copied."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

from edlrr_cli.errors import InputError
from edlrr_cli.media.encoding import Encoding
from edlrr_cli.media.formats import is_image
from edlrr_cli.media.images import read_image
from edlrr_cli.media.save import save_image
from edlrr_cli.media.tiff_layout import TiffLayout
from edlrr_cli.media.tiff_pages import OtherPages

NUM_FRAMES = 5


def frames(dtype: str = "u1", num_channels: int = 3) -> np.ndarray:
    values = np.random.default_rng(0).integers(0, 256, (NUM_FRAMES, 20, 30, num_channels))
    return (values * (np.iinfo(dtype).max // 255)).astype(dtype)


def write_animation(path: Path) -> Path:
    first, *others = map(Image.fromarray, frames())
    settings: dict[str, Any] = {"lossless": True} if path.suffix == ".webp" else {}
    first.save(path, save_all=True, append_images=others, **settings)
    return path


@pytest.mark.parametrize(
    ("name", "unit"),
    [("a.tif", "pages"), ("a.png", "frames"), ("a.gif", "frames"), ("a.webp", "frames"), ("a.mpo", "images")],
)
def test_a_note_names_what_is_left_out(tmp_path: Path, name: str, unit: str) -> None:
    sample = read_image(write_animation(tmp_path / name))
    assert sample.notes == (f"the first of 5 {unit} was read",)
    if name not in ("a.gif", "a.mpo"):
        np.testing.assert_array_equal(np.rint(sample.pixels * 255), frames()[0])


def test_one_image_needs_no_note(tmp_path: Path) -> None:
    for suffix in (".tif", ".png", ".gif", ".webp", ".jpg"):
        Image.fromarray(frames()[0]).save(tmp_path / f"a{suffix}")
        assert read_image(tmp_path / f"a{suffix}").notes == ()


def test_mpo_is_jpeg(tmp_path: Path) -> None:
    path = write_animation(tmp_path / "a.mpo")
    sample = read_image(path)
    assert sample.format == "JPEG"
    assert is_image(path)


def test_frames_that_are_damaged_do_not_cost_the_first(tmp_path: Path) -> None:
    content = write_animation(tmp_path / "a.gif").read_bytes()
    second = content.index(b"\x21\xf9", content.index(b"\x2c")) + 8  # behind the second graphic control
    (tmp_path / "a.gif").write_bytes(content[: second + 4])
    (note,) = read_image(tmp_path / "a.gif").notes
    assert "corrupt" in note or "the first of" in note


def test_a_stack_that_ends_early_gets_a_note(tmp_path: Path) -> None:
    content = write_animation(tmp_path / "a.tif").read_bytes()
    (tmp_path / "a.tif").write_bytes(content[: len(content) // 2])
    notes = read_image(tmp_path / "a.tif").notes
    assert notes[-1] == "the file ends before its last page"


@pytest.mark.parametrize("kind", ["imagej", "truncated"])
def test_a_stack_behind_one_page_is_counted(tmp_path: Path, kind: str) -> None:
    """ImageJ writes large stacks so, and tifffile if asked."""
    values = frames("u2", 1)[..., 0]
    stream = io.BytesIO()
    if kind == "imagej":
        description = "ImageJ=1.54f\nimages=5\nslices=5\n"
        tifffile.imwrite(stream, values[0], metadata=None, description=description, photometric="minisblack")
        content = stream.getvalue() + values[1:].tobytes()
    else:
        tifffile.imwrite(stream, values, truncate=True, photometric="minisblack")
        content = stream.getvalue()
    with tifffile.TiffFile(io.BytesIO(content)) as file:
        assert len(file.pages) == 1
    (tmp_path / "a.tif").write_bytes(content)
    assert "the first of 5 pages was read" in read_image(tmp_path / "a.tif").notes
    (tmp_path / "a.tif").write_bytes(content[: -2 * values[0].nbytes])
    assert "the first of 3 pages was read" in read_image(tmp_path / "a.tif").notes


DESCRIPTIONS = {
    "ImageJ": {"imagej": True},
    "OME": {"ome": True},
    "tifffile": {"metadata": {"gain": 2}},
    "Aperio": {
        "description": "Aperio Image Library v10\r\n46000x32914 (256x256) |AppMag = 20",
        "metadata": None,
    },
    "ScanImage": {"description": "state.configPath='x'\rstate.acq.numberOfFrames=5\r", "metadata": None},
}


@pytest.mark.parametrize("writer", DESCRIPTIONS)
@pytest.mark.parametrize("suffix", [".tif", ".png"])
def test_a_description_of_the_layout_is_not_copied(tmp_path: Path, writer: str, suffix: str) -> None:
    path, out = tmp_path / f"a{'.ome' * (writer == 'OME')}.tif", tmp_path / f"out{suffix}"
    tifffile.imwrite(path, frames("u2", 1)[..., 0], photometric="minisblack", **DESCRIPTIONS[writer])
    sample = read_image(path)
    note = f"the description of the file's layout by {writer} was left out"
    assert sample.notes == (note, "the first of 5 pages was read")
    save_image(out, sample.pixels, like=sample, overwrite=False)
    with Image.open(out) as image:
        assert 270 not in image.getexif()
    if suffix == ".tif":
        with tifffile.TiffFile(out) as file:
            stored = np.stack([page.asarray() for page in file.pages])
            assert file.flags <= {"uniform"}
        np.testing.assert_array_equal(stored, frames("u2", 1)[..., 0])


@pytest.mark.parametrize("settings", [{"description": "The old bridge", "metadata": None}, {}])
def test_an_ordinary_description_is_kept_and_a_bare_shape_needs_no_note(
    tmp_path: Path, settings: dict[str, Any]
) -> None:
    tifffile.imwrite(tmp_path / "a.tif", frames()[0], photometric="rgb", **settings)
    sample = read_image(tmp_path / "a.tif")
    assert sample.notes == ()
    exif = Image.Exif()
    exif.load(sample.exif)
    assert exif.get(270) == settings.get("description")


def write_pages(path: Path, byteorder: str, *, bigtiff: bool = False) -> list[np.ndarray]:
    """Write pages of several types, sizes and layouts, with EXIF tags and a profile."""
    generator = np.random.default_rng(0)
    kinds: list[tuple[tuple[int, ...], str, dict[str, Any]]] = [
        ((40, 50, 3), "u2", {"compression": "zlib", "predictor": True, "tile": (16, 32)}),
        ((20, 30), "u1", {"rowsperstrip": 7, "description": "second"}),
        ((33, 21, 4), "f4", {"compression": "lzma", "extrasamples": [0], "resolution": (300, 300)}),
        ((16, 16), "i4", {"tile": (16, 16), "iccprofile": b"profile" * 50}),
    ]
    pages = []
    with tifffile.TiffWriter(path, byteorder=byteorder, bigtiff=bigtiff) as writer:
        for shape, dtype, settings in kinds:
            values = generator.integers(0, 200, shape).astype(dtype)
            photometric = "rgb" if len(shape) == 3 else "minisblack"
            writer.write(values, photometric=photometric, metadata=None, **settings)
            pages.append(values)
    return pages


@pytest.mark.parametrize("byteorder", ["<", ">"])
@pytest.mark.parametrize("bigtiff", [False, True])
@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_all_other_pages_are_kept_as_stored(
    tmp_path: Path, byteorder: str, bigtiff: bool, number: int
) -> None:
    path, out = tmp_path / "a.tif", tmp_path / "out.tif"
    pages = write_pages(path, byteorder, bigtiff=bigtiff)
    image = read_image(path, number)
    pixels = image.pixels.copy()
    pixels[2:5, 3:7] = 0.25
    save_image(out, pixels, like=image, overwrite=False)
    with tifffile.TiffFile(path) as source, tifffile.TiffFile(out) as file:
        assert file.is_bigtiff == bigtiff
        assert len(file.pages) == len(pages)
        for index, values in enumerate(pages):
            before, after = source.pages[index], file.pages[index]
            stored = after.asarray()
            if index == number - 1:
                stored[2:5, 3:7] = values[2:5, 3:7]
            assert stored.dtype == values.dtype
            np.testing.assert_array_equal(stored, values)
            assert (before.compression, before.tile) == (after.compression, after.tile)
            assert before.description == after.description
            assert before.resolution == after.resolution
            if index != number - 1:
                assert before.databytecounts == after.databytecounts
                assert before.iccprofile == after.iccprofile
    assert out.stat().st_size <= 1.1 * path.stat().st_size


def test_exif_tags_of_other_pages_are_kept(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x010F] = "maker"
    exif.get_ifd(0x8769)[0x829A] = 0.5
    first, second = map(Image.fromarray, frames()[:2])
    for image in (first, second):
        image.encoderinfo = {"exif": exif}
    first.save(tmp_path / "a.tif", save_all=True, append_images=[second], exif=exif)
    image = read_image(tmp_path / "a.tif")
    save_image(tmp_path / "out.tif", image.pixels, like=image, overwrite=False)
    with Image.open(tmp_path / "a.tif") as before, Image.open(tmp_path / "out.tif") as after:
        for number in (0, 1):
            before.seek(number)
            after.seek(number)
            assert after.getexif().get(0x010F) == before.getexif().get(0x010F)
            assert dict(after.getexif().get_ifd(0x8769)) == dict(before.getexif().get_ifd(0x8769))


@pytest.mark.parametrize("byteorder", ["<", ">"])
@pytest.mark.parametrize("tile", [None, (16, 16)])
def test_bigtiff_holds_directories_of_exif_tags(
    tmp_path: Path, byteorder: str, tile: tuple[int, int] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file whose data exceed the offsets of plain TIFF; the limit is lowered here."""
    exif = Image.Exif()
    exif[0x010F] = "maker"
    exif.get_ifd(0x8769)[0x829A] = 0.5
    exif.get_ifd(0x8825)[1] = "N"
    Image.fromarray(frames()[0]).save(tmp_path / "a.png", exif=exif)
    image = read_image(tmp_path / "a.png")
    image = replace(image, layout=TiffLayout(tile_px=tile), other_pages=OtherPages(byteorder=byteorder))
    monkeypatch.setattr("edlrr_cli.media.tiff_pages._LARGEST_BYTES", 100)
    save_image(tmp_path / "out.tif", image.pixels, like=image, overwrite=False)
    with tifffile.TiffFile(tmp_path / "out.tif") as file:
        assert (file.is_bigtiff, file.byteorder) == (True, byteorder)
        np.testing.assert_array_equal(file.asarray(), frames()[0])
        assert file.pages.first.tags[0x8769].value["ExposureTime"] == 0.5
        assert file.pages.first.tags[0x8825].value["GPSLatitudeRef"] == "N"
    again = read_image(tmp_path / "out.tif")
    assert again.other_pages.is_big
    np.testing.assert_array_equal(again.pixels, image.pixels)
    tags = Image.Exif()
    tags.load(again.exif)
    assert (tags[0x010F], dict(tags.get_ifd(0x8825))) == ("maker", {1: "N"})


def test_bigtiff_remains_bigtiff(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", frames()[0], photometric="rgb", bigtiff=True, metadata=None)
    image = read_image(tmp_path / "a.tif")
    save_image(tmp_path / "out.tif", image.pixels, like=image, overwrite=False)
    with tifffile.TiffFile(tmp_path / "out.tif") as file:
        assert file.is_bigtiff
        np.testing.assert_array_equal(file.asarray(), frames()[0])


def test_a_page_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    path = write_animation(tmp_path / "a.tif")
    with pytest.raises(InputError, match="has 5 pages, no page 6; name another"):
        read_image(path, 6)


def test_metadata_of_other_pages_are_stripped_too(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[270], exif[315] = "secret", "someone"
    exif.get_ifd(0x8825)[1] = "N"
    first, second = map(Image.fromarray, frames()[:2])
    first.save(tmp_path / "a.tif", save_all=True, append_images=[second], exif=exif, dpi=(300, 300))
    image = read_image(tmp_path / "a.tif")
    stripped = Encoding(strip_metadata=True)
    save_image(tmp_path / "out.tif", image.pixels, like=image, overwrite=False, encoding=stripped)
    content = (tmp_path / "out.tif").read_bytes()
    assert b"secret" in (tmp_path / "a.tif").read_bytes()
    assert b"secret" not in content
    assert b"someone" not in content
    with tifffile.TiffFile(tmp_path / "out.tif") as file:
        np.testing.assert_array_equal(np.stack([page.asarray() for page in file.pages]), frames()[:2])
        assert not {270, 282, 315, 34853} & {tag.code for page in file.pages for tag in page.tags}
