"""The options that commands over images and clips share, and what is refused for either."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edlrr_cli.cli.job_options import JobCommand, packed
from edlrr_cli.cli.options import FILE, Name
from edlrr_cli.cli.run import RunOptions, run_jobs
from edlrr_cli.cli.streams import STREAM_IN, STREAM_OUT, refuse_streams
from edlrr_cli.errors import UsageError
from edlrr_cli.media.codecs import CODECS, CONTAINERS, LARGEST_QUALITY
from edlrr_cli.media.encoding import Encoding
from edlrr_cli.media.formats import WRITE_FORMATS
from edlrr_cli.pipelines.clips.encoding import DEFAULT_CRF, VideoEncoding
from edlrr_cli.pipelines.inputs import Input

if TYPE_CHECKING:
    from edlrr_cli.pipelines.clips.job import ClipJob, Settings
    from edlrr_cli.pipelines.clips.sources import ClipSelection

CLIPS = ("codec", "crf", "resume")
"""The parameters of the section of clips."""

_FORMATS = tuple(extension[1:] for extension in (*WRITE_FORMATS, *CONTAINERS))
_CONTAINERS = ", ".join(extension[1:] for extension in CONTAINERS)


@dataclass(frozen=True)
class ClipOptions:
    """The options of clips; None where not given."""

    codec: str | None
    crf: int | None
    resume: bool

    @property
    def encoding(self) -> VideoEncoding:
        """Return the encoding of the results."""
        return VideoEncoding(self.codec, DEFAULT_CRF if self.crf is None else self.crf)


@dataclass(frozen=True)
class RestoreOptions:
    """The files of a command over images and clips, and the options that such commands share."""

    images: tuple[Path, ...]
    output: Path | None
    reference: Path | None
    figure: Path | None
    encoding: Encoding
    clip: ClipOptions
    options: RunOptions

    @property
    def recursive(self) -> bool:
        """Whether subfolders are searched."""
        return self.options.batch.recursive

    def of_clips(self) -> bool:
        """Whether the files are clips, and not images.

        Raises:
            UsageError: They are both.
            InputError: A folder cannot be read.
        """
        from edlrr_cli.pipelines.clips.sources import are_clips

        return are_clips(self.images, recursive=self.recursive)

    def refuse_for_clips(self, others: Mapping[str, object]) -> None:
        """Refuse options of images.

        Args:
            others: Further options by name; None or False where not given.

        Raises:
            UsageError: One is given.
        """
        encoding = self.encoding
        written = {"--jpeg-quality": encoding.jpeg_quality, "--strip-metadata": encoding.strip_metadata}
        _refuse({"--figure": self.figure, **others, **written}, "images")
        _check_format(encoding.format, CONTAINERS, "images")

    def refuse_for_images(self) -> None:
        """Refuse the options of clips.

        Raises:
            UsageError: One is given.
        """
        clip = self.clip
        _refuse({"--codec": clip.codec, "--crf": clip.crf, "--resume": clip.resume}, "clips")
        _check_format(self.encoding.format, WRITE_FORMATS, "clips")

    def run_clips(
        self,
        job_type: type[ClipJob[Any, Any]],
        word: str,
        settings: Settings,
        *,
        device: str,
        also_read: Sequence[Path | None],
        leave_out: tuple[str, ...] = (),
        own: Callable[[ClipSelection, Input], dict[str, Any]],
    ) -> int:
        """Run the jobs of clips; see `edlrr_cli.cli.run.run_jobs`.

        Args:
            word: Names the results beside the clips.
            leave_out: See `edlrr_cli.pipelines.inputs.Selection`.
            own: Returns what only this command gives to the job of a clip.
        """
        from edlrr_cli.pipelines.clips.sources import ClipDestination, ClipSelection

        read = (self.reference, *also_read)
        refuse_streams((self.output, *read))
        selection = ClipSelection(self.images, recursive=self.recursive, leave_out=leave_out)

        def make_job(source: Input, target: Path) -> ClipJob[Any, Any]:
            return job_type(
                input=source.path,
                output=target,
                overwrite=self.options.overwrite,
                reference=selection.companion(self.reference, source, what="reference"),
                settings=settings,
                resume=self.clip.resume,
                with_previews=self.options.report is not None,
                **own(selection, source),
            )

        destination = ClipDestination(
            self.output, self.options.suffix, word, self.encoding.format, self.clip.encoding
        )
        return run_jobs(
            job_type, make_job, selection, destination, self.options, device=device, also_read=read
        )


def _refuse(given: Mapping[str, object], owner: str) -> None:
    for option, value in given.items():
        if value is not None and value is not False:
            raise UsageError(f"{option} is for {owner}", "leave it out")


def _check_format(name: str | None, known: Collection[str], owner: str) -> None:
    if name is not None and f".{name}" not in known:
        raise UsageError(f"--format {name} is for {owner}", f"take {', '.join(each[1:] for each in known)}")


class RestoreCommand(JobCommand):
    """A command whose shared options arrive packed: ``given`` (`RestoreOptions`)."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse, and pack the options."""
        rest = super().parse_args(ctx, args)
        if not ctx.resilient_parsing:
            ctx.params["encoding"] = packed(Encoding, ctx.params)
            ctx.params["clip"] = packed(ClipOptions, ctx.params)
            ctx.params["given"] = packed(RestoreOptions, ctx.params)
        return rest


def file_options(word: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return a decorator that gives a command its inputs, output and reference.

    Args:
        word: Names the results beside the inputs.
    """

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        for option in (
            click.option(
                "--reference",
                type=STREAM_IN,
                help="Clean image or clip, or a folder, to measure the PSNR, and of images the SSIM.",
            ),
            click.option(
                "-o",
                "--output",
                type=STREAM_OUT,
                help=f"Result, or a folder. [default: IMAGE_{word} beside IMAGE]",
            ),
            click.argument("images", metavar="IMAGE...", type=STREAM_IN, nargs=-1, required=True),
        ):
            command = option(command)
        return command

    return decorate


def figure_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the comparison that it also writes."""
    return click.option("--figure", type=FILE, help="Also write a comparison, a .png.")(command)


def page_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the option that selects the page."""
    option = click.option(
        "--page",
        type=click.IntRange(min=1),
        help="Page of a TIFF to restore; the others are kept. [default: all of one size and kind]",
    )
    return option(command)


def encoding_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options of image files and of clips."""
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
        click.option(
            "--strip-metadata",
            is_flag=True,
            help="Write no metadata and no resolution; color information such as the profile stays.",
        ),
        click.option(
            "--jpeg-quality",
            type=click.IntRange(1, 100),
            help="Quality of JPEG results. [default: inpaint as a JPEG IMAGE, else 95]",
        ),
        click.option(
            "--format",
            type=Name("format", lambda: _FORMATS),
            help="Format of the results: png, jpg, tif, webp, bmp, jp2 or exr; of clips "
            f"{_CONTAINERS}. [default: that of IMAGE]",
        ),
    ):
        command = option(command)
    return command
