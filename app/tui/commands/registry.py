"""Every command of the app, by the screens on which it works.

Bindings, footer, palette, help and docs/keymap.md are made from these rows.
"""

from collections.abc import Mapping
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

    `id` names the key in the configuration file; `keys` are Textual key names, comma-separated, the first is
    shown; `action` is the Textual action that runs; `label` is the footer's word, empty = not in the footer;
    `cli` is the command that does the same, empty where there is nothing to do outside the screen (moving,
    sorting, help).
    """

    id: str
    keys: str
    action: str
    title: str
    help: str
    label: str = ""
    cli: str = ""


_ORGANIZATION = "loopin chainloop organization"
_API_TOKEN = f"{_ORGANIZATION} api-token"
_COMMANDS: Mapping[CommandGroup, tuple[Command, ...]] = {
    CommandGroup.EVERYWHERE: (
        Command("app.accounts", "1", "app.switch_mode('accounts')", "Accounts", "Who is signed in, and how."),
        Command("app.tokens", "2", "app.switch_mode('tokens')", "Tokens", "API tokens of the organization."),
        Command(
            "app.auto_revoke",
            "3",
            "app.switch_mode('auto_revoke')",
            "Auto-revoke",
            "How long an unused token lives.",
        ),
        Command("app.activity", "4", "app.switch_mode('activity')", "Activity", "What this program did."),
        Command(
            "app.help", "question_mark,f1", "app.help", "Help", "Keys and what they do, here first.", "help"
        ),
        Command(
            "app.palette", "colon,ctrl+p", "app.command_palette", "Palette", "Find any command by its name."
        ),
        Command("app.theme", "t", "app.change_theme", "Theme", "Choose another look. It is remembered."),
        Command(
            "app.organization",
            "O",
            "app.organization",
            "Organization",
            "Work in another organization.",
            cli=f"{_ORGANIZATION} set NAME",
        ),
        Command(
            "app.create_organization",
            "",
            "app.create_organization",
            "Create an organization",
            "Create one that you own, and work in it.",
            cli=f"{_ORGANIZATION} create --name NAME",
        ),
        Command(
            "app.sign_in",
            "ctrl+l",
            "app.sign_in",
            "Sign in again",
            "Sign in above this screen, and come back to it as it was.",
            cli="loopin chainloop auth login",
        ),
        Command("app.back", "escape", "app.back", "Back", "Leave a dialog, clear a filter. Never quits."),
        Command("app.quit", "q", "app.back_or_quit", "Quit", "Go back; quit at the top."),
        Command(
            "app.interrupt",
            "ctrl+c",
            "app.interrupt",
            "Interrupt",
            "Copy a selection, else cancel the running step; twice within 2 s quits.",
        ),
        Command(
            "app.suspend",
            "ctrl+z",
            "app.suspend_process",
            "Suspend",
            "Go back to the shell for a while; fg comes back. What is on the screen stays.",
        ),
    ),
    # The list widget binds these keys itself.
    CommandGroup.LIST: (
        Command("list.up", "up,k", "move(-1)", "Up", "One row up."),
        Command("list.down", "down,j", "move(1)", "Down", "One row down."),
        Command("list.page_up", "pageup", "page(-1)", "Page up", "One page up."),
        Command("list.page_down", "pagedown", "page(1)", "Page down", "One page down."),
        Command("list.first", "g,home", "top", "First row", "Go to the first row."),
        Command("list.last", "G,end", "bottom", "Last row", "Go to the last row."),
        Command("list.open", "enter", "open", "Open", "Everything about the row under the cursor."),
    ),
    CommandGroup.ACCOUNTS: (
        Command(
            "accounts.login",
            "l",
            "login",
            "Sign in",
            "Choose how to sign in.",
            "sign in",
            "loopin chainloop auth login",
        ),
        Command(
            "accounts.logout",
            "L",
            "logout",
            "Sign out",
            "Forget the stored login, and end it at the server where it can be.",
            "sign out",
            "loopin chainloop auth logout",
        ),
        Command(
            "accounts.profile",
            "p",
            "profile",
            "Profile",
            "Work with another named login, at either provider.",
            "profile",
            "loopin gumloop login --profile NAME",
        ),
        Command(
            "accounts.team",
            "T",
            "team",
            "Team",
            "Choose the Gumloop team that requests are scoped to.",
            "team",
            "loopin gumloop teams --use ID",
        ),
        Command(
            "accounts.why",
            "w",
            "why",
            "Why this credential",
            "Every source of a credential, and why it counts or not.",
            "why",
            "loopin status",
        ),
        Command(
            "accounts.refresh",
            "r",
            "refresh",
            "Refresh",
            "Ask the servers again.",
            "refresh",
            "loopin status",
        ),
    ),
    CommandGroup.LOGIN: (
        Command(
            "login.probe",
            "r",
            "probe",
            "Look again",
            "Look at the keychain again.",
            "look again",
            "loopin doctor",
        ),
        Command(
            "login.profile",
            "p",
            "profile",
            "Profile",
            "Sign in under another profile name, and keep the login that this one has.",
            "profile",
            "loopin chainloop auth login --profile NAME",
        ),
    ),
    CommandGroup.SIGNING_IN: (
        Command(
            "login.copy", "c", "copy", "Copy the address", "Copy the sign-in page's address.", "copy URL"
        ),
        Command(
            "login.print",
            "p",
            "print",
            "Print the address",
            "Show it outside the app, unwrapped, where the terminal can copy it whole.",
            "print URL",
            "loopin gumloop login --no-browser",
        ),
        Command("login.open", "o", "open", "Open again", "Open the sign-in page once more.", "open again"),
        Command(
            "login.paste",
            "v",
            "paste",
            "Paste the address",
            "Paste the address that the browser ended on, or the code or token it showed.",
            "paste",
            "loopin chainloop auth login --skip-browser",
        ),
        Command(
            "login.retry", "r", "retry", "Try again", "Go on from what failed, or start over.", "try again"
        ),
        Command(
            "login.other_port",
            "a",
            "other_port",
            "Another port",
            "Try again on a port that is free.",
            "another port",
            "loopin gumloop login --callback-port PORT",
        ),
    ),
    CommandGroup.TOKENS: (
        Command(
            "tokens.new",
            "n",
            "new",
            "New token",
            "Create an API token and see it once.",
            "new",
            f"{_API_TOKEN} create",
        ),
        Command("tokens.mark", "space", "mark", "Mark", "Mark the row, or take the mark off.", "mark"),
        Command(
            "tokens.mark_range", "v", "mark_range", "Mark range", "Mark from the last marked row to here."
        ),
        Command(
            "tokens.mark_all",
            "asterisk",
            "mark_all",
            "Mark all",
            "Mark everything that the filter lets through; again takes the marks off.",
        ),
        Command(
            "tokens.revoke",
            "ctrl+d,delete",
            "revoke",
            "Revoke",
            "Revoke the marked tokens, or the one under the cursor. It asks first.",
            "revoke",
            f"{_API_TOKEN} revoke --id ID",
        ),
        Command(
            "tokens.rotate",
            "R",
            "rotate",
            "Rotate",
            "Replace the token by a new one; the old one lives until you say so.",
            cli=f"{_API_TOKEN} rotate --id ID",
        ),
        Command(
            "tokens.filter",
            "slash",
            "filter",
            "Filter",
            "Type to filter; escape clears.",
            "filter",
            f"{_API_TOKEN} list --filter '…'",
        ),
        Command("tokens.sort", "s", "sort", "Sort", "Choose the order.", "sort"),
        Command(
            "tokens.export",
            "ctrl+s",
            "export",
            "Export",
            "Write what is shown to a file: CSV, JSON or Markdown.",
            cli=f"{_API_TOKEN} list -o csv",
        ),
        Command("tokens.refresh", "r", "refresh", "Refresh", "List again.", "refresh", f"{_API_TOKEN} list"),
        Command(
            "tokens.next_tab", "right,right_square_bracket", "turn(1)", "Next tab", "Turn to the next tab."
        ),
        Command(
            "tokens.previous_tab",
            "left,left_square_bracket",
            "turn(-1)",
            "Previous tab",
            "Turn to the previous tab.",
        ),
        Command("tokens.copy_id", "y", "copy_id", "Copy the id", "Copy the token's id."),
        Command("tokens.copy_name", "Y", "copy_name", "Copy the name", "Copy the token's name."),
        Command(
            "tokens.saved",
            "F",
            "saved",
            "Saved filters",
            "Use, save or forget a filter by its name.",
            cli=f"{_API_TOKEN} list --filter '…'",
        ),
        Command(
            "tokens.keyless",
            "K",
            "keyless",
            "Keyless way",
            "Show a CI job that needs no token, to be copied.",
            cli="loopin chainloop keyless inspect",
        ),
        Command(
            "tokens.open",
            "o",
            "open",
            "Open in browser",
            "Open the web pages of the control plane.",
            cli=f"{_ORGANIZATION} describe",
        ),
    ),
    CommandGroup.REVEAL: (
        Command("reveal.show", "s", "reveal", "Show or hide", "Show the token itself.", "show"),
        Command("reveal.copy", "y", "copy", "Copy", "Hand it to the clipboard.", "copy"),
        Command(
            "reveal.profile",
            "k",
            "profile",
            "Save as profile",
            "Keep it in the keychain as a login of its own.",
            "to keychain",
            "loopin chainloop auth login --token … --profile NAME",
        ),
        Command(
            "reveal.file",
            "f",
            "file",
            "Write to a file",
            "Write it to a new file that only you can read.",
            "to file",
            f"(umask 077; {_API_TOKEN} create -o token > FILE)",
        ),
    ),
    CommandGroup.AUTO_REVOKE: (
        Command(
            "auto_revoke.toggle",
            "space",
            "switch",
            "On or off",
            "Turn auto-revocation on or off, before saving.",
            "on/off",
        ),
        Command(
            "auto_revoke.lower", "minus", "step(-1)", "Fewer days", "Lower the threshold by a day.", "fewer"
        ),
        Command("auto_revoke.raise", "plus", "step(1)", "More days", "Raise the threshold by a day.", "more"),
        Command(
            "auto_revoke.save",
            "ctrl+s",
            "save",
            "Save",
            "Save the threshold. It asks first when tokens would be revoked.",
            "save",
            f"{_ORGANIZATION} update --api-token-max-days-inactive N",
        ),
        Command("auto_revoke.undo", "u", "undo", "Undo", "Go back to the threshold that is saved.", "undo"),
        Command(
            "auto_revoke.refresh",
            "r",
            "refresh",
            "Refresh",
            "Ask the server again.",
            "refresh",
            f"{_ORGANIZATION} describe",
        ),
        Command(
            "auto_revoke.sweep",
            "S",
            "sweep",
            "Run the sweep",
            "Only in the demo: revoke what is due now, as the server does every hour.",
            "sweep now",
            "loopin server sweep",
        ),
    ),
    CommandGroup.ACTIVITY: (
        Command(
            "activity.filter",
            "slash",
            "filter",
            "Filter",
            "Show entries with these words.",
            "filter",
            "loopin activity WORDS",
        ),
        Command(
            "activity.export",
            "ctrl+s",
            "export",
            "Export",
            "Write what is shown to a file: CSV, JSON or Markdown.",
            "export",
            "loopin activity --csv",
        ),
        Command("activity.refresh", "r", "refresh", "Refresh", "Read the trail again.", "refresh"),
    ),
}
COMMANDS = tuple(command for group in _COMMANDS.values() for command in group)
_BY_ID = {command.id: command for command in COMMANDS}
TABS = tuple(command for command in COMMANDS if command.action.startswith("app.switch_mode("))
"""The commands that open the tabs, from left to right."""
MODES = tuple(tab.id.removeprefix("app.") for tab in TABS)
"""The modes of the app, one a tab, as in `app.switch_mode('tokens')`."""


def commands(group: CommandGroup) -> tuple[Command, ...]:
    """The commands of one group, in the order in which they are shown."""
    return _COMMANDS[group]


def by_id(command_id: str) -> Command:
    """Return the command, or raise KeyError."""
    return _BY_ID[command_id]
