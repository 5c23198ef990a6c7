"""Holes that an image marks itself."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw
from skimage import data

from edlrr_cli.errors import InputError, UsageError
from edlrr_cli.media.images import read_image
from edlrr_cli.media.own_masks import painted_hole, parse_color

PAINTS = ["#f0f", "red", "#00ff00", "white"]


def photograph() -> Image.Image:
    return Image.fromarray(data.astronaut()[100:260, 60:300])


def strokes(scale: int = 1) -> Image.Image:
    """Lines, a letter and a disk, white on black."""
    width, height = (scale * side for side in photograph().size)
    drawn = Image.new("L", (width, height))
    pen = ImageDraw.Draw(drawn)
    pen.line((10 * scale, 10 * scale, 200 * scale, 120 * scale), fill=255, width=4 * scale)
    pen.ellipse((60 * scale, 60 * scale, 100 * scale, 90 * scale), fill=255)
    pen.text((120 * scale, 20 * scale), "Hello", fill=255)
    return drawn


@pytest.mark.parametrize("paint", PAINTS)
@pytest.mark.parametrize("mode", ["RGB", "L", "RGBA"])
def test_hard_edges_are_found_exactly(tmp_path: Path, paint: str, mode: str) -> None:
    """Up to pixels of the photograph that have the color, or continue the paint smoothly."""
    image = photograph().convert(mode)
    if mode == "L" and paint != "white":
        pytest.skip("no color of gray images")
    hole = np.asarray(strokes()) > 127
    image.paste(Image.new(mode, image.size, paint), mask=Image.fromarray(hole))
    image.save(tmp_path / "in.png")
    found = painted_hole(paint, tmp_path / "in.png", read_image(tmp_path / "in.png"))
    assert found[hole].all()
    allowed = 0.002 if paint in PAINTS[:3] else 0.02
    assert (found & ~hole).mean() < allowed


@pytest.mark.parametrize("paint", PAINTS[:3])
@pytest.mark.parametrize("quality", [None, 90])
def test_smooth_edges_are_part_of_the_hole(tmp_path: Path, paint: str, quality: int | None) -> None:
    cover = strokes(4).resize(photograph().size, Image.Resampling.BOX)
    image = photograph()
    image.paste(Image.new("RGB", image.size, paint), mask=cover)
    path = tmp_path / ("in.png" if quality is None else "in.jpg")
    image.save(path, **({} if quality is None else {"quality": quality, "subsampling": 0}))
    found = painted_hole(paint, path, read_image(path))
    covered = np.asarray(cover) / 255
    assert found[covered > 0.5].mean() > (0.97 if quality is None else 0.9)
    assert found[covered == 0].mean() < 0.002
    if quality is None:
        assert found[covered > 0.2].mean() > 0.93


def test_colors_are_read_as_css_writes_them() -> None:
    assert parse_color("#f0f") == parse_color("#ff00ff") == parse_color("magenta") == (1, 0, 1)
    with pytest.raises(UsageError, match="'pinkish' is no color"):
        parse_color("pinkish")


def test_an_absent_color_is_refused(tmp_path: Path) -> None:
    photograph().save(tmp_path / "in.png")
    with pytest.raises(InputError, match=r"in\.png has no pixel of the color #f0f; check the color"):
        painted_hole("#f0f", tmp_path / "in.png", read_image(tmp_path / "in.png"))
