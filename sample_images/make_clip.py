"""Make horses.mp4, a clip of a fixed camera, its true masks and its true background.

    python sample_images/make_clip.py

Toy horses and a ball cross a yard: one horse pauses, one comes late from the other side and passes in
front of the rest. The light changes slowly and flickers, the sensor is noisy, everything casts a soft
shadow. The scene is made from the freely licensed images that scikit-image ships.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from clip_scene import HEIGHT_PX, WIDTH_PX, Pixels, ball, coats, horse, yard
from make_samples import PHOTOGRAPHS
from numpy.typing import NDArray
from PIL import Image, ImageFilter
from registry import FOLDER, Entry, record

from edlrr_cli.media.video_writer import write_video

CLIP, TRUTH, BACKGROUND = "horses.mp4", "horses_truth.png", "horses_background.png"
NUM_FRAMES, FRAME_RATE = 120, Fraction(25)
SEED = 2025
NOISE_SIGMA = 3.0
QUALITY = 20
Levels = NDArray[np.float64]

STATIC, SHADOW, MOVING = 0, 50, 255
"""The labels of the truth, those of the CDnet benchmark, where a shadow is no foreground."""

SHADE = 0.55
FAINTEST_SHADE = 0.02
SHADOW_LENGTH, SHADOW_SLANT, SHADOW_BLUR_PX = 0.26, 0.4, 1.0

CREDITS = {
    **{name: PHOTOGRAPHS[name][:2] for name in ("brick", "cat", "coffee")},
    "grass": ("scikit-image data.grass (deviantart.com/linolafett/art/Grass-01-434853879)", "linolafett"),
    "gravel": ("scikit-image data.gravel (cc0textures.com, Gravel04)", "CC0Textures"),
    "horse": ("scikit-image data.horse (openclipart.org/detail/158377)", "Andreas Preuss"),
}
"""Name: origin and author of images under CC0-1.0, as the docstrings of `skimage.data` state them."""


@dataclass(frozen=True)
class Actor:
    """A cut-out that moves along a row.

    Attributes:
        sprite: Its colors and coverage.
        ground_px: The row on which it stands.
        path: (frame, column) where its speed changes.
        rolls: Whether it rolls like a ball; otherwise it rocks and hops like a toy horse.
    """

    sprite: Image.Image
    ground_px: int
    path: tuple[tuple[int, int], ...]
    rolls: bool = False

    def upright(self, index: int) -> Levels:
        """Return the matrix that maps the sprite to the image."""
        return self._place(index) @ self._pose(index)

    def lying(self, index: int) -> Levels:
        """Return the matrix that maps the sprite to its shadow on the ground, towards the camera."""
        fall = np.array([[1, -SHADOW_SLANT, 0], [0, -SHADOW_LENGTH, 0], [0, 0, 1]])
        return self._place(index) @ fall @ self._pose(index)

    def _column(self, index: int) -> float:
        return float(np.interp(index, *zip(*self.path, strict=True)))

    def _place(self, index: int) -> Levels:
        return _shift(self._column(index), self.ground_px)

    def _pose(self, index: int) -> Levels:
        """Turn the sprite about its center and put its feet on the origin; the pose rests with the actor."""
        width, height = self.sprite.size
        travel = 2 * self._column(index) / height
        step = np.pi * travel
        angle, hop_px = (travel, 0.0) if self.rolls else (0.06 * np.sin(step), 2 * abs(np.cos(step)))
        turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
        return _shift(0, -height / 2 - hop_px) @ turn @ _shift(-width / 2, -height / 2)


def cast() -> tuple[Actor, ...]:
    """Return who appears, the farthest first."""
    coat = coats()
    red, white, blue, yellow = (232, 68, 52), (250, 246, 236), (44, 108, 196), (250, 196, 48)
    return (
        Actor(horse(coat["tabby"], 62), 150, ((0, 30), (40, 190), (68, 190), (104, 370))),
        Actor(horse(coat["wooden"], 84), 176, ((4, -60), (92, 390))),
        Actor(ball((red, white, blue, white, yellow, white), 30), 196, ((52, -30), (104, 360)), rolls=True),
        Actor(horse(coat["dapple"], 104, looks_left=True), 216, ((34, 390), (119, -40))),
    )


def light() -> Levels:
    """Return the brightness of each frame: one slow wave and a flicker."""
    wave = 0.06 * np.sin(2 * np.pi * np.arange(NUM_FRAMES) / NUM_FRAMES)
    return 1 + wave + np.random.default_rng(SEED).normal(0, 0.006, NUM_FRAMES)


def scene(index: int, background: Pixels, actors: Sequence[Actor]) -> tuple[Levels, Pixels]:
    """Return a frame in steady light, not rounded, and its truth."""
    shade = np.max([_shade(actor, index) for actor in actors], axis=0)
    frame = background * (1 - shade[..., None])
    truth = np.where(shade > FAINTEST_SHADE, SHADOW, STATIC).astype(np.uint8)
    for actor in actors:
        painted = _painted(actor.sprite, actor.upright(index))
        cover = painted[..., 3:] / 255
        frame = (1 - cover) * frame + cover * painted[..., :3]
        truth[cover[..., 0] >= 0.5] = MOVING
    return frame, truth


def exposed(index: int, frame: Levels) -> Pixels:
    """Return the frame as the camera sees it, under changing light and with noise."""
    noise = np.random.default_rng((SEED, index)).normal(0, NOISE_SIGMA, frame.shape)
    return np.rint(light()[index] * frame + noise).clip(0, 255).astype(np.uint8)


def _shade(actor: Actor, index: int) -> Levels:
    """Return which fraction of the light the actor takes from the ground."""
    cover = Image.fromarray(_painted(actor.sprite, actor.lying(index))[..., 3])
    return SHADE * np.asarray(cover.filter(ImageFilter.GaussianBlur(SHADOW_BLUR_PX))) / 255


def _painted(sprite: Image.Image, matrix: Levels) -> Pixels:
    """Return the image, with coverage, that shows the mapped sprite alone."""
    back = tuple(np.linalg.inv(matrix)[:2].ravel())
    size = (WIDTH_PX, HEIGHT_PX)
    return np.asarray(sprite.transform(size, Image.Transform.AFFINE, back, Image.Resampling.BICUBIC))


def _shift(x: float, y: float) -> Levels:
    return np.array([[1, 0, x], [0, 1, y], [0, 0, 1]])


def _entry(file: str, kind: str, made: str, *names: str) -> Entry:
    origins, authors = zip(*(CREDITS[name] for name in names), strict=True)
    origin, author = ("; ".join(dict.fromkeys(texts)) for texts in (origins, authors))
    return Entry(file, kind, origin, author, "CC0-1.0", f"{made}, by make_clip.py")


def main() -> None:
    """Write the clip, its truth and its background, and record them."""
    background, actors = yard(), cast()
    masks = []
    size_px = (HEIGHT_PX, WIDTH_PX)
    with write_video(FOLDER / CLIP, size_px=size_px, frame_rate=FRAME_RATE, quality=QUALITY) as video:
        for index in range(NUM_FRAMES):
            frame, truth = scene(index, background, actors)
            video.write(exposed(index, frame), index / FRAME_RATE)
            masks.append(Image.fromarray(truth))
    # Lossless, half the size of the same as a video, and shown by any browser.
    duration_ms = round(1000 / FRAME_RATE)
    masks[0].save(FOLDER / TRUTH, save_all=True, append_images=masks[1:], duration=duration_ms, optimize=True)
    Image.fromarray(background).save(FOLDER / BACKGROUND, optimize=True)
    scenery = ("brick", "gravel", "grass")
    everything = (*scenery, "horse", "cat", "coffee")
    record(
        (
            _entry(CLIP, "clip", f"{NUM_FRAMES} frames, h264, seed {SEED}", *everything),
            _entry(TRUTH, "truth", "animated PNG of labels: 0 static, 50 shadow, 255 moving", "horse"),
            _entry(BACKGROUND, "background", "the scene with nobody in it", *scenery),
        )
    )


if __name__ == "__main__":
    main()
