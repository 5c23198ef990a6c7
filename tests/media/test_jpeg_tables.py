"""JPEG files are written with the quantization tables and the subsampling of a JPEG that was read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, JpegImagePlugin
from skimage import data

from edlrr_cli.media.encoding import Encoding
from edlrr_cli.media.images import read_image
from edlrr_cli.media.save import save_image

NARROW = [1] * 32 + [90] * 32  # no symmetric table


def photograph(mode: str = "RGB") -> Image.Image:
    return Image.fromarray(data.astronaut()[:128, 100:260]).convert(mode)


def rewritten(path: Path, out: Path, **encoding: Any) -> tuple[Any, Any]:
    """Return the opened files before and after."""
    image = read_image(path)
    save_image(out, image.pixels, like=image, overwrite=False, encoding=Encoding(**encoding))
    return opened(path), opened(out)


def opened(path: Path) -> Any:
    with Image.open(path) as image:
        image.load()
        return image


@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
@pytest.mark.parametrize("quality", [30, 75, 95])
@pytest.mark.parametrize("subsampling", [0, 1, 2])
def test_tables_subsampling_and_comment_are_kept(
    tmp_path: Path, mode: str, quality: int, subsampling: int
) -> None:
    path = tmp_path / "a.jpg"
    photograph(mode).save(path, quality=quality, subsampling=subsampling, comment=b"On the bridge")
    before, after = rewritten(path, tmp_path / "out.jpg")
    assert before.quantization == after.quantization
    assert JpegImagePlugin.get_sampling(before) == JpegImagePlugin.get_sampling(after)
    assert after.info["comment"] == b"On the bridge"
    if mode != "CMYK":  # whose subsampling Pillow does not report
        assert (tmp_path / "out.jpg").stat().st_size < 1.05 * path.stat().st_size
        assert np.abs(np.asarray(before, float) - np.asarray(after)).mean() < 0.3


@pytest.mark.parametrize(
    ("name", "encoding"),
    [("a.png", {}), ("a.jpg", {"jpeg_quality": 95}), ("a.webp", {})],
)
def test_otherwise_the_quality_is_95_without_subsampling(
    tmp_path: Path, name: str, encoding: dict[str, Any]
) -> None:
    photograph().save(tmp_path / name, **({"quality": 40} if name == "a.jpg" else {}))
    _, after = rewritten(tmp_path / name, tmp_path / "out.jpg", **encoding)
    photograph().save(tmp_path / "like.jpg", quality=95, subsampling=0)
    assert after.quantization == opened(tmp_path / "like.jpg").quantization
    assert JpegImagePlugin.get_sampling(after) == 0


@pytest.mark.parametrize("subsampling", [1, 2])
def test_tables_turn_with_the_image(tmp_path: Path, subsampling: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    path = tmp_path / "a.jpg"
    photograph().save(path, exif=exif, qtables=[NARROW, NARROW], subsampling=subsampling)
    before, after = rewritten(path, tmp_path / "out.jpg")
    assert after.size == before.size[::-1]
    turned = np.reshape(before.quantization[0], (8, 8)).T.ravel().tolist()
    assert list(after.quantization[0]) == turned != NARROW
    assert JpegImagePlugin.get_sampling(after) == (2 if subsampling == 2 else 0)


def test_each_channel_keeps_its_own_table(tmp_path: Path) -> None:
    tables = [[3] * 64, [5] * 64, [9] * 64]
    photograph().save(tmp_path / "a.jpg", qtables=tables, subsampling=0)
    _, after = rewritten(tmp_path / "a.jpg", tmp_path / "out.jpg")
    assert [list(after.quantization[channel[3]]) for channel in after.layer] == tables
