"""``edlrr bench mask``: masks of synthetic defects of known truth."""

from __future__ import annotations

from itertools import chain
from pathlib import Path

import click

from edlrr_cli.cli.bench.common import Measured, counted, output_options, publish, seed_option
from edlrr_cli.media.files import check_target


@click.command(cls=Measured)
@seed_option
@output_options
def mask(*, seed: int, output: Path, overwrite: bool) -> None:
    """Find synthetic defects of known truth, and restore with the masks made and with the true ones.

    \b
    edlrr bench mask -o mask.json

    Photographs of scikit-image receive dust, scratches, a logo, and infrared planes with dust of strong and
    weak contrast; without damage, dust and scratches are searched for, too.
    """
    check_target(output, overwrite=overwrite)
    from edlrr_cli.bench import mask as benchmark

    cases = list(benchmark.cases(seed))
    rows = [*counted(map(benchmark.measure, cases), len(cases), "{defect}: {image}")]
    rows = [*chain(rows, benchmark.means(rows), benchmark.clean_rows())]
    publish(output, benchmark.NAME, {**benchmark.PARAMETERS, "seed": seed}, rows, device="cpu")
