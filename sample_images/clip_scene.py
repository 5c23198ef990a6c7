"""What the clip shows: a yard without anyone in it, and cut-outs of toy horses and a ball."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops, ImageDraw, ImageFilter
from skimage import data

WIDTH_PX, HEIGHT_PX = 320, 240
Pixels = NDArray[np.uint8]
Color = tuple[int, int, int]

_WALL_PX, _LAWN_PX = 92, 20
_GROUND_PX = HEIGHT_PX - _WALL_PX - _LAWN_PX


def yard() -> Pixels:
    """Return the background, (240, 320, 3): a wall of bricks, a strip of grass, a gravel path."""
    image = Image.new("RGB", (WIDTH_PX, HEIGHT_PX))
    bricks = Image.fromarray(data.brick()).transpose(Image.Transpose.ROTATE_90).crop((0, 200, 500, 344))
    image.paste(_tinted(_sized(bricks, _WALL_PX), (92, 46, 36), (222, 190, 164)), (0, 0))
    # Towards the wall the path is seen from farther away: there a row shows more of it.
    path = Image.fromarray(data.gravel()).transform(
        (2 * WIDTH_PX, 2 * _GROUND_PX), Image.Transform.QUAD, (0, 0, 110, 400, 402, 400, 512, 0)
    )
    image.paste(_tinted(_sized(path, _GROUND_PX), (88, 78, 66), (180, 164, 142)), (0, _WALL_PX + _LAWN_PX))
    grass = Image.fromarray(data.grass()).crop((0, 0, 512, 40))
    image.paste(_tinted(_sized(grass, _LAWN_PX), (26, 52, 20), (150, 190, 84)), (0, _WALL_PX))
    return np.asarray(image)


def horse(coat: Image.Image, height_px: int, *, looks_left: bool = False) -> Image.Image:
    """Cut a horse out of an image of its coat; the coverage is the image's fourth channel."""
    outline = Image.fromarray(np.where(data.horse(), 0, 255).astype(np.uint8)).crop((18, 9, 389, 313))
    if looks_left:
        outline = outline.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    size = (round(height_px * outline.width / outline.height), height_px)
    return _rounded(coat.resize(size, Image.Resampling.BOX), outline.resize(size, Image.Resampling.BOX))


def ball(colors: tuple[Color, ...], side_px: int) -> Image.Image:
    """Draw a ball of as many sectors as colors."""
    zoom = 8
    disc, outline = (Image.new(mode, (side_px * zoom, side_px * zoom)) for mode in ("RGB", "L"))
    sector = 360 / len(colors)
    box = (0, 0, side_px * zoom - 1, side_px * zoom - 1)
    for index, color in enumerate(colors):
        ImageDraw.Draw(disc).pieslice(box, index * sector, (index + 1) * sector, fill=color)
    ImageDraw.Draw(outline).ellipse(box, fill=255)
    return _rounded(disc.reduce(zoom), outline.reduce(zoom))


def coats() -> dict[str, Image.Image]:
    """Return what the horses are cut from."""
    fur = Image.fromarray(data.chelsea()).crop((90, 0, 290, 85)).point(lambda level: 1.25 * level)
    wood = Image.fromarray(data.coffee()).crop((480, 120, 600, 400))
    stone = _tinted(Image.fromarray(data.gravel()).crop((0, 0, 256, 210)), (176, 178, 190), (255, 255, 250))
    return {"tabby": fur, "wooden": wood, "dapple": stone}


def _sized(image: Image.Image, height_px: int) -> Image.Image:
    return image.resize((WIDTH_PX, height_px), Image.Resampling.BOX)


def _tinted(gray: Image.Image, dark: Color, light: Color) -> Image.Image:
    """Color a gray image: its darkest and lightest percent become the two colors."""
    levels = np.asarray(gray, np.float64)
    weight = np.interp(levels, np.percentile(levels, (1, 99)), (0, 1))[..., None]
    return Image.fromarray(np.rint((1 - weight) * dark + weight * np.asarray(light)).astype(np.uint8))


def _rounded(colors: Image.Image, outline: Image.Image) -> Image.Image:
    """Cut along the outline, darken towards it and leave a transparent margin for smooth edges."""
    blurred = outline.filter(ImageFilter.GaussianBlur(outline.height / 14))
    relief = blurred.point(lambda level: 115 + 0.55 * level)
    shaded = ImageChops.multiply(colors, Image.merge("RGB", [relief] * 3))
    shaded.putalpha(outline)
    sprite = Image.new("RGBA", (outline.width + 2, outline.height + 2))
    sprite.paste(shaded, (1, 1))
    return sprite
