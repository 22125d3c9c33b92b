"""Commands of the Activity screen."""

from app.tui.commands.command import Command, CommandGroup

COMMANDS: tuple[Command, ...] = (
    Command(
        "activity.filter",
        CommandGroup.ACTIVITY,
        "slash",
        "filter",
        "Filter",
        "Show entries with these words.",
        "filter",
        "loopin activity WORDS",
    ),
    Command(
        "activity.export",
        CommandGroup.ACTIVITY,
        "ctrl+s",
        "export",
        "Export",
        "Write what is shown to a file: CSV, JSON or Markdown.",
        "export",
        "loopin activity --csv",
    ),
    Command(
        "activity.refresh",
        CommandGroup.ACTIVITY,
        "r",
        "refresh",
        "Refresh",
        "Read the trail again.",
        "refresh",
    ),
)
