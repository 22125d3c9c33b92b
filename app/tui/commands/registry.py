"""Every command, collected from the groups."""

from app.tui.commands import accounts, activity, auto_revoke, global_commands, list_commands, login, tokens
from app.tui.commands.command import Command, CommandGroup

COMMANDS: tuple[Command, ...] = (
    *global_commands.COMMANDS,
    *list_commands.COMMANDS,
    *accounts.COMMANDS,
    *login.COMMANDS,
    *tokens.COMMANDS,
    *auto_revoke.COMMANDS,
    *activity.COMMANDS,
)
_BY_ID = {command.id: command for command in COMMANDS}


def commands(group: CommandGroup) -> tuple[Command, ...]:
    """The commands of one group, in the order in which they are shown."""
    return tuple(command for command in COMMANDS if command.group is group)


def by_id(command_id: str) -> Command:
    """Return the command, or raise KeyError."""
    return _BY_ID[command_id]
