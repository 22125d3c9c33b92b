"""Commands of the sign-in screens."""

from app.tui.commands.command import Command, CommandGroup

_RUN = CommandGroup.SIGNING_IN
COMMANDS: tuple[Command, ...] = (
    Command(
        "login.probe",
        CommandGroup.LOGIN,
        "r",
        "probe",
        "Look again",
        "Look at the keychain again.",
        "look again",
        "loopin doctor",
    ),
    Command(
        "login.profile",
        CommandGroup.LOGIN,
        "p",
        "profile",
        "Profile",
        "Sign in under another profile name, and keep the login that this one has.",
        "profile",
        "loopin chainloop auth login --profile NAME",
    ),
    Command(
        "login.copy", _RUN, "c", "copy", "Copy the address", "Copy the sign-in page's address.", "copy URL"
    ),
    Command(
        "login.print",
        _RUN,
        "p",
        "print",
        "Print the address",
        "Show it outside the app, unwrapped, where the terminal can copy it whole.",
        "print URL",
        "loopin gumloop login --no-browser",
    ),
    Command("login.open", _RUN, "o", "open", "Open again", "Open the sign-in page once more.", "open again"),
    Command(
        "login.paste",
        _RUN,
        "v",
        "paste",
        "Paste the address",
        "Paste the address that the browser ended on, or the code or token it showed.",
        "paste",
        "loopin chainloop auth login --skip-browser",
    ),
    Command(
        "login.retry", _RUN, "r", "retry", "Try again", "Go on from what failed, or start over.", "try again"
    ),
    Command(
        "login.other_port",
        _RUN,
        "a",
        "other_port",
        "Another port",
        "Try again on a port that is free.",
        "another port",
        "loopin gumloop login --callback-port PORT",
    ),
)
