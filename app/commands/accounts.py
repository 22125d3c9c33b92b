"""Commands of the Accounts screen."""

from app.commands.command import Command, Room

COMMANDS: tuple[Command, ...] = (
    Command(
        "accounts.login",
        Room.ACCOUNTS,
        "l",
        "login",
        "Sign in",
        "Choose how to sign in.",
        "log in",
        "loopin chainloop auth login",
    ),
    Command(
        "accounts.logout",
        Room.ACCOUNTS,
        "L",
        "logout",
        "Sign out",
        "Forget the stored login, and end it at the server where it can be.",
        "log out",
        "loopin chainloop auth logout",
    ),
    Command(
        "accounts.why",
        Room.ACCOUNTS,
        "w",
        "why",
        "Why this credential",
        "Every source of a credential, and why it counts or not.",
        "why",
        "loopin status",
    ),
    Command(
        "accounts.refresh",
        Room.ACCOUNTS,
        "r",
        "refresh",
        "Refresh",
        "Ask the servers again.",
        "refresh",
        "loopin status",
    ),
)
