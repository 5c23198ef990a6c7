"""The options of commands over images and clips, and what is refused for either."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

import click

from edlrr_cli.errors import UsageError
from edlrr_cli.media.codecs import CODECS, CONTAINERS, LARGEST_QUALITY
from edlrr_cli.media.encoding import Encoding
from edlrr_cli.media.formats import WRITE_FORMATS
from edlrr_cli.pipelines.clips.settings import DEFAULT_CRF, VideoEncoding

CLIPS = ("codec", "crf", "resume")


def clip_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options of clips, None or False where not given."""
    for option in (
        click.option("--resume", is_flag=True, help="Continue an interrupted clip."),
        click.option(
            "--crf",
            type=click.IntRange(0, LARGEST_QUALITY),
            help=f"Quality of clips, 0 is the best. [default: {DEFAULT_CRF}]",
        ),
        click.option(
            "--codec",
            type=click.Choice(tuple(CODECS)),
            help="Codec of clips; ffv1 is lossless. [default: h264]",
        ),
    ):
        command = option(command)
    return command


def encoding_of_clips(codec: str | None, crf: int | None) -> VideoEncoding:
    """Return the encoding that the flags ask for; None means that the flag was not given."""
    return VideoEncoding(codec, DEFAULT_CRF if crf is None else crf)


def refuse_for_clips(encoding: Encoding, given: Mapping[str, object]) -> None:
    """Refuse options of images.

    Args:
        given: Further options by name; None or False where not given.

    Raises:
        UsageError: One is given.
    """
    written = {"--jpeg-quality": encoding.jpeg_quality, "--strip-metadata": encoding.strip_metadata}
    _refuse({**given, **written}, "images")
    _check_format(encoding.format, CONTAINERS, "images")


def refuse_for_images(encoding: Encoding, codec: str | None, crf: int | None, *, resume: bool) -> None:
    """Refuse the options of clips.

    Raises:
        UsageError: One is given.
    """
    _refuse({"--codec": codec, "--crf": crf, "--resume": resume}, "clips")
    _check_format(encoding.format, WRITE_FORMATS, "clips")


def _refuse(given: Mapping[str, object], owner: str) -> None:
    for option, value in given.items():
        if value is not None and value is not False:
            raise UsageError(f"{option} is for {owner}", "leave it out")


def _check_format(name: str | None, known: Collection[str], owner: str) -> None:
    if name is not None and f".{name}" not in known:
        raise UsageError(f"--format {name} is for {owner}", f"take {', '.join(each[1:] for each in known)}")
