"""Commands that work on every screen."""

from app.tui.commands.command import Command, CommandGroup

_ALL = CommandGroup.EVERYWHERE
COMMANDS: tuple[Command, ...] = (
    Command(
        "app.accounts", _ALL, "1", "app.switch_mode('accounts')", "Accounts", "Who is signed in, and how."
    ),
    Command(
        "app.tokens", _ALL, "2", "app.switch_mode('tokens')", "Tokens", "API tokens of the organization."
    ),
    Command(
        "app.auto_revoke",
        _ALL,
        "3",
        "app.switch_mode('auto_revoke')",
        "Auto-revoke",
        "How long an unused token lives.",
    ),
    Command("app.activity", _ALL, "4", "app.switch_mode('activity')", "Activity", "What this program did."),
    Command(
        "app.help", _ALL, "question_mark,f1", "app.help", "Help", "Keys and what they do, here first.", "help"
    ),
    Command(
        "app.palette", _ALL, "colon,ctrl+p", "app.command_palette", "Palette", "Find any command by its name."
    ),
    Command("app.theme", _ALL, "t", "app.change_theme", "Theme", "Choose another look. It is remembered."),
    Command(
        "app.organization",
        _ALL,
        "O",
        "app.organization",
        "Organization",
        "Work in another organization.",
        cli="loopin chainloop organization set NAME",
    ),
    Command(
        "app.create_organization",
        _ALL,
        "",
        "app.create_organization",
        "Create an organization",
        "Create one that you own, and work in it.",
        cli="loopin chainloop organization create --name NAME",
    ),
    Command(
        "app.sign_in",
        _ALL,
        "ctrl+l",
        "app.sign_in",
        "Sign in again",
        "Sign in above this screen, and come back to it as it was.",
        cli="loopin chainloop auth login",
    ),
    Command("app.back", _ALL, "escape", "app.back", "Back", "Leave a dialog, clear a filter. Never quits."),
    Command("app.quit", _ALL, "q", "app.back_or_quit", "Quit", "Go back; quit at the top."),
    Command(
        "app.interrupt",
        _ALL,
        "ctrl+c",
        "app.interrupt",
        "Interrupt",
        "Copy a selection, else cancel the running step; twice within 2 s quits.",
    ),
    Command(
        "app.suspend",
        _ALL,
        "ctrl+z",
        "app.suspend_process",
        "Suspend",
        "Go back to the shell for a while; fg comes back. What is on the screen stays.",
    ),
)
TABS = tuple(command for command in COMMANDS if command.action.startswith("app.switch_mode("))
"""The groups, from left to right."""
MODES = tuple(tab.id.removeprefix("app.") for tab in TABS)
"""Their names, as in `app.switch_mode('tokens')` and in the mode of the app."""
