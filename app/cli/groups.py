"""Groups whose commands are imported when they are used, and help that reads like the vendor's."""

from collections.abc import Sequence
from importlib import import_module
from typing import Any, NamedTuple

import click

from app.domain.text import clean


class Entry(NamedTuple):
    """One command of a group: where it is defined ("module:attribute") and what help says of it."""

    name: str
    target: str
    help: str
    aliases: tuple[str, ...] = ()
    section: str = "Available Commands"

    def load(self) -> click.Command:
        """Import the command."""
        module, _, attribute = self.target.partition(":")
        command = getattr(import_module(module), attribute)
        if not isinstance(command, click.Command):
            raise TypeError(f"{self.target} is not a command")
        return command


class UnknownCommand(click.UsageError):
    """A group has no such command; `rest` is its name and all that followed."""

    def __init__(self, message: str, ctx: click.Context, rest: Sequence[str]) -> None:
        super().__init__(message, ctx)
        self.rest = tuple(rest)


class LazyGroup(click.Group):
    """Knows its commands by name, and imports the one that is asked for."""

    def __init__(
        self, name: str, *, entries: Sequence[Entry], aliases: Sequence[str] = (), **attributes: Any
    ) -> None:
        attributes.setdefault("context_settings", {"help_option_names": ["-h", "--help"]})
        attributes.setdefault("subcommand_metavar", "[command]")
        attributes.setdefault("options_metavar", "")
        super().__init__(name, **attributes)
        self.entries = tuple(entries)
        self.aliases = tuple(aliases)

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [entry.name for entry in self.entries]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        entry = next((e for e in self.entries if cmd_name in {e.name, *e.aliases}), None)
        return entry.load() if entry else None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] == "help":
            # As others spell it: `help` alone, and `help status` for `status --help`.
            if not args[1:]:
                raise click.exceptions.NoArgsIsHelpError(ctx)
            return self.resolve_command(ctx, [*args[1:], "--help"])
        if not args[0].startswith("-") and self.get_command(ctx, args[0]) is None:
            raise UnknownCommand(self._unknown(args[0]), ctx, args)
        return super().resolve_command(ctx, args)

    def _unknown(self, name: str) -> str:
        # Only an error needs it.
        import difflib

        close = difflib.get_close_matches(name, [entry.name for entry in self.entries], n=1)
        close = close or [opt for param in self.params for opt in param.opts if opt == f"--{name}"]
        meant = f"; did you mean {close[0]}?" if close else ""
        return f"there is no command {clean(name, 80)!r}{meant}"

    def format_help(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        formatter.write_text(self.help or "")
        with formatter.section("Usage"):
            formatter.write_text(" ".join((ctx.command_path, *self.collect_usage_pieces(ctx))))
        if self.aliases:
            with formatter.section("Aliases"):
                formatter.write_text(", ".join((self.name or "", *self.aliases)))
        self.format_commands(ctx, formatter)
        click.Command.format_options(self, ctx, formatter)
        self.format_epilog(ctx, formatter)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        width = max(len(entry.name) for entry in self.entries)
        for section in dict.fromkeys(entry.section for entry in self.entries):
            rows = [(e.name.ljust(width), e.help) for e in self.entries if e.section == section]
            with formatter.section(section):
                formatter.write_dl(rows, col_spacing=4)


class Leaf(click.Command):
    """A command that is no group. Its help lists the options that it shares with others, `shared`, last."""

    def __init__(self, *arguments: Any, shared: Sequence[click.Parameter] = (), **attributes: Any) -> None:
        attributes.setdefault("context_settings", {"help_option_names": ["-h", "--help"]})
        super().__init__(*arguments, **attributes)
        self.params += shared

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        own: list[tuple[str, str]] = []
        shared: list[tuple[str, str]] = []
        for param in self.get_params(ctx):
            record = param.get_help_record(ctx)
            if record is not None and not isinstance(param, click.Argument):
                (shared if isinstance(param, SharedOption) else own).append(record)
        for title, rows in (("Options", own), ("Options of every command", shared)):
            if rows:
                with formatter.section(title):
                    formatter.write_dl(rows)


class SharedOption(click.Option):
    """An option that many commands take; its value goes to `ctx.meta`, not to the command."""
