"""The reference of all commands: the help of each, in one Markdown document."""

from __future__ import annotations

from collections.abc import Iterator

import click

_WIDTH = 100


def reference(command: click.Command) -> str:
    """Return the reference of a command and of all below it, in Markdown."""
    chapters = [f"## {context.command_path}\n\n```text\n{_help(context)}\n```\n" for context in _all(command)]
    return "\n".join(["# Commands\n", *chapters]).rstrip("\n")


def _all(command: click.Command, above: click.Context | None = None) -> Iterator[click.Context]:
    context = click.Context(command, info_name=command.name, parent=above, **command.context_settings)
    context.terminal_width = _WIDTH
    yield context
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            if below is not None:
                yield from _all(below, context)


def _help(context: click.Context) -> str:
    return "\n".join(line.rstrip() for line in context.get_help().splitlines())
