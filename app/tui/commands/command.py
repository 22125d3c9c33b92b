"""What a command is."""

from dataclasses import dataclass
from enum import Enum


class CommandGroup(Enum):
    """Where a command works. EVERYWHERE ones work on every screen."""

    EVERYWHERE = "everywhere"
    ACCOUNTS = "accounts"
    LOGIN = "login"
    SIGNING_IN = "signing in"
    LIST = "list"
    TOKENS = "tokens"
    REVEAL = "reveal"
    AUTO_REVOKE = "auto-revoke"
    ACTIVITY = "activity"


@dataclass(frozen=True, slots=True)
class Command:
    """One action of the app.

    `id` is "group.verb" and names the key in the configuration file; `keys` are Textual key names,
    comma-separated, the first is shown; `action` is the Textual action that runs; `label` is the
    footer's word, empty = not in the footer; `cli` is the command that does the same, empty where
    there is nothing to do outside the screen (moving, sorting, help).
    """

    id: str
    group: CommandGroup
    keys: str
    action: str
    title: str
    help: str
    label: str = ""
    cli: str = ""
