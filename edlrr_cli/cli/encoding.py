"""The options of how pictures are written."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import fields
from typing import Any

import click

from edlrr_cli.cli.options import Name
from edlrr_cli.errors import UsageError
from edlrr_cli.lrr.names import nearest
from edlrr_cli.media.encoding import Encoding
from edlrr_cli.media.formats import WRITE_FORMATS


def _formats() -> tuple[str, ...]:
    return tuple(extension[1:] for extension in WRITE_FORMATS)


def _check_format(name: str) -> None:
    if name not in _formats():
        raise UsageError(f"unknown format {name!r}", nearest(name, _formats()))


def encoding_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command what decides how pictures are written, as an `Encoding`."""

    @functools.wraps(command)
    def packed(**given: Any) -> Any:
        encoding = Encoding(**{of.name: given.pop(of.name) for of in fields(Encoding)})
        return command(encoding=encoding, **given)

    for option in (
        click.option(
            "--strip-metadata",
            is_flag=True,
            help="Write no metadata and no resolution; what makes the colors stays, such as the profile.",
        ),
        click.option("--jpeg-quality", type=click.IntRange(1, 100), help="Of JPEG results. [default: 95]"),
        click.option(
            "--format",
            type=Name("name", _check_format, _formats),
            help="Of results: png, jpg, tif, webp, bmp or exr. [default: that of IMAGE]",
        ),
    ):
        packed = option(packed)
    return packed
