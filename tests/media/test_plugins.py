"""Formats that plug-ins of Pillow read, and raw files of cameras."""

from __future__ import annotations

import importlib.util
import io
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import tifffile
from PIL import Image

from edlrr_cli.errors import InputError
from edlrr_cli.media.formats import is_image
from edlrr_cli.media.images import read_image, readable_formats
from edlrr_cli.media.plugins import HEIC, JPEG_XL, Plugin

HEIC_MAGIC = b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic"
MAGICS = {
    "a.heic": (HEIC, b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"),
    "a.hif": (HEIC, HEIC_MAGIC),
    "a.jxl": (JPEG_XL, b"\xff\x0a"),
    "b.jxl": (JPEG_XL, b"\0\0\0\x0cJXL \r\n\x87\n"),
    "misnamed.png": (HEIC, HEIC_MAGIC),
}
PIXELS = np.arange(4 * 5 * 3, dtype=np.uint8).reshape(4, 5, 3)


def write(folder: Path, name: str) -> Plugin:
    """Write a file that begins like one of the format, with a PNG behind it."""
    plugin, magic = MAGICS[name]
    stream = io.BytesIO()
    Image.fromarray(PIXELS).save(stream, "PNG")
    (folder / name).write_bytes(magic.ljust(64, b"\0") + stream.getvalue())
    return plugin


@pytest.fixture
def absent(monkeypatch: pytest.MonkeyPatch) -> None:
    for plugin in (HEIC, JPEG_XL):
        monkeypatch.setitem(sys.modules, plugin.module, None)
    found = importlib.util.find_spec
    names = {HEIC.module, JPEG_XL.module}
    monkeypatch.setattr(
        "edlrr_cli.media.plugins.find_spec", lambda name: None if name in names else found(name)
    )


@pytest.fixture
def present(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stand-ins for both plug-ins, which read what `write` writes."""

    def register_for(plugin: Plugin) -> None:
        def opener(stream: io.BytesIO, name: str) -> Image.Image:
            stream.seek(64)
            image = Image.open(io.BytesIO(stream.read()))
            image.format = plugin.format
            image.info["bit_depth"] = 10
            return image

        monkeypatch.setitem(Image.OPEN, plugin.format, (opener, None))

    for plugin in (HEIC, JPEG_XL):
        module = ModuleType(plugin.module)
        if plugin.register:
            setattr(module, plugin.register, lambda: register_for(HEIC))
        else:
            register_for(plugin)
        monkeypatch.setitem(sys.modules, plugin.module, module)
    monkeypatch.setattr("edlrr_cli.media.plugins.find_spec", lambda name: name)


@pytest.mark.parametrize("name", MAGICS)
@pytest.mark.usefixtures("absent")
def test_a_plugin_that_is_not_installed_is_named(tmp_path: Path, name: str) -> None:
    plugin = write(tmp_path, name)
    with pytest.raises(InputError, match=f"{plugin.title}, which Pillow reads with the plug-in") as caught:
        read_image(tmp_path / name)
    assert caught.value.remedy == f"pip install {plugin.package}, or convert the file to PNG"
    assert is_image(tmp_path / name)


@pytest.mark.parametrize("name", MAGICS)
@pytest.mark.usefixtures("present")
def test_a_plugin_that_is_installed_reads(tmp_path: Path, name: str) -> None:
    plugin = write(tmp_path, name)
    image = read_image(tmp_path / name)
    np.testing.assert_array_equal(np.rint(255 * image.pixels), PIXELS)
    assert image.format == plugin.format
    assert image.notes == (("10 bits per color channel were read as 8",) if plugin is HEIC else ())


@pytest.mark.usefixtures("absent")
def test_absent_plugins_are_not_listed() -> None:
    assert not {"HEIF", "JXL"} & set(readable_formats())


@pytest.mark.usefixtures("present")
def test_installed_plugins_are_listed() -> None:
    assert readable_formats()[-2:] == ["HEIF", "JXL"]


def test_a_plugin_that_fails_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, "a.heic")
    monkeypatch.setattr("edlrr_cli.media.plugins.find_spec", lambda name: name)
    monkeypatch.setitem(sys.modules, HEIC.module, ModuleType(HEIC.module))
    with pytest.raises(InputError, match="the plug-in pillow-heif does not work"):
        read_image(tmp_path / "a.heic")


@pytest.mark.parametrize("name", ["a.CR2", "a.nef", "a.arw", "a.dng", "a.raf", "a.cr3"])
def test_raw_files_have_to_be_developed(tmp_path: Path, name: str) -> None:
    Image.fromarray(PIXELS).save(tmp_path / name, "TIFF")  # as most of them begin
    with pytest.raises(InputError, match=rf"{name} is a raw file of a camera; develop it first") as caught:
        read_image(tmp_path / name)
    assert "\n" not in str(caught.value)


def test_a_dng_by_another_name(tmp_path: Path) -> None:
    tag = (50706, 1, 4, (1, 4, 0, 0), True)
    tifffile.imwrite(tmp_path / "a.tif", PIXELS, photometric="rgb", extratags=[tag], metadata=None)
    with pytest.raises(InputError, match=r"a raw file of a camera \(DNG\); develop it first"):
        read_image(tmp_path / "a.tif")
