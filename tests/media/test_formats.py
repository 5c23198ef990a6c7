"""Which files are images, and what folders and patterns stand for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edlrr_cli.errors import InputError
from edlrr_cli.media.exr import encode_exr
from edlrr_cli.media.formats import (
    FORMATS,
    READ_EXTENSIONS,
    images_with_stem,
    list_images,
    matching,
    require_images,
    visible,
)
from edlrr_cli.media.images import read_image
from edlrr_cli.media.plugins import PLUGINS
from edlrr_cli.media.save import save_image
from edlrr_cli.media.video_sources import source_files

IMAGES = ("b10.png", "b2.PNG", "a.jpg", "c.gif", "d.ppm", "sub/1.tif")
LITTER = (
    *("._b2.png", ".hidden.png", ".DS_Store", "Thumbs.db", "desktop.ini"),
    *("@eaDir/b2.png", "__MACOSX/._b2.png", "__MACOSX/b3.png", ".cache/c.png", "sub/@eaDir/1.tif"),
)


@pytest.fixture
def tree(tmp_path):
    for name in (*IMAGES, *LITTER, "notes.txt"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (tmp_path / "folder.png").mkdir()
    return tmp_path


def below(tree, paths):
    return [str(path.relative_to(tree)) for path in paths]


def test_images_are_listed_in_natural_order_without_hidden_and_other_files(tree):
    flat = ["a.jpg", "b2.PNG", "b10.png", "c.gif", "d.ppm"]
    assert below(tree, list_images(tree)) == flat
    assert below(tree, require_images(tree)) == flat
    assert below(tree, list_images(tree, recursive=True)) == [*flat, "sub/1.tif"]


def test_a_folder_is_listed_without_hidden_and_system_files(tree):
    kept = ["a.jpg", "b2.PNG", "b10.png", "c.gif", "d.ppm", "folder.png", "notes.txt", "sub"]
    assert below(tree, visible(tree)) == kept


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("*.png", ["b10.png", "folder.png"]),
        ("*b*", ["b2.PNG", "b10.png", "sub"]),
        ("*.[it]*", ["notes.txt"]),
        ("**/*.tif", ["sub/1.tif"]),
        ("*/b*.png", []),
        (".h*.png", [".hidden.png"]),
        ("@eaDir/*", ["@eaDir/b2.png"]),
        (".cache/*.png", [".cache/c.png"]),
    ],
)
def test_a_wildcard_matches_no_hidden_file_unless_it_is_named(tree, pattern, found):
    assert below(tree, matching(tree / pattern)) == found


def test_a_video_of_images_has_no_hidden_frames(tree):
    frames = ["a.jpg", "b2.PNG", "b10.png", "d.ppm"]  # a GIF is a video itself
    assert below(tree, source_files(tree)) == frames
    assert below(tree, source_files(tree / "[ab]*.*")) == ["a.jpg", "b2.PNG", "b10.png"]


def test_a_stem_is_looked_up_exactly(tree):
    assert below(tree, images_with_stem(tree, "b2")) == ["b2.PNG"]
    assert below(tree, images_with_stem(tree, ".hidden")) == [".hidden.png"]
    assert images_with_stem(tree, "folder") == images_with_stem(tree, "notes") == []
    assert images_with_stem(tree / "missing", "b2") == []


def test_a_folder_without_images_is_refused(tmp_path):
    with pytest.raises(InputError, match="has no images"):
        require_images(tmp_path)
    with pytest.raises(InputError, match="is not a folder"):
        require_images(tmp_path / "missing")


@pytest.mark.parametrize("call", ["iterdir", "is_file"])
def test_a_folder_that_may_not_be_read_is_refused(tree, monkeypatch, call):
    def refuse(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, call, refuse)
    for listing in (list_images, lambda folder: images_with_stem(folder, "b2")):
        with pytest.raises(InputError, match=r"cannot be read \(Permission denied\); check"):
            listing(tree)


def test_every_extension_of_the_table_is_read_and_every_written_one_written(tmp_path):
    gray = (np.arange(64, dtype=np.uint8) * 4).reshape(8, 8)
    for each in FORMATS:
        for extension in each.extensions:
            path = tmp_path / f"image{extension}"
            if each.name in [plugin.format for plugin in PLUGINS]:
                path.touch()
                continue
            if each.name == "EXR":
                path.write_bytes(encode_exr(np.ones((8, 8, 3), np.float32) / 2))
            else:
                image = Image.fromarray(gray)
                (image.convert("1") if extension == ".pbm" else image).save(path, format=each.name)
            sample = read_image(path)
            assert sample.size_px == (8, 8)
            if extension in each.written:
                save_image(path, sample.pixels, like=sample, overwrite=True)
                assert read_image(path).format == each.name
    assert len(set(READ_EXTENSIONS)) == len(READ_EXTENSIONS) == len(list_images(tmp_path))


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA", "I;16"])
def test_jpeg_2000_is_written_without_loss(tmp_path: Path, mode: str) -> None:
    num_channels = {"L": 1, "LA": 2, "RGB": 3, "RGBA": 4, "I;16": 1}[mode]
    dtype = np.uint16 if mode == "I;16" else np.uint8
    values = (
        np.random.default_rng(0).integers(0, np.iinfo(dtype).max + 1, (20, 30, num_channels)).astype(dtype)
    )
    Image.fromarray(values.squeeze()).save(tmp_path / "in.png")
    image = read_image(tmp_path / "in.png")
    save_image(tmp_path / "out.jp2", image.pixels, like=image, overwrite=False)
    with Image.open(tmp_path / "out.jp2") as written:
        assert written.mode == mode
        np.testing.assert_array_equal(np.asarray(written).reshape(values.shape), values)


def test_avif_is_read(tmp_path: Path) -> None:
    values = np.full((20, 30, 3), (200, 100, 50), np.uint8)
    Image.fromarray(values).save(tmp_path / "in.avif", quality=100)
    image = read_image(tmp_path / "in.avif")
    assert (image.format, image.mode) == ("AVIF", "RGB")
    assert np.abs(image.pixels * 255 - values).max() < 3
