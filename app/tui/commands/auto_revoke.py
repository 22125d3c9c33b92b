"""Commands of the Auto-revoke screen."""

from app.tui.commands.command import Command, CommandGroup

_GROUP = CommandGroup.AUTO_REVOKE
_CLI = "loopin chainloop organization"
COMMANDS: tuple[Command, ...] = (
    Command(
        "auto_revoke.toggle",
        _GROUP,
        "space",
        "switch",
        "On or off",
        "Turn auto-revocation on or off, before saving.",
        "on/off",
    ),
    Command(
        "auto_revoke.lower",
        _GROUP,
        "minus",
        "step(-1)",
        "Fewer days",
        "Lower the threshold by a day.",
        "fewer",
    ),
    Command(
        "auto_revoke.raise", _GROUP, "plus", "step(1)", "More days", "Raise the threshold by a day.", "more"
    ),
    Command(
        "auto_revoke.save",
        _GROUP,
        "ctrl+s",
        "save",
        "Save",
        "Save the threshold. It asks first when tokens would be revoked.",
        "save",
        f"{_CLI} update --api-token-max-days-inactive N",
    ),
    Command(
        "auto_revoke.undo", _GROUP, "u", "undo", "Undo", "Go back to the threshold that is saved.", "undo"
    ),
    Command(
        "auto_revoke.refresh",
        _GROUP,
        "r",
        "refresh",
        "Refresh",
        "Ask the server again.",
        "refresh",
        f"{_CLI} describe",
    ),
    Command(
        "auto_revoke.sweep",
        _GROUP,
        "S",
        "sweep",
        "Run the sweep",
        "Only in the demo: revoke what is due now, as the server does every hour.",
        "sweep now",
        "loopin server sweep",
    ),
)
