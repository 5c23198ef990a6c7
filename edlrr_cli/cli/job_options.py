"""The options of all commands over jobs, and the command class that packs them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click

from edlrr_cli.cli.options import FILE, Parsed, report_options
from edlrr_cli.cli.run import RunOptions
from edlrr_cli.media.streams import is_stream
from edlrr_cli.pipelines.batch import BatchOptions

OUTPUT = (
    *("output", "format", "jpeg_quality", "strip_metadata", "figure", "error_map", "save_mask"),
    *("suffix", "overwrite", "as_json", "report", "quiet"),
)
BATCH = ("recursive", "skip_existing", "skip_clean", "dry_run", "jobs", "shard", "cluster")
_SECTIONS: Mapping[str, Sequence[str]] = {"Options": (), "Output": OUTPUT, "Batch": BATCH}


class JobCommand(click.Command):
    """A command whose shared options arrive packed: ``options`` (`RunOptions`).

    Its help lists the options in sections.

    Args:
        sections: Section -> names of its parameters, none for all that are in no other section.
    """

    def __init__(self, *args: Any, sections: Mapping[str, Sequence[str]] | None = None, **settings: Any):
        super().__init__(*args, **settings)
        self._sections = sections or _SECTIONS

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse, and pack the options of each object; for a cluster all paths are made absolute."""
        rest = super().parse_args(ctx, args)
        if not ctx.resilient_parsing:
            params = ctx.params
            if params["cluster"] is not None:
                params.update({name: _absolute(value) for name, value in params.items()})
            params["batch"] = packed(BatchOptions, params)
            params["options"] = packed(RunOptions, params)
        return rest

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the options in their sections."""
        section_of = {name: title for title, names in self._sections.items() for name in names}
        (others,) = (title for title, names in self._sections.items() if not names)
        rows: dict[str, list[tuple[str, str]]] = {title: [] for title in self._sections}
        for param in self.get_params(ctx):
            row = param.get_help_record(ctx)
            if row is not None:
                rows[section_of.get(param.name or "", others)].append(row)
        for title, listed in rows.items():
            with formatter.section(title):
                formatter.write_dl(listed)


def packed(owner: type[Any], params: dict[str, Any]) -> Any:
    """Return an object made of the parameters that are its fields; they are removed from the parameters."""
    return owner(**{field.name: params.pop(field.name) for field in fields(owner)})


def _absolute(value: Any) -> Any:
    """Return paths, or tuples of them, as any machine understands them; streams and others as they are."""
    if isinstance(value, tuple):
        return tuple(map(_absolute, value))
    if isinstance(value, Path):
        return value if is_stream(value) else value.absolute()
    return value


def _shard(text: str) -> tuple[int, int]:
    first, _, count = text.partition("/")
    if not (first.isdecimal() and count.isdecimal() and 1 <= int(first) <= int(count)):
        raise ValueError(f"{text!r} is not K/N with K from 1 to N")
    return int(first), int(count)


def _address(text: str) -> str:
    try:
        parts = urlsplit(text)
        complete = parts.scheme in ("tcp", "tls") and parts.hostname and parts.port
    except ValueError:
        complete = False
    if not complete:
        raise ValueError(f"{text!r} is not tcp://HOST:PORT")
    return text


def job_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command of the class `JobCommand` the options of batches and reports, as a `RunOptions`."""
    for option in (
        click.option(
            "--cluster",
            type=Parsed("tcp://host:port", _address),
            help="Run on the workers of this Dask scheduler, which must see the same files.",
        ),
        click.option(
            "--shard", type=Parsed("k/n", _shard), help="Every N-th input from the K-th on, for array jobs."
        ),
        click.option("--jobs", type=click.IntRange(min=1), help="Processes of a batch. [default: by device]"),
        click.option("--dry-run", is_flag=True, help="Print what would be done, and do nothing."),
        click.option("--skip-existing", is_flag=True, help="Skip inputs whose result exists."),
        click.option("--recursive", is_flag=True, help="Search subfolders, mirrored below -o FOLDER."),
        click.option(
            "--report",
            type=FILE,
            help="Also write an HTML page: before and after with a slider, numbers, curves.",
        ),
        report_options,
        click.option(
            "--suffix",
            help="Suffix of the results' names. [default: a word beside the input, none with -o FOLDER]",
        ),
    ):
        command = option(command)
    return command
