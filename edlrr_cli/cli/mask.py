"""``edlrr mask``: from flags to jobs that find defects and write masks of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import click

from edlrr_cli.cli.job_options import BATCH, OUTPUT, JobCommand, job_options
from edlrr_cli.cli.options import FILE, Name, common_options
from edlrr_cli.cli.run import RunOptions, run_jobs
from edlrr_cli.media.formats import INFRARED
from edlrr_cli.pipelines.destination import Destination, make_folders
from edlrr_cli.pipelines.inputs import Input, Selection, scans
from edlrr_cli.tasks.masking.config import KINDS, Config

_SECTIONS = {"Detection": (), "Output": OUTPUT, "Batch": BATCH}


@dataclass(frozen=True)
class _MaskDestination(Destination):
    """Where masks are written: a folder, unless the name is that of a file. Several pages make a TIFF."""

    def single(self, source: Input) -> Path:
        """See `Destination.single`."""
        if self.output is not None and self.output.suffix.lower() not in (".png", ".tif", ".tiff"):
            make_folders([self.batched(source)])
        return super().single(source)

    def batched(self, source: Input) -> Path:
        """See `Destination.batched`."""
        from edlrr_cli.media.images import has_similar_pages

        path = super().batched(source)
        return path.with_suffix(".tif") if has_similar_pages(source.path) else path


@click.command(cls=JobCommand, sections=_SECTIONS, short_help="Find defects and write masks of them.")
@click.argument("images", metavar="IMAGE...", type=FILE, nargs=-1, required=True)
@click.option("-o", "--output", type=FILE, help="Folder of the masks, or a .png. [default: IMAGE_mask.png]")
@click.option(
    "--kind",
    type=Name("kind", lambda: KINDS),
    required=True,
    help="dust: specks and hairs; scratches: long lines; overlay: what repeats in all images, such as a "
    "logo; ir: dust in the infrared plane of a scan.",
)
@click.option(
    "--sensitivity",
    type=float,
    default=1.0,
    help="Divides every threshold: 2 finds fainter defects, 0.5 only strong ones. [default: 1]",
)
@click.option("--dilate", type=int, default=0, help="Grow the mask by this radius in pixels. [default: 0]")
@job_options
@common_options
def mask(
    *,
    images: tuple[Path, ...],
    output: Path | None,
    kind: str,
    sensitivity: float,
    dilate: int,
    options: RunOptions,
) -> int:
    """Find defects in each IMAGE, and write a black-and-white mask of them as a PNG; white marks the hole.

    \b
    edlrr mask scans --kind dust -o masks --report review.html
    edlrr inpaint scans --mask masks -o restored
    edlrr mask film/*.tif --kind ir -o masks --sensitivity 1.5
    edlrr mask photos --kind overlay -o masks --dilate 1

    The page of --report shows each image, its mask in red, and the fraction of the pixels. The infrared plane
    is the fourth channel of a TIFF, its second page, or a file beside it: scan_IR.tif or scan.ir.tif. Where
    several pages of a TIFF have one size and kind, all are searched, and the mask is a TIFF of as many pages.
    An overlay is searched for in all images of one size, at least 5. Where nothing is found, the mask is
    empty. Folders and patterns stand for the images in them. Failures are reported; the batch continues, and
    its exit code is 1.
    """
    config = Config(kind, sensitivity, dilate)
    from edlrr_cli.pipelines.mask.job import MaskJob

    select = scans if kind == INFRARED else Selection
    selection = select(images, recursive=options.batch.recursive)
    others = tuple(source.path for source in selection.find()) if kind == "overlay" else ()

    def make_job(source: Input, target: Path) -> MaskJob:
        return MaskJob(
            input=source.path, output=target, overwrite=options.overwrite, config=config, others=others
        )

    destination = _MaskDestination(output, options.suffix, "mask", "png")
    return run_jobs(MaskJob, make_job, selection, destination, options)
