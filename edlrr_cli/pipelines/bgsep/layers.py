"""The layers of a frame (background, foreground, mask), written side by side."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from fractions import Fraction
from pathlib import Path

import numpy as np

from edlrr_cli.media.files import writing
from edlrr_cli.media.save import write_png
from edlrr_cli.media.still_image import Levels
from edlrr_cli.media.tags.video import Look
from edlrr_cli.media.video import VideoInfo
from edlrr_cli.media.video_writer import write_video
from edlrr_cli.pipelines.bgsep.outputs import MASKS, Outputs
from edlrr_cli.tasks.bgsep.stream import Split

WriteFrame = Callable[[Split], None]
"""Takes the frames one after another."""


def layers_of(split: Split) -> dict[str, Levels]:
    """Return the pixels of each layer: the foreground is the frame where the mask is, and black elsewhere."""
    mask = split.mask[..., None]
    return {
        "background": split.background,
        "foreground": split.frame.pixels * mask,
        MASKS: mask * np.uint8(255),
    }


@contextmanager
def write_layers(folder: Path, outputs: Outputs, info: VideoInfo, begin: Fraction) -> Iterator[WriteFrame]:
    """Yield a function that appends a frame to the layers; a failure leaves no video.

    Args:
        begin: Time in seconds at which the layers begin.

    Raises:
        OutputError: Writing failed.
        UsageError: The frames are too small for the codec.
    """
    encoding = outputs.encoding
    as_images = encoding.mask_format == "png"
    if as_images:
        with writing(folder):
            (folder / MASKS).mkdir()
    with ExitStack() as stack:
        videos = {
            name: stack.enter_context(
                write_video(
                    folder / (name + encoding.suffix),
                    size_px=info.size_px,
                    frame_rate=info.frame_rate,
                    codec=encoding.codec,
                    quality=encoding.quality,
                    deep=info.peak > 255 and name != MASKS,
                    look=info.look if name != MASKS else Look(pixel_aspect=info.look.pixel_aspect),
                )
            )
            for name in outputs.videos
        }

        def write(split: Split) -> None:
            layers = layers_of(split)
            for name, video in videos.items():
                video.write(layers[name], split.frame.time - begin)
            if as_images:
                write_png(folder / MASKS / f"{split.index:06d}.png", layers[MASKS])

        yield write
