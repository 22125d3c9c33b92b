"""Commands of the sign-in screens."""

from app.commands.command import Command

COMMANDS: tuple[Command, ...] = ()
