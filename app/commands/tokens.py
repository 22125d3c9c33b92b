"""Commands of the Tokens screen."""

from app.commands.command import Command

COMMANDS: tuple[Command, ...] = ()
