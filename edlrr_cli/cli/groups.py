"""Groups of commands that are imported only when they are called."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

import click

from edlrr_cli.errors import UsageError
from edlrr_cli.lrr.names import nearest


class HelpfulGroup(click.Group):
    """A group that shows its help if called without a command, and the nearest command if mistyped."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read no arguments as a call for help."""
        return super().parse_args(ctx, args or ["--help"])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Refuse an unknown command, offering the nearest.

        Raises:
            UsageError: There is no such command.
        """
        if self.get_command(ctx, args[0]) is None and not ctx.resilient_parsing:
            raise UsageError(f"unknown command {args[0]!r}", nearest(args[0], tuple(self.list_commands(ctx))))
        return super().resolve_command(ctx, args)


class LazyGroup(HelpfulGroup):
    """A group whose commands live in modules of their own.

    Args:
        commands_in: Command name -> module; the module holds the command under its own name.
    """

    def __init__(self, *args: Any, commands_in: Mapping[str, str], **settings: Any) -> None:
        super().__init__(*args, **settings)
        self._modules = dict(commands_in)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order of the table, not of the alphabet."""
        return list(self._modules)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command's module."""
        if cmd_name not in self._modules:
            return None
        command: click.Command = getattr(import_module(self._modules[cmd_name]), cmd_name)
        return command
