"""The options of a batch, and what follows from them."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click

from edlrr_cli.cli.batch.cluster import require_dask
from edlrr_cli.cli.batch.inputs import Input, is_batch
from edlrr_cli.cli.targets import output_name
from edlrr_cli.cores import available_cores
from edlrr_cli.errors import OutputError, UsageError
from edlrr_cli.media.files import writing
from edlrr_cli.media.streams import STANDARD_INPUT, STANDARD_OUTPUT, is_stream


@dataclass(frozen=True)
class Batch:
    """What was said of many pictures.

    Attributes:
        recursive: Look into folders of folders.
        suffix: Of results' names; None for the usual one.
        skip_existing: Leave out pictures whose result is there.
        dry_run: Tell what would be done, and do nothing.
        jobs: Processes; None: as many as suit the device.
        shard: Which part of all pictures, from 1, and of how many.
        cluster: Address of the Dask scheduler whose workers do it; None: processes of this machine.

    Raises:
        UsageError: A cluster with a number of processes, or without the library for it.
    """

    recursive: bool
    suffix: str | None
    skip_existing: bool
    dry_run: bool
    jobs: int | None
    shard: tuple[int, int] | None
    cluster: str | None

    def __post_init__(self) -> None:
        if self.cluster is None:
            return
        if self.jobs is not None:
            raise UsageError("--jobs are of this machine, and --cluster has workers", "leave one of them out")
        require_dask()

    @property
    def may_repeat(self) -> bool:
        """Whether an input may be begun again, over what is left of the first time: its worker died."""
        return self.cluster is not None

    def includes(self, names: Sequence[Path], is_many: Callable[[Sequence[Path]], bool] = is_batch) -> bool:
        """Whether what is named is worked on as a batch, with a line for each.

        Args:
            names: As given.
            is_many: Whether they stand for any number of inputs.
        """
        special = self.skip_existing or self.dry_run or self.shard is not None or self.cluster is not None
        return is_many(names) or special

    def part_of(self, inputs: Sequence[Input]) -> Sequence[Input]:
        """Return the pictures of this shard; those of all shards together are all."""
        first, count = self.shard or (1, 1)
        return inputs[first - 1 :: count]


class _Shard(click.ParamType):  # type: ignore[type-arg]  # no generic in click 8.1
    name = "k/n"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, int]:
        first, _, count = str(value).partition("/")
        if not (first.isdecimal() and count.isdecimal() and 1 <= int(first) <= int(count)):
            self.fail(f"{value!r} is not K/N with K from 1 to N", param, ctx)
        return int(first), int(count)


class _Address(click.ParamType):  # type: ignore[type-arg]  # no generic in click 8.1
    name = "tcp://host:port"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        try:
            parts = urlsplit(str(value))
            complete = parts.scheme in ("tcp", "tls") and parts.hostname and parts.port
        except ValueError:
            complete = False
        if not complete:
            self.fail(f"{value!r} is not tcp://HOST:PORT", param, ctx)
        return str(value)


def batch_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command what decides which pictures of many are worked on, and how, as a `Batch`."""

    @functools.wraps(command)
    def packed(**given: Any) -> Any:
        batch = Batch(**{of.name: given.pop(of.name) for of in fields(Batch)})
        if batch.cluster is not None:
            given = {name: _absolute(value) for name, value in given.items()}
        return command(batch=batch, **given)

    for option in (
        click.option(
            "--cluster",
            type=_Address(),
            help="Run on the workers of this Dask scheduler, which must see the same files.",
        ),
        click.option("--shard", type=_Shard(), help="Every N-th input from the K-th on, for array jobs."),
        click.option("--jobs", type=click.IntRange(min=1), help="Processes of a batch. [default: by device]"),
        click.option("--dry-run", is_flag=True, help="Tell what would be done, and do nothing."),
        click.option("--skip-existing", is_flag=True, help="Leave out inputs whose result is there."),
        click.option(
            "--suffix", help="Of results' names. [default: a word beside the input, none with -o FOLDER]"
        ),
        click.option(
            "--recursive", is_flag=True, help="Look into folders of folders, mirrored below -o FOLDER."
        ),
    ):
        packed = option(packed)
    return packed


def _absolute(value: Any) -> Any:
    """Return paths, or tuples of them, as any machine understands them; streams and others as they are."""
    if isinstance(value, tuple):
        return tuple(map(_absolute, value))
    if isinstance(value, Path):
        return value if is_stream(value) else value.absolute()
    return value


@dataclass(frozen=True)
class Place:
    """Where results go.

    Attributes:
        output: As it was said; None: beside each picture.
        suffix: Between the stem and the extension; None: `_word` beside the picture, nothing elsewhere.
        word: What has been done to the pictures.
        format: Their extension, without its dot; None: that of each picture.
    """

    output: Path | None
    suffix: str | None
    word: str
    format: str | None = None

    def of_one(self, of: Input) -> Path:
        """Return where the result of the only picture goes: to the file named, or into the folder.

        Raises:
            UsageError: Into the folder, and the picture has no name.
            OutputError: The name is no good.
        """
        nameless = of.path is STANDARD_INPUT
        if self.output is None:
            return STANDARD_OUTPUT if nameless else self.of_many(of)
        with writing(self.output):
            if self.output is STANDARD_OUTPUT or not self.output.is_dir():
                return self.output
        if nameless:
            raise UsageError(f"standard input has no name for a file in {self.output}", "name the file")
        return self.of_many(of)

    def of_many(self, of: Input) -> Path:
        """Return where the result of one of many goes.

        Raises:
            OutputError: The output is a file, or its name is no good.
        """
        if self.output is None:
            suffix = f"_{self.word}" if self.suffix is None else self.suffix
            return of.path.with_name(self.name_of(of.path, suffix))
        with writing(self.output):
            if self.output.is_file():
                raise OutputError(
                    f"output {self.output} is a file, and the results are many", "name a folder"
                )
        return self.output / of.folder / self.name_of(of.path, self.suffix or "")

    def name_of(self, path: Path, suffix: str) -> str:
        """Return what the result of an input is called."""
        return output_name(path, suffix, self.format)


def jobs_for(device: str) -> int:
    """Return how many processes suit a device: on a CPU one for each core, on a GPU two.

    There one computes while the other reads and writes.
    """
    from edlrr_cli.tasks.device import resolve_device

    return 2 if resolve_device(device).type == "cuda" else available_cores()


def takes_several(device: str) -> bool:
    """Whether a device is faster with several pictures at once."""
    from edlrr_cli.tasks.device import resolve_device

    return resolve_device(device).type == "cuda"


def make_folders(outputs: Iterable[Path]) -> None:
    """Make the folders of outputs.

    Raises:
        OutputError: One cannot be made.
    """
    for folder in dict.fromkeys(output.parent for output in outputs):
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(f"folder {folder} cannot be made ({error.strerror})", "name another") from error
