"""Commands of the Auto-revoke screen."""

from app.commands.command import Command

COMMANDS: tuple[Command, ...] = ()
