"""Commands of the Activity screen."""

from app.tui.commands.command import Command, Room

COMMANDS: tuple[Command, ...] = (
    Command(
        "activity.filter",
        Room.ACTIVITY,
        "slash",
        "filter",
        "Filter",
        "Show entries with these words.",
        "filter",
        "loopin activity WORDS",
    ),
    Command(
        "activity.export",
        Room.ACTIVITY,
        "ctrl+s",
        "export",
        "Export",
        "Write what is shown to a file: CSV, JSON or Markdown.",
        "export",
        "loopin activity --csv",
    ),
    Command("activity.refresh", Room.ACTIVITY, "r", "refresh", "Refresh", "Read the trail again.", "refresh"),
)
