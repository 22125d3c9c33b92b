"""Commands of the Activity screen."""

from app.commands.command import Command, Room

COMMANDS: tuple[Command, ...] = (
    Command(
        "activity.filter",
        Room.ACTIVITY,
        "slash",
        "filter",
        "Filter",
        "Show entries with these words.",
        "filter",
    ),
    Command("activity.refresh", Room.ACTIVITY, "r", "refresh", "Refresh", "Read the trail again.", "refresh"),
)
