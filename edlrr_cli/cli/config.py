"""``edlrr config show``: the effective settings and their sources."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from edlrr_cli.cli.console import print_record
from edlrr_cli.cli.groups import HelpfulGroup
from edlrr_cli.cli.options import FILE, PRESET, common_options, setting_options
from edlrr_cli.pipelines.inpaint.settings import Layer, layers, preset_names, resolve_settings

_VALUE_WIDTH = 16


@click.group(cls=HelpfulGroup, short_help="Print the effective settings.")
def config() -> None:
    """Print the effective settings and their sources."""


# The environment speaks to it as to the command it explains.
@config.command(
    short_help="Show the settings of edlrr inpaint.", context_settings={"auto_envvar_prefix": "EDLRR_INPAINT"}
)
@click.option("--config", "config_file", type=FILE, help="TOML file of settings, named like the options.")
@click.option("--preset", type=PRESET, help=f"One of {', '.join(preset_names())}.")
@click.option("--json", "as_json", is_flag=True, help="Report as one JSON object on stdout.")
@setting_options
@common_options
@click.pass_context
def show(
    context: click.Context, /, *, config_file: Path | None, preset: str | None, as_json: bool, **flags: Any
) -> None:
    """Show every setting of edlrr inpaint, with the options that would be given to it.

    \b
    edlrr config show --config mine.toml --quality best
    edlrr config show --preset text --json

    Each line has the value and where it comes from: flag, environment, the file, the preset or default.
    """
    settings = resolve_settings(flags, config_file, preset).as_record()
    found = layers(flags, config_file, preset)
    sources = {name: _source(name, found, context) for name in settings}
    record = {name: {"value": value, "source": sources[name]} for name, value in settings.items()}
    print_record(record, _lines(record), as_json=as_json, quiet=False)


def _source(name: str, found: list[Layer], context: click.Context) -> str:
    for layer in reversed(found):
        if name in layer.values:
            if layer.source:
                return layer.source
            of_flag = context.get_parameter_source(name)
            return "environment" if of_flag is ParameterSource.ENVIRONMENT else "flag"
    return "default"


def _lines(record: dict[str, dict[str, Any]]) -> Iterator[tuple[str, str]]:
    for name, setting in record.items():
        value = "not set" if setting["value"] is None else str(setting["value"])
        yield name, f"{value:<{_VALUE_WIDTH}} {setting['source']}"
