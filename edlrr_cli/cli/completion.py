"""``edlrr completion``: the script by which a shell completes commands."""

from __future__ import annotations

import click
from click.shell_completion import BashComplete, FishComplete, ZshComplete

from edlrr_cli.cli.options import common_options

_SHELLS = {"bash": BashComplete, "zsh": ZshComplete, "fish": FishComplete}


@click.command(short_help="Print the completion script of a shell.")
@click.argument("shell", type=click.Choice(tuple(_SHELLS)))
@common_options
@click.pass_context
def completion(context: click.Context, *, shell: str) -> None:
    """Print what makes a SHELL complete commands, options, and names of penalties and methods.

    \b
    eval "$(edlrr completion bash)"                                       in ~/.bashrc
    eval "$(edlrr completion zsh)"                                        in ~/.zshrc
    edlrr completion fish > ~/.config/fish/completions/edlrr.fish         once
    """
    click.echo(_SHELLS[shell](context.find_root().command, {}, "edlrr", "_EDLRR_COMPLETE").source())
