"""Commands of the Activity screen."""

from app.commands.command import Command

COMMANDS: tuple[Command, ...] = ()
