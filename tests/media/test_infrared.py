"""Where the infrared plane of a scan may be."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile

from edlrr_cli.errors import InputError
from edlrr_cli.media.formats import is_sidecar
from edlrr_cli.media.images import read_image
from edlrr_cli.media.infrared import read_infrared


@pytest.fixture
def arrays():
    rng = np.random.default_rng(0)
    return rng.integers(0, 65536, (12, 16, 3), np.uint16), rng.integers(0, 65536, (12, 16), np.uint16)


def write(path, *pages, **settings):
    with tifffile.TiffWriter(path) as file:
        for page in pages:
            file.write(page, photometric="rgb" if page.ndim == 3 else "minisblack", **settings)
    return path


@pytest.mark.parametrize(
    ("extra", "origin"),
    [("unspecified", "channel 4"), ("unassalpha", "the channel declared as transparency")],
)
def test_a_fourth_channel(tmp_path, arrays, extra, origin):
    colors, infrared = arrays
    path = write(tmp_path / "scan.tif", np.dstack([colors, infrared]), extrasamples=[extra])
    plane = read_infrared(path, read_image(path))
    assert plane.pixels * 65535 == pytest.approx(infrared)
    assert plane.origin == origin


def test_a_second_page(tmp_path, arrays):
    path = write(tmp_path / "scan.tif", *arrays)
    plane = read_infrared(path, read_image(path))
    assert plane.pixels * 65535 == pytest.approx(arrays[1])
    assert plane.origin == "page 2"


@pytest.mark.parametrize("name", ["scan_IR.tif", "scan.ir.tif"])
def test_a_sidecar(tmp_path, arrays, name):
    path, sidecar = write(tmp_path / "scan.tif", arrays[0]), write(tmp_path / name, arrays[1])
    plane = read_infrared(path, read_image(path))
    assert plane.pixels * 65535 == pytest.approx(arrays[1])
    assert plane.origin == name
    assert (is_sidecar(sidecar), is_sidecar(path)) == (True, False)


def test_a_preview_page_is_no_infrared(tmp_path, arrays):
    path = write(tmp_path / "scan.tif", arrays[0], arrays[1][:6, :8])
    with pytest.raises(InputError, match=r"has no infrared plane: .* no scan_IR\.\*; scan with"):
        read_infrared(path, read_image(path))


def test_a_sidecar_of_another_size_is_refused(tmp_path, arrays):
    path = write(tmp_path / "scan.tif", arrays[0])
    write(tmp_path / "scan_IR.tif", arrays[1][:6])
    with pytest.raises(InputError, match="is 16 x 6 pixels, the image is 16 x 12"):
        read_infrared(path, read_image(path))
